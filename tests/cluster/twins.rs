//! What the API server makes of a spec at admission, and what the rules without a cluster do, for each kind.

use std::collections::BTreeSet;

use kube::{
    Client, Error,
    api::{PostParams, Request},
};
use serde::Serialize;
use serde_json::{Value, json};
use ssl_monitor_operator::api::{FieldError, notification_channel_crd, ssl_monitor_crd, validate, validate_channel};

/// The API server's own remark after a fault of the structure.
const REMARK: &str = ", <nil>: Invalid value: null: some validation rules were not checked because the object was invalid; \
                      correct the existing errors to complete validation]";

/// Faults as field and message; the message of a fault of the structure is left out, since each side has its own words.
pub(crate) type Faults = BTreeSet<(String, Option<String>)>;

/// A kind, with its definition and its rules without a cluster.
pub(crate) struct Kind {
    name: &'static str,
    plural: &'static str,
    definition: fn() -> Value,
    read: fn(Value) -> Result<Value, Vec<FieldError>>,
}

pub(crate) const MONITOR: Kind = Kind {
    name: "SslMonitor",
    plural: "sslmonitors",
    definition: ssl_monitor_crd,
    read: |manifest| validate(manifest).map(|monitor| spec(&monitor.spec)),
};

pub(crate) const CHANNEL: Kind = Kind {
    name: "NotificationChannel",
    plural: "notificationchannels",
    definition: notification_channel_crd,
    read: |manifest| validate_channel(manifest).map(|channel| spec(&channel.spec)),
};

fn spec(spec: &impl Serialize) -> Value {
    serde_json::to_value(spec).unwrap()
}

impl Kind {
    pub(crate) fn manifest(&self, spec: &Value) -> Value {
        json!({"apiVersion": "sslmonitor.io/v1", "kind": self.name, "metadata": {"name": "a"}, "spec": spec})
    }

    /// The spec as it is read without a cluster.
    pub(crate) fn read(&self, spec: &Value) -> Result<Value, Vec<FieldError>> {
        (self.read)(self.manifest(spec))
    }

    pub(crate) fn our_faults(&self, spec: &Value) -> Faults {
        let rules = rule_messages(&(self.definition)());
        let message = |fault: &FieldError| Some(fault.message.clone()).filter(|message| rules.contains(message));
        let faults = self.read(spec).err().unwrap_or_default();
        faults.into_iter().map(|fault| (fault.path.clone(), message(&fault))).collect()
    }

    pub(crate) async fn faults_of_api_server(&self, client: &Client, namespace: &str, spec: &Value) -> Faults {
        let refusal = match self.dry_run(client, namespace, spec).await {
            Ok(_) => return Faults::new(),
            Err(Error::Api(refusal)) => refusal,
            Err(error) => panic!("{spec}: {error}"),
        };
        let unknown = refusal.message.split("unknown field \"").skip(1).filter_map(|text| text.split_once('"'));
        let mut faults: Faults = unknown.map(|(field, _)| (field.to_owned(), None)).collect();
        let rules = rule_messages(&(self.definition)());
        let causes = refusal.details.into_iter().flat_map(|details| details.causes);
        // Causes without a field are remarks on those that have one.
        faults.extend(causes.filter(|cause| cause.field != "<nil>").map(|cause| {
            let rule = rules.iter().find(|rule| cause.message.ends_with(*rule));
            (cause.field, rule.cloned())
        }));
        faults
    }

    /// Create without storing, with strict field validation as kubectl asks for: returns what would be stored.
    pub(crate) async fn dry_run(&self, client: &Client, namespace: &str, spec: &Value) -> Result<Value, Error> {
        let collection = Request::new(format!("/apis/sslmonitor.io/v1/namespaces/{namespace}/{}", self.plural));
        let body = serde_json::to_vec(&self.manifest(spec)).unwrap();
        let mut request = collection.create(&PostParams { dry_run: true, field_manager: None }, body).unwrap();
        *request.uri_mut() = format!("{}&fieldValidation=Strict", request.uri()).parse().unwrap();
        client.request(request).await
    }

    /// What is said in each refusal of kubectl, without the object's name and the API server's remark.
    pub(crate) fn sentences<'a>(&self, refusals: &'a str) -> Vec<&'a str> {
        let (_, said) = refusals.split_once("Error from server").unwrap();
        said.split("\nError from server").map(|refusal| self.sentence(refusal)).collect()
    }

    fn sentence<'a>(&self, refusal: &'a str) -> &'a str {
        let unreadable = format!(" cannot be handled as a {}: ", self.name);
        let said = refusal.split_once(" is invalid: ").or_else(|| refusal.split_once(&unreadable));
        let said = said.map_or(refusal, |(_, said)| said).trim_end();
        said.strip_suffix(REMARK).and_then(|said| said.strip_prefix('[')).unwrap_or(said)
    }
}

/// The messages of all CEL rules of a schema.
fn rule_messages(schema: &Value) -> BTreeSet<String> {
    match schema {
        Value::Object(object) => {
            let rules = object.get("x-kubernetes-validations").and_then(Value::as_array).into_iter().flatten();
            let own = rules.filter_map(|rule| Some(rule["message"].as_str()?.to_owned()));
            own.chain(object.values().flat_map(rule_messages)).collect()
        }
        Value::Array(items) => items.iter().flat_map(rule_messages).collect(),
        _ => BTreeSet::new(),
    }
}
