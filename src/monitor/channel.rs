//! Channels: what a NotificationChannel's status says, what is announced, and when to look at it again.

use std::time::Duration;

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};

use super::{
    conditions::{ConditionStatus, ConditionType, Reason, Statement, find, state},
    due::{after, annotated, next_look},
    events::{Announcement, Severity, TEST_DELIVERED, TEST_FAILED, transition},
    referents::{ProblemKind, secret_reason},
};
use crate::api::{
    DeliveryError, NotificationChannel, NotificationChannelSpec, NotificationChannelStatus,
    TEST_REQUESTED_AT_ANNOTATION,
};

/// How often the Secrets are looked at of a channel that can be used, or whose spec has to be mended first: nobody tells when they
/// change. A message is always sent with what they hold then.
const LOOK: Duration = Duration::from_mins(10);

/// Everything that a decision about a channel depends on.
#[derive(Debug, Clone, Copy)]
pub struct ChannelInput<'a> {
    /// The channel: metadata and spec. Its own status is not looked at.
    pub channel: &'a NotificationChannel,
    /// The newest status that is known.
    pub status: Option<&'a NotificationChannelStatus>,
    /// What keeps it from being used.
    pub obstacle: Option<&'a Obstacle>,
    /// How its deliveries and its tests went.
    pub tally: &'a Tally,
    /// The time, in whole seconds.
    pub now: Timestamp,
}

/// What is to be done about a channel.
#[derive(Debug, Clone, PartialEq)]
pub struct ChannelPlan {
    /// The status to write.
    pub status: NotificationChannelStatus,
    /// What to announce once the status is written.
    pub announcements: Vec<Announcement>,
    /// When to look at the channel again; `None` when only a change of it, or a delivery, can make a difference.
    pub wake: Option<Timestamp>,
}

/// What keeps a channel from being used. The texts are sentences, and have nothing of a Secret's values.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Obstacle {
    /// Its spec: it can never work as it is configured.
    Spec(String),
    /// A Secret that it names.
    Secret(ProblemKind, String),
}

/// How the deliveries to a channel went since it was made, and its last test. What it says is the whole truth, so that a status
/// that is written twice counts nothing twice.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Tally {
    delivered: i64,
    failed: i64,
    last_delivered_at: Option<Timestamp>,
    last_error: Option<DeliveryError>,
    handled_test: Option<String>,
    /// What came of that test; not known of one that was made before a restart.
    test: Option<TestResult>,
}

/// What came of a test.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TestResult {
    /// The receiver took the message.
    Delivered,
    /// It did not, or could not be asked.
    Failed {
        /// Why, in one CamelCase word.
        reason: String,
        /// The status that the receiver answered with (HTTP or SMTP).
        code: Option<i32>,
    },
}

/// Decide what a channel's status says, what is announced, and when to look again. Total: whatever the input, there is a plan.
pub fn decide_channel(input: ChannelInput<'_>) -> ChannelPlan {
    let ChannelInput { channel, status: old, tally, .. } = input;
    let before = old.map(|status| status.conditions.as_slice()).unwrap_or_default();
    let conditions = conditions(&input, before);
    let transitions = conditions.iter().filter_map(|condition| transition(before, condition));
    ChannelPlan {
        announcements: transitions.chain(tested(old, tally)).collect(),
        wake: wake(&input, &conditions),
        status: NotificationChannelStatus {
            observed_generation: channel.metadata.generation,
            last_delivered_at: tally.last_delivered_at.map(Time),
            last_error: tally.last_error.clone(),
            delivered: tally.delivered,
            failed: tally.failed,
            last_handled_test_at: tally.handled_test.clone(),
            conditions,
        },
    }
}

/// The value of the annotation that asks for a test, cut to what is echoed, when that test has not been made.
pub fn requested_test<'a>(channel: &'a NotificationChannel, tally: &Tally) -> Option<&'a str> {
    let request = annotated(&channel.metadata, TEST_REQUESTED_AT_ANNOTATION)?;
    (tally.handled_test.as_deref() != Some(request)).then_some(request)
}

/// Whether the status speaks of this generation of the channel.
pub fn is_channel_introduced(channel: &NotificationChannel) -> bool {
    channel.status.as_ref().is_some_and(|status| {
        status.observed_generation == channel.metadata.generation
            && find(&status.conditions, ConditionType::Ready).is_some()
    })
}

/// Why a channel is not ready, by its status; `None` when it is, or when nothing is known of this generation yet.
pub fn unready(channel: &NotificationChannel) -> Option<&str> {
    let conditions = &channel.status.as_ref().filter(|_| is_channel_introduced(channel))?.conditions;
    find(conditions, ConditionType::Ready).filter(|ready| ready.status == "False").map(|ready| ready.message.as_str())
}

