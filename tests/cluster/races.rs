//! Monitors that change, go or come again while they are being checked.

use std::time::Duration;

use k8s_openapi::api::events::v1::Event;
use kube::{Api, ResourceExt, api::ListParams};
use serde_json::json;
use ssl_monitor_operator::api::SslMonitor;
use xtask::farm::TlsServer;

use crate::{
    gate::Gate,
    scene::{ALL_WELL, Scene, conditions},
    support::{Cluster, eventually, eventually_object},
};

/// Everything that the operator said of this namespace with a warning.
async fn warnings(scene: &Scene<'_>) -> Vec<String> {
    let events = scene.api::<Event>().list(&ListParams::default()).await.unwrap().items;
    let warnings = events.into_iter().filter(|event| event.type_.as_deref() == Some("Warning"));
    warnings.filter_map(|event| event.reason).collect()
}

/// The writes of the status of `a` that were answered so.
fn status_writes<const N: usize>(codes: [u16; N]) -> [String; N] {
    codes.map(|code| format!("patch sslmonitors/status a {code}"))
}

/// A server with a gate before it.
async fn gated(scene: &Scene<'_>) -> (TlsServer, Gate) {
    let server = scene.serve(scene.valid()).await;
    let gate = Gate::before(server.address()).await;
    (server, gate)
}

fn has_only_seen_a_valid_certificate(monitor: &SslMonitor) {
    assert_eq!(conditions(monitor), ALL_WELL);
    let status = monitor.status.as_ref().unwrap();
    let history: Vec<&str> = status.history.iter().map(|entry| entry.summary.as_str()).collect();
    assert_eq!((history, status.consecutive_failures), (vec!["Valid"], None));
}

#[tokio::test]
#[ignore = "needs a control plane: cargo xtask test"]
async fn the_result_of_a_deleted_monitor_is_not_written_onto_a_new_one_of_its_name() {
    let cluster = Cluster::shared().await;
    cluster.operator().await;
    let scene = Scene::new(&cluster).await;
    let (server, mut gate) = gated(&scene).await;
    let (address, patient) = (gate.address, json!({"timeout": "1m"}));
    let old = scene.monitor("a", address, patient.clone()).await;
    gate.wait().await;
    scene.delete::<SslMonitor>("a").await;
    let new = scene.monitor("a", address, patient).await;
    assert_ne!(old.uid(), new.uid());
    let monitors: Api<SslMonitor> = scene.api();
    eventually_object(&monitors, "a", "is introduced", |monitor| !conditions(monitor).is_empty()).await;
    let _open = gate.open();
    let monitor = scene.settled("a").await;
    has_only_seen_a_valid_certificate(&monitor);
    assert_eq!((monitor.uid(), server.accepted()), (new.uid(), 1));
    let codes = status_writes([200, 200, 409, 200]);
    assert_eq!(scene.writes(), codes, "introduced, introduced anew, refused, checked");
    assert_eq!(warnings(&scene).await, [""; 0]);
}

#[tokio::test]
#[ignore = "needs a control plane: cargo xtask test"]
async fn the_result_of_an_old_spec_is_discarded() {
    let cluster = Cluster::shared().await;
    cluster.operator().await;
    let scene = Scene::new(&cluster).await;
    let (server, mut gate) = gated(&scene).await;
    scene.monitor("a", gate.address, json!({"timeout": "1m"})).await;
    gate.wait().await;
    scene.edit("a", json!({"spec": {"alertDays": 45}})).await;
    let monitors: Api<SslMonitor> = scene.api();
    eventually_object(&monitors, "a", "is taken up anew", |monitor| {
        monitor.status.as_ref().is_some_and(|status| status.observed_generation == Some(2))
    })
    .await;
    let _open = gate.open();
    has_only_seen_a_valid_certificate(&scene.settled("a").await);
    let codes = status_writes([200, 200, 409, 200]);
    assert_eq!(scene.writes(), codes);
    assert_eq!((server.accepted(), warnings(&scene).await), (1, vec![]));
}

#[tokio::test]
#[ignore = "needs a control plane: cargo xtask test"]
async fn a_change_beside_the_spec_during_a_check_costs_no_second_one() {
    let cluster = Cluster::shared().await;
    cluster.operator().await;
    let scene = Scene::new(&cluster).await;
    let (server, mut gate) = gated(&scene).await;
    scene.monitor("a", gate.address, json!({"timeout": "1m"})).await;
    gate.wait().await;
    scene.edit("a", json!({"metadata": {"labels": {"team": "shop"}}})).await;
    let _open = gate.open();
    let monitor = scene.settled("a").await;
    assert_eq!(monitor.labels()["team"], "shop");
    let status = monitor.status.as_ref().unwrap();
    assert_eq!((status.consecutive_failures, server.accepted()), (Some(1), 0), "{:?}", conditions(&monitor));
    let codes = status_writes([200, 409, 200]);
    assert_eq!(scene.writes(), codes, "introduced, refused, decided anew");
}

#[tokio::test]
#[ignore = "needs a control plane: cargo xtask test"]
async fn a_monitor_that_is_deleted_during_its_check_leaves_nothing_behind() {
    let cluster = Cluster::shared().await;
    let operator = cluster.operator().await;
    let scene = Scene::new(&cluster).await;
    let (server, mut gate) = gated(&scene).await;
    scene.monitor("a", gate.address, json!({"timeout": "1m"})).await;
    gate.wait().await;
    scene.delete::<SslMonitor>("a").await;
    let _open = gate.open();
    let expected = ["patch sslmonitors/status a 200", "patch sslmonitors/status a 404"];
    eventually("the late result is refused", Duration::from_secs(30), async || {
        let writes = scene.writes();
        if writes == expected { Ok(()) } else { Err(format!("{writes:?}")) }
    })
    .await;
    let namespace = format!("namespace=\"{}\"", scene.namespace);
    eventually("its series are gone", Duration::from_secs(10), async || {
        let (_, metrics) = operator.get("/metrics").await.map_err(|error| error.to_string())?;
        let left: Vec<_> = metrics.lines().filter(|line| line.contains(&namespace)).collect();
        if left.is_empty() { Ok(()) } else { Err(left.join("\n")) }
    })
    .await;
    assert_eq!((server.accepted(), warnings(&scene).await), (0, vec![]));
}
