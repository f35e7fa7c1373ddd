#![allow(clippy::unwrap_used)]
use std::collections::BTreeMap;

use jiff::SignedDuration;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;

use super::*;
use crate::api::{ChannelType, SecretRef};

/// A channel over time: each look is made with the status that the one before left.
struct Life {
    channel: NotificationChannel,
    tally: Tally,
    now: Timestamp,
}

impl Life {
    fn new() -> Self {
        let spec = NotificationChannelSpec {
            secret_ref: Some(SecretRef { name: "hook".to_owned() }),
            ..NotificationChannelSpec::new(ChannelType::Slack)
        };
        let metadata = ObjectMeta { generation: Some(1), ..ObjectMeta::default() };
        let channel = NotificationChannel { metadata, spec, status: None };
        Self { channel, tally: Tally::default(), now: "2026-01-01T00:00:00Z".parse().unwrap() }
    }

    fn after(&mut self, seconds: i64) -> &mut Self {
        self.now += SignedDuration::from_secs(seconds);
        self
    }

    fn look(&mut self, obstacle: Option<&Obstacle>) -> ChannelPlan {
        let Self { channel, tally, now } = &*self;
        let plan =
            decide_channel(ChannelInput { channel, status: channel.status.as_ref(), obstacle, tally, now: *now });
        self.channel.status = Some(plan.status.clone());
        plan
    }

    /// Seconds from now until the next look.
    fn wait(&self, plan: &ChannelPlan) -> Option<i64> {
        plan.wake.map(|wake| wake.duration_since(self.now).as_secs())
    }

    fn ask(&mut self, value: &str) {
        let annotations = BTreeMap::from([(TEST_REQUESTED_AT_ANNOTATION.to_owned(), value.to_owned())]);
        self.channel.metadata.annotations = Some(annotations);
    }
}

/// The conditions as type, status, reason and transition time.
fn said(plan: &ChannelPlan) -> Vec<String> {
    let line = |it: &Condition| format!("{}={} {} {}", it.type_, it.status, it.reason, it.last_transition_time.0);
    plan.status.conditions.iter().map(line).collect()
}

fn told(plan: &ChannelPlan) -> Vec<String> {
    let line = |it: &Announcement| format!("{} {}: {}", it.severity.as_str(), it.reason, it.note);
    plan.announcements.iter().map(line).collect()
}

fn missing() -> Obstacle {
    Obstacle::Secret(ProblemKind::NotFound, "Secret hook does not exist".to_owned())
}

#[test]
fn a_channel_that_can_be_used_is_ready_and_says_no_more() {
    let mut life = Life::new();
    let plan = life.look(None);
    assert_eq!(said(&plan), ["Ready=True Configured 2026-01-01T00:00:00Z"]);
    let condition = &plan.status.conditions[0];
    assert_eq!((condition.observed_generation, plan.status.observed_generation), (Some(1), Some(1)));
    assert_eq!((told(&plan), life.wait(&plan)), (vec![], Some(600)));
    let again = life.after(600).look(None);
    assert_eq!(again.status, plan.status, "nothing is to be written while nothing happens");
    assert_eq!(told(&again), [""; 0]);
    life.channel.spec.secret_ref = None;
    let plan = life.look(None);
    assert_eq!(life.wait(&plan), None, "there is no Secret that could change");
}

#[test]
fn every_obstacle_has_its_reason_and_only_that_of_the_spec_stalls() {
    let secret = |kind| Obstacle::Secret(kind, "why".to_owned());
    for (obstacle, reason, beside) in [
        (secret(ProblemKind::NotFound), "SecretNotFound", "Reconciling"),
        (secret(ProblemKind::NotAllowed), "SecretNotAllowed", "Reconciling"),
        (secret(ProblemKind::Invalid), "SecretInvalid", "Reconciling"),
        (secret(ProblemKind::Unavailable), "SecretUnavailable", "Reconciling"),
        (secret(ProblemKind::Forbidden), "Forbidden", "Reconciling"),
        (Obstacle::Spec("why".to_owned()), "InvalidSpec", "Stalled"),
    ] {
        let mut life = Life::new();
        let plan = life.look(Some(&obstacle));
        let expected = [format!("Ready=False {reason}"), format!("{beside}=True {reason}")];
        assert_eq!(said(&plan), expected.map(|line| format!("{line} 2026-01-01T00:00:00Z")));
        assert!(plan.status.conditions.iter().all(|condition| condition.message == "why"));
        assert_eq!(told(&plan), [format!("Warning {reason}: why")]);
        assert!(Reason::OF_CHANNELS.contains(&obstacle.reason()));
        assert_eq!(unready(&life.channel), Some("why"));
    }
}

#[test]
fn what_is_missing_is_looked_for_soon_at_first_and_at_leisure_later_and_told_once() {
    let mut life = Life::new();
    let plan = life.look(Some(&missing()));
    assert_eq!((told(&plan).len(), life.wait(&plan)), (1, Some(30)));
    let plan = life.after(299).look(Some(&missing()));
    assert_eq!((told(&plan), life.wait(&plan)), (vec![], Some(30)));
    let plan = life.after(1).look(Some(&missing()));
    assert_eq!((told(&plan), life.wait(&plan)), (vec![], Some(300)));
    let plan = life.after(300).look(None);
    assert_eq!(said(&plan), ["Ready=True Configured 2026-01-01T00:10:00Z"]);
    assert_eq!(told(&plan), ["Normal Configured: messages can be sent"]);
    assert_eq!((unready(&life.channel), is_channel_introduced(&life.channel)), (None, true));
}

