//! Idle, stopped, started again, and with a status that others have had their hands in.

use std::time::{Duration, Instant};

use kube::{
    Api,
    api::{Patch, PatchParams},
};
use serde_json::{Value, json};
use ssl_monitor_operator::api::{SslMonitor, SslMonitorStatus};
use tokio::{net::TcpListener, time::sleep};
use xtask::farm::TlsServer;

use crate::{
    scene::{ALL_WELL, Scene, conditions},
    support::{Cluster, eventually, eventually_object, loopback},
};

const FLAGS: [&str; 2] = ["--allow-cidr", "127.0.0.0/8"];

#[tokio::test]
#[ignore = "needs a control plane: cargo xtask test"]
async fn nothing_is_written_while_nothing_is_due_and_a_restart_checks_only_what_is() {
    let cluster = Cluster::start().await;
    let operator = cluster.start_operator(&FLAGS).await;
    let scene = Scene::new(&cluster).await;
    scene.plain_service("web").await;
    let (good, bad, late) =
        (scene.serve(scene.valid()).await, scene.serve(scene.expired()).await, scene.serve(scene.valid()).await);
    scene.monitor("good", good.address(), json!({"serviceRef": {"name": "web"}})).await;
    scene.monitor("bad", bad.address(), json!({})).await;
    scene.monitor("late", late.address(), json!({})).await;
    scene.monitor("off", late.address(), json!({"enabled": false})).await;
    scene.monitor("bundleless", bad.address(), json!({"tls": {"caBundle": {"secret": {"name": "absent"}}}})).await;
    for name in ["good", "bad", "late", "off", "bundleless"] {
        scene.settled(name).await;
    }
    scene.carries("web", ["True", "AllValid", "1 of 1 SslMonitor valid: good"]).await;
    let hook = |more: Value| {
        let mut spec = json!({"type": "webhook", "address": "https://127.0.0.1:1/"});
        spec.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        spec
    };
    scene.channel("ready", hook(json!({}))).await;
    scene.channel("secretless", hook(json!({"secretRef": {"name": "absent"}}))).await;
    scene.channel("silent", hook(json!({"suspend": true}))).await;
    // Events follow their status: Valid, Expired, Valid, Disabled, CABundleNotFound with Expired, SecretNotFound, and Suspended.
    eventually("all eight Events are written", Duration::from_secs(30), async || {
        let events = cluster.writes_by_operator().iter().filter(|write| write.resource == "events").count();
        if events == 8 { Ok(()) } else { Err(events.to_string()) }
    })
    .await;
    let accepted = || [&good, &bad, &late].map(TlsServer::accepted);
    let (writes, log) = (cluster.writes_by_operator(), operator.log());
    assert_eq!(accepted(), [1, 2, 1]);

    sleep(Duration::from_mins(1)).await;
    assert_eq!(cluster.writes_by_operator(), writes);
    assert_eq!((accepted(), operator.log()), ([1, 2, 1], log));

    operator.stop().await;
    let overdue = json!({"status": {"nextCheckAt": "2020-01-01T00:00:00Z"}});
    let monitors: Api<SslMonitor> = scene.api();
    let before = monitors.patch_status("late", &PatchParams::default(), &Patch::Merge(overdue)).await.unwrap();
    let before = before.status.unwrap();
    let _operator = cluster.start_operator(&FLAGS).await;
    let after = eventually_object(&monitors, "late", "is checked", |monitor| {
        monitor.status.as_ref().is_some_and(|status| status.last_checked_at > before.last_checked_at)
    })
    .await;
    assert_eq!(conditions(&after), ALL_WELL);
    assert_eq!(accepted(), [1, 2, 2]);
    let since: Vec<_> = cluster.writes_by_operator().split_off(writes.len());
    let names: Vec<_> = since.iter().map(|write| (write.resource.as_str(), write.name.as_str(), write.code)).collect();
    assert_eq!(names, [("sslmonitors", "late", 200)]);
}

