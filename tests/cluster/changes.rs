//! What becomes of a monitor over its life: renewal, edits, off and on, deletion.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use serde_json::json;
use ssl_monitor_operator::api::{CertificateStatus, HistoryEntry, SslMonitor};
use xtask::farm::{Leaf, TlsServer};

use crate::{
    stage::{PATIENCE, Stage, VALID, serve, states},
    support::{eventually, eventually_object},
};

/// A monitor `main` of a valid certificate, checked and announced.
async fn watched() -> (Stage, TlsServer, SslMonitor) {
    let stage = Stage::new().await;
    let server = serve(&stage.authority.issue(&Leaf::new(["main.test"]).expires_in_days(89))).await;
    let monitor = stage.watch(&server).await;
    stage.events(&monitor, &["Normal Valid"]).await;
    (stage, server, monitor)
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a control plane: cargo xtask test"]
async fn a_renewal_is_seen_on_request_and_told_once() {
    let (stage, server, before) = watched().await;
    server.serve(stage.authority.issue(&Leaf::new(["main.test"]).expires_in_days(60)));
    stage.request("main", "please").await;
    let is_answered = |monitor: &SslMonitor| {
        monitor.status.as_ref().and_then(|status| status.last_handled_request_at.as_deref()) == Some("please")
    };
    let after = eventually_object(&stage.monitors, "main", "has answered the request", is_answered).await;
    let events = stage.events(&after, &["Normal Valid", "Normal CertificateChanged"]).await;
    stage.pass().await;

    let (old, new) = (certificate(&before), certificate(&after));
    assert_ne!(old.fingerprint, new.fingerprint);
    assert_eq!((old.days_until_expiry, new.days_until_expiry), (Some(89), Some(60)));
    let until = new.valid_to.as_ref().unwrap().0;
    let fingerprint = new.fingerprint.as_ref().unwrap();
    let note =
        format!("another certificate is served: {fingerprint}, issued by Stage Intermediate, valid until {until}");
    assert_eq!(events[1].note.as_ref(), Some(&note));
    let entry = |monitor: &SslMonitor| HistoryEntry {
        checked_at: monitor.status.as_ref().unwrap().last_checked_at.clone().unwrap(),
        summary: "Valid".to_owned(),
        is_valid: Some(true),
        days_until_expiry: certificate(monitor).days_until_expiry,
        fingerprint: certificate(monitor).fingerprint.clone(),
    };
    assert_eq!(after.status.as_ref().unwrap().history, [entry(&after), entry(&before)]);
    assert_eq!(states(&after), VALID);
    assert_eq!(transitions(&after), transitions(&before), "no status changed");

    assert_eq!(server.accepted(), 2);
    let status = stage.status_write();
    let first = [stage.admin_write("create", 201), status.clone(), status.clone(), stage.event_write()];
    let second = [stage.admin_write("patch", 200), status, stage.event_write()];
    assert_eq!(stage.writes(), [&first[..], &second].concat());
    assert_eq!(stage.log().await, ["main INFO Valid", "main INFO CertificateChanged"]);
    assert_eq!(stage.monitors.get("main").await.unwrap(), after, "one request is one check");
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a control plane: cargo xtask test"]
async fn certificates_that_take_turns_are_told_once_and_shown_each_time() {
    let stage = Stage::new().await;
    let [one, other] = [70, 60].map(|days| stage.authority.issue(&Leaf::new(["main.test"]).expires_in_days(days)));
    let server = serve(&one).await;
    let mut monitor = stage.watch(&server).await;
    for (turn, issued) in [&other, &one, &other, &one].into_iter().enumerate() {
        server.serve(issued.clone());
        let before = certificate(&monitor).fingerprint.clone();
        stage.request("main", &turn.to_string()).await;
        let is_answered = |monitor: &SslMonitor| {
            monitor.status.as_ref().and_then(|it| it.last_handled_request_at.as_deref()) == Some(&*turn.to_string())
        };
        monitor = eventually_object(&stage.monitors, "main", "has answered the request", is_answered).await;
        assert_ne!(certificate(&monitor).fingerprint, before);
    }
    stage.pass().await;
    stage.events(&monitor, &["Normal Valid", "Normal CertificateChanged"]).await;
    assert_eq!(stage.log().await, ["main INFO Valid", "main INFO CertificateChanged"]);
    let days: Vec<_> = monitor.status.iter().flat_map(|it| &it.history).map(|entry| entry.days_until_expiry).collect();
    assert_eq!(days, [Some(60), Some(70)]);
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a control plane: cargo xtask test"]
async fn a_request_is_answered_once_however_long_it_is() {
    let (stage, server, _) = watched().await;
    let request = "ä".repeat(2_500);
    stage.request("main", &request).await;
    let has_answered =
        |monitor: &SslMonitor| monitor.status.as_ref().is_some_and(|status| status.last_handled_request_at.is_some());
    let after = eventually_object(&stage.monitors, "main", "has answered the request", has_answered).await;
    // As much as the status has room for: 256 bytes.
    assert_eq!(after.status.as_ref().unwrap().last_handled_request_at, Some("ä".repeat(128)));
    // A write that asks for nothing new.
    stage.patch("main", json!({"metadata": {"labels": {"team": "web"}}})).await;
    stage.pass().await;
    assert_eq!(server.accepted(), 2);
    let status = stage.status_write();
    let first = [stage.admin_write("create", 201), status.clone(), status.clone(), stage.event_write()];
    let patch = stage.admin_write("patch", 200);
    assert_eq!(stage.writes(), [&first[..], &[patch.clone(), status, patch]].concat());
    assert_eq!(stage.log().await, ["main INFO Valid"]);
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a control plane: cargo xtask test"]
async fn an_edit_is_checked_at_once_and_its_conditions_speak_of_the_new_generation() {
    let (stage, server, before) = watched().await;
    stage.patch("main", json!({"spec": {"alertDays": 100}})).await;
    let after = stage.settled("main").await;
    stage.events(&after, &["Normal Valid", "Warning ExpiringSoon"]).await;
    stage.pass().await;

    assert_eq!(after.metadata.generation, Some(2));
    let expected = [&VALID[..3], &["CertificateExpiring=True/ExpiringSoon"]].concat();
    assert_eq!(states(&after), expected);
    let status = after.status.as_ref().unwrap();
    assert!(status.conditions.iter().all(|condition| condition.observed_generation == Some(2)), "{status:?}");
    assert_eq!(status.summary.as_deref(), Some("ExpiringSoon"));
    // Reachable and CertificateValid did not change; Ready was Unknown in between.
    let unchanged = |monitor: &SslMonitor| transitions(monitor)[1..3].to_vec();
    assert_eq!(unchanged(&after), unchanged(&before));
    assert_eq!(status.history.len(), 2);
    assert_eq!(server.accepted(), 2);
    let (status, event) = (stage.status_write(), stage.event_write());
    let checked = [status.clone(), status, event];
    let [create, patch] = [stage.admin_write("create", 201), stage.admin_write("patch", 200)];
    assert_eq!(stage.writes(), [&[create][..], &checked, &[patch], &checked].concat());
    assert_eq!(stage.log().await, ["main INFO Valid", "main WARN ExpiringSoon"]);
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a control plane: cargo xtask test"]
async fn a_disabled_monitor_keeps_what_it_saw_and_makes_no_connection_until_it_is_enabled() {
    let (stage, server, before) = watched().await;
    stage.patch("main", json!({"spec": {"enabled": false}})).await;
    let off = stage.settled("main").await;
    stage.events(&off, &["Normal Valid", "Normal Disabled"]).await;
    let expected = [
        "Ready=True/Disabled",
        "Reachable=Unknown/Disabled",
        "CertificateValid=Unknown/Disabled",
        "CertificateExpiring=Unknown/Disabled",
    ];
    assert_eq!(states(&off), expected);
    let (old, new) = (before.status.as_ref().unwrap(), off.status.as_ref().unwrap());
    assert_eq!(new.summary.as_deref(), Some("Disabled"));
    assert_eq!(
        (&new.certificate, &new.last_checked_at, &new.history),
        (&old.certificate, &old.last_checked_at, &old.history)
    );
    assert_eq!(new.next_check_at, None);

    stage.request("main", "now").await;
    stage.pass().await;
    let (status, event) = (stage.status_write(), stage.event_write());
    let [create, patch] = [stage.admin_write("create", 201), stage.admin_write("patch", 200)];
    let writes =
        [create, status.clone(), status.clone(), event.clone(), patch.clone(), status.clone(), event.clone(), patch];
    assert_eq!(stage.writes(), writes);
    assert_eq!(server.accepted(), 1);
    let told: Vec<String> = stage.metrics().await.into_iter().map(|(name, _)| name).collect();
    assert!(!told.iter().any(|name| name.contains("_not_after_") || name.contains("_valid{")), "{told:?}");

    stage.patch("main", json!({"spec": {"enabled": true}})).await;
    let on = stage.settled("main").await;
    stage.events(&on, &["Normal Valid", "Normal Disabled", "Normal Valid"]).await;
    stage.pass().await;
    assert_eq!(states(&on), VALID);
    let status = on.status.as_ref().unwrap();
    assert_eq!(status.last_handled_request_at.as_deref(), Some("now"));
    assert_eq!((&status.summary, &status.history), (&old.summary, &old.history));
    assert_eq!(server.accepted(), 2);
    assert_eq!(stage.log().await, ["main INFO Valid", "main INFO Disabled", "main INFO Valid"]);
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a control plane: cargo xtask test"]
async fn the_metrics_say_what_the_status_says_and_vanish_with_the_monitor() {
    let (stage, server, monitor) = watched().await;
    let (namespace, port) = (&stage.namespace, server.address().port());
    let labels = format!("{{namespace=\"{namespace}\",name=\"main\",domain=\"main.test\",port=\"{port}\"}}");
    let status = monitor.status.as_ref().unwrap();
    let certificate = certificate(&monitor);
    let unix = |time: &Option<k8s_openapi::apimachinery::pkg::apis::meta::v1::Time>| {
        Some(f64::from(i32::try_from(time.as_ref()?.0.as_second()).unwrap()))
    };
    let expected = [
        ("up", Some(1.0)),
        ("certificate_valid", Some(1.0)),
        ("certificate_expiring", Some(0.0)),
        ("certificate_not_after_timestamp_seconds", unix(&certificate.valid_to)),
        ("certificate_not_before_timestamp_seconds", unix(&certificate.valid_from)),
        ("chain_not_after_timestamp_seconds", unix(&certificate.valid_to)),
        ("last_check_timestamp_seconds", unix(&status.last_checked_at)),
        ("interval_seconds", Some(3600.0)),
        ("probe_duration_seconds", status.response_time_ms.map(|millis| f64::from(millis) / 1000.0)),
        ("endpoints", Some(1.0)),
    ];
    let expected = expected.map(|(name, value)| (format!("sslmonitor_{name}{labels}"), value.unwrap()));
    eventually("the metrics are those of the status", PATIENCE, async || {
        let found = stage.metrics().await;
        if found == expected { Ok(()) } else { Err(format!("found    {found:?}\nexpected {expected:?}")) }
    })
    .await;

    stage.cluster.kubectl(&["delete", "sslmonitor", "main", "--namespace", namespace]);
    eventually("the series are gone", PATIENCE, async || {
        let left = stage.metrics().await;
        if left.is_empty() { Ok(()) } else { Err(format!("{left:?}")) }
    })
    .await;
    stage.pass().await;
    assert_eq!(stage.metrics().await, []);
    let status = stage.status_write();
    let [create, delete] = [stage.admin_write("create", 201), stage.admin_write("delete", 200)];
    assert_eq!(stage.writes(), [create, status.clone(), status, stage.event_write(), delete]);
    assert_eq!(server.accepted(), 1);
    assert_eq!(stage.log().await, ["main INFO Valid"]);
}

fn certificate(monitor: &SslMonitor) -> &CertificateStatus {
    monitor.status.as_ref().unwrap().certificate.as_ref().unwrap()
}

/// When each condition last changed.
fn transitions(monitor: &SslMonitor) -> Vec<String> {
    let since = |condition: &Condition| format!("{} {}", condition.type_, condition.last_transition_time.0);
    monitor.status.iter().flat_map(|status| &status.conditions).map(since).collect()
}
