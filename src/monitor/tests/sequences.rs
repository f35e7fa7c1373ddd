//! Sequences over time: each step feeds the status back in.

use jiff::SignedDuration;

use super::life::*;
use crate::{api::*, monitor::*, probe::*};

#[test]
fn from_valid_over_expiring_and_expired_to_renewed() {
    let end = at("2026-03-01T00:00:00Z");
    let mut life = life();
    life.seen().probed(&served("F1", end));
    assert_eq!(life.summary(), "Valid");

    life.wait(days(27)).probed(&served("F1", end)); // 32 days left
    assert_eq!((life.summary(), life.announced().len()), ("Valid", 0));

    life.wait(days(2)).probed(&served("F1", end)); // 30 days left
    assert_eq!((life.summary(), life.announced()), ("ExpiringSoon", vec!["Warning ExpiringSoon".to_owned()]));
    assert_eq!(life.condition(ConditionType::CertificateValid), "True/Valid");

    life.wait(days(5)).probed(&served("F1", end));
    assert_eq!((life.summary(), life.announced().len()), ("ExpiringSoon", 0), "told once");

    life.wait(days(26)).probed(&faulty("F1", end, &[FaultKind::Expired]));
    assert_eq!((life.summary(), life.announced()), ("Expired", vec!["Warning Expired".to_owned()]));
    assert_eq!(life.condition(ConditionType::CertificateExpiring), "True/Expired");
    assert_eq!(life.condition(ConditionType::Ready), "True/Monitoring", "an observer is ready whatever it observes");
    assert_eq!(life.status().certificate.as_ref().unwrap().days_until_expiry, Some(-1));

    life.wait(days(1)).probed(&served("F2", at("2026-06-01T00:00:00Z")));
    assert_eq!(
        (life.summary(), life.announced()),
        (
            "Valid",
            vec!["Normal Valid".to_owned(), "Normal NotExpiring".to_owned(), "Normal CertificateChanged".to_owned()]
        )
    );
    let history: Vec<_> = life.status().history.iter().map(|entry| entry.summary.as_str()).collect();
    assert_eq!(history, ["Valid", "Expired", "ExpiringSoon", "Valid"]);
}

#[test]
fn unreachable_once_thrice_and_back() {
    let end = at("2026-06-01T00:00:00Z");
    let mut life = life();
    life.seen().probed(&served("F1", end));
    let good = life.status().certificate.clone();
    let valid_since = life.since(ConditionType::CertificateValid);

    for failures in 1..=2 {
        life.wait(SignedDuration::from_mins(1)).probed(&failed(FailureReason::ConnectionRefused));
        assert_eq!(life.condition(ConditionType::Reachable), "False/ConnectionRefused");
        assert_eq!(life.condition(ConditionType::CertificateValid), "True/Valid", "the last word stands");
        assert_eq!(life.status().consecutive_failures, Some(failures));
        assert_eq!((&life.status().certificate, life.summary()), (&good, "ConnectionRefused"));
    }
    assert_eq!(life.announced().len(), 0, "told at the first failure");

    life.wait(SignedDuration::from_mins(2)).probed(&failed(FailureReason::ConnectionRefused));
    assert_eq!(life.condition(ConditionType::CertificateValid), "Unknown/ProbeFailed");
    assert_eq!(life.condition(ConditionType::CertificateExpiring), "False/NotExpiring", "kept");
    assert_eq!((&life.status().certificate, life.announced()), (&good, vec!["Warning ProbeFailed".to_owned()]));

    life.wait(SignedDuration::from_mins(4)).probed(&served("F1", end));
    assert_eq!((life.summary(), life.status().consecutive_failures), ("Valid", None));
    assert_eq!(life.announced(), ["Normal Connected", "Normal Valid"]);
    assert!(life.since(ConditionType::CertificateValid) > valid_since);
    let history: Vec<_> = life.status().history.iter().map(|entry| entry.summary.as_str()).collect();
    assert_eq!(
        history,
        ["Valid", "ConnectionRefused", "ConnectionRefused", "Valid"],
        "the third failure changed isValid"
    );
}

#[test]
fn failures_back_off_up_to_the_interval() {
    let mut life = life();
    life.seen();
    let mut waits = Vec::new();
    for _ in 0..9 {
        life.probed(&failed(FailureReason::ConnectTimedOut));
        let next = life.status().next_check_at.as_ref().unwrap().0;
        waits.push(next.duration_since(life.now).as_secs());
        life.now = next;
    }
    assert_eq!(waits[..7], [30, 60, 120, 240, 480, 960, 1920]);
    assert!(waits[7] == waits[8] && (3240..=3960).contains(&waits[7]), "{waits:?}");
}

