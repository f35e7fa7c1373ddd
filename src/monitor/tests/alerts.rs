//! What is put into line for whom, over time.

use std::time::Duration;

use jiff::SignedDuration;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

use super::life::*;
use crate::{api::*, monitor::*, probe::*};

pub(super) const FAR: &str = "2026-12-01T00:00:00Z";

pub(super) fn channel(name: &str) -> ChannelFacts {
    ChannelFacts::of(name, &NotificationChannelSpec::new(ChannelType::Webhook), None)
}

/// A monitor that was seen and alerts these channels.
pub(super) fn alerting(channels: &[ChannelFacts]) -> Life {
    let mut life = life();
    let reference = |facts: &ChannelFacts| ChannelRef { name: facts.name.clone() };
    life.monitor.spec.notification_channels = channels.iter().map(reference).collect();
    life.channels = Some(channels.to_vec());
    life.seen();
    life
}

pub(super) fn minutes(minutes: i64) -> SignedDuration {
    SignedDuration::from_mins(minutes)
}

pub(super) fn expired() -> Observation {
    faulty("F1", at("2025-12-30T00:00:00Z"), &[FaultKind::Expired])
}

pub(super) fn mismatch() -> Observation {
    faulty("F1", at(FAR), &[FaultKind::HostnameMismatch])
}

pub(super) fn valid() -> Observation {
    served("F1", at(FAR))
}

impl Life {
    pub(super) fn ledger(&self, channel: &str) -> Option<&ChannelLedger> {
        self.status().notifications.iter().find(|ledger| ledger.channel == channel)
    }

    pub(super) fn pending(&self, channel: &str) -> &[PendingNotice] {
        self.ledger(channel).map(|ledger| ledger.pending.as_slice()).unwrap_or_default()
    }

    /// `Problem critical Expired`, for everything that waits.
    pub(super) fn line(&self, channel: &str) -> Vec<String> {
        let told = |notice: &PendingNotice| format!("{:?} {} {}", notice.kind, notice.severity.as_str(), notice.reason);
        self.pending(channel).iter().map(told).collect()
    }

    /// What waits is taken.
    pub(super) fn taken(&mut self, channel: &str) -> Vec<String> {
        let line = self.line(channel);
        for id in self.pending(channel).iter().map(|notice| notice.id.clone()).collect::<Vec<_>>() {
            self.settle(channel, &id, &Receipt::Delivered);
        }
        assert_eq!(self.pending(channel), []);
        line
    }

    pub(super) fn settle(&mut self, channel: &str, id: &str, receipt: &Receipt) -> bool {
        let settled = settle(&self.input(Outcome::NotProbed), channel, id, receipt);
        let is_settled = settled.is_some();
        self.status = settled.map(|settled| settled.status).or_else(|| self.status.take());
        is_settled
    }

    pub(super) fn delivered(&self) -> String {
        self.condition(ConditionType::NotificationsDelivered)
    }
}

#[test]
fn a_problem_is_told_once_and_its_end_once() {
    let mut life = alerting(&[channel("a"), channel("b")]);
    life.probed(&valid());
    assert_eq!((life.line("a").len(), life.delivered().as_str()), (0, "True/Delivered"));
    life.wait(minutes(60)).probed(&expired());
    let told = life.pending("a")[0].clone();
    assert_eq!(
        told,
        PendingNotice {
            id: told.id.clone(),
            incident: told.incident.clone(),
            kind: NoticeKind::Problem,
            about: Aspect::Certificate,
            reason: "Expired".to_owned(),
            severity: AlertSeverity::Critical,
            since: Time(at("2026-01-01T01:00:00Z")),
            at: Time(at("2026-01-01T01:00:00Z")),
            message: "it is Expired".to_owned(),
            fingerprint: Some("F1".to_owned()),
            attempts: None,
            next_try_at: None,
            failure: None,
            code: None,
            refused_by: None,
        }
    );
    assert_eq!(life.taken("a"), ["Problem critical Expired"]);
    assert_eq!(life.taken("b"), ["Problem critical Expired"]);
    for _ in 0..50 {
        life.wait(minutes(60)).probed(&expired()).seen();
        assert_eq!(life.line("a").len() + life.line("b").len(), 0);
    }
    life.wait(minutes(60)).probed(&served("F2", at(FAR)));
    let end = life.pending("a")[0].clone();
    assert_eq!(life.taken("a"), ["Recovery critical Expired"]);
    assert_eq!((&end.incident, &end.since), (&told.incident, &told.since));
    assert_ne!(end.id, told.id);
    assert_eq!(end.message, "valid until 2026-12-01T00:00:00Z, issued by Test CA");
    life.taken("b");
    life.wait(minutes(60)).probed(&served("F2", at(FAR)));
    assert_eq!(life.status().notifications, []);
}

