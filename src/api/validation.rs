//! The definition's rules without a cluster: what the API server would refuse at admission is refused here with the same
//! sentences, and unknown fields are errors.
//!
//! The rules are read from the generated schema itself; only its CEL expressions have a Rust twin (`rules.rs`), and a test
//! fails when an expression has none.

mod rules;

use std::{fmt, sync::LazyLock};

use jiff::Timestamp;
use kube::{CustomResourceExt, Resource};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use self::rules::holds;
use super::{NotificationChannel, SslMonitor, schema::definition};

/// What is wrong with one field of a manifest.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct FieldError {
    /// The field, for example `spec.tls.caBundle`; empty for the whole manifest.
    pub path: String,
    /// What is wrong and what is allowed, without final full stop.
    pub message: String,
}

impl fmt::Display for FieldError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.path.is_empty() { f.write_str(&self.message) } else { write!(f, "{}: {}", self.path, self.message) }
    }
}

/// Read an `SslMonitor` from a manifest by the rules that the API server applies at admission, strictly: unknown fields are
/// errors too. A status in the manifest is left out, as the API server does.
///
/// # Errors
/// Every fault that was found, in the order of the manifest.
pub fn validate(manifest: Value) -> Result<SslMonitor, Vec<FieldError>> {
    read(manifest, &SSL_MONITOR)
}

/// Read a `NotificationChannel` from a manifest in the same way.
///
/// # Errors
/// Every fault that was found, in the order of the manifest.
pub fn validate_channel(manifest: Value) -> Result<NotificationChannel, Vec<FieldError>> {
    read(manifest, &NOTIFICATION_CHANNEL)
}

static SSL_MONITOR: LazyLock<Value> = LazyLock::new(whole::<SslMonitor>);
static NOTIFICATION_CHANNEL: LazyLock<Value> = LazyLock::new(whole::<NotificationChannel>);

/// The schema of the whole object: the generated one, and the fields that every object has.
fn whole<K: CustomResourceExt + Resource<DynamicType = ()>>() -> Value {
    let mut schema = definition::<K>()["spec"]["versions"][0]["schema"]["openAPIV3Schema"].take();
    schema["properties"]["apiVersion"] = json!({"type": "string"});
    schema["properties"]["kind"] = json!({"type": "string"});
    schema["properties"]["metadata"] = json!({"type": "object"});
    schema["required"] = json!(["metadata", "spec"]);
    schema
}

fn read<K: DeserializeOwned + Resource<DynamicType = ()>>(
    mut manifest: Value,
    schema: &Value,
) -> Result<K, Vec<FieldError>> {
    let mut errors = kind_errors(&manifest, &K::kind(&()));
    if errors.is_empty() {
        if let Some(object) = manifest.as_object_mut() {
            object.remove("status");
        }
        prune_nulls(&mut manifest, schema);
        check(&manifest, schema, "", &mut errors);
    }
    if !errors.is_empty() {
        return Err(errors);
    }
    serde_json::from_value(manifest)
        .map_err(|error| vec![FieldError { path: String::new(), message: error.to_string() }])
}

fn kind_errors(manifest: &Value, kind: &str) -> Vec<FieldError> {
    let text = |field: &str| manifest.get(field).and_then(Value::as_str).unwrap_or_default();
    let expected = [("apiVersion", "sslmonitor.io/v1"), ("kind", kind)];
    let wrong = expected.iter().filter(|(field, value)| text(field) != *value);
    wrong
        .map(|(field, value)| FieldError {
            path: (*field).to_owned(),
            message: format!("must be {value}, found {:?}", text(field)),
        })
        .collect()
}

/// Take out the known fields that are null: the API server reads them as absent, since none of ours is nullable.
fn prune_nulls(value: &mut Value, schema: &Value) {
    let (Some(object), Some(properties)) = (value.as_object_mut(), schema["properties"].as_object()) else { return };
    object.retain(|name, child| !(child.is_null() && properties.contains_key(name)));
    for (name, child) in object {
        prune_nulls(child, &schema["properties"][name]);
    }
}

/// Check a value against a schema: type, bounds, required and unknown fields, then the CEL rules of this level.
fn check(value: &Value, schema: &Value, path: &str, errors: &mut Vec<FieldError>) {
    let before = errors.len();
    let mut fault = |message: String| errors.push(FieldError { path: path.to_owned(), message });
    if let Some(message) = type_fault(value, schema) {
        return fault(message);
    }
    bound_faults(value, schema).into_iter().for_each(&mut fault);
    for (index, item) in value.as_array().into_iter().flatten().enumerate() {
        check(item, &schema["items"], &format!("{path}[{index}]"), errors);
    }
    if let Value::Object(object) = value
        && let Some(properties) = schema["properties"].as_object()
    {
        for name in strings(&schema["required"]).filter(|name| !object.contains_key(*name)) {
            errors.push(FieldError { path: join(path, name), message: "is required".to_owned() });
        }
        for (name, child) in object {
            let child_path = join(path, name);
            match properties.get(name) {
                Some(child_schema) => check(child, child_schema, &child_path, errors),
                None => errors.push(FieldError { path: child_path, message: unknown_field(properties.keys()) }),
            }
        }
    }
    // A value that breaks the structure would only add noise here, as it does on the API server.
    if errors.len() == before {
        errors.extend(broken_rules(value, schema, path));
    }
}