#[test]
fn the_interval_is_spread_by_uid_and_steady() {
    let end = at("2027-01-01T00:00:00Z");
    let wait = |uid: &str| {
        let mut life = life();
        life.monitor.metadata.uid = Some(uid.to_owned());
        life.seen().probed(&served("F1", end));
        life.status().next_check_at.as_ref().unwrap().0.duration_since(life.now).as_secs()
    };
    let waits: Vec<i64> = (0..200).map(|n| wait(&format!("uid-{n}"))).collect();
    assert!(waits.iter().all(|wait| (3240..=3960).contains(wait)), "{waits:?}");
    assert!(waits.iter().collect::<std::collections::BTreeSet<_>>().len() > 100, "spread out: {waits:?}");
    assert_eq!(wait("uid-7"), waits[7], "always the same for the same uid");
}

#[test]
fn the_next_check_does_not_miss_the_end_of_the_certificate() {
    let end = at("2026-01-01T00:10:00Z");
    let mut life = life();
    life.seen().probed(&served("F1", end));
    assert_eq!(life.status().next_check_at.as_ref().unwrap().0, at("2026-01-01T00:10:01Z"));
    assert_eq!(life.due(), Due::At(at("2026-01-01T00:10:01Z")));
    life.now = at("2026-01-01T00:10:01Z");
    assert_eq!(life.due(), Due::Now(Cause::Overdue));
}

#[test]
fn an_edited_spec_is_checked_anew_and_what_was_seen_stays_with_its_generation() {
    let end = at("2026-06-01T00:00:00Z");
    let mut life = life();
    life.seen().probed(&served("F1", end)).wait(SignedDuration::from_mins(1));
    life.edited(|spec| spec.alert_days = 170).seen();
    assert_eq!(
        life.conditions()[..4],
        [
            "Ready=Unknown/Progressing",
            "Reconciling=True/Progressing",
            "Reachable=True/Connected",
            "CertificateValid=True/Valid"
        ]
    );
    let generations: Vec<_> = life.status().conditions.iter().map(|c| c.observed_generation.unwrap()).collect();
    assert_eq!(generations, [2, 2, 1, 1, 1]);
    assert_eq!((life.due(), life.announced().len()), (Due::Now(Cause::NewGeneration), 0));

    life.probed(&served("F1", end));
    assert_eq!(
        (life.summary(), life.condition(ConditionType::CertificateValid)),
        ("ExpiringSoon", "True/Valid".to_owned())
    );
    assert_eq!(life.since(ConditionType::CertificateValid), at(START), "its status did not change");
    assert!(life.status().conditions.iter().all(|c| c.observed_generation == Some(2)));
}

#[test]
fn a_failed_first_check_of_an_edited_spec_does_not_vouch_with_old_evidence() {
    let mut life = life();
    life.seen().probed(&served("F1", at("2026-06-01T00:00:00Z")));
    life.edited(|spec| spec.address = Some("192.0.2.9".to_owned()))
        .seen()
        .probed(&failed(FailureReason::ConnectionRefused));
    assert_eq!(life.condition(ConditionType::CertificateValid), "Unknown/ProbeFailed");
}

#[test]
fn disabled_and_enabled_again() {
    let end = at("2026-06-01T00:00:00Z");
    let mut life = life();
    life.seen().probed(&served("F1", end));
    let good = life.status().certificate.clone();
    life.edited(|spec| spec.enabled = false).wait(SignedDuration::from_mins(1)).seen();
    assert_eq!(
        life.conditions(),
        [
            "Ready=True/Disabled",
            "Reachable=Unknown/Disabled",
            "CertificateValid=Unknown/Disabled",
            "CertificateExpiring=Unknown/Disabled"
        ]
    );
    assert_eq!((life.summary(), &life.status().certificate), ("Disabled", &good), "the data are kept");
    assert_eq!((life.due(), life.plan.as_ref().unwrap().wake), (Due::Never, None));
    assert_eq!(life.announced(), ["Normal Disabled"]);

    life.edited(|spec| spec.enabled = true).seen();
    assert_eq!(life.condition(ConditionType::CertificateValid), "Unknown/Progressing");
    assert_eq!(life.due(), Due::Now(Cause::NewGeneration));
    life.probed(&served("F1", end));
    assert_eq!((life.summary(), life.announced()), ("Valid", vec!["Normal Valid".to_owned()]));
}

#[test]
fn a_probe_that_ends_after_disabling_changes_nothing() {
    let mut life = life();
    life.seen().edited(|spec| spec.enabled = false).probed(&served("F1", at("2026-06-01T00:00:00Z")));
    assert_eq!((life.summary(), &life.status().certificate, life.status().history.len()), ("Disabled", &None, 0));
}

