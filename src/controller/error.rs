//! What we failed to do at the API server. What happens to a target is no error: it is an observation.

use std::time::Duration;

/// A call to the API server that did not succeed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The API server refused it, or could not be reached.
    #[error("failed to {attempt}")]
    Api {
        /// What was tried, and on which object: completes the sentence "failed to …".
        attempt: String,
        /// What came of it.
        source: Box<kube::Error>,
    },
    /// The object is there, and is not what it should be.
    #[error("failed to {attempt}: {why}")]
    Unreadable {
        /// What was tried, and on which object: completes the sentence "failed to …".
        attempt: String,
        /// What is wrong with it.
        why: String,
    },
    /// The API server did not answer.
    #[error("failed to {attempt}: no answer within {} s", .limit.as_secs())]
    TimedOut {
        /// What was tried, and on which object: completes the sentence "failed to …".
        attempt: String,
        /// How long was waited.
        limit: Duration,
    },
}

impl Error {
    /// Whether the object is not there.
    pub fn is_not_found(&self) -> bool {
        self.status().is_some_and(kube::core::Status::is_not_found)
    }

    /// Whether someone else changed the object in between.
    pub fn is_conflict(&self) -> bool {
        self.status().is_some_and(kube::core::Status::is_conflict)
    }

    /// Whether we may not do this.
    pub fn is_forbidden(&self) -> bool {
        self.status().is_some_and(kube::core::Status::is_forbidden)
    }

    /// Whether the API server refused it for good: trying again soon will not help. Admission policies and webhooks refuse with
    /// codes of their own, often 422. An expired token (401) passes.
    pub fn is_refused(&self) -> bool {
        let refused = |code| (400..500).contains(&code) && !matches!(code, 401 | 404 | 408 | 409 | 429);
        self.status().is_some_and(|status| refused(status.code))
    }

    /// The error with its cause, on one line. Of an answer of the API server only the message is told: all of it would fill a page.
    pub fn chain(&self) -> String {
        match (self, self.status()) {
            (_, Some(status)) => format!("{self}: {}", status.message),
            (Self::Api { source, .. }, None) => format!("{self}: {source}"),
            (Self::TimedOut { .. } | Self::Unreadable { .. }, None) => self.to_string(),
        }
    }

    fn status(&self) -> Option<&kube::core::Status> {
        match self {
            Self::Api { source, .. } => match &**source {
                kube::Error::Api(status) => Some(status),
                _ => None,
            },
            Self::TimedOut { .. } | Self::Unreadable { .. } => None,
        }
    }
}