#[test]
fn the_same_message_has_the_same_id_for_one_channel_and_no_other() {
    let story = || {
        let mut life = alerting(&[channel("a"), channel("b")]);
        life.probed(&expired());
        life
    };
    let life = story();
    assert_eq!(life.pending("a")[0].id, story().pending("a")[0].id);
    assert_ne!(life.pending("a")[0].id, life.pending("b")[0].id);
    assert_eq!(life.pending("a")[0].incident, life.pending("b")[0].incident);
}

#[test]
fn a_certificate_is_told_of_at_each_step_to_its_end_in_one_incident() {
    let mut life = alerting(&[channel("a")]);
    let end = at("2026-03-01T00:00:00Z");
    let mut told = Vec::new();
    let mut incidents = std::collections::BTreeSet::new();
    for day in 0..63 {
        let seen = if life.now > end { faulty("F1", end, &[FaultKind::Expired]) } else { served("F1", end) };
        life.probed(&seen);
        incidents.extend(life.pending("a").iter().map(|notice| notice.incident.clone()));
        told.extend(life.taken("a").into_iter().map(|news| format!("day {day}: {news}")));
        life.wait(days(1));
    }
    assert_eq!(
        told,
        [
            "day 29: Problem warning ExpiringSoon",
            "day 52: Problem critical ExpiringSoon",
            "day 60: Problem critical Expired"
        ]
    );
    assert_eq!(incidents.len(), 1);
    life.probed(&served("F2", at("2026-06-01T00:00:00Z")));
    assert_eq!(life.taken("a"), ["Recovery critical Expired"], "and not that it was renewed, which is the same news");
}

#[test]
fn the_next_check_is_at_the_next_step() {
    let mut life = alerting(&[channel("a")]);
    life.monitor.spec.interval = "168h".to_owned();
    life.monitor.spec.alert_thresholds =
        vec![AlertThreshold { days: Some(40), percent_of_lifetime: None, severity: AlertSeverity::Info }];
    let end = at(START).saturating_add(days(42)).unwrap();
    life.probed(&served("F1", end));
    assert_eq!(life.due(), Due::At(at("2026-01-02T00:00:01Z")));
}

#[test]
fn on_the_last_day_and_after_it_a_certificate_is_still_told_of() {
    for (left, expected) in [
        (days(1), "Problem critical ExpiringSoon"),
        (SignedDuration::from_secs(1), "Problem critical ExpiringSoon"),
        (SignedDuration::ZERO, "Problem critical ExpiringSoon"),
    ] {
        let mut life = alerting(&[channel("a")]);
        life.probed(&served("F1", at(START).saturating_add(left).unwrap()));
        assert_eq!(life.line("a"), [expected], "{left}");
    }
    let mut life = alerting(&[channel("a")]);
    life.probed(&faulty("F1", at("2024-01-01T00:00:00Z"), &[FaultKind::Expired]));
    assert_eq!(life.line("a"), ["Problem critical Expired"]);
}

#[test]
fn a_certificate_of_six_days_is_not_told_of_from_its_first_day() {
    let mut life = alerting(&[channel("a")]);
    let of_six_days = |now: jiff::Timestamp| {
        let mut seen = served("F1", now.saturating_add(days(6)).unwrap());
        seen.presented.as_mut().unwrap().leaf.as_mut().unwrap().not_before = now;
        seen
    };
    let seen = of_six_days(life.now);
    life.probed(&seen);
    assert_eq!((life.line("a").len(), life.summary()), (0, "Valid"));
    let expiring = find_condition(&life.status().conditions, ConditionType::CertificateExpiring).unwrap();
    assert_eq!(
        expiring.message,
        "expires on 2026-01-07T00:00:00Z (alertDays: 30, which is no shorter than its whole lifetime; a third of that counts: 2 days)"
    );
    assert_eq!(life.wait(days(4)).probed(&seen).taken("a").len(), 0);
    assert_eq!(life.wait(minutes(1)).probed(&seen).taken("a"), ["Problem warning ExpiringSoon"]);
    assert_eq!(life.wait(days(2) - minutes(60)).probed(&seen).taken("a"), ["Problem critical ExpiringSoon"]);
}

