//! Who wrote what: read from the API server's audit log.

use std::{fs, path::Path};

use serde::Deserialize;

use super::{Error, io_error, write_file};

/// Writes only, when they have been answered, without bodies.
const POLICY: &str = "apiVersion: audit.k8s.io/v1
kind: Policy
omitStages: [RequestReceived]
omitManagedFields: true
rules:
- level: Metadata
  verbs: [create, update, patch, delete, deletecollection]
";

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

/// Read the log; a line that is being written is left out.
pub(super) fn read(directory: &Path) -> Result<Vec<Write>, Error> {
    let path = directory.join("audit.log");
    let log = fs::read_to_string(&path).map_err(io_error(format!("read {}", path.display())))?;
    Ok(log.split_inclusive('\n').filter_map(parse).collect())
}

fn parse(line: &str) -> Option<Write> {
    let Event { verb, user, object_ref, response_status } = serde_json::from_str(line.strip_suffix('\n')?).ok()?;
    let ObjectRef { resource, subresource, namespace, name } = object_ref.unwrap_or_default();
    let code = response_status.map_or(0, |status| status.code);
    Some(Write { user: user.username, verb, resource, subresource, namespace, name, code })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_audit_line_becomes_a_write() {
        let line = r#"{"kind":"Event","apiVersion":"audit.k8s.io/v1","level":"Metadata","stage":"ResponseComplete","requestURI":"/x","verb":"patch","user":{"username":"system:serviceaccount:a:b","groups":["g"]},"objectRef":{"resource":"services","namespace":"shop","name":"web","apiVersion":"v1","subresource":"status"},"responseStatus":{"metadata":{},"code":200}}"#;
        let expected = Write {
            user: "system:serviceaccount:a:b".into(),
            verb: "patch".into(),
            resource: "services".into(),
            subresource: Some("status".into()),
            namespace: "shop".into(),
            name: "web".into(),
            code: 200,
        };
        assert_eq!(parse(&format!("{line}\n")), Some(expected));
    }

    #[test]
    fn a_line_without_its_end_is_left_out() {
        assert_eq!(parse(r#"{"verb":"patch","user":{}}"#), None);
    }
}
