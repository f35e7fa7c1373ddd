//! From the types to the custom resource definitions that are shipped.
//!
//! The derive's output is brought into the form in which the API server stores it, so that nothing differs after an apply:
//! no `nullable`, no formats that Kubernetes does not know, no empty lists, whole numbers without a fraction.

use kube::{CustomResourceExt, Resource};
use schemars::{Schema, SchemaGenerator, json_schema};
use serde_json::{Map, Value, json};

use super::{NotificationChannel, SslMonitor};

/// The first line of every generated file.
const GENERATED: &str = "# Generated from src/api by `cargo xtask generate`. Do not edit.\n";

/// The custom resource definition of a kind of ours.
pub(super) fn definition<K: CustomResourceExt + Resource<DynamicType = ()>>() -> Value {
    let mut crd = serde_json::to_value(K::crd()).expect("a definition made of plain data serialises");
    normalise(&mut crd);
    // What the API server would fill in by itself, so that what is stored equals what is shipped.
    crd["spec"]["names"]["listKind"] = format!("{}List", K::kind(&())).into();
    crd["spec"]["conversion"] = json!({"strategy": "None"});
    for version in crd["spec"]["versions"].as_array_mut().into_iter().flatten() {
        version["schema"]["openAPIV3Schema"]["properties"]["status"]["default"] = unseen();
    }
    crd
}

/// The status of an object that the operator has not seen yet. No object has generation 0: so kstatus, and with it kubectl, Helm and Flux,
/// sees that somebody has yet to come, where it takes an object without any status for done.
fn unseen() -> Value {
    json!({"observedGeneration": 0})
}

/// The custom resource definition of [`SslMonitor`], as it is shipped.
pub fn ssl_monitor_crd() -> Value {
    definition::<SslMonitor>()
}

/// The custom resource definition of [`NotificationChannel`], as it is shipped.
pub fn notification_channel_crd() -> Value {
    definition::<NotificationChannel>()
}

/// Every generated definition: file name and YAML text.
pub fn crd_files() -> Vec<(String, String)> {
    let definitions = [notification_channel_crd(), ssl_monitor_crd()];
    definitions.iter().map(file).collect()
}

fn file(crd: &Value) -> (String, String) {
    let yaml = serde_saphyr::to_string(crd).expect("plain data serialises");
    (format!("{}.yaml", crd["metadata"]["name"].as_str().unwrap_or_default()), format!("{GENERATED}{yaml}"))
}

/// The schema of a list of conditions: `metav1.Condition` with its exact limits, merged by type
/// (k8s.io/apimachinery `pkg/apis/meta/v1/types.go`).
pub(super) fn conditions(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "type": "array",
        "maxItems": 16,
        "x-kubernetes-list-type": "map",
        "x-kubernetes-list-map-keys": ["type"],
        "items": {
            "type": "object",
            "description": "One aspect of the current state.",
            "required": ["type", "status", "lastTransitionTime", "reason", "message"],
            "properties": {
                "type": {
                    "type": "string",
                    "description": "What the condition is about, in CamelCase.",
                    "maxLength": 316,
                    "pattern": r"^([a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*/)?(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])$"
                },
                "status": {"type": "string", "description": "True, False or Unknown.", "enum": ["True", "False", "Unknown"]},
                "observedGeneration": {
                    "type": "integer",
                    "format": "int64",
                    "minimum": 0,
                    "description": "The generation of the spec that the condition was set upon."
                },
                "lastTransitionTime": {
                    "type": "string",
                    "format": "date-time",
                    "description": "When the status of the condition last changed."
                },
                "reason": {
                    "type": "string",
                    "description": "Why, in one CamelCase word for programs.",
                    "minLength": 1,
                    "maxLength": 1024,
                    "pattern": "^[A-Za-z]([A-Za-z0-9_,:]*[A-Za-z0-9_])?$"
                },
                "message": {"type": "string", "description": "Why, in a sentence for people.", "maxLength": 32768}
            }
        }
    })
}

fn normalise(value: &mut Value) {
    match value {
        Value::Object(object) => normalise_object(object),
        Value::Array(items) => items.iter_mut().for_each(normalise),
        Value::Number(number) => {
            if let Some(whole) = number.as_f64().filter(|_| number.is_f64()).and_then(whole_number) {
                *value = Value::from(whole);
            }
        }
        _ => {}
    }
}

fn normalise_object(object: &mut Map<String, Value>) {
    // A schema's `nullable: true` comes from `Option`; the API server would then store nulls that server-side apply cannot merge.
    object.remove("nullable");
    if object.get("format").and_then(Value::as_str).is_some_and(|format| format.starts_with("uint")) {
        object.insert("format".to_owned(), "int32".into());
    }
    // A doc comment's line breaks are the source's, not the reader's (`kubectl explain` wraps by itself).
    if let Some(Value::String(description)) = object.get_mut("description") {
        *description = description.replace('\n', " ");
    }
    object.values_mut().for_each(normalise);
}

#[allow(clippy::cast_possible_truncation)] // the fraction is zero and the bounds of our schemas are far below 2^53
fn whole_number(number: f64) -> Option<i64> {
    (number.fract() == 0.0).then_some(number as i64)
}
