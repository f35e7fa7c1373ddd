//! Whom a monitor alerts, of what, and when it keeps still.

#![allow(unreachable_pub)] // the derive makes a private twin of each type, with the type's own visibility

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Most channels that a monitor may name.
pub const MAX_CHANNELS: usize = 16;

/// How bad something is, the worst last.
#[derive(JsonSchema, Serialize, Deserialize, Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
#[serde(rename_all = "lowercase")]
pub enum AlertSeverity {
    /// Good to know.
    Info,
    /// Needs attention.
    #[default]
    Warning,
    /// Clients fail, or will within days.
    Critical,
}

/// A NotificationChannel in the monitor's namespace.
#[derive(KubeSchema, Serialize, Deserialize, Debug, Clone, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct ChannelRef {
    /// Name of the NotificationChannel.
    #[schemars(length(min = 1, max = 253))]
    #[x_kube(validation = Rule::new(r"self.matches('^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$')")
        .message("name must be the name of a NotificationChannel: lower-case letters, digits, '-' and '.'"))]
    pub name: String,
}

/// A step on the way to the end of a certificate's validity, at which channels are alerted.
#[derive(KubeSchema, Serialize, Deserialize, Debug, Clone, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new("has(self.days) != has(self.percentOfLifetime)")
    .message("each of alertThresholds must have either days or percentOfLifetime"))]
pub struct AlertThreshold {
    /// So many days before the end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = 365))]
    pub days: Option<u16>,

    /// When so much of the certificate's lifetime is left, in percent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 90))]
    pub percent_of_lifetime: Option<u8>,

    /// How bad that is.
    #[serde(default)]
    pub severity: AlertSeverity,
}

/// When channels are not alerted. Checks go on, and a problem that still stands afterwards is told then.
#[derive(KubeSchema, Serialize, Deserialize, Debug, Clone, PartialEq, Default)]
#[serde(rename_all = "camelCase")]
pub struct AlertsSpec {
    /// Keep still until this time, for example 2027-01-31T06:00:00Z.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub suspend_until: Option<Time>,

    /// Keep still in these windows, again and again.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 8), extend("x-kubernetes-list-type" = "atomic"))]
    pub muted: Vec<MutedWindow>,
}

/// A window in which channels are not alerted, again and again.
#[derive(KubeSchema, Serialize, Deserialize, Debug, Clone, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct MutedWindow {
    /// When it begins: minute, hour, day of the month, month and day of the week as in crontab(5), for example 0 2 * * SUN.
    #[schemars(length(min = 9, max = 128))]
    #[x_kube(validation = Rule::new(r"self.matches('^[-0-9*/,]+( [-0-9A-Za-z*/,#?]+){4}$')")
        .message("cron must have five fields as in crontab(5), for example 0 2 * * SUN"))]
    pub cron: String,

    /// How long it lasts, from 1m to 168h, for example 2h.
    #[schemars(length(min = 2, max = 24))]
    #[x_kube(validation = Rule::new("self.matches('^([0-9]{1,5}(h|m|s|ms)){1,4}$') && duration(self) >= duration('1m') && duration(self) <= duration('168h')")
        .message("duration must be a duration from 1m to 168h, for example 2h"))]
    pub duration: String,

    /// The time zone of cron, by its IANA name such as Europe/Berlin.
    #[serde(default = "default_time_zone")]
    #[schemars(length(min = 1, max = 64))]
    #[x_kube(validation = Rule::new("self.matches('^[A-Za-z0-9_+-]+(/[A-Za-z0-9_+-]+){0,2}$')")
        .message("timeZone must be the IANA name of a time zone, for example Europe/Berlin"))]
    pub time_zone: String,
}

fn default_time_zone() -> String {
    "UTC".to_owned()
}

// === impl AlertSeverity ===

impl AlertSeverity {
    /// The severity as users write it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Info => "info",
            Self::Warning => "warning",
            Self::Critical => "critical",
        }
    }
}
