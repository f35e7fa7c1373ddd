//! Of several replicas one acts: hand-over, loss, and what a holder does that stood still.

use std::time::Duration;

use k8s_openapi::api::{coordination::v1::Lease, rbac::v1::Role};
use kube::{
    Api,
    api::{DeleteParams, Patch, PatchParams},
};
use serde_json::{Value, json};
use ssl_monitor_operator::api::NotificationChannel;
use xtask::{
    control_plane::Write,
    install::{NAMESPACE, SERVICE_ACCOUNT},
};

use crate::{
    alerts::{FLAGS, hears, messages, ok},
    gate::Gate,
    receiver::{Answer, Receiver},
    scene::{ALL_WELL, Scene, conditions},
    support::{Cluster, Operator, eventually, eventually_object},
};

const PATIENCE: Duration = Duration::from_mins(1);
/// A Lease that does not end by itself while a test runs.
const LONG: [&str; 7] = [
    "--leader-elect",
    "--leader-elect-lease-duration",
    "600s",
    "--leader-elect-renew-deadline",
    "400s",
    "--leader-elect-retry-period",
    "100ms",
];
/// One that ends soon, and not so soon that a busy machine loses it.
const SHORT: [&str; 7] = [
    "--leader-elect",
    "--leader-elect-lease-duration",
    "8s",
    "--leader-elect-renew-deadline",
    "5s",
    "--leader-elect-retry-period",
    "200ms",
];

async fn replica(cluster: &Cluster, terms: &[&str]) -> Operator {
    cluster.start_operator(&[&FLAGS, terms].concat()).await
}

fn leases(cluster: &Cluster) -> Api<Lease> {
    Api::namespaced(cluster.client.clone(), NAMESPACE)
}

/// Who holds the Lease, and how often it has gone to another.
async fn holder(cluster: &Cluster) -> (String, i32) {
    let spec = leases(cluster).get(SERVICE_ACCOUNT).await.unwrap().spec.unwrap();
    (spec.holder_identity.unwrap_or_default(), spec.lease_transitions.unwrap_or_default())
}

async fn patch_lease(cluster: &Cluster, spec: Value) {
    let patch = Patch::Merge(json!({"spec": spec}));
    leases(cluster).patch(SERVICE_ACCOUNT, &PatchParams::default(), &patch).await.unwrap();
}

/// Wait until it has said this.
async fn says(operator: &Operator, text: &str) {
    eventually(text, PATIENCE, async || if operator.log().contains(text) { Ok(()) } else { Err(operator.log()) }).await;
}

/// Wait until it has ended by itself; its exit code.
async fn ends(operator: &mut Operator) -> Option<i32> {
    let ended = eventually("it ends", PATIENCE, async || operator.ended().ok_or_else(|| operator.log())).await;
    ended.code()
}

/// Whether it acts, by its metrics, and how many series of monitors it has.
async fn role(operator: &Operator) -> (bool, usize) {
    let (code, page) = operator.get("/metrics").await.unwrap();
    assert_eq!(code, 200);
    (page.contains("\nsslmonitor_leader 1\n"), page.lines().filter(|line| line.starts_with("sslmonitor_up{")).count())
}

/// What the operator has written, but for its Lease.
fn effects(cluster: &Cluster) -> Vec<Write> {
    cluster.writes_by_operator().into_iter().filter(|write| write.resource != "leases").collect()
}

/// Wait until so many Events have been made: each is the last that its job writes.
async fn makes_events(cluster: &Cluster, count: usize) {
    eventually(&format!("{count} Events"), PATIENCE, async || {
        let all = effects(cluster);
        let events = all.iter().filter(|write| write.resource == "events").count();
        if events == count { Ok(()) } else { Err(format!("{all:?}")) }
    })
    .await;
}