#[test]
fn a_clock_stepped_back_and_forth_leads_to_a_check_and_no_false_transition() {
    let end = at("2028-01-01T00:00:00Z");
    let mut life = life();
    life.seen().probed(&served("F1", end));
    let before = life.conditions();

    life.wait(-SignedDuration::from_mins(4));
    assert!(matches!(life.due(), Due::At(_)), "within tolerance");
    life.wait(-days(365));
    assert_eq!(life.due(), Due::Now(Cause::Overdue), "the last check lies in the future");
    life.now = at("2025-01-01T00:00:00Z");
    life.probed(&served("F1", end));
    assert_eq!((life.conditions(), life.announced().len()), (before.clone(), 0));
    assert_eq!(life.status().last_checked_at.as_ref().unwrap().0, life.now);

    life.now = at("2027-01-01T00:00:00Z");
    assert_eq!(life.due(), Due::Now(Cause::Overdue));
    life.probed(&served("F1", end));
    assert_eq!((life.conditions(), life.announced().len()), (before, 0));
}

#[test]
fn a_request_is_handled_once_and_echoed() {
    let end = at("2026-06-01T00:00:00Z");
    let mut life = life();
    life.seen().probed(&served("F1", end));
    let ask = |life: &mut Life, value: String| {
        life.monitor.metadata.annotations = Some([(REQUESTED_AT_ANNOTATION.to_owned(), value)].into());
    };
    ask(&mut life, "one".to_owned());
    assert_eq!(life.due(), Due::Now(Cause::Requested));
    life.probed(&failed(FailureReason::ConnectionReset));
    assert_eq!(life.status().last_handled_request_at.as_deref(), Some("one"));
    assert!(matches!(life.due(), Due::At(_)), "a failed check has handled it too");

    ask(&mut life, "é".repeat(5000));
    life.probed(&served("F1", end));
    assert_eq!(life.status().last_handled_request_at.as_ref().map(String::len), Some(256));
    assert!(matches!(life.due(), Due::At(_)), "the cut value counts as handled");
}

#[test]
fn someone_elses_edit_of_our_status_is_repaired() {
    let mut life = life();
    life.seen().probed(&served("F1", at("2026-06-01T00:00:00Z")));
    let mut robbed = life.status().clone();
    robbed.conditions.clear();
    assert!(!has_settled(&life.monitor, Some(&robbed)));
    life.status = Some(robbed);
    life.seen().probed(&served("F1", at("2026-06-01T00:00:00Z")));
    assert_eq!(life.conditions().len(), 4);
}

#[test]
fn history_keeps_the_last_ten_changes() {
    let mut life = life();
    life.seen();
    for n in 0..25 {
        life.wait(SignedDuration::from_mins(5)).probed(&served(&format!("F{n}"), at("2026-06-01T00:00:00Z")));
    }
    let prints: Vec<_> = life.status().history.iter().map(|entry| entry.fingerprint.clone().unwrap()).collect();
    assert_eq!(prints, ["F24", "F23", "F22", "F21", "F20", "F19", "F18", "F17", "F16", "F15"]);
}

#[test]
fn two_certificates_that_take_turns_are_one_change_and_a_third_is_another() {
    let mut life = life();
    life.monitor.spec.addresses = AddressSelection::Any;
    life.seen();
    let mut told = Vec::new();
    for fingerprint in ["A", "B", "A", "B", "A", "C", "A", "B", "C", "A"] {
        life.wait(SignedDuration::from_hours(1)).probed(&served(fingerprint, at("2026-06-01T00:00:00Z")));
        assert_eq!(
            life.status().certificate.as_ref().unwrap().fingerprint.as_deref(),
            Some(fingerprint),
            "shown as it is"
        );
        told.push(life.announced().join(", "));
    }
    let (first, change) = ("Normal Valid", "Normal CertificateChanged");
    assert_eq!(told, [first, change, "", "", "", change, "", "", "", ""]);
    let entry = |entry: &HistoryEntry| (entry.fingerprint.clone().unwrap(), entry.checked_at.0.to_string());
    let history: Vec<_> = life.status().history.iter().map(entry).collect();
    let expected = [("C", "06"), ("B", "02"), ("A", "01")];
    assert_eq!(history, expected.map(|(name, hour)| (name.to_owned(), format!("2026-01-01T{hour}:00:00Z"))));
}

#[test]
fn a_certificate_that_is_put_back_after_a_week_is_a_change() {
    let end = at("2026-06-01T00:00:00Z");
    for (wait, announced) in [(days(7) - SignedDuration::from_secs(1), 0), (days(7), 1)] {
        let mut life = life();
        life.seen().probed(&served("A", end)).probed(&served("B", end));
        life.probed(&failed(FailureReason::ConnectionRefused)).probed(&served("B", end));
        life.wait(wait).probed(&served("A", end));
        assert_eq!((life.announced().len(), life.status().history.len()), (announced, 4 + announced), "{wait}");
        life.wait(days(60)).probed(&served("A", end));
        assert_eq!(life.announced().len(), 0, "it is there already");
    }
}