#[test]
fn a_hiccup_is_no_outage_and_an_outage_ends_nothing_else() {
    let mut life = alerting(&[channel("a")]);
    life.probed(&mismatch());
    assert_eq!(life.taken("a"), ["Problem critical HostnameMismatch"]);
    let down = failed(FailureReason::ConnectionRefused);
    life.wait(minutes(60)).probed(&down).wait(minutes(1)).probed(&down);
    assert_eq!(life.line("a").len(), 0);
    life.wait(minutes(1)).probed(&down);
    assert_eq!(life.taken("a"), ["Problem warning ConnectionRefused"]);
    assert_eq!(life.condition(ConditionType::CertificateValid), "Unknown/ProbeFailed");
    life.wait(minutes(60)).probed(&mismatch());
    assert_eq!(life.taken("a"), ["Recovery warning ConnectionRefused"], "the certificate is as it was");
    life.wait(minutes(60)).probed(&valid());
    assert_eq!(life.taken("a"), ["Recovery critical HostnameMismatch"]);
}

#[test]
fn while_nobody_answers_the_end_comes_nearer_all_the_same() {
    let mut life = alerting(&[channel("a")]);
    life.probed(&served("F1", at("2026-02-05T00:00:00Z")));
    let down = failed(FailureReason::ConnectionRefused);
    for _ in 0..3 {
        life.wait(minutes(1)).probed(&down);
    }
    assert_eq!(life.taken("a"), ["Problem warning ConnectionRefused"]);
    assert_eq!(life.wait(days(6)).probed(&down).taken("a"), ["Problem warning ExpiringSoon"]);
    assert_eq!(life.wait(days(40)).probed(&down).taken("a"), ["Problem critical Expired"]);
    life.probed(&served("F2", at(FAR)));
    assert_eq!(life.taken("a"), ["Recovery critical Expired", "Recovery warning ConnectionRefused"]);
}

#[test]
fn a_certificate_that_flaps_is_told_of_once_an_hour_at_most() {
    let mut life = alerting(&[channel("a")]);
    let (mut problems, mut ends) = (Vec::new(), Vec::new());
    for minute in 0..300 {
        let seen = if minute % 2 == 0 { mismatch() } else { valid() };
        for line in life.probed(&seen).taken("a") {
            if line.starts_with("Problem") { &mut problems } else { &mut ends }.push(minute);
        }
        life.wait(minutes(1));
    }
    assert_eq!(problems, [0, 60, 120, 180, 240]);
    assert_eq!(ends, [1, 61, 121, 181, 241]);
}

#[test]
fn what_was_held_back_is_told_when_the_hour_is_over_and_it_still_stands() {
    let mut life = alerting(&[channel("a")]);
    life.probed(&mismatch()).taken("a");
    life.wait(minutes(5)).probed(&valid()).taken("a");
    life.wait(minutes(5)).probed(&mismatch());
    assert_eq!((life.line("a").len(), life.plan.as_ref().unwrap().tell), (0, Some(at("2026-01-01T01:00:00Z"))));
    assert_eq!(life.wait(minutes(49)).seen().line("a").len(), 0);
    assert_eq!(life.wait(minutes(1)).seen().taken("a"), ["Problem critical HostnameMismatch"], "without a probe");
}

#[test]
fn what_is_worse_is_told_at_once() {
    let mut life = alerting(&[channel("a")]);
    life.probed(&served("F1", at("2026-01-20T00:00:00Z")));
    assert_eq!(life.taken("a"), ["Problem warning ExpiringSoon"]);
    life.wait(minutes(1)).probed(&faulty("F1", at("2026-01-20T00:00:00Z"), &[FaultKind::Revoked]));
    assert_eq!(life.taken("a"), ["Problem critical Revoked"]);
}

#[test]
fn another_bad_certificate_is_another_problem_of_the_same_incident() {
    let mut life = alerting(&[channel("a")]);
    life.probed(&mismatch());
    let first = life.pending("a")[0].incident.clone();
    life.taken("a");
    life.wait(minutes(5)).probed(&faulty("F2", at(FAR), &[FaultKind::HostnameMismatch]));
    assert_eq!(life.pending("a")[0].incident, first);
    assert_eq!(life.taken("a"), ["Problem critical HostnameMismatch"]);
}

