//! What deliveries leave in the ledger.

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

use super::{alerts::*, life::*};
use crate::{api::*, monitor::*, probe::*};

fn later(code: Option<u16>, next_try: Timestamp) -> Receipt {
    Receipt::Later { reason: "ServerError".into(), code, next_try }
}

fn refused(revision: &str, next_look: Timestamp) -> Receipt {
    Receipt::Refused { reason: "Rejected".into(), code: Some(401), revision: revision.to_owned(), next_look }
}

fn first_id(life: &Life) -> String {
    life.pending("a")[0].id.clone()
}

fn after(life: &Life, count: i64) -> Timestamp {
    life.now.saturating_add(minutes(count)).unwrap()
}

fn due_id(life: &Life, revision: &str) -> Option<String> {
    due_notice(life.ledger("a")?, revision, life.now).map(|notice| notice.id.clone())
}

#[test]
fn what_was_not_taken_waits_and_is_the_same_message_when_it_is_tried_again() {
    let mut life = alerting(&[channel("a")]);
    life.probed(&expired());
    let before = life.pending("a")[0].clone();
    assert_eq!(
        (due_id(&life, "r1"), next_delivery(life.ledger("a").unwrap())),
        (Some(before.id.clone()), Some(life.now))
    );
    let next_try = after(&life, 1);
    assert!(life.settle("a", &before.id, &later(Some(503), next_try)));
    let waits = PendingNotice {
        attempts: Some(1),
        failure: Some("ServerError".to_owned()),
        code: Some(503),
        next_try_at: Some(Time(next_try)),
        ..before.clone()
    };
    assert_eq!((life.pending("a"), life.delivered().as_str()), (&[waits][..], "False/DeliveryFailing"));
    let condition = find_condition(&life.status().conditions, ConditionType::NotificationsDelivered).unwrap();
    assert_eq!(
        condition.message,
        "NotificationChannel a does not take messages at the moment (ServerError, 503); they are sent again"
    );
    assert_eq!((due_id(&life, "r1"), next_delivery(life.ledger("a").unwrap())), (None, Some(next_try)));
    life.now = next_try;
    assert_eq!(due_id(&life, "r1"), Some(before.id.clone()));
    life.settle("a", &before.id, &later(None, after(&life, 1)));
    assert_eq!((life.pending("a")[0].attempts, life.pending("a")[0].code), (Some(2), None));
    life.settle("a", &before.id, &Receipt::Delivered);
    assert_eq!((life.pending("a"), life.delivered().as_str()), (&[][..], "True/Delivered"));
    assert!(life.ledger("a").unwrap().problems[0].taken);
}

#[test]
fn a_receipt_for_what_no_longer_waits_changes_nothing() {
    let mut life = alerting(&[channel("a")]);
    life.probed(&expired());
    let before = life.status().clone();
    assert!(!life.settle("a", "another", &Receipt::Delivered));
    assert!(!life.settle("b", &first_id(&life), &Receipt::Delivered));
    assert_eq!(life.status(), &before);
}

#[test]
fn what_was_refused_is_tried_again_only_when_the_channel_is_another() {
    let mut life = alerting(&[channel("a")]);
    life.probed(&expired());
    let id = first_id(&life);
    life.settle("a", &id, &refused("r1", after(&life, 10)));
    assert_eq!(life.delivered(), "False/DeliveryRefused");
    life.wait(minutes(10));
    assert_eq!((due_id(&life, "r1"), due_id(&life, "r2")), (None, Some(id.clone())));
    life.wait(days(3)).probed(&expired());
    assert_eq!(life.line("a"), ["Problem critical Expired"], "nor is it repeated");
    life.settle("a", &id, &Receipt::Delivered);
    assert_eq!(life.delivered(), "True/Delivered");
}

#[test]
fn what_was_refused_lets_what_is_behind_it_pass() {
    let mut life = alerting(&[channel("a")]);
    life.probed(&expired());
    life.settle("a", &first_id(&life), &refused("r1", after(&life, 10)));
    let down = failed(FailureReason::ConnectionRefused);
    for _ in 0..3 {
        life.wait(minutes(1)).probed(&down);
    }
    assert_eq!(life.line("a"), ["Problem critical Expired", "Problem warning ConnectionRefused"]);
    assert_eq!(due_id(&life, "r1"), Some(life.pending("a")[1].id.clone()));
    assert_eq!(due_id(&life, "r2"), Some(life.pending("a")[0].id.clone()), "another channel is told in turn");
}

#[test]
fn of_what_was_refused_no_end_is_told_unless_something_of_it_was_taken() {
    let mut life = alerting(&[channel("a")]);
    life.probed(&expired());
    life.settle("a", &first_id(&life), &refused("r1", after(&life, 10)));
    life.wait(minutes(60)).probed(&valid());
    assert_eq!((life.line("a").len(), life.delivered().as_str()), (0, "True/Delivered"));

    let mut life = alerting(&[channel("a")]);
    life.probed(&served("F1", at("2026-01-20T00:00:00Z"))).taken("a");
    life.wait(minutes(1)).probed(&faulty("F1", at("2026-01-20T00:00:00Z"), &[FaultKind::Revoked]));
    life.settle("a", &first_id(&life), &refused("r1", after(&life, 10)));
    life.wait(minutes(60)).probed(&served("F2", at(FAR)));
    assert_eq!(life.taken("a"), ["Recovery critical Revoked"]);
}

#[test]
fn of_what_may_have_been_taken_the_end_is_told_behind_it() {
    let mut life = alerting(&[channel("a")]);
    life.probed(&expired()).wait(minutes(5)).probed(&valid());
    assert_eq!(life.taken("a"), ["Problem critical Expired", "Recovery critical Expired"]);
}

#[test]
fn when_a_monitor_goes_the_ends_of_what_was_taken_are_left_to_tell() {
    let mut life = alerting(&[channel("a")]);
    life.probed(&mismatch());
    let gone = |life: &Life| {
        let monitor = SslMonitor { status: life.status.clone(), ..life.monitor.clone() };
        farewell(&monitor, "a", life.now)
    };
    assert_eq!(gone(&life), [], "nothing was taken");
    let problem = life.pending("a")[0].clone();
    life.taken("a");
    let ends = gone(&life);
    let [end] = &ends[..] else { panic!("{ends:?}") };
    assert_eq!(
        (end.kind, &end.incident, end.reason.as_str()),
        (NoticeKind::Recovery, &problem.incident, "HostnameMismatch")
    );
    assert_eq!(end.message, "the monitor was deleted: nothing is checked");
    life.wait(minutes(5)).probed(&valid());
    assert_eq!(gone(&life), life.pending("a"), "the end that waits");
}

#[test]
fn a_long_outage_of_a_channel_fills_its_line_and_no_more() {
    let mut life = alerting(&[channel("a")]);
    for hour in 0..100 {
        let seen = if hour % 2 == 0 { mismatch() } else { valid() };
        life.wait(minutes(61)).probed(&seen);
        assert!(life.pending("a").len() <= MAX_PENDING);
    }
    let waiting = life.taken("a");
    assert_eq!(waiting.len(), 6, "the last look that found room put one more into line");
    life.wait(minutes(61)).probed(&mismatch());
    assert_eq!(life.taken("a"), ["Problem critical HostnameMismatch"], "and what stands now is told");
}