fn conditions(input: &ChannelInput<'_>, before: &[Condition]) -> Vec<Condition> {
    let (status, reason, message) = match input.obstacle {
        _ if input.channel.spec.suspend => {
            (ConditionStatus::True, Reason::Suspended, "spec.suspend is true: nothing is sent for the time being")
        }
        Some(obstacle) => (ConditionStatus::False, obstacle.reason(), obstacle.message()),
        None => (ConditionStatus::True, Reason::Configured, "messages can be sent"),
    };
    // `Stalled` or `Reconciling`, which are there only while they are true, and never both (kstatus).
    let exceptional = match (status, input.obstacle) {
        (ConditionStatus::False, Some(Obstacle::Spec(_))) => Some(ConditionType::Stalled),
        (ConditionStatus::False, _) => Some(ConditionType::Reconciling),
        _ => None,
    };
    let ready = (ConditionType::Ready, status);
    let all = [ready].into_iter().chain(exceptional.map(|kind| (kind, ConditionStatus::True)));
    let stated = all.map(|(kind, status)| Statement { kind, status, reason, message: message.to_owned() });
    stated.map(|statement| state(statement, before, input.channel.metadata.generation, input.now)).collect()
}

/// When to look again: at the pace of everything that is missing, and at leisure at Secrets that may change.
fn wake(input: &ChannelInput<'_>, conditions: &[Condition]) -> Option<Timestamp> {
    match input.obstacle {
        _ if input.channel.spec.suspend => None,
        Some(Obstacle::Secret(..)) => {
            let since = find(conditions, ConditionType::Ready).map_or(input.now, |ready| ready.last_transition_time.0);
            Some(next_look(since, input.now))
        }
        _ => names_secret(&input.channel.spec).then(|| after(input.now, LOOK)),
    }
}

fn names_secret(spec: &NotificationChannelSpec) -> bool {
    spec.secret_ref.is_some() || spec.cert_secret_ref.is_some()
}

/// The announcement of a test that the old status does not know of.
fn tested(old: Option<&NotificationChannelStatus>, tally: &Tally) -> Option<Announcement> {
    let told = old.and_then(|status| status.last_handled_test_at.as_ref());
    let result = tally.test.as_ref().filter(|_| told != tally.handled_test.as_ref())?;
    let (severity, reason, note) = match result {
        TestResult::Delivered => (Severity::Normal, TEST_DELIVERED, "the receiver took the test message".to_owned()),
        TestResult::Failed { reason, code } => {
            let code = code.map(|code| format!(" (status {code})")).unwrap_or_default();
            (Severity::Warning, TEST_FAILED, format!("the test message was not delivered: {reason}{code}"))
        }
    };
    Some(Announcement { severity, reason: reason.to_owned(), note })
}

// === impl Obstacle ===

impl Obstacle {
    /// The reason that users see.
    pub fn reason(&self) -> Reason {
        match self {
            Self::Spec(_) => Reason::InvalidSpec,
            Self::Secret(kind, _) => secret_reason(*kind),
        }
    }

    /// What is wrong and what to do, in one sentence.
    pub fn message(&self) -> &str {
        let (Self::Spec(message) | Self::Secret(_, message)) = self;
        message
    }

    /// Whether it will most likely pass by itself.
    pub fn is_passing(&self) -> bool {
        matches!(self, Self::Secret(ProblemKind::Unavailable, _))
    }
}

// === impl Tally ===

impl Tally {
    /// What a status says.
    pub fn of(status: Option<&NotificationChannelStatus>) -> Self {
        let Some(status) = status else { return Self::default() };
        Self {
            delivered: status.delivered,
            failed: status.failed,
            last_delivered_at: status.last_delivered_at.as_ref().map(|time| time.0),
            last_error: status.last_error.clone(),
            handled_test: status.last_handled_test_at.clone(),
            test: None,
        }
    }

    /// Count an attempt to deliver a message, which succeeded or ended in this error. Times are in whole seconds.
    pub fn count(&mut self, at: Timestamp, error: Option<DeliveryError>) {
        if error.is_some() {
            self.failed = self.failed.saturating_add(1);
        } else {
            self.delivered = self.delivered.saturating_add(1);
            self.last_delivered_at = Some(at);
        }
        self.last_error = error;
    }

    /// The test that was asked for by this value has been made, or could not be. An attempt to deliver is counted besides.
    pub fn note_test(&mut self, request: &str, result: TestResult) {
        self.handled_test = Some(request.to_owned());
        self.test = Some(result);
    }
}

#[cfg(test)]
mod tests;