#[test]
fn reminders_come_only_where_they_are_asked_for() {
    let reminded = ChannelFacts { reminder_interval: Some(Duration::from_hours(24)), ..channel("b") };
    let mut life = alerting(&[channel("a"), reminded]);
    life.probed(&expired());
    life.taken("a");
    life.taken("b");
    assert_eq!(life.plan.as_ref().unwrap().tell, None);
    life.wait(days(1) - minutes(1)).probed(&expired());
    assert_eq!(life.plan.as_ref().unwrap().tell, Some(at("2026-01-02T00:00:00Z")));
    assert_eq!(life.line("b").len(), 0);
    life.wait(minutes(1)).seen();
    assert_eq!((life.line("a").len(), life.taken("b")), (0, vec!["Reminder critical Expired".to_owned()]));
    life.wait(minutes(1)).seen();
    assert_eq!(life.line("b").len(), 0);
}

#[test]
fn a_channel_that_has_not_taken_the_problem_is_not_reminded_of_it() {
    let reminded = ChannelFacts { reminder_interval: Some(Duration::from_hours(1)), ..channel("b") };
    let mut life = alerting(&[reminded]);
    life.probed(&expired()).wait(days(3)).probed(&expired());
    assert_eq!(life.line("b"), ["Problem critical Expired"]);
}

#[test]
fn a_channel_is_told_what_it_asks_for_and_no_less() {
    let critical = ChannelFacts { min_severity: AlertSeverity::Critical, ..channel("critical") };
    let all = ChannelFacts { min_severity: AlertSeverity::Info, ..channel("info") };
    let mut life = alerting(&[critical, all]);
    life.probed(&served("F1", at("2026-01-20T00:00:00Z")));
    assert_eq!((life.line("critical").len(), life.taken("info")), (0, vec!["Problem warning ExpiringSoon".to_owned()]));
    life.wait(days(14)).probed(&served("F1", at("2026-01-20T00:00:00Z")));
    assert_eq!(life.taken("critical"), ["Problem critical ExpiringSoon"]);
    life.taken("info");
    life.edited(|spec| spec.alert_days = 8).seen().probed(&served("F1", at("2026-01-20T00:00:00Z")));
    assert_eq!(life.taken("critical"), ["Recovery critical ExpiringSoon"], "only a warning now");
    assert_eq!(life.taken("info"), ["Problem warning ExpiringSoon"]);
}

#[test]
fn a_renewal_is_good_to_know_and_another_issuer_worth_a_warning() {
    let all = ChannelFacts { min_severity: AlertSeverity::Info, ..channel("info") };
    let mut life = alerting(&[channel("a"), all]);
    life.probed(&served("F1", at(FAR))).wait(days(1)).probed(&served("F2", at(FAR)));
    assert_eq!((life.line("a").len(), life.taken("info")), (0, vec!["Change info CertificateChanged".to_owned()]));
    let mut other = served("F3", at(FAR));
    let leaf = other.presented.as_mut().unwrap().leaf.as_mut().unwrap();
    (leaf.issuer, leaf.issuer_dn) = ("Other CA".to_owned(), r"CN=Other CA,O=Other\, Inc.".to_owned());
    life.wait(days(1)).probed(&other);
    assert_eq!(
        life.pending("a")[0].message,
        r"the certificate is issued by Other\, Inc. now, and was by CN=Test CA, valid until 2026-12-01T00:00:00Z"
    );
    assert_eq!((life.taken("a"), life.taken("info")).0, ["Change warning IssuerChanged"]);
    let mut sibling = other.clone();
    let presented = sibling.presented.as_mut().unwrap();
    presented.fingerprint = "F4".to_owned();
    presented.leaf.as_mut().unwrap().issuer_dn = r"CN=Other CA 2,O=Other\, Inc.".to_owned();
    life.wait(days(1)).probed(&sibling);
    assert_eq!((life.line("a").len(), life.taken("info")), (0, vec!["Change info CertificateChanged".to_owned()]));
    life.wait(days(1)).probed(&other);
    assert_eq!(life.line("info").len(), 0, "servers that differ take turns");
}

#[test]
fn a_channel_that_is_added_later_hears_the_present_problem_once() {
    let mut life = alerting(&[channel("a")]);
    life.probed(&expired()).taken("a");
    life.monitor.spec.notification_channels.push(ChannelRef { name: "b".to_owned() });
    life.monitor.metadata.generation = Some(2);
    life.channels = Some(vec![channel("a"), channel("b")]);
    life.seen();
    assert_eq!((life.line("a").len(), life.taken("b")), (0, vec!["Problem critical Expired".to_owned()]));
    life.wait(minutes(60)).probed(&expired());
    assert_eq!((life.line("a").len(), life.line("b").len()), (0, 0));
}

