//! The condition that a linked Service carries.

use k8s_openapi::api::{core::v1::Service, events::v1::Event};
use kube::{
    Api,
    api::{ListParams, Patch, PatchParams},
};
use serde_json::{Value, json};
use ssl_monitor_operator::api::SslMonitor;

use crate::{
    scene::{ALL_WELL, SERVICE_CONDITION, Scene, conditions, forbid, message, refusing, service_condition},
    support::{Cluster, eventually_object},
};

const VALID: [&str; 3] = ["True", "AllValid", "1 of 1 SslMonitor valid: a"];

/// A time at which no test ran.
const LONG_AGO: &str = "2020-01-01T00:00:00Z";

fn linked(service: &str) -> Value {
    json!({"serviceRef": {"name": service}})
}

#[tokio::test]
#[ignore = "needs a control plane: cargo xtask test"]
async fn the_worst_of_the_enabled_monitors_decides_and_the_last_takes_the_condition_away() {
    let cluster = Cluster::shared().await;
    cluster.operator().await;
    let scene = Scene::new(&cluster).await;
    scene.plain_service("web").await;
    let (good, ending, bad) =
        (scene.serve(scene.valid()).await, scene.serve(scene.expiring()).await, scene.serve(scene.expired()).await);
    let (_refusing, closed) = refusing();

    scene.monitor("a", good.address(), linked("web")).await;
    scene.carries("web", VALID).await;
    scene.monitor("b", ending.address(), linked("web")).await;
    let ending_soon = ["True", "ExpiringSoon", "2 of 2 SslMonitors valid: b ExpiringSoon"];
    scene.carries("web", ending_soon).await;
    scene.monitor("c", closed, linked("web")).await;
    let failed = ["Unknown", "ProbeFailed", "2 of 3 SslMonitors valid: c ProbeFailed, b ExpiringSoon"];
    scene.carries("web", failed).await;
    let off = json!({"serviceRef": {"name": "web"}, "enabled": false});
    scene.monitor("disabled", bad.address(), off).await;
    let disabled = scene.settled("disabled").await;
    assert!(conditions(&disabled).contains(&"ServiceLinked=Unknown Disabled".to_owned()), "{disabled:?}");
    scene.monitor("d", bad.address(), linked("web")).await;
    let expired = ["False", "Expired", "2 of 4 SslMonitors valid: d Expired, c ProbeFailed, b ExpiringSoon"];
    scene.carries("web", expired).await;
    scene.edit("d", json!({"spec": {"enabled": false}})).await;
    scene.carries("web", failed).await;
    scene.delete::<SslMonitor>("c").await;
    scene.carries("web", ending_soon).await;
    scene.edit("b", json!({"spec": {"serviceRef": null}})).await;
    scene.carries("web", VALID).await;
    scene.settled("b").await;
    scene.delete::<SslMonitor>("a").await;
    let service = scene.carries_nothing("web").await;
    assert_eq!(service.data["status"], json!({"loadBalancer": {}}));
    assert_eq!((good.accepted(), ending.accepted()), (1, 2), "only what has a new spec is checked anew");
    let writes: Vec<String> = scene.writes().into_iter().filter(|write| write.contains(" services")).collect();
    assert!(writes.iter().all(|write| write == "patch services/status web 200"), "{writes:?}");
}

#[tokio::test]
#[ignore = "needs a control plane: cargo xtask test"]
async fn the_transition_time_moves_only_with_the_status() {
    let cluster = Cluster::shared().await;
    cluster.operator().await;
    let scene = Scene::new(&cluster).await;
    scene.plain_service("web").await;
    let server = scene.serve(scene.valid()).await;
    scene.monitor("a", server.address(), linked("web")).await;
    scene.carries("web", VALID).await;
    // Backdated by someone else, so that nothing depends on how fast the test is.
    let backdated = json!({"status": {"conditions": [{
        "type": SERVICE_CONDITION, "status": "True", "reason": "AllValid", "message": VALID[2], "lastTransitionTime": LONG_AGO
    }]}});
    let params = PatchParams::default();
    scene.services().patch_status("web", &params, &Patch::Merge(backdated)).await.unwrap();

    server.serve(scene.expiring());
    scene.check("a", "1").await;
    let soon = scene.carries("web", ["True", "ExpiringSoon", "1 of 1 SslMonitor valid: a ExpiringSoon"]).await;
    assert_eq!(service_condition(&soon).unwrap()["lastTransitionTime"], LONG_AGO);
    server.serve(scene.expired());
    scene.check("a", "2").await;
    let expired = scene.carries("web", ["False", "Expired", "0 of 1 SslMonitor valid: a Expired"]).await;
    let since = service_condition(&expired).unwrap()["lastTransitionTime"].clone();
    let since: jiff::Timestamp = since.as_str().unwrap().parse().unwrap();
    let checked = scene.settled("a").await.status.unwrap().last_checked_at.unwrap().0;
    assert!((since.as_second() - checked.as_second()).abs() <= 5, "{since} {checked}");
}

