//! Who wrote what: read from the API server's audit log.

use std::{
    collections::HashSet,
    fs,
    path::Path,
    thread::sleep,
    time::{Duration, Instant},
};

use serde::Deserialize;

use super::{Error, io_error, write_file};

/// Writes only, when they come and when they have been answered, without bodies.
const POLICY: &str = "apiVersion: audit.k8s.io/v1
kind: Policy
omitStages: [ResponseStarted]
omitManagedFields: true
rules:
- level: Metadata
  verbs: [create, update, patch, delete, deletecollection]
";

/// How long requests that have come, and are not answered yet, are waited for: those of an API server that was killed never are.
const PENDING: Duration = Duration::from_secs(2);
/// How often the log is read meanwhile.
const POLL: Duration = Duration::from_millis(10);
/// The stage of a request that has not been answered.
const RECEIVED: &str = "RequestReceived";

/// A writing request that the API server has answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Write {
    /// Who asked, for example `system:serviceaccount:sslmonitor-system:sslmonitor`.
    pub user: String,
    /// `create`, `update`, `patch`, `delete` or `deletecollection`.
    pub verb: String,
    /// The plural resource, for example `sslmonitors`.
    pub resource: String,
    /// The subresource, for example `status`.
    pub subresource: Option<String>,
    /// The object's namespace; empty for cluster-wide objects.
    pub namespace: String,
    /// The object's name; empty when the API server chose it.
    pub name: String,
    /// The HTTP status code of the answer.
    pub code: u16,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Event {
    #[serde(rename = "auditID")]
    id: String,
    stage: String,
    verb: String,
    user: User,
    object_ref: Option<ObjectRef>,
    response_status: Option<ResponseStatus>,
}

#[derive(Deserialize)]
struct User {
    #[serde(default)]
    username: String,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct ObjectRef {
    resource: String,
    subresource: Option<String>,
    namespace: String,
    name: String,
}

#[derive(Deserialize)]
struct ResponseStatus {
    #[serde(default)]
    code: u16,
}

pub(super) fn write_policy(directory: &Path) -> Result<(), Error> {
    write_file(&directory.join("audit-policy.yaml"), POLICY)
}

/// The flags that make kube-apiserver audit; the log is written before a request is answered (mode `blocking`).
pub(super) fn arguments(directory: &Path) -> [String; 4] {
    [
        format!("--audit-policy-file={}", directory.join("audit-policy.yaml").display()),
        format!("--audit-log-path={}", directory.join("audit.log").display()),
        "--audit-log-mode=blocking".into(),
        // MiB; by default it is begun anew after 100, and what was before would not be counted.
        "--audit-log-maxsize=100000".into(),
    ]
}

/// Read the log. What a request has written is seen by watchers before it is answered and logged: so those under way are waited for.
pub(super) fn read(directory: &Path) -> Result<Vec<Write>, Error> {
    let path = directory.join("audit.log");
    let deadline = Instant::now() + PENDING;
    loop {
        let log = fs::read_to_string(&path).map_err(io_error(format!("read {}", path.display())))?;
        let (writes, is_settled) = answered(&log);
        if is_settled || Instant::now() >= deadline {
            return Ok(writes);
        }
        sleep(POLL);
    }
}

/// The answered requests of a log, and whether there are no others. A line that is being written is left out.
fn answered(log: &str) -> (Vec<Write>, bool) {
    let (mut writes, mut pending) = (Vec::new(), HashSet::new());
    for event in log.split_inclusive('\n').filter_map(parse) {
        if event.stage == RECEIVED {
            pending.insert(event.id);
        } else {
            pending.remove(&event.id);
            writes.push(write_of(event));
        }
    }
    (writes, pending.is_empty() && log.ends_with('\n'))
}

fn parse(line: &str) -> Option<Event> {
    serde_json::from_str(line.strip_suffix('\n')?).ok()
}

fn write_of(event: Event) -> Write {
    let ObjectRef { resource, subresource, namespace, name } = event.object_ref.unwrap_or_default();
    let code = event.response_status.map_or(0, |status| status.code);
    Write { user: event.user.username, verb: event.verb, resource, subresource, namespace, name, code }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RECEIVED: &str = r#"{"kind":"Event","apiVersion":"audit.k8s.io/v1","level":"Metadata","auditID":"1","stage":"RequestReceived","requestURI":"/x","verb":"patch","user":{"username":"system:serviceaccount:a:b","groups":["g"]},"objectRef":{"resource":"services","namespace":"shop","name":"web","apiVersion":"v1","subresource":"status"}}"#;
    const ANSWERED: &str = r#"{"kind":"Event","apiVersion":"audit.k8s.io/v1","level":"Metadata","auditID":"1","stage":"ResponseComplete","requestURI":"/x","verb":"patch","user":{"username":"system:serviceaccount:a:b","groups":["g"]},"objectRef":{"resource":"services","namespace":"shop","name":"web","apiVersion":"v1","subresource":"status"},"responseStatus":{"metadata":{},"code":200}}"#;

    #[test]
    fn an_answered_request_becomes_a_write() {
        let expected = Write {
            user: "system:serviceaccount:a:b".into(),
            verb: "patch".into(),
            resource: "services".into(),
            subresource: Some("status".into()),
            namespace: "shop".into(),
            name: "web".into(),
            code: 200,
        };
        assert_eq!(answered(&format!("{RECEIVED}\n{ANSWERED}\n")), (vec![expected], true));
    }

    #[test]
    fn a_request_under_way_and_a_line_without_its_end_are_waited_for() {
        assert_eq!(answered(&format!("{RECEIVED}\n")), (vec![], false));
        assert_eq!(answered(&format!("{RECEIVED}\n{ANSWERED}")), (vec![], false));
    }
}