#[test]
fn another_obstacle_is_told_and_the_transition_time_stays() {
    let mut life = Life::new();
    life.look(Some(&missing()));
    let shut = Obstacle::Secret(ProblemKind::NotAllowed, "it lacks the label".to_owned());
    let plan = life.after(30).look(Some(&shut));
    assert_eq!(
        said(&plan),
        ["Ready=False SecretNotAllowed 2026-01-01T00:00:00Z", "Reconciling=True SecretNotAllowed 2026-01-01T00:00:00Z"]
    );
    assert_eq!(told(&plan), ["Warning SecretNotAllowed: it lacks the label"]);
}

#[test]
fn a_suspended_channel_is_ready_and_looked_at_no_more() {
    let mut life = Life::new();
    life.look(None);
    life.channel.spec.suspend = true;
    life.channel.metadata.generation = Some(2);
    assert!(!is_channel_introduced(&life.channel));
    let plan = life.after(60).look(None);
    assert_eq!(said(&plan), ["Ready=True Suspended 2026-01-01T00:00:00Z"]);
    assert_eq!(told(&plan), ["Normal Suspended: spec.suspend is true: nothing is sent for the time being"]);
    assert_eq!((life.wait(&plan), plan.status.observed_generation), (None, Some(2)));
    assert_eq!(said(&life.look(Some(&missing()))), said(&plan), "whatever would hinder it");
}

#[test]
fn a_status_of_another_generation_says_nothing_of_this_one() {
    let mut life = Life::new();
    assert_eq!((unready(&life.channel), is_channel_introduced(&life.channel)), (None, false));
    life.look(Some(&missing()));
    life.channel.metadata.generation = Some(2);
    assert_eq!((unready(&life.channel), is_channel_introduced(&life.channel)), (None, false));
}

#[test]
fn deliveries_are_counted_and_an_error_stands_until_one_succeeds() {
    let mut life = Life::new();
    let at = life.now;
    let error = DeliveryError { reason: "RateLimited".to_owned(), code: Some(429), at: Time(at) };
    life.tally.count(at, None);
    life.tally.count(at, Some(error.clone()));
    let status = life.look(None).status;
    assert_eq!((status.delivered, status.failed, status.last_error), (1, 1, Some(error)));
    assert_eq!(status.last_delivered_at, Some(Time(at)));
    assert_eq!(Tally::of(life.channel.status.as_ref()), life.tally, "a restart goes on where it was");
    let later = at + SignedDuration::from_secs(5);
    life.tally.count(later, None);
    let status = life.look(None).status;
    assert_eq!((status.delivered, status.failed, &status.last_error), (2, 1, &None));
    assert_eq!(status.last_delivered_at, Some(Time(later)));
    assert_eq!(life.look(None).status, status, "whoever writes it twice counts nothing twice");
}

#[test]
fn a_test_is_wanted_once_per_value_and_its_result_is_told_once() {
    let mut life = Life::new();
    assert_eq!(requested_test(&life.channel, &life.tally), None);
    life.look(None);
    life.ask("1");
    assert_eq!(requested_test(&life.channel, &life.tally), Some("1"));
    life.tally.note_test("1", TestResult::Delivered);
    assert_eq!(requested_test(&life.channel, &life.tally), None);
    let plan = life.look(None);
    assert_eq!(plan.status.last_handled_test_at.as_deref(), Some("1"));
    assert_eq!(told(&plan), ["Normal TestDelivered: the receiver took the test message"]);
    assert_eq!(told(&life.look(None)), [""; 0]);

    life.ask("2");
    life.tally = Tally::of(life.channel.status.as_ref());
    assert_eq!(requested_test(&life.channel, &life.tally), Some("2"), "also after a restart");
    life.tally.note_test("2", TestResult::Failed { reason: "Rejected".to_owned(), code: Some(404) });
    assert_eq!(
        told(&life.look(None)),
        ["Warning TestFailed: the test message was not delivered: Rejected (status 404)"]
    );
    life.tally.note_test("3", TestResult::Failed { reason: "TimedOut".to_owned(), code: None });
    assert_eq!(told(&life.look(None)), ["Warning TestFailed: the test message was not delivered: TimedOut"]);
    life.tally = Tally::of(life.channel.status.as_ref());
    assert_eq!(told(&life.look(None)), [""; 0], "nothing is told anew after a restart");
}

#[test]
fn a_request_is_cut_to_what_the_status_can_hold() {
    let mut life = Life::new();
    life.ask(&"ü".repeat(200));
    let request = requested_test(&life.channel, &life.tally).unwrap().to_owned();
    assert_eq!(request, "ü".repeat(128));
    life.tally.note_test(&request, TestResult::Delivered);
    assert_eq!(requested_test(&life.channel, &life.tally), None);
}
