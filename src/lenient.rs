//! Reading what others may have written into objects: one object that cannot be read must not hide the others.
//!
//! Whoever may write a monitor or a Service may also write `metadata.managedFields` and a status with dates that no clock of
//! ours can hold; the API server stores them. A typed list would fail as a whole, for everyone, and the client would log the
//! whole answer, Secrets included. So every read goes through [`Lenient`]: what is not needed is dropped before it is
//! parsed, what is wrong in a status is left out, and an object that still cannot be read says so by itself.

use std::{borrow::Cow, fmt::Debug};

use k8s_openapi::api::core::v1::{ConfigMap, Secret};
use kube::{
    Resource,
    api::{DynamicObject, ObjectMeta, PartialObjectMeta},
};
use serde::{
    Deserialize, Deserializer,
    de::{DeserializeOwned, Error as _},
};
use serde_json::{Value, json};

use crate::api::{NotificationChannel, NotificationChannelStatus, SslMonitor, SslMonitorStatus};

/// An object read leniently.
#[derive(Debug, Clone)]
pub struct Lenient<K> {
    metadata: ObjectMeta,
    /// The object, or why it cannot be read.
    pub object: Result<K, String>,
}

/// What can be made of loose JSON whose metadata have been tidied.
pub trait Salvage: DeserializeOwned {
    /// Leave out what would fail and can be done without.
    fn salvage(_object: &mut Value) {}
}

impl<T: Resource<DynamicType = ()>> Salvage for PartialObjectMeta<T> {}
impl Salvage for DynamicObject {}
impl Salvage for ConfigMap {}
impl Salvage for Secret {}

impl Salvage for SslMonitor {
    fn salvage(object: &mut Value) {
        salvage_status::<SslMonitorStatus>(object);
    }
}

impl Salvage for NotificationChannel {
    fn salvage(object: &mut Value) {
        salvage_status::<NotificationChannelStatus>(object);
    }
}

/// A status field that cannot be read counts as absent: the next write puts it right.
fn salvage_status<S: DeserializeOwned>(object: &mut Value) {
    let reads = |status: Value| S::deserialize(status).is_ok();
    if let Some(conditions) = object.pointer_mut("/status/conditions").and_then(Value::as_array_mut) {
        conditions.retain(|condition| reads(json!({"conditions": [condition]})));
    }
    if let Some(status) = object.get_mut("status").and_then(Value::as_object_mut) {
        status.retain(|name, value| reads(json!({name: value})));
    }
}

/// Keep of the managed fields who manages; dates and field sets are not needed.
fn tidy(metadata: &mut Value) {
    let managers = metadata.get("managedFields").and_then(Value::as_array).into_iter().flatten();
    let names: Vec<Value> =
        managers.filter_map(|entry| entry.get("manager")).map(|name| json!({"manager": name})).collect();
    if let Some(metadata) = metadata.as_object_mut() {
        metadata.remove("managedFields");
        if !names.is_empty() {
            metadata.insert("managedFields".to_owned(), names.into());
        }
    }
}

/// The names of an object whose metadata cannot be read as a whole.
fn names_of(metadata: &Value) -> ObjectMeta {
    let text = |field: &str| metadata.get(field).and_then(Value::as_str).map(ToOwned::to_owned);
    ObjectMeta {
        name: text("name"),
        namespace: text("namespace"),
        uid: text("uid"),
        resource_version: text("resourceVersion"),
        ..ObjectMeta::default()
    }
}

impl<'de, K: Salvage> Deserialize<'de> for Lenient<K> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let mut value = Value::deserialize(deserializer)?;
        if !value.is_object() {
            return Err(D::Error::custom("what was answered is no object"));
        }
        let mut metadata = value.get_mut("metadata").map(Value::take).unwrap_or_default();
        tidy(&mut metadata);
        let names = names_of(&metadata);
        let tidied = ObjectMeta::deserialize(&metadata).unwrap_or(names);
        value["metadata"] = metadata;
        let object = K::deserialize(&value).or_else(|_| {
            K::salvage(&mut value);
            K::deserialize(value).map_err(|error| error.to_string())
        });
        Ok(Self { metadata: tidied, object })
    }
}

impl<K: Resource> Resource for Lenient<K> {
    type DynamicType = K::DynamicType;
    type Scope = K::Scope;

