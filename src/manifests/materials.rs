//! The ConfigMaps and Secrets of an input, for whoever names them.

use std::collections::HashMap;

use k8s_openapi::{
    api::core::v1::{ConfigMap, Secret},
    apimachinery::pkg::apis::meta::v1::ObjectMeta,
};
use serde_json::{Map, Value};

use super::{Document, InputError, Taken};
use crate::{api::ALLOWED_LABEL, monitor::Material, probe::text::clean};

/// The type of a Secret that names none.
const DEFAULT_TYPE: &str = "Opaque";

/// ConfigMaps and Secrets by their names.
#[derive(Debug, Default)]
pub struct Materials(HashMap<Id, Material>);

/// Which object: kind, namespace (empty when the manifest names none) and name.
type Id = (&'static str, String, String);

// === impl Materials ===

impl Materials {
    /// Take a document that is no object of ours: of use if it is a ConfigMap or Secret, and wrong if it is no object at all.
    pub fn take(&mut self, document: Document) -> Taken {
        let Document { place, value } = document;
        let taken = match (value["kind"].as_str(), value["apiVersion"].as_str()) {
            (Some("ConfigMap"), Some("v1")) => {
                serde_json::from_value(value).map(|it| self.add_config_map(it)).map_err(|error| error.to_string())
            }
            (Some("Secret"), Some("v1")) => {
                let fault = secret_fault(&value);
                serde_json::from_value(value).map(|it| self.add_secret(it)).map_err(|_| fault)
            }
            (Some(_), _) => return Taken::PassedOver,
            (None, _) => Err("is no Kubernetes object: it has no kind".to_owned()),
        };
        taken.map_or_else(|message| InputError::new(place, message).into(), |()| Taken::Used)
    }

    /// The Secret of this name; the namespace is empty where manifests name none.
    pub fn secret(&self, namespace: &str, name: &str) -> Option<&Material> {
        self.get("Secret", namespace, name)
    }

    /// The ConfigMap or Secret of this name.
    pub fn get(&self, kind: &'static str, namespace: &str, name: &str) -> Option<&Material> {
        self.0.get(&(kind, namespace.to_owned(), name.to_owned()))
    }

    fn add_config_map(&mut self, object: ConfigMap) {
        let texts = object.data.unwrap_or_default().into_iter().map(|(key, text)| (key, text.into_bytes()));
        let binary = object.binary_data.unwrap_or_default().into_iter().map(|(key, bytes)| (key, bytes.0));
        let name = object.metadata.name.clone().unwrap_or_default();
        // Whoever may read ConfigMaps may use them: they need no label.
        let content = Material { name, kind: String::new(), is_allowed: true, values: texts.chain(binary).collect() };
        self.0.insert(id("ConfigMap", &object.metadata), content);
    }

    fn add_secret(&mut self, object: Secret) {
        let bytes = object.data.unwrap_or_default().into_iter().map(|(key, bytes)| (key, bytes.0));
        // As on the API server, stringData comes before data.
        let texts = object.string_data.unwrap_or_default().into_iter().map(|(key, text)| (key, text.into_bytes()));
        let labels = object.metadata.labels.as_ref();
        let is_allowed = labels.and_then(|labels| labels.get(ALLOWED_LABEL)).is_some_and(|value| value == "true");
        let name = object.metadata.name.clone().unwrap_or_default();
        let kind = object.type_.unwrap_or_else(|| DEFAULT_TYPE.to_owned());
        let content = Material { name, kind, is_allowed, values: bytes.chain(texts).collect() };
        self.0.insert(id("Secret", &object.metadata), content);
    }
}

/// What is said of an object that is named, and that the input lacks.
pub fn missing(object: &str, namespace: &str) -> String {
    let place = if namespace.is_empty() { String::new() } else { format!(" in namespace {}", clean(namespace)) };
    format!("{object}{place} is not in the input: give its manifest with -f, too")
}

fn id(kind: &'static str, metadata: &ObjectMeta) -> Id {
    (kind, metadata.namespace.clone().unwrap_or_default(), metadata.name.clone().unwrap_or_default())
}

/// What is wrong with a Secret that cannot be read. Errors of the reader would quote what it holds.
fn secret_fault(value: &Value) -> String {
    let first = |map: &'static str, is_good: fn(&Value) -> bool| {
        let wrong =
            |values: &Map<String, Value>| values.iter().find(|(_, value)| !is_good(value)).map(|(key, _)| clean(key));
        value[map].as_object().and_then(wrong).map(|key| format!("{map}.{key}"))
    };
    if let Some(field) = first("stringData", Value::is_string) {
        return format!("{field}: must be text; write it in quotes");
    }
    if let Some(field) = first("data", is_base64) {
        return format!("{field}: must be text in base64; in stringData it is written as it is");
    }
    "is no Secret: its metadata, type, data or stringData are not of the right form".to_owned()
}

fn is_base64(value: &Value) -> bool {
    serde_json::from_value::<k8s_openapi::ByteString>(value.clone()).is_ok()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use serde_json::json;

    use super::*;

    fn take(value: Value) -> (Materials, Taken) {
        let mut materials = Materials::default();
        let taken = materials.take(Document { place: "m.yaml, document 1".to_owned(), value });
        (materials, taken)
    }

    fn secret(more: &Value) -> Value {
        let mut secret = json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "s", "namespace": "shop"}});
        secret.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        secret
    }

    #[test]
    fn a_secret_is_as_the_api_server_would_store_it() {
        let (materials, taken) = take(secret(
            &json!({"data": {"a": "eA==", "b": "eQ=="}, "stringData": {"b": "z"}, "metadata": {"name": "s", "labels": {ALLOWED_LABEL: "true"}}}),
        ));
        assert_eq!(taken, Taken::Used);
        assert!(materials.secret("shop", "s").is_none());
        let found = materials.secret("", "s").unwrap();
        assert_eq!((found.kind.as_str(), found.is_allowed), ("Opaque", true));
        assert_eq!(found.values, [("a".to_owned(), b"x".to_vec()), ("b".to_owned(), b"z".to_vec())].into());
        let (materials, _) = take(secret(&json!({})));
        assert!(!materials.secret("shop", "s").unwrap().is_allowed);
    }

    #[test]
    fn what_is_wrong_with_a_secret_is_said_without_what_it_holds() {
        let base64 = "must be text in base64; in stringData it is written as it is";
        let form = "is no Secret: its metadata, type, data or stringData are not of the right form";
        for (more, expected) in [
            (json!({"stringData": {"a": "x", "token": 53_237}}), "stringData.token: must be text; write it in quotes"),
            (json!({"data": {"token": "53237 as it is"}}), &*format!("data.token: {base64}")),
            (json!({"data": {"token": ["53237"]}}), &*format!("data.token: {base64}")),
            (json!({"data": "53237"}), form),
            (json!({"type": 53_237}), form),
        ] {
            let (materials, taken) = take(secret(&more));
            assert_eq!(taken, InputError::new("m.yaml, document 1", expected).into());
            assert!(materials.0.is_empty());
        }
    }

    #[test]
    fn other_objects_are_passed_over_and_what_is_none_is_wrong() {
        assert_eq!(take(json!({"apiVersion": "v1", "kind": "Service"})).1, Taken::PassedOver);
        assert_eq!(take(json!({"apiVersion": "v2", "kind": "Secret", "data": 1})).1, Taken::PassedOver);
        let expected = InputError::new("m.yaml, document 1", "is no Kubernetes object: it has no kind");
        assert_eq!(take(json!({"a": 1})).1, expected.into());
    }
}