#[tokio::test]
#[ignore = "needs a control plane: cargo xtask test"]
async fn a_status_that_others_wipe_or_edit_is_repaired() {
    let cluster = Cluster::shared().await;
    cluster.operator().await;
    let scene = Scene::new(&cluster).await;
    let server = scene.serve(scene.valid()).await;
    scene.monitor("a", server.address(), json!({})).await;
    let first = scene.settled("a").await;
    let whole = lasting(&first);
    let monitors: Api<SslMonitor> = scene.api();
    for (round, wipe) in
        [json!(null), json!({"conditions": null}), json!({"observedGeneration": null})].iter().enumerate()
    {
        let patch = Patch::Merge(json!({"status": wipe}));
        monitors.patch_status("a", &PatchParams::default(), &patch).await.unwrap();
        let repaired = eventually_object(&monitors, "a", "is repaired", |monitor| lasting(monitor) == whole).await;
        assert_eq!(conditions(&repaired), ALL_WELL, "{wipe}");
        eventually("it has been checked anew", Duration::from_secs(10), async || {
            if server.accepted() == round + 2 { Ok(()) } else { Err(server.accepted().to_string()) }
        })
        .await;
    }

    let mut lie = serde_json::to_value(first.status.unwrap()).unwrap();
    lie["summary"] = json!("Lie");
    lie["certificate"]["issuer"] = json!("Lie");
    lie["conditions"][0]["status"] = json!("False");
    lie["conditions"][0]["reason"] = json!("Lie");
    let patch = Patch::Merge(json!({"status": lie}));
    monitors.patch_status("a", &PatchParams::default(), &patch).await.unwrap();
    let repaired = scene.check("a", "after the lie").await;
    assert_eq!(lasting(&repaired), whole);
}

/// What of a status does not depend on when it was made.
fn lasting(monitor: &SslMonitor) -> Value {
    let mut status = monitor.status.clone().unwrap_or_default();
    status.endpoints.iter_mut().for_each(|endpoint| endpoint.response_time_ms = None);
    let status = SslMonitorStatus {
        conditions: Vec::new(),
        history: Vec::new(),
        last_checked_at: None,
        next_check_at: None,
        response_time_ms: None,
        last_handled_request_at: None,
        ..status
    };
    json!({"status": status, "conditions": conditions(monitor)})
}

#[tokio::test]
#[ignore = "needs a control plane: cargo xtask test"]
async fn sigterm_ends_the_operator_in_time_idle_or_with_fifty_checks_in_flight() {
    let cluster = Cluster::start().await;
    let operator = cluster.start_operator(&FLAGS).await;
    let begun = Instant::now();
    let (status, log) = operator.stop().await;
    assert_eq!(status.and_then(|status| status.code()), Some(0), "{log}");
    assert!(begun.elapsed() < Duration::from_secs(3), "{:?}", begun.elapsed());

    let operator = cluster.start_operator(&FLAGS).await;
    let scene = Scene::new(&cluster).await;
    let mut silent = Vec::new();
    for number in 0..50 {
        // The system completes connections in the backlog; nobody ever answers them.
        let listener = TcpListener::bind(loopback()).await.unwrap();
        let address = listener.local_addr().unwrap();
        silent.push(listener);
        scene.monitor(&format!("silent-{number}"), address, json!({"timeout": "30s"})).await;
    }
    eventually("all are in flight", Duration::from_secs(20), async || {
        let (_, metrics) = operator.get("/metrics").await.map_err(|error| error.to_string())?;
        let line = metrics.lines().find(|line| line.starts_with("sslmonitor_schedule_in_flight ")).unwrap_or_default();
        if line == "sslmonitor_schedule_in_flight 50" { Ok(()) } else { Err(line.to_owned()) }
    })
    .await;
    let writes = cluster.writes_by_operator().len();
    let begun = Instant::now();
    let (status, log) = operator.stop().await;
    assert_eq!(status.and_then(|status| status.code()), Some(0), "{log}");
    assert!(begun.elapsed() < Duration::from_secs(10), "{:?}", begun.elapsed());
    assert!(log.contains("some checks did not end within 6 s and are given up"), "{log}");
    assert_eq!(cluster.writes_by_operator().len(), writes, "what was given up is not written");
}
