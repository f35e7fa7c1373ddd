//! `NotificationChannel`: where alerts go.

#![allow(unreachable_pub)] // the derive makes a private twin of each type, with the type's own visibility

use std::time::Duration;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};
use kube::{CustomResource, KubeSchema};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{AlertSeverity, SecretRef, parse_duration};

/// Time limit of one delivery when none is given.
pub const DEFAULT_CHANNEL_TIMEOUT: &str = "10s";
/// Shortest time limit of one delivery.
pub const MIN_CHANNEL_TIMEOUT: Duration = Duration::from_secs(1);
/// Longest time limit of one delivery.
pub const MAX_CHANNEL_TIMEOUT: Duration = Duration::from_mins(1);
/// Shortest time between two reminders.
pub const MIN_REMINDER_INTERVAL: Duration = Duration::from_hours(1);
/// Longest time between two reminders: thirty days.
pub const MAX_REMINDER_INTERVAL: Duration = Duration::from_hours(720);
/// The annotation that asks for a test message: any new value.
pub const TEST_REQUESTED_AT_ANNOTATION: &str = "sslmonitor.io/testRequestedAt";

/// Where alerts go, and which.
#[allow(clippy::duplicated_attributes)] // each printcolumn has a type and a path of its own
#[derive(CustomResource, KubeSchema, Serialize, Deserialize, Debug, Clone, PartialEq)]
#[kube(
    group = "sslmonitor.io",
    version = "v1",
    kind = "NotificationChannel",
    plural = "notificationchannels",
    singular = "notificationchannel",
    shortname = "sslchan",
    category = "monitoring",
    namespaced,
    status = "NotificationChannelStatus",
    derive = "PartialEq",
    doc = "NotificationChannel is where the SslMonitors that name it send their alerts.",
    printcolumn(name = "Type", type_ = "string", json_path = ".spec.type", description = "The kind of receiver."),
    printcolumn(
        name = "Ready",
        type_ = "string",
        json_path = ".status.conditions[?(@.type==\"Ready\")].status",
        description = "Whether the channel can be used."
    ),
    printcolumn(
        name = "Reason",
        type_ = "string",
        json_path = ".status.conditions[?(@.type==\"Ready\")].reason",
        description = "Why it can or cannot."
    ),
    printcolumn(
        name = "Delivered",
        type_ = "date",
        json_path = ".status.lastDeliveredAt",
        description = "How long ago it took a message."
    ),
    printcolumn(
        name = "Age",
        type_ = "date",
        json_path = ".metadata.creationTimestamp",
        description = "How long ago the channel was created."
    ),
    printcolumn(
        name = "Error",
        type_ = "string",
        json_path = ".status.lastError.reason",
        priority = "1",
        description = "Why the last delivery failed, while that is the last word."
    ),
    printcolumn(
        name = "Suspended",
        type_ = "boolean",
        json_path = ".spec.suspend",
        priority = "1",
        description = "Whether it is told nothing for the time being."
    )
)]
#[serde(rename_all = "camelCase")]
#[x_kube(
    validation = Rule::new("has(self.secretRef) || (has(self.address) && !(self.type in ['telegram', 'opsgenie', 'pagerduty'])) || (self.type == 'pagerduty' && has(self.channel))")
        .message("give what this type needs to know where to write: an address, or a secretRef to a Secret with address, token or both"),
    validation = Rule::new("!has(self.address) || (self.type == 'email') == self.address.startsWith('smtp')")
        .message("address must be smtp://HOST or smtps://HOST with type email, and https://… with every other type").field_path(".address"),
    validation = Rule::new("self.type != 'email' || (has(self.channel) && has(self.username))")
        .message("type email needs channel, the recipients, and username, the sender")
)]
pub struct NotificationChannelSpec {
    /// The kind of receiver.
    #[serde(rename = "type")]
    pub type_: ChannelType,