#[tokio::test]
#[ignore = "needs a control plane: cargo xtask test"]
async fn foreign_conditions_and_fields_are_left_alone() {
    let cluster = Cluster::shared().await;
    cluster.operator().await;
    let scene = Scene::new(&cluster).await;
    scene.service("web", json!({"type": "LoadBalancer", "ports": [{"port": 443}]})).await;
    let metadata = json!({
        "labels": {"team": "shop"}, "annotations": {"note": "kept"}, "finalizers": ["example.com/held"],
    });
    // A condition without a transition time: some cloud controllers have written such.
    let foreign = json!({
        "loadBalancer": {"ingress": [{"ip": "192.0.2.1", "ipMode": "VIP"}]},
        "conditions": [{
            "type": "LoadBalancerPortsError", "status": "False", "reason": "", "message": "", "lastTransitionTime": null
        }],
    });
    let params = PatchParams::default();
    scene.services().patch("web", &params, &Patch::Merge(json!({"metadata": metadata}))).await.unwrap();
    let patch = Patch::Merge(json!({"status": foreign}));
    let before = scene.services().patch_status("web", &params, &patch).await.unwrap();
    assert_eq!(before.data["status"], foreign);

    let server = scene.serve(scene.valid()).await;
    scene.monitor("a", server.address(), linked("web")).await;
    let mut during = scene.carries("web", VALID).await;
    let all = during.data["status"]["conditions"].as_array_mut().unwrap();
    all.retain(|condition| condition["type"] != SERVICE_CONDITION);
    assert_eq!(told(&during), told(&before), "nothing but the one condition");

    scene.edit("a", json!({"spec": {"serviceRef": null}})).await;
    let after = scene.carries_nothing("web").await;
    assert_eq!(told(&after), told(&before));
    let unheld = Patch::Merge(json!({"metadata": {"finalizers": null}}));
    scene.services().patch("web", &params, &unheld).await.unwrap();
}

/// What everyone but the operator sees of a Service.
fn told(service: &kube::api::DynamicObject) -> Value {
    let metadata = &service.metadata;
    json!({
        "data": service.data, "labels": metadata.labels, "annotations": metadata.annotations,
        "finalizers": metadata.finalizers, "uid": metadata.uid,
    })
}

#[tokio::test]
#[ignore = "needs a control plane: cargo xtask test"]
async fn the_condition_follows_the_link_to_another_service() {
    let cluster = Cluster::shared().await;
    cluster.operator().await;
    let scene = Scene::new(&cluster).await;
    scene.plain_service("one").await;
    scene.plain_service("two").await;
    scene.plain_service("bystander").await;
    let server = scene.serve(scene.valid()).await;
    scene.monitor("a", server.address(), linked("one")).await;
    scene.carries("one", VALID).await;
    scene.edit("a", json!({"spec": {"serviceRef": {"name": "two"}}})).await;
    scene.carries("two", VALID).await;
    scene.carries_nothing("one").await;
    let writes = scene.writes();
    assert!(!writes.iter().any(|write| write.contains("bystander")), "{writes:?}");
}

#[tokio::test]
#[ignore = "needs a control plane: cargo xtask test"]
async fn a_service_that_comes_late_goes_and_comes_again_is_taken_up_without_a_check() {
    let cluster = Cluster::shared().await;
    cluster.operator().await;
    let scene = Scene::new(&cluster).await;
    let server = scene.serve(scene.valid()).await;
    scene.monitor("a", server.address(), linked("web")).await;
    let missing = "Service web does not exist in this namespace: create it, or correct serviceRef";
    for round in ["late", "again"] {
        let monitor = scene.ready_with("a", "ServiceNotFound").await;
        let expected = [
            "Ready=False ServiceNotFound",
            "Reconciling=True ServiceNotFound",
            "Reachable=True Connected",
            "CertificateValid=True Valid",
            "CertificateExpiring=False NotExpiring",
            "ServiceLinked=False ServiceNotFound",
        ];
        assert_eq!(conditions(&monitor), expected, "{round}");
        let messages = ["Ready", "Reconciling", "ServiceLinked"].map(|kind| message(&monitor, kind));
        assert_eq!(messages, [missing; 3]);
        assert_eq!(monitor.status.unwrap().summary.unwrap(), "ServiceNotFound");
        scene.plain_service("web").await;
        let monitor = scene.ready_with("a", "Monitoring").await;
        assert_eq!(conditions(&monitor), [&ALL_WELL[..], &["ServiceLinked=True Linked"]].concat(), "{round}");
        scene.carries("web", VALID).await;
        scene.delete::<Service>("web").await;
    }
    scene.ready_with("a", "ServiceNotFound").await;
    assert_eq!(server.accepted(), 1);
}