#[test]
fn a_channel_that_is_no_longer_named_is_told_that_and_forgotten() {
    let mut life = alerting(&[channel("a"), channel("b")]);
    life.probed(&expired());
    life.taken("a");
    life.taken("b");
    life.edited(|spec| spec.notification_channels.retain(|channel| channel.name == "a")).seen();
    let last = life.pending("b")[0].message.clone();
    assert_eq!(last, "this channel is no longer alerted of the monitor");
    assert_eq!(life.taken("b"), ["Recovery critical Expired"]);
    life.wait(minutes(61)).probed(&expired());
    assert_eq!((life.ledger("b"), life.line("a").len()), (None, 0));
}

#[test]
fn channels_that_come_and_go_while_they_take_nothing_do_not_pile_up() {
    let mut life = alerting(&[]);
    for generation in 0..5 {
        let channels: Vec<ChannelFacts> = (0..16).map(|number| channel(&format!("c{generation}-{number}"))).collect();
        life.monitor.spec.notification_channels =
            channels.iter().map(|facts| ChannelRef { name: facts.name.clone() }).collect();
        life.channels.as_mut().unwrap().extend(channels);
        life.wait(minutes(1)).probed(&expired());
        let ledgers = &life.status().notifications;
        assert!(ledgers.len() <= MAX_LEDGERS);
        assert!((0..16).all(|number| ledgers.iter().any(|it| it.channel == format!("c{generation}-{number}"))));
    }
}

#[test]
fn a_channel_that_is_gone_and_no_longer_named_is_forgotten_at_once() {
    let mut life = alerting(&[channel("a")]);
    life.probed(&expired());
    life.channels = Some(Vec::new());
    life.edited(|spec| spec.notification_channels.clear()).seen();
    assert_eq!(life.status().notifications, []);
}

#[test]
fn a_channel_that_does_not_exist_is_said_and_nothing_is_lost_meanwhile() {
    let mut life = alerting(&[channel("a")]);
    life.probed(&valid());
    life.channels = Some(Vec::new());
    life.wait(minutes(1)).probed(&expired());
    assert_eq!(
        (life.condition(ConditionType::Ready), life.delivered()),
        ("False/ChannelNotFound".to_owned(), "False/ChannelNotFound".to_owned())
    );
    assert!(life.conditions().contains(&"Reconciling=True/ChannelNotFound".to_owned()));
    assert_eq!(life.announced(), ["Warning ChannelNotFound", "Warning Expired"]);
    life.channels = Some(vec![channel("a")]);
    life.wait(minutes(1)).seen();
    assert_eq!(
        (life.condition(ConditionType::Ready), life.delivered()),
        ("True/Monitoring".to_owned(), "True/Delivered".to_owned())
    );
    assert_eq!(life.taken("a"), ["Problem critical Expired"]);
}

#[test]
fn a_channel_that_cannot_be_used_is_said_and_its_line_grows() {
    let broken = ChannelFacts { problem: Some("Secret hook does not exist".to_owned()), ..channel("a") };
    let mut life = alerting(&[broken]);
    life.probed(&expired());
    assert_eq!(
        (life.delivered(), life.condition(ConditionType::Ready)),
        ("False/ChannelNotReady".to_owned(), "True/Monitoring".to_owned())
    );
    let condition = find_condition(&life.status().conditions, ConditionType::NotificationsDelivered).unwrap();
    assert_eq!(condition.message, "NotificationChannel a cannot be used: Secret hook does not exist");
    assert_eq!(life.line("a"), ["Problem critical Expired"]);
}

#[test]
fn of_a_suspended_channel_and_in_silence_only_what_still_stands_afterwards_is_told() {
    let until = at("2026-01-01T06:00:00Z");
    let suspended = ChannelFacts { is_suspended: true, ..channel("b") };
    let mut life = alerting(&[channel("a"), suspended]);
    life.monitor.spec.alerts = Some(AlertsSpec { suspend_until: Some(Time(until)), muted: Vec::new() });
    life.probed(&expired());
    assert_eq!((life.line("a").len(), life.line("b").len(), life.plan.as_ref().unwrap().tell), (0, 0, Some(until)));
    life.wait(minutes(5)).probed(&valid()).wait(minutes(5)).probed(&mismatch());
    life.now = until;
    assert_eq!(life.seen().taken("a"), ["Problem critical HostnameMismatch"]);
    assert_eq!(life.line("b").len(), 0);
    life.channels = Some(vec![channel("a"), channel("b")]);
    assert_eq!(life.wait(minutes(5)).seen().taken("b"), ["Problem critical HostnameMismatch"]);
}