    /// Where it is: the URL of the webhook or of the server, or smtp://HOST[:587] or smtps://HOST[:465] for e-mail. An address
    /// that is a secret, as those of chat services are, belongs in the Secret, whose address goes first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 2048))]
    #[x_kube(validation = Rule::new(r"self.matches('^(https?|smtps?)://[^/@?# ]+([/?#][^ ]*)?$')")
        .message("address must be a URL such as https://alerts.example.com/hook, without user name or password; those belong in the Secret"))]
    pub address: Option<String>,

    /// The room, chat or recipients there: a Slack or Mattermost channel, a Telegram chat, a PagerDuty routing key, or e-mail
    /// addresses separated by commas.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 4096))]
    pub channel: Option<String>,

    /// The name under which messages appear; with e-mail, the sender.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 320))]
    pub username: Option<String>,

    /// A Secret with some of the keys address, token, username, password, headers (a YAML map) and proxy. It must carry the label
    /// sslmonitor.io/allowed: "true".
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret_ref: Option<SecretRef>,

    /// A Secret with ca.crt (whom to trust instead of the system's CA certificates), or tls.crt and tls.key (a client certificate).
    /// It must carry the label sslmonitor.io/allowed: "true".
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cert_secret_ref: Option<SecretRef>,

    /// Time limit of one delivery, from 1s to 60s, for example 10s.
    #[serde(default = "default_timeout")]
    #[schemars(length(min = 2, max = 24))]
    #[x_kube(validation = Rule::new("self.matches('^([0-9]{1,5}(h|m|s|ms)){1,4}$') && duration(self) >= duration('1s') && duration(self) <= duration('60s')")
        .message("timeout must be a duration from 1s to 60s, for example 10s"))]
    pub timeout: String,

    /// Whether to tell nothing for the time being. What still stands afterwards is told then.
    #[serde(default)]
    pub suspend: bool,

    /// Tell only what is at least as bad as this. A recovery goes where its problem went.
    #[serde(default)]
    pub min_severity: AlertSeverity,

    /// Tell again of a problem that still stands after so long, from 1h to 720h, for example 24h. Without it each problem is told
    /// once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 2, max = 24))]
    #[x_kube(validation = Rule::new("self.matches('^([0-9]{1,5}(h|m|s|ms)){1,4}$') && duration(self) >= duration('1h') && duration(self) <= duration('720h')")
        .message("reminderInterval must be a duration from 1h to 720h, for example 24h"))]
    pub reminder_interval: Option<String>,

    /// Wording of your own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub template: Option<TemplateSpec>,
}

/// Kinds of receivers.
#[derive(JsonSchema, Serialize, Deserialize, Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[serde(rename_all = "lowercase")]
#[allow(missing_docs)] // the names of the receivers
pub enum ChannelType {
    Webhook,
    CloudEvents,
    Slack,
    Discord,
    Teams,
    GoogleChat,
    Mattermost,
    Telegram,
    PagerDuty,
    Opsgenie,
    Alertmanager,
    Email,
}

/// Templates in the syntax of Jinja, with if and for only; docs/how-to/alerts.md lists the variables.
#[derive(KubeSchema, Serialize, Deserialize, Debug, Clone, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new("has(self.title) || has(self.body)").message("template must have a title or a body"))]
pub struct TemplateSpec {
    /// For the headline.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 512))]
    pub title: Option<String>,

    /// For all the rest.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 4096))]
    pub body: Option<String>,
}

/// Whether the channel can be used, and how its deliveries went.
#[derive(JsonSchema, Serialize, Deserialize, Debug, Clone, PartialEq, Default)]
#[serde(rename_all = "camelCase")]
pub struct NotificationChannelStatus {
    /// The generation of the spec that this status speaks of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0))]
    pub observed_generation: Option<i64>,

    /// When it last took a message.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_delivered_at: Option<Time>,

    /// Why the last delivery failed; absent once one succeeded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_error: Option<DeliveryError>,

    /// How many messages it has taken.
    #[serde(default)]
    #[schemars(range(min = 0))]
    pub delivered: i64,

    /// How many attempts failed.
    #[serde(default)]
    #[schemars(range(min = 0))]
    pub failed: i64,