#[tokio::test]
#[ignore = "needs a control plane: cargo xtask test"]
async fn one_replica_acts_and_another_takes_over_when_it_is_told_to_stop() {
    let cluster = Cluster::start().await;
    let first = replica(&cluster, &LONG).await;
    let second = replica(&cluster, &LONG).await;
    says(&second, "standing by: ").await;
    let scene = Scene::new(&cluster).await;
    let server = scene.serve(scene.valid()).await;
    scene.monitor("a", server.address(), json!({})).await;
    assert_eq!(conditions(&scene.settled("a").await), ALL_WELL);
    assert_eq!((role(&first).await, role(&second).await), ((true, 1), (false, 0)));
    assert_eq!(second.get("/readyz").await.unwrap(), (200, "ok\n".to_owned()), "it is ready to take over");
    let (before, transitions) = holder(&cluster).await;
    assert_eq!(transitions, 0);

    let (status, log) = first.stop().await;
    assert_eq!(status.and_then(|status| status.code()), Some(0), "{log}");
    // By itself the Lease would have ended in ten minutes.
    says(&second, "acting: this process holds the Lease sslmonitor-system/sslmonitor").await;
    let (after, transitions) = holder(&cluster).await;
    assert_eq!((after == before, transitions), (false, 1));
    let other = scene.serve(scene.valid()).await;
    scene.monitor("b", other.address(), json!({})).await;
    assert_eq!(conditions(&scene.settled("b").await), ALL_WELL);
    assert_eq!(
        (role(&second).await, server.accepted(), other.accepted()),
        ((true, 2), 1, 1),
        "nothing is checked twice"
    );

    let (status, log) = second.stop().await;
    assert_eq!(status.and_then(|status| status.code()), Some(0), "{log}");
    assert_eq!(holder(&cluster).await, (String::new(), 1), "it is given back");
}

#[tokio::test]
#[ignore = "needs a control plane: cargo xtask test"]
async fn a_holder_that_stood_still_writes_and_tells_nothing_when_it_goes_on() {
    let cluster = Cluster::start().await;
    let mut first = replica(&cluster, &SHORT).await;
    let scene = Scene::new(&cluster).await;
    let receiver = Receiver::start(Answer::status("503 Service Unavailable", "", "")).await;
    scene.webhook("hook", &receiver).await;

    // A message waits to be sent again, and a check hangs, when it is stopped.
    let expired = scene.serve(scene.expired()).await;
    let channels = json!({"notificationChannels": [{"name": "hook"}]});
    scene.monitor("bad", expired.address(), channels).await;
    scene.settled("bad").await;
    eventually("it has tried to tell", PATIENCE, async || match messages(&receiver).len() {
        0 => Err("nothing yet".to_owned()),
        _ => Ok(()),
    })
    .await;
    // That it has expired, and that this could not be told.
    makes_events(&cluster, 2).await;
    let server = scene.serve(scene.valid()).await;
    let mut gate = Gate::before(server.address()).await;
    scene.monitor("slow", gate.address, json!({"timeout": "60s"})).await;
    gate.wait().await;
    first.signal("STOP").unwrap();

    let tried = messages(&receiver).len();
    receiver.set_answer(ok());
    let second = replica(&cluster, &SHORT).await;
    says(&second, "acting: ").await;
    assert_eq!(conditions(&scene.settled("slow").await), ALL_WELL);
    hears(&receiver, &vec!["bad problem Expired"; tried + 1]).await;
    // That the other one is valid, and that this was told; and the channel has counted it.
    makes_events(&cluster, 4).await;
    let has_counted =
        |channel: &NotificationChannel| channel.status.as_ref().is_some_and(|status| status.delivered == 1);
    eventually_object(&scene.api(), "hook", "has counted what it was told", has_counted).await;

    let (written, told) = (effects(&cluster), messages(&receiver));
    let _open = gate.open();
    first.signal("CONT").unwrap();
    assert_eq!(ends(&mut first).await, Some(1), "{}", first.log());
    assert!(first.log().contains("the Lease sslmonitor-system/sslmonitor is lost: "), "{}", first.log());
    assert_eq!((effects(&cluster), messages(&receiver)), (written, told), "nothing came of it");
    assert_eq!(role(&second).await, (true, 2));
}