#[test]
fn a_problem_that_ends_in_silence_is_told_as_ended_afterwards() {
    let mut life = alerting(&[channel("a")]);
    life.probed(&expired()).taken("a");
    life.monitor.spec.alerts =
        Some(AlertsSpec { suspend_until: Some(Time(at("2026-01-01T06:00:00Z"))), muted: Vec::new() });
    assert_eq!(life.wait(minutes(60)).probed(&valid()).line("a").len(), 0);
    assert_eq!(life.wait(minutes(300)).seen().taken("a"), ["Recovery critical Expired"]);
}

#[test]
fn a_disabled_monitor_takes_back_what_it_told() {
    let mut life = alerting(&[channel("a")]);
    life.probed(&expired()).taken("a");
    life.edited(|spec| spec.enabled = false).seen();
    assert_eq!(life.pending("a")[0].message, "the monitor is disabled: nothing is checked");
    assert_eq!(life.taken("a"), ["Recovery critical Expired"]);
    life.edited(|spec| spec.enabled = true).seen().wait(minutes(1)).probed(&expired());
    assert_eq!(life.line("a").len(), 0, "within the hour");
    assert_eq!(life.wait(minutes(60)).probed(&expired()).taken("a"), ["Problem critical Expired"]);
}

#[test]
fn a_receiver_that_knows_alerts_by_reason_is_told_the_end_of_each() {
    let keyed = ChannelFacts { is_keyed_by_reason: true, ..channel("a") };
    let mut life = alerting(&[keyed]);
    life.probed(&served("F1", at("2026-01-20T00:00:00Z"))).taken("a");
    life.wait(minutes(5)).probed(&mismatch());
    assert_eq!(life.taken("a"), ["Recovery warning ExpiringSoon", "Problem critical HostnameMismatch"]);
}

#[test]
fn what_a_monitor_lacks_is_told_when_it_is_not_there_after_five_minutes() {
    let mut life = alerting(&[channel("a")]);
    life.monitor.spec.service_ref = Some(ServiceRef { name: "web".to_owned() });
    life.service = ServiceLink::Missing;
    life.probed(&valid());
    assert_eq!((life.line("a").len(), life.plan.as_ref().unwrap().tell), (0, Some(at("2026-01-01T00:05:00Z"))));
    assert_eq!(life.wait(minutes(5)).seen().taken("a"), ["Problem warning ServiceNotFound"]);
    life.service = ServiceLink::Found;
    assert_eq!(life.wait(minutes(5)).seen().taken("a"), ["Recovery warning ServiceNotFound"]);
}

#[test]
fn a_monitor_that_can_never_work_says_so_at_once() {
    let mut life = alerting(&[channel("a")]);
    let stall = Stall { reason: StallReason::TargetDenied, message: "denied".to_owned() };
    life.decide(Outcome::Stalled(&stall));
    assert_eq!(life.line("a"), ["Problem warning TargetDenied"]);
}

#[test]
fn drift_and_differing_addresses_are_warnings() {
    let mut life = alerting(&[channel("a")]);
    let expect = ExpectSpec { fingerprints: vec!["F2".to_owned()], ..ExpectSpec::default() };
    life.monitor.spec.expect = Some(expect);
    let mut seen = valid();
    seen.endpoints = vec![endpoint("192.0.2.1", "F1", FAR), endpoint("192.0.2.2", "F3", FAR)];
    seen.endpoint_count = 2;
    life.probed(&seen);
    assert_eq!(life.taken("a"), ["Problem warning UnexpectedCertificate", "Problem warning CertificatesDiffer"]);
    life.edited(|spec| spec.expect = None).seen().wait(minutes(1)).probed(&valid());
    assert_eq!(life.taken("a"), ["Recovery warning UnexpectedCertificate", "Recovery warning CertificatesDiffer"]);
}

#[test]
fn before_channels_are_known_nothing_changes_and_nothing_is_forgotten() {
    let mut life = alerting(&[channel("a")]);
    life.probed(&expired());
    let before = life.status().clone();
    let plan = decide(Input { channels: Channels::Unknown, ..life.input(Outcome::NotProbed) });
    assert_eq!((plan.status.notifications, plan.status.conditions), (before.notifications, before.conditions));
}