fn type_fault(value: &Value, schema: &Value) -> Option<String> {
    let expected = schema["type"].as_str()?;
    let found = match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(number) if number.is_i64() || number.is_u64() => "integer",
        Value::Number(_) => "number",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    };
    (expected != found).then(|| format!("must be of type {expected}, not {found}"))
}

fn choice_fault(value: &Value, schema: &Value) -> Option<String> {
    let choices = schema["enum"].as_array()?;
    let known: Vec<&str> = choices.iter().filter_map(Value::as_str).collect();
    (!choices.contains(value)).then(|| format!("must be one of {}, found {value}", known.join(", ")))
}

fn bound_faults(value: &Value, schema: &Value) -> Vec<String> {
    let mut faults: Vec<String> = choice_fault(value, schema).into_iter().collect();
    if let Some(items) = value.as_array().map(|items| u64::try_from(items.len()).unwrap_or(u64::MAX)) {
        let limit = |name: &str| schema[name].as_u64();
        faults.extend(
            limit("minItems").filter(|min| items < *min).map(|min| format!("must have at least {min} entries")),
        );
        faults
            .extend(limit("maxItems").filter(|max| items > *max).map(|max| format!("must have at most {max} entries")));
    }
    if let Some(number) = value.as_i64() {
        let limit = |name: &str| schema[name].as_i64();
        faults.extend(limit("minimum").filter(|min| number < *min).map(|min| format!("must be at least {min}")));
        faults.extend(limit("maximum").filter(|max| number > *max).map(|max| format!("must be at most {max}")));
    }
    if let Some(text) = value.as_str() {
        let length = u64::try_from(text.chars().count()).unwrap_or(u64::MAX);
        let limit = |name: &str| schema[name].as_u64();
        faults.extend(
            limit("minLength").filter(|min| length < *min).map(|min| format!("must have at least {min} characters")),
        );
        let is_time = schema["format"] != "date-time" || text.parse::<Timestamp>().is_ok();
        faults.extend((!is_time).then(|| "must be a time such as 2027-01-31T06:00:00Z".to_owned()));
        faults.extend(
            limit("maxLength").filter(|max| length > *max).map(|max| format!("must have at most {max} characters")),
        );
    }
    faults
}

fn unknown_field<'a>(known: impl Iterator<Item = &'a String>) -> String {
    let known: Vec<&str> = known.map(String::as_str).collect();
    format!("is an unknown field; known here: {}", known.join(", "))
}

fn broken_rules(value: &Value, schema: &Value, path: &str) -> Vec<FieldError> {
    let rules = schema["x-kubernetes-validations"].as_array().map(Vec::as_slice).unwrap_or_default();
    let broken = rules.iter().filter(|rule| holds(rule["rule"].as_str().unwrap_or_default(), value) == Some(false));
    broken
        .map(|rule| FieldError {
            path: format!("{path}{}", rule["fieldPath"].as_str().unwrap_or_default()),
            message: rule["message"].as_str().unwrap_or_default().to_owned(),
        })
        .collect()
}

fn strings(list: &Value) -> impl Iterator<Item = &str> {
    list.as_array().into_iter().flatten().filter_map(Value::as_str)
}