    /// The value of the annotation sslmonitor.io/testRequestedAt that was last acted on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 256))]
    pub last_handled_test_at: Option<String>,

    /// Ready: whether the channel can be used; Reconciling or Stalled while they are true.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(schema_with = "super::schema::conditions")]
    pub conditions: Vec<Condition>,
}

/// Why a delivery failed: nothing that the receiver said but its status.
#[derive(JsonSchema, Serialize, Deserialize, Debug, Clone, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct DeliveryError {
    /// In one word, for example RateLimited or NotTrusted.
    #[schemars(length(max = 64))]
    pub reason: String,

    /// The status that the receiver answered with (HTTP or SMTP).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = 999))]
    pub code: Option<i32>,

    /// When it failed.
    pub at: Time,
}

fn default_timeout() -> String {
    DEFAULT_CHANNEL_TIMEOUT.to_owned()
}

// === impl NotificationChannelSpec ===

impl NotificationChannelSpec {
    /// A spec with every default, for this type.
    pub fn new(type_: ChannelType) -> Self {
        Self {
            type_,
            address: None,
            channel: None,
            username: None,
            secret_ref: None,
            cert_secret_ref: None,
            timeout: default_timeout(),
            suspend: false,
            min_severity: AlertSeverity::default(),
            reminder_interval: None,
            template: None,
        }
    }

    /// Time limit of one delivery, brought into bounds: an old object must not stop the operator.
    pub fn timeout(&self) -> Duration {
        let bounded = |duration: Duration| duration.clamp(MIN_CHANNEL_TIMEOUT, MAX_CHANNEL_TIMEOUT);
        parse_duration(&self.timeout).map_or(Duration::from_secs(10), bounded)
    }

    /// After how long a problem that still stands is told again, brought into bounds; `None` when it is not.
    pub fn reminder_interval(&self) -> Option<Duration> {
        let interval = parse_duration(self.reminder_interval.as_deref()?).ok()?;
        Some(interval.clamp(MIN_REMINDER_INTERVAL, MAX_REMINDER_INTERVAL))
    }
}

// === impl ChannelType ===

impl ChannelType {
    /// Every type.
    pub const ALL: [Self; 12] = [
        Self::Webhook,
        Self::CloudEvents,
        Self::Slack,
        Self::Discord,
        Self::Teams,
        Self::GoogleChat,
        Self::Mattermost,
        Self::Telegram,
        Self::PagerDuty,
        Self::Opsgenie,
        Self::Alertmanager,
        Self::Email,
    ];

    /// The type as users write it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Webhook => "webhook",
            Self::CloudEvents => "cloudevents",
            Self::Slack => "slack",
            Self::Discord => "discord",
            Self::Teams => "teams",
            Self::GoogleChat => "googlechat",
            Self::Mattermost => "mattermost",
            Self::Telegram => "telegram",
            Self::PagerDuty => "pagerduty",
            Self::Opsgenie => "opsgenie",
            Self::Alertmanager => "alertmanager",
            Self::Email => "email",
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn every_type_reads_as_it_is_written() {
        for type_ in ChannelType::ALL {
            assert_eq!(serde_json::to_value(type_).unwrap(), type_.as_str());
        }
    }

    #[test]
    fn stored_values_out_of_bounds_are_brought_into_them() {
        let spec = |timeout: &str, reminder: &str| NotificationChannelSpec {
            timeout: timeout.to_owned(),
            reminder_interval: Some(reminder.to_owned()),
            ..NotificationChannelSpec::new(ChannelType::Webhook)
        };
        let read = |timeout, reminder| (spec(timeout, reminder).timeout(), spec(timeout, reminder).reminder_interval());
        assert_eq!(read("9h", "1s"), (MAX_CHANNEL_TIMEOUT, Some(MIN_REMINDER_INTERVAL)));
        assert_eq!(read("soon", "never"), (Duration::from_secs(10), None));
        assert_eq!(read("5s", "24h"), (Duration::from_secs(5), Some(Duration::from_hours(24))));
    }
}