#[test]
fn what_takes_turns_for_long_is_told_once_a_week() {
    let mut life = life();
    life.seen();
    let mut changes = Vec::new();
    for hour in 0..24 * 28 {
        let fingerprint = if hour % 2 == 0 { "A" } else { "B" };
        life.wait(SignedDuration::from_hours(1)).probed(&served(fingerprint, at("2027-06-01T00:00:00Z")));
        changes.extend(life.announced().contains(&"Normal CertificateChanged".to_owned()).then_some(hour));
    }
    assert_eq!(changes, [1, 170, 339, 508]);
}

#[test]
fn the_same_certificate_after_an_outage_is_no_change_however_long_it_took() {
    let end = at("2027-06-01T00:00:00Z");
    let mut life = life();
    life.seen().probed(&served("A", end)).probed(&failed(FailureReason::ConnectionRefused));
    life.wait(days(30)).probed(&served("A", end));
    assert_eq!(life.announced(), ["Normal Connected"]);
    assert_eq!(life.status().history.len(), 3);
}

#[test]
fn a_review_does_not_take_back_a_missing_bundle_that_still_hides_the_verdict() {
    let mut life = life();
    let message = "ConfigMap corp-ca does not exist".to_owned();
    life.problems = vec![Referent::CaBundle.problem(ProblemKind::NotFound, message)];
    life.seen().probed(&faulty("F1", at("2026-06-01T00:00:00Z"), &[FaultKind::UnknownIssuer]));
    let told = told_problem(life.status());
    assert_eq!(told.as_slice(), life.problems);
    // The bundle is there now; something else leads to a review, which decides on what is told.
    life.problems = told.into_iter().collect();
    life.wait(SignedDuration::from_secs(5)).seen();
    assert_eq!(life.condition(ConditionType::Ready), "False/CABundleNotFound");
    assert_eq!(next_look_for(life.status(), life.now), Some(at("2026-01-01T00:00:35Z")), "and will be looked for");

    life.problems.clear();
    life.probed(&served("F1", at("2026-06-01T00:00:00Z")));
    assert_eq!(told_problem(life.status()), None);
}

#[test]
fn a_request_made_during_a_probe_is_not_handled_by_it() {
    let mut life = life();
    life.seen();
    let seen = served("F1", at("2026-06-01T00:00:00Z"));
    let annotations = [(REQUESTED_AT_ANNOTATION.to_owned(), "later".to_owned())];
    life.monitor.metadata.annotations = Some(annotations.into());
    let plan = decide(Input {
        monitor: &life.monitor,
        status: life.status.as_ref(),
        outcome: Outcome::Probed(&seen),
        problems: &[],
        expected: None,
        service: &ServiceLink::None,
        channels: Channels::None,
        request: Some("earlier"),
        now: life.now,
    });
    assert_eq!(plan.status.last_handled_request_at.as_deref(), Some("earlier"));
    assert_eq!(due(&life.monitor, Some(&plan.status), life.now), Due::Now(Cause::Requested));
}

#[test]
fn an_edited_status_cannot_put_the_next_check_off() {
    let mut life = life();
    life.seen().probed(&served("F1", at("2028-01-01T00:00:00Z")));
    let mut edited = life.status().clone();
    edited.next_check_at = Some(k8s_openapi::apimachinery::pkg::apis::meta::v1::Time(at("2027-12-01T00:00:00Z")));
    life.status = Some(edited);
    assert_eq!(life.due(), Due::At(at("2026-01-01T01:06:00Z")), "the interval and a tenth");
}

#[test]
fn while_unreachable_the_end_of_the_certificate_seen_last_comes_nearer() {
    let mut life = life();
    life.seen().probed(&served("F1", at("2026-02-05T00:00:00Z")));
    assert_eq!(life.condition(ConditionType::CertificateExpiring), "False/NotExpiring");
    life.wait(days(6)).probed(&failed(FailureReason::ConnectionRefused));
    assert_eq!(life.condition(ConditionType::CertificateExpiring), "True/ExpiringSoon");
    assert_eq!(life.announced(), ["Warning ConnectionRefused", "Warning ExpiringSoon"]);
    life.edited(|spec| spec.alert_days = 5).seen().probed(&failed(FailureReason::ConnectionRefused));
    assert_eq!(life.condition(ConditionType::CertificateExpiring), "False/NotExpiring", "by the new alertDays");
}