#[tokio::test]
#[ignore = "needs a control plane: cargo xtask test"]
async fn headless_and_external_name_services_carry_it_too() {
    let cluster = Cluster::shared().await;
    cluster.operator().await;
    let scene = Scene::new(&cluster).await;
    let server = scene.serve(scene.valid()).await;
    let headless = json!({"clusterIP": "None", "ports": [{"port": 443}]});
    let external = json!({"type": "ExternalName", "externalName": "example.com"});
    for (name, spec) in [("headless", headless), ("external", external)] {
        scene.service(name, spec).await;
        scene.monitor(name, server.address(), linked(name)).await;
        scene.carries(name, ["True", "AllValid", &format!("1 of 1 SslMonitor valid: {name}")]).await;
        scene.delete::<SslMonitor>(name).await;
        scene.carries_nothing(name).await;
    }
}

#[tokio::test]
#[ignore = "needs a control plane: cargo xtask test"]
async fn what_changed_while_the_operator_was_away_is_swept_up_at_its_start() {
    let cluster = Cluster::start().await;
    let flags = ["--allow-cidr", "127.0.0.0/8"];
    let operator = cluster.start_operator(&flags).await;
    let scene = Scene::new(&cluster).await;
    let server = scene.serve(scene.valid()).await;
    for name in ["deleted", "unlinked", "kept"] {
        scene.plain_service(name).await;
        scene.monitor(name, server.address(), linked(name)).await;
        scene.carries(name, ["True", "AllValid", &format!("1 of 1 SslMonitor valid: {name}")]).await;
    }
    operator.stop().await;
    scene.delete::<SslMonitor>("deleted").await;
    scene.edit("unlinked", json!({"spec": {"serviceRef": null}})).await;
    let kept = scene.services().get("kept").await.unwrap();
    let before = scene.writes().len();

    let _operator = cluster.start_operator(&flags).await;
    scene.carries_nothing("deleted").await;
    scene.carries_nothing("unlinked").await;
    eventually_object(&scene.api::<SslMonitor>(), "unlinked", "says nothing of a Service", |monitor| {
        conditions(monitor) == ALL_WELL
    })
    .await;
    assert_eq!(scene.services().get("kept").await.unwrap(), kept);
    let mut writes = scene.writes().split_off(before);
    writes.sort();
    let expected = [
        "patch services/status deleted 200",
        "patch services/status unlinked 200",
        // Its new spec: first the conditions, then the check.
        "patch sslmonitors/status unlinked 200",
        "patch sslmonitors/status unlinked 200",
    ];
    assert_eq!(writes, expected);
}

#[tokio::test]
#[ignore = "needs a control plane: cargo xtask test"]
async fn a_service_that_may_not_be_written_is_told_once_also_over_a_restart() {
    let cluster = Cluster::start().await;
    let scene = Scene::new(&cluster).await;
    let server = scene.serve(scene.valid()).await;
    scene.plain_service("web").await;
    let _role = forbid(&cluster.client, &["services/status"]).await;
    let told = async || {
        let events: Api<Event> = scene.api();
        let events = events.list(&ListParams::default()).await.unwrap().items;
        let mut reasons: Vec<String> = events.into_iter().filter_map(|event| event.reason).collect();
        reasons.sort();
        reasons
    };

    let operator = cluster.start_operator(&["--allow-cidr", "127.0.0.0/8"]).await;
    scene.monitor("a", server.address(), linked("web")).await;
    scene.ready_with("a", "Forbidden").await;
    scene.check("a", "first").await;
    operator.stop().await;
    assert_eq!(told().await, ["Forbidden", "Valid"]);

    let _operator = cluster.start_operator(&["--allow-cidr", "127.0.0.0/8"]).await;
    let monitor = scene.check("a", "second").await;
    assert_eq!(conditions(&monitor)[0], "Ready=False Forbidden");
    // A monitor that comes later goes all its way: by then whatever the restart led to has happened.
    scene.monitor("b", server.address(), linked("web")).await;
    scene.ready_with("b", "Forbidden").await;
    scene.check("b", "third").await;
    assert_eq!(conditions(&scene.check("a", "fourth").await)[0], "Ready=False Forbidden");
    let transition = |monitor: &SslMonitor| monitor.status.as_ref().unwrap().conditions[0].last_transition_time.clone();
    assert_eq!(transition(&scene.check("a", "fifth").await), transition(&monitor), "it never said otherwise");
    assert_eq!(told().await, ["Forbidden", "Forbidden", "Valid", "Valid"], "once for each monitor");
}
