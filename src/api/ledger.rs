//! The ledger in a monitor's status: what each channel has been told, and what it still has to be told.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::AlertSeverity;

/// Most channels that a ledger speaks of: those that the monitor names, and as many that it named before.
pub const MAX_LEDGERS: usize = 32;
/// Most problems of one monitor that stand at once: one of each kind.
pub const MAX_PROBLEMS: usize = 5;
/// Most messages to one channel that wait to be delivered.
pub const MAX_PENDING: usize = 16;
/// Most alerts of the last hour that are remembered for one channel.
pub const MAX_RECENT: usize = 8;

/// What a problem is about; of each there is one at most.
#[derive(JsonSchema, Serialize, Deserialize, Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Aspect {
    /// The certificate is not valid, or ends soon.
    Certificate,
    /// The target cannot be reached.
    Reachability,
    /// Another certificate is served than should be.
    Expectation,
    /// The addresses behind the name do not show the same.
    Consistency,
    /// The monitor cannot do what it should.
    Monitor,
}

/// What kind of news a message is.
#[derive(JsonSchema, Serialize, Deserialize, Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum NoticeKind {
    /// A problem has come, or is another one now.
    Problem,
    /// A problem still stands.
    Reminder,
    /// A problem has ended.
    Recovery,
    /// Something changed that is no problem by itself.
    Change,
}

/// What one channel has been told, and what it still has to be told.
#[derive(JsonSchema, Serialize, Deserialize, Debug, Clone, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct ChannelLedger {
    /// The name of the NotificationChannel.
    #[schemars(length(max = 253))]
    pub channel: String,

    /// The problems that it has been told of, or is about to be, and that have not been told as ended.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 5), extend("x-kubernetes-list-type" = "atomic"))]
    pub problems: Vec<ToldProblem>,

    /// What it was alerted of within the last hour: no state is told twice within that time.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 8), extend("x-kubernetes-list-type" = "atomic"))]
    pub recent: Vec<RecentAlert>,

    /// The messages that it has not taken yet, in the order in which it gets them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 16), extend("x-kubernetes-list-type" = "atomic"))]
    pub pending: Vec<PendingNotice>,
}

/// The state of a problem as a channel knows it.
#[derive(JsonSchema, Serialize, Deserialize, Debug, Clone, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct ToldProblem {
    /// What it is about.
    pub about: Aspect,

    /// The problem in one word, for example Expired or ConnectionRefused.
    #[schemars(length(max = 64))]
    pub reason: String,

    /// How bad it is.
    pub severity: AlertSeverity,

    /// Which certificate, or else which reason, it is about: another one is another problem.
    #[schemars(length(max = 128))]
    pub subject: String,

    /// The same for everything that is told of this problem from its beginning to its end.
    #[schemars(length(max = 64))]
    pub incident: String,

    /// Since when there is a problem.
    pub since: Time,

    /// When this was last told, or put into line.
    pub told_at: Time,

    /// Whether the channel has taken any message of it.
    #[serde(default, skip_serializing_if = "is_false")]
    pub taken: bool,
}

/// An alert of the last hour.
#[derive(JsonSchema, Serialize, Deserialize, Debug, Clone, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct RecentAlert {
    /// What was told: aspect, reason, severity and subject.
    #[schemars(length(max = 320))]
    pub state: String,

    /// When it was told.
    pub at: Time,
}

/// A message that has not been taken yet.
#[derive(JsonSchema, Serialize, Deserialize, Debug, Clone, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct PendingNotice {
    /// The same for every attempt to deliver this message, and for no other message.
    #[schemars(length(max = 64))]
    pub id: String,

    /// The same for everything that is told of one problem.
    #[schemars(length(max = 64))]
    pub incident: String,

    /// What kind of news it is.
    pub kind: NoticeKind,

    /// What it is about.
    pub about: Aspect,

    /// The problem in one word; of a recovery, the one that ended.
    #[schemars(length(max = 64))]
    pub reason: String,

    /// How bad it is; of a recovery, how bad it was.
    pub severity: AlertSeverity,

    /// Since when there is, or was, a problem.
    pub since: Time,

    /// When this message was made.
    pub at: Time,

    /// What was found, in a sentence.
    #[schemars(length(max = 512))]
    pub message: String,

    /// The fingerprint of the certificate that was shown then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 128))]
    pub fingerprint: Option<String>,

    /// How often its delivery failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 1_000_000))]
    pub attempts: Option<i32>,

    /// When it is tried again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_try_at: Option<Time>,

    /// Why the last attempt failed, in one word.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 64))]
    pub failure: Option<String>,

    /// The status that the receiver answered with (HTTP or SMTP).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = 999))]
    pub code: Option<i32>,

    /// The revision of the channel that refused it for good; it is tried again when the channel or its Secret is another one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 64))]
    pub refused_by: Option<String>,
}

#[allow(clippy::trivially_copy_pass_by_ref)] // serde's signature
fn is_false(value: &bool) -> bool {
    !value
}

// === impl ChannelLedger ===

impl ChannelLedger {
    /// Whether there is nothing in it.
    pub fn is_empty(&self) -> bool {
        self.problems.is_empty() && self.recent.is_empty() && self.pending.is_empty()
    }
}
