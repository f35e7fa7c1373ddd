//! NotificationChannels: what is let in, what their status says, and test messages.

mod admission;
mod hands;
mod ready;
mod test;

use k8s_openapi::api::{core::v1::Secret, events::v1::Event};
use kube::{
    ResourceExt,
    api::{ListParams, Patch, PatchParams},
};
use serde_json::{Value, json};
use ssl_monitor_operator::api::{NotificationChannel, TEST_REQUESTED_AT_ANNOTATION};

use crate::{
    scene::Scene,
    support::{eventually, eventually_object},
};

/// What a channel says to which messages can be sent.
const CONFIGURED: [&str; 1] = ["Ready=True Configured"];

/// The conditions of a channel, one `Type=Status Reason` each.
fn states(channel: &NotificationChannel) -> Vec<String> {
    let conditions = channel.status.iter().flat_map(|status| &status.conditions);
    conditions.map(|it| format!("{}={} {}", it.type_, it.status, it.reason)).collect()
}

/// What Secrets are labelled with that are open to us.
fn label() -> Value {
    json!({"sslmonitor.io/allowed": "true"})
}

impl Scene<'_> {
    /// Wait until a channel's conditions are these, for its current generation.
    async fn becomes(&self, name: &str, expected: &[&str]) -> NotificationChannel {
        let is_so = |channel: &NotificationChannel| {
            let observed = channel.status.as_ref().and_then(|status| status.observed_generation);
            observed == channel.metadata.generation && states(channel) == expected
        };
        eventually_object(&self.api(), name, &format!("has {expected:?}"), is_so).await
    }

    /// Merge this into a channel.
    async fn edit_channel(&self, name: &str, patch: Value) {
        let channels = self.api::<NotificationChannel>();
        channels.patch(name, &PatchParams::default(), &Patch::Merge(patch)).await.unwrap();
    }

    /// Merge this text data into a Secret.
    async fn edit_secret(&self, name: &str, data: &Value) {
        let patch = Patch::Merge(json!({"stringData": data}));
        self.api::<Secret>().patch(name, &PatchParams::default(), &patch).await.unwrap();
    }

    /// Ask for a test by this value.
    async fn ask(&self, name: &str, value: &str) {
        self.edit_channel(name, json!({"metadata": {"annotations": {TEST_REQUESTED_AT_ANNOTATION: value}}})).await;
    }

    /// Ask for a test by this value, and wait until it has been made.
    async fn tested(&self, name: &str, value: &str) -> NotificationChannel {
        self.ask(name, value).await;
        self.handled(name, value).await
    }

    /// Wait until the test that this value asked for has been made.
    async fn handled(&self, name: &str, value: &str) -> NotificationChannel {
        let is_so = |channel: &NotificationChannel| {
            channel.status.as_ref().and_then(|status| status.last_handled_test_at.as_deref()) == Some(value)
        };
        eventually_object(&self.api(), name, &format!("has handled the test {value}"), is_so).await
    }

    /// Wait until these Events are there about a channel, as `Type Reason: note`, in the order of their times, and no others.
    async fn events(&self, channel: &NotificationChannel, expected: &[&str]) {
        let uid = channel.uid();
        eventually(&format!("the Events {expected:?}"), crate::stage::PATIENCE, async || {
            let mut found = self.api::<Event>().list(&ListParams::default()).await.unwrap().items;
            found.retain(|event| event.regarding.as_ref().and_then(|object| object.uid.clone()) == uid);
            found.sort_by_key(|event| event.event_time.as_ref().map(|time| time.0));
            let text = |field: &Option<String>| field.clone().unwrap_or_default();
            let line = |it: &Event| format!("{} {}: {}", text(&it.type_), text(&it.reason), text(&it.note));
            let lines: Vec<String> = found.iter().map(line).collect();
            if lines == expected { Ok(()) } else { Err(format!("{lines:#?}")) }
        })
        .await;
    }
}
