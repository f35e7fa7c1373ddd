//! Why the cluster could not be asked, in sentences that say what to do.

use std::{fmt, time::Duration};

use kube::config::KubeconfigError;

use crate::{
    output::chain,
    probe::text::{clean_to, escape},
};

/// The most bytes of what the API server, or a library, says.
const MAX_CAUSE: usize = 1024;
/// How the definitions are installed.
const INSTALL: &str = "sslmonitor crd | kubectl apply --server-side -f -";

/// Why a cluster could not be asked, or did not do what it was asked for.
#[derive(Debug)]
pub(super) enum Failure {
    /// There is neither a kubeconfig nor a pod's service account.
    NoCluster(String),
    /// The kubeconfig cannot be used.
    Kubeconfig(String),
    /// A call did not succeed.
    Call {
        /// What was tried: completes the sentence "failed to …".
        attempt: String,
        /// The API server.
        server: String,
        /// What came of it.
        source: Box<kube::Error>,
    },
    /// The API server did not answer in time.
    TimedOut {
        /// What was tried: completes the sentence "failed to …".
        attempt: String,
        /// How long was waited.
        limit: Duration,
    },
    /// An object is there and cannot be read.
    Unreadable {
        /// Which one.
        object: String,
        /// Why not.
        why: String,
    },
}

// === impl Failure ===

impl Failure {
    /// Whether it is the object that does not exist, and not its kind.
    pub(super) fn is_object_missing(&self) -> bool {
        self.status().is_some_and(|status| status.is_not_found() && names_object(status))
    }

    /// Whether a list in pages is too old to be gone on with.
    pub(super) fn is_expired(&self) -> bool {
        self.status().is_some_and(|status| status.code == 410)
    }

    fn status(&self) -> Option<&kube::core::Status> {
        match self {
            Self::Call { source, .. } => match &**source {
                kube::Error::Api(status) => Some(status),
                _ => None,
            },
            _ => None,
        }
    }
}

impl std::error::Error for Failure {}

/// Whether an answer speaks of one object: of a kind that is not known, too, the API server says that it is not found.
fn names_object(status: &kube::core::Status) -> bool {
    status.details.as_ref().is_some_and(|details| !details.name.is_empty())
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoCluster(why) => write!(
                f,
                "no cluster is configured ({}): set KUBECONFIG, or name a kubeconfig with --kubeconfig",
                clean_to(why, MAX_CAUSE)
            ),
            Self::Kubeconfig(why) => f.write_str(&clean_to(why, MAX_CAUSE)),
            Self::Call { attempt, server, source } => match (&**source, self.status()) {
                (_, Some(status)) => f.write_str(&refusal(attempt, status)),
                (kube::Error::Auth(cause), None) => write!(
                    f,
                    "failed to get credentials for {server}: {}; log in again as you do for kubectl",
                    clean_to(&chain(cause), MAX_CAUSE)
                ),
                (cause, None) => write!(
                    f,
                    "failed to {attempt}: {server} does not answer as an API server ({}); see that the cluster runs and that this is \
                     the right context (kubectl config current-context)",
                    clean_to(&chain(cause), MAX_CAUSE)
                ),
            },
            Self::TimedOut { attempt, limit } => write!(
                f,
                "failed to {attempt}: no answer of the API server within {} s; see that the cluster runs and can be reached from here",
                limit.as_secs()
            ),
            Self::Unreadable { object, why } => {
                write!(
                    f,
                    "{} cannot be read: {}; correct or delete it with kubectl",
                    escape(object),
                    clean_to(why, MAX_CAUSE)
                )
            }
        }
    }
}

/// What the API server refuses, and what to do about it.
fn refusal(attempt: &str, status: &kube::core::Status) -> String {
    let said = clean_to(&status.message, MAX_CAUSE);
    match status.code {
        401 => format!(
            "failed to {attempt}: the API server does not know you ({said}); log in again as you do for kubectl"
        ),
        403 => format!(
            "failed to {attempt}: {said}; ask who administers the cluster for a role that allows it (kubectl auth can-i shows what you may)"
        ),
        404 if names_object(status) => {
            format!("failed to {attempt}: it does not exist; kubectl sslmonitor ls -A lists those that do")
        }
        404 => format!(
            "failed to {attempt}: the cluster does not know SslMonitors; install their definitions with: {INSTALL}"
        ),
        _ => format!("failed to {attempt}: {said}"),
    }
}

impl From<KubeconfigError> for Failure {
    fn from(error: KubeconfigError) -> Self {
        let said = chain(&error);
        Self::Kubeconfig(match error {
            KubeconfigError::CurrentContextNotSet => {
                "the kubeconfig has no current context: name one with --context, or choose one with kubectl config use-context".to_owned()
            }
            KubeconfigError::LoadContext(name) => {
                format!("the kubeconfig has no context {name:?}: kubectl config get-contexts lists those that it has")
            }
            KubeconfigError::LoadClusterOfContext(name) => {
                format!("the kubeconfig has no cluster {name:?}: kubectl config get-clusters lists those that it has")
            }
            KubeconfigError::ReadConfig(why, path) => format!("the kubeconfig {} cannot be read: {why}", path.display()),
            _ => format!("the kubeconfig cannot be used: {said}"),
        })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use serde_json::json;

    use super::*;

    fn failure(code: u16, message: &str, name: &str) -> Failure {
        let reason = if code == 404 { "NotFound" } else { "" };
        let status = json!({"code": code, "message": message, "reason": reason, "details": {"name": name}});
        let status = serde_json::from_value(status).unwrap();
        Failure::Call {
            attempt: "get sslmonitor shop/web".to_owned(),
            server: "https://api.test".to_owned(),
            source: Box::new(kube::Error::Api(Box::new(status))),
        }
    }

    #[test]
    fn an_object_that_is_missing_is_told_from_a_kind_that_is() {
        assert!(failure(404, "sslmonitors \"web\" not found", "web").is_object_missing());
        let kind = failure(404, "404 page not found", "");
        assert!(!kind.is_object_missing());
        assert_eq!(
            kind.to_string(),
            "failed to get sslmonitor shop/web: the cluster does not know SslMonitors; install their definitions with: sslmonitor crd | \
             kubectl apply --server-side -f -"
        );
    }

    #[test]
    fn what_the_api_server_says_is_shown_escaped() {
        let text = failure(409, "somebody \u{1b}[31mchanged it", "web").to_string();
        assert_eq!(text, "failed to get sslmonitor shop/web: somebody \\u{1b}[31mchanged it");
    }

    #[test]
    fn a_context_that_is_not_there_is_named() {
        let failure = Failure::from(KubeconfigError::LoadContext("prod".to_owned()));
        assert_eq!(
            failure.to_string(),
            "the kubeconfig has no context \"prod\": kubectl config get-contexts lists those that it has"
        );
    }
}