fn join(path: &str, name: &str) -> String {
    if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::api::SslMonitorSpec;

    fn manifest(spec: &Value) -> Value {
        json!({"apiVersion": "sslmonitor.io/v1", "kind": "SslMonitor", "metadata": {"name": "a"}, "spec": spec})
    }

    fn faults(spec: &Value) -> Vec<String> {
        validate(manifest(spec)).err().unwrap_or_default().iter().map(ToString::to_string).collect()
    }

    fn rules(schema: &Value) -> Vec<String> {
        match schema {
            Value::Object(object) => object
                .iter()
                .flat_map(|(key, value)| {
                    if key == "x-kubernetes-validations" {
                        value.as_array().unwrap().iter().map(|rule| rule["rule"].as_str().unwrap().to_owned()).collect()
                    } else {
                        rules(value)
                    }
                })
                .collect(),
            Value::Array(items) => items.iter().flat_map(rules).collect(),
            _ => Vec::new(),
        }
    }

    #[test]
    fn every_rule_of_the_schema_has_a_twin() {
        let (monitor, channel) = (rules(&SSL_MONITOR), rules(&NOTIFICATION_CHANNEL));
        assert_eq!((monitor.len(), channel.len()), (28, 9), "{monitor:#?}{channel:#?}");
        for rule in monitor.into_iter().chain(channel) {
            assert!(holds(&rule, &json!({})).is_some(), "no twin for {rule}");
        }
    }

    #[test]
    fn a_minimal_manifest_gets_every_default() {
        let monitor = validate(manifest(&json!({"domain": "a.test"}))).unwrap();
        assert_eq!(monitor.spec, SslMonitorSpec::new("a.test"));
    }

    #[test]
    fn a_null_counts_as_absent_as_it_does_on_the_api_server() {
        let spec = json!({"domain": "a.test", "port": null, "serviceRef": null, "tls": {"caBundle": null}});
        let expected = json!({"domain": "a.test", "tls": {}});
        assert_eq!(validate(manifest(&spec)), validate(manifest(&expected)));
        assert_eq!(faults(&spec), [""; 0]);
        assert_eq!(faults(&json!({"domain": null})), ["spec.domain: is required"]);
        assert_eq!(faults(&json!({"domain": "a.test", "colour": null})).len(), 1);
    }

    #[test]
    fn a_bad_field_is_named_with_one_sentence() {
        const DOMAIN: &str =
            "spec.domain: domain must be a host name without scheme, port or path, for example api.example.com";
        const INTERVAL: &str = "spec.interval: interval must be a duration from 60s to 168h, for example 1h or 30m";
        let long = "a.".repeat(125) + "test";
        let table = [
            (json!({"domain": "https://x.test"}), DOMAIN),
            (json!({"domain": "x.test:443"}), DOMAIN),
            (json!({"domain": "*.x.test"}), DOMAIN),
            (json!({"domain": "x.test\n"}), DOMAIN),
            (json!({"domain": "X.test"}), DOMAIN),
            (json!({"domain": "bücher.de"}), DOMAIN),
            (json!({"domain": "2130706433"}), DOMAIN),
            (json!({"domain": "::ffff:192.0.2.1"}), DOMAIN),
            (json!({"domain": long}), "spec.domain: must have at most 253 characters"),
            (json!({"domain": "a.test", "port": 0}), "spec.port: must be at least 1"),
            (json!({"domain": "a.test", "port": 65536}), "spec.port: must be at most 65535"),
            (json!({"domain": "a.test", "port": "443"}), "spec.port: must be of type integer, not string"),
            (json!({"domain": "a.test", "interval": "30s"}), INTERVAL),
            (json!({"domain": "a.test", "interval": "1d"}), INTERVAL),
            (
                json!({"domain": "a.test", "interval": "60s", "timeout": "60s"}),
                "spec.timeout: timeout must be shorter than interval",
            ),
            (
                json!({"domain": "a.test", "timeout": "3m"}),
                "spec.timeout: timeout must be a duration from 1s to 2m, for example 10s",
            ),
            (json!({}), "spec.domain: is required"),
            (
                json!({"domain": "a.test", "tls": {"useSystemRoots": false}}),
                "spec.tls: tls.useSystemRoots may be false only together with tls.caBundle; without either no certificate could be trusted",
            ),
            (
                json!({"domain": "a.test", "tls": {"caBundle": {}}}),
                "spec.tls.caBundle: tls.caBundle must name either a configMap or a secret",
            ),
            (
                json!({"domain": "a.test", "tls": {"caBundle": {"configMap": {"name": "../x"}}}}),
                "spec.tls.caBundle.configMap.name: name must be the name of a ConfigMap or Secret: lower-case letters, digits, '-' and '.'",
            ),
        ];
        for (spec, expected) in table {
            assert_eq!(faults(&spec), [expected], "{spec}");
        }
    }

    #[test]
    fn an_unknown_field_is_an_error_that_lists_the_known_ones() {
        assert_eq!(
            faults(&json!({"domain": "a.test", "tls": {"sni": "x.test"}})),
            [
                "spec.tls.sni: is an unknown field; known here: caBundle, clientCertificateRef, minVersion, revocation, revocationFailure, serverName, startTLS, useSystemRoots"
            ]
        );
    }

    #[test]
    fn every_fault_is_reported_at_once() {
        let found = faults(&json!({"domain": "x.test:443", "port": 0, "alertDay": 3}));
        assert_eq!(found.len(), 3, "{found:?}");
    }

    #[test]
    fn a_manifest_without_metadata_or_spec_says_what_it_lacks() {
        let errors = validate(json!({"apiVersion": "sslmonitor.io/v1", "kind": "SslMonitor"})).unwrap_err();
        let texts: Vec<String> = errors.iter().map(ToString::to_string).collect();
        assert_eq!(texts, ["metadata: is required", "spec: is required"]);
    }

    #[test]
    fn another_kind_is_refused() {
        let errors = validate(json!({"apiVersion": "v1", "kind": "Service"})).unwrap_err();
        assert_eq!(errors.len(), 2);
        assert_eq!(errors[1].to_string(), "kind: must be SslMonitor, found \"Service\"");
    }
}