#[tokio::test]
#[ignore = "needs a control plane: cargo xtask test"]
async fn a_lease_that_is_lost_ends_the_process_and_one_that_is_gone_is_made_anew() {
    let mut cluster = Cluster::start().await;
    let mut first = replica(&cluster, &LONG).await;
    leases(&cluster).delete(SERVICE_ACCOUNT, &DeleteParams::default()).await.unwrap();
    eventually("it is there again", PATIENCE, async || {
        leases(&cluster).get(SERVICE_ACCOUNT).await.map(drop).map_err(|error| error.to_string())
    })
    .await;
    assert!(first.ended().is_none(), "{}", first.log());

    let renewed = cluster.writes_by_operator().len();
    patch_lease(&cluster, json!({"holderIdentity": "somebody-else", "leaseDurationSeconds": 2})).await;
    assert_eq!(ends(&mut first).await, Some(1));
    let expected = "the Lease sslmonitor-system/sslmonitor is lost: somebody-else holds it now";
    assert!(first.log().contains(expected), "{}", first.log());
    let codes: Vec<u16> = cluster.writes_by_operator().iter().skip(renewed).map(|write| write.code).collect();
    assert!(codes.contains(&409), "{codes:?}");

    // Nobody renews that one.
    let mut second = replica(&cluster, &SHORT).await;
    says(&second, "acting: ").await;
    cluster.control_plane_mut().kill_apiserver().await.unwrap();
    assert_eq!(ends(&mut second).await, Some(1));
    assert!(second.log().contains("is lost: it could not be renewed within 5s: "), "{}", second.log());
}

#[tokio::test]
#[ignore = "needs a control plane: cargo xtask test"]
async fn a_replica_that_is_killed_is_replaced_when_its_time_is_up() {
    let cluster = Cluster::start().await;
    let mut first = replica(&cluster, &SHORT).await;
    let second = replica(&cluster, &SHORT).await;
    says(&second, "standing by: ").await;
    first.signal("KILL").unwrap();
    says(&second, "acting: ").await;
    assert_eq!(holder(&cluster).await.1, 1);
    let scene = Scene::new(&cluster).await;
    let server = scene.serve(scene.valid()).await;
    scene.monitor("a", server.address(), json!({})).await;
    assert_eq!(conditions(&scene.settled("a").await), ALL_WELL);
}

#[tokio::test]
#[ignore = "needs a control plane: cargo xtask test"]
async fn without_any_one_rule_for_the_lease_it_says_which_it_lacks() {
    let cluster = Cluster::start().await;
    let roles: Api<Role> = Api::namespaced(cluster.client.clone(), NAMESPACE);
    let name = format!("{SERVICE_ACCOUNT}-leader-election");
    let shipped = roles.get(&name).await.unwrap().rules.unwrap();
    let verbs: Vec<String> = shipped.iter().flat_map(|rule| rule.verbs.clone()).collect();
    assert_eq!(verbs, ["create", "get", "update"]);
    for missing in &verbs {
        let mut others = shipped.clone();
        for rule in &mut others {
            rule.verbs.retain(|verb| verb != missing);
        }
        others.retain(|rule| !rule.verbs.is_empty());
        let patch = Patch::Merge(json!({"rules": others}));
        roles.patch(&name, &PatchParams::default(), &patch).await.unwrap();
        let operator = cluster.start_unready_operator(&[&FLAGS[..], &SHORT].concat()).await;
        says(&operator, &format!("cannot {missing} resource \\\"leases\\\"")).await;
        let (code, body) = operator.get("/readyz").await.unwrap();
        assert!(missing == "update" || code == 503, "{missing}: {body}");
        operator.stop().await;
        let _gone = leases(&cluster).delete(SERVICE_ACCOUNT, &DeleteParams::default()).await;
    }
    let patch = Patch::Merge(json!({"rules": shipped}));
    roles.patch(&name, &PatchParams::default(), &patch).await.unwrap();
    let operator = replica(&cluster, &SHORT).await;
    let (_, log) = operator.stop().await;
    assert!(!log.contains("cannot "), "{log}");
}

#[tokio::test]
#[ignore = "needs a control plane: cargo xtask test"]
async fn times_that_do_not_go_together_are_wrong_usage() {
    let cluster = Cluster::shared().await;
    let flags = ["--leader-elect", "--leader-elect-lease-duration", "5s"];
    let mut operator = cluster.spawn_operator(&flags).await;
    assert_eq!(ends(&mut operator).await, Some(2));
    let expected = "error: the renew deadline must be shorter than the lease duration: 10s is not shorter than 5s\n";
    assert_eq!(operator.log(), expected);
}
