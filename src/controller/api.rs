//! Calls to the API server: each with a time limit, and with a sentence that says what was tried.

use std::time::Duration;

use super::Error;

/// How long one call may take. The client retries 429 and 503 by itself, for many minutes if it is let (kube 5).
const LIMIT: Duration = Duration::from_secs(15);

/// Make a call, with a time limit. `attempt` completes the sentence "failed to …" and names the object.
///
/// # Errors
/// [`Error::Api`] when the call fails, [`Error::TimedOut`] when it takes longer than 15 s.
pub(super) async fn call<T>(
    attempt: impl FnOnce() -> String,
    call: impl Future<Output = Result<T, kube::Error>>,
) -> Result<T, Error> {
    match tokio::time::timeout(LIMIT, call).await {
        Ok(Ok(value)) => Ok(value),
        Ok(Err(source)) => Err(Error::Api { attempt: attempt(), source: Box::new(source) }),
        Err(_) => Err(Error::TimedOut { attempt: attempt(), limit: LIMIT }),
    }
}

/// The same for something that may not be there: `None` then.
pub(super) async fn find<T>(
    attempt: impl FnOnce() -> String,
    get: impl Future<Output = Result<T, kube::Error>>,
) -> Result<Option<T>, Error> {
    match call(attempt, get).await {
        Err(error) if error.is_not_found() => Ok(None),
        other => other.map(Some),
    }
}