    fn kind(dt: &Self::DynamicType) -> Cow<'_, str> {
        K::kind(dt)
    }

    fn group(dt: &Self::DynamicType) -> Cow<'_, str> {
        K::group(dt)
    }

    fn version(dt: &Self::DynamicType) -> Cow<'_, str> {
        K::version(dt)
    }

    fn plural(dt: &Self::DynamicType) -> Cow<'_, str> {
        K::plural(dt)
    }

    fn metadata_api() -> bool {
        K::metadata_api()
    }

    fn meta(&self) -> &ObjectMeta {
        &self.metadata
    }

    fn meta_mut(&mut self) -> &mut ObjectMeta {
        &mut self.metadata
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use k8s_openapi::api::core::v1::Service;

    use super::*;

    /// A date that the API server takes and that no timestamp of ours can hold.
    const TOO_LATE: &str = "9999-12-31T23:59:59Z";

    fn read<K: Salvage>(value: Value) -> Lenient<K> {
        serde_json::from_value(value).unwrap()
    }

    fn monitor(status: &Value) -> Value {
        json!({
            "apiVersion": "sslmonitor.io/v1", "kind": "SslMonitor", "spec": {"domain": "a.test"}, "status": status,
            "metadata": {"name": "a", "managedFields": [{"manager": "someone", "time": TOO_LATE, "fieldsV1": {"f:x": {}}}]},
        })
    }

    #[test]
    fn poisoned_managed_fields_hide_no_object() {
        let read = read::<SslMonitor>(monitor(&json!({"summary": "Valid"}))).object.unwrap();
        assert_eq!(read.status.unwrap().summary.as_deref(), Some("Valid"));
        let managers = read.metadata.managed_fields.unwrap();
        assert_eq!((managers.len(), managers[0].manager.as_deref(), &managers[0].time), (1, Some("someone"), &None));
    }

    #[test]
    fn of_a_status_only_what_cannot_be_read_is_left_out() {
        let condition = |kind: &str, time: &str| json!({"type": kind, "status": "True", "reason": "R", "message": "m", "lastTransitionTime": time});
        let status = json!({
            "summary": "Valid", "lastCheckedAt": TOO_LATE, "nextCheckAt": "2026-01-01T00:00:00+99:00",
            "conditions": [condition("Ready", "2026-01-01T00:00:00Z"), condition("Foreign", TOO_LATE)],
        });
        let status = read::<SslMonitor>(monitor(&status)).object.unwrap().status.unwrap();
        assert_eq!(
            (status.summary.as_deref(), status.last_checked_at, status.next_check_at),
            (Some("Valid"), None, None)
        );
        let kinds: Vec<_> = status.conditions.iter().map(|condition| condition.type_.as_str()).collect();
        assert_eq!(kinds, ["Ready"]);
    }

    #[test]
    fn of_the_status_of_a_channel_only_what_cannot_be_read_is_left_out() {
        let channel = json!({
            "apiVersion": "sslmonitor.io/v1", "kind": "NotificationChannel", "metadata": {"name": "a"},
            "spec": {"type": "teams", "address": "https://a.test"},
            "status": {"delivered": 3, "failed": "many", "lastDeliveredAt": TOO_LATE, "lastHandledTestAt": "1"},
        });
        let status = read::<NotificationChannel>(channel).object.unwrap().status.unwrap();
        let expected = NotificationChannelStatus {
            delivered: 3,
            last_handled_test_at: Some("1".to_owned()),
            ..NotificationChannelStatus::default()
        };
        assert_eq!(status, expected);
    }

    #[test]
    fn an_object_that_cannot_be_read_says_so_by_itself() {
        let mut bad = monitor(&json!({}));
        bad["spec"] = json!({"domain": 5});
        let read = read::<SslMonitor>(bad);
        assert_eq!(read.meta().name.as_deref(), Some("a"));
        assert!(read.object.unwrap_err().contains("invalid type"));
    }

    #[test]
    fn what_is_no_object_is_an_error_and_no_panic() {
        for value in [json!([1]), json!("text"), json!(null), json!(5)] {
            assert!(serde_json::from_value::<Lenient<SslMonitor>>(value).is_err());
        }
    }

    #[test]
    fn poisoned_services_are_still_read_by_their_metadata() {
        let service = json!({
            "apiVersion": "meta.k8s.io/v1", "kind": "PartialObjectMetadata",
            "metadata": {"name": "web", "namespace": "shop", "managedFields": [{"manager": "x", "time": TOO_LATE}]},
        });
        let read = read::<PartialObjectMeta<Service>>(service);
        assert_eq!(read.meta().name.as_deref(), Some("web"));
        assert!(read.object.is_ok());
        assert!(Lenient::<PartialObjectMeta<Service>>::metadata_api());
    }
}
