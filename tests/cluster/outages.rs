//! What the operator needs goes away under it: its definition, the API server, its rules, its identity.

use std::time::Duration;

use k8s_openapi::{
    api::core::v1::ServiceAccount, apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition,
};
use kube::{Api, api::DeleteParams};
use serde_json::{Value, json};
use ssl_monitor_operator::api::REQUESTED_AT_ANNOTATION;
use tokio::time::sleep;
use xtask::install::{NAMESPACE, SERVICE_ACCOUNT};

use crate::{
    scene::{ALL_WELL, Scene, conditions, forbid, restore},
    support::{Cluster, Operator, eventually},
};

const FLAGS: [&str; 2] = ["--allow-cidr", "127.0.0.0/8"];
const DEFINITIONS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/crds");
const DEFINITION: &str = "sslmonitors.sslmonitor.io";
/// Watches are taken up again with a back-off of up to 30 s; the rest is for a busy machine.
const RECOVERY: Duration = Duration::from_secs(50);

/// How many lines of the log contain this.
fn lines(operator: &Operator, text: &str) -> usize {
    operator.log().lines().filter(|line| line.contains(text)).count()
}

async fn answers(operator: &Operator, page: &str) -> (u16, String) {
    operator.get(page).await.unwrap()
}

/// The pages that are answered whatever else is the matter.
async fn lives(operator: &mut Operator) {
    assert!(operator.ended().is_none(), "{}", operator.log());
    assert_eq!(answers(operator, "/livez").await.0, 200);
    let (code, metrics) = answers(operator, "/metrics").await;
    assert_eq!((code, metrics.ends_with("# EOF\n")), (200, true));
}

async fn delete_definition(cluster: &Cluster) {
    let definitions: Api<CustomResourceDefinition> = Api::all(cluster.client.clone());
    definitions.delete(DEFINITION, &DeleteParams::default()).await.unwrap();
    eventually("the definition is gone", Duration::from_secs(30), async || {
        match definitions.get_opt(DEFINITION).await {
            Ok(None) => Ok(()),
            other => Err(format!("{:?}", other.map(|it| it.and_then(|it| it.status)))),
        }
    })
    .await;
}

fn create_definition(cluster: &Cluster) {
    cluster.kubectl(&["apply", "--server-side", "--filename", DEFINITIONS]);
    let established = "--for=condition=Established";
    cluster.kubectl(&["wait", established, "--timeout=60s", "--filename", DEFINITIONS]);
}

#[tokio::test]
#[ignore = "needs a control plane: cargo xtask test"]
async fn a_definition_that_is_missing_or_deleted_is_waited_for() {
    let cluster = Cluster::start().await;
    delete_definition(&cluster).await;
    let mut operator = cluster.start_unready_operator(&FLAGS).await;
    let complaint = "is the custom resource definition installed?";
    eventually("it says what is missing", Duration::from_secs(20), async || match lines(&operator, complaint) {
        0 => Err(operator.log()),
        _ => Ok(()),
    })
    .await;
    let (code, body) = answers(&operator, "/readyz").await;
    assert_eq!((code, body.contains("the first list of SslMonitors")), (503, true), "{body}");
    sleep(Duration::from_secs(5)).await;
    assert!((1..=6).contains(&lines(&operator, complaint)), "{}", operator.log());
    lives(&mut operator).await;

    create_definition(&cluster);
    eventually("it is ready", RECOVERY, async || match answers(&operator, "/readyz").await {
        (200, _) => Ok(()),
        (_, body) => Err(body),
    })
    .await;
    let scene = Scene::new(&cluster).await;
    scene.plain_service("web").await;
    let server = scene.serve(scene.valid()).await;
    scene.monitor("a", server.address(), json!({"serviceRef": {"name": "web"}})).await;
    scene.carries("web", ["True", "AllValid", "1 of 1 SslMonitor valid: a"]).await;

    let before = lines(&operator, "failed to watch");
    delete_definition(&cluster).await;
    scene.carries_nothing("web").await;
    sleep(Duration::from_secs(5)).await;
    assert!(lines(&operator, "failed to watch") <= before + 6, "{}", operator.log());
    let (_, metrics) = answers(&operator, "/metrics").await;
    assert!(!metrics.contains(&scene.namespace), "{metrics}");
    lives(&mut operator).await;

    create_definition(&cluster);
    let server = scene.serve(scene.valid()).await;
    scene.monitor("b", server.address(), json!({})).await;
    let monitor = scene.settled("b").await;
    assert_eq!((conditions(&monitor), server.accepted()), (ALL_WELL.map(str::to_owned).into(), 1));
    let (status, log) = operator.stop().await;
    assert_eq!(status.and_then(|status| status.code()), Some(0), "{log}");
}

#[tokio::test]
#[ignore = "needs a control plane: cargo xtask test"]
async fn an_api_server_that_dies_is_waited_for_and_nothing_is_checked_twice() {
    let mut cluster = Cluster::start().await;
    let mut operator = cluster.start_operator(&FLAGS).await;
    let scene = Scene::new(&cluster).await;
    let (namespace, server, other) =
        (scene.namespace.clone(), scene.serve(scene.valid()).await, scene.serve(scene.valid()).await);
    scene.monitor("a", server.address(), json!({})).await;
    scene.settled("a").await;
    let authority = scene.authority;
    cluster.control_plane_mut().kill_apiserver().await.unwrap();
    eventually("its watch breaks", Duration::from_secs(30), async || {
        match lines(&operator, "failed to watch SslMonitors") {
            0 => Err(operator.log()),
            _ => Ok(()),
        }
    })
    .await;
    sleep(Duration::from_secs(3)).await;
    assert!(lines(&operator, "failed to watch SslMonitors") <= 5, "{}", operator.log());
    lives(&mut operator).await;

    cluster.control_plane_mut().start_apiserver().await.unwrap();
    let scene = Scene { cluster: &cluster, namespace, authority };
    scene.monitor("b", other.address(), json!({})).await;
    assert_eq!(conditions(&scene.settled("b").await), ALL_WELL);
    assert_eq!(conditions(&scene.check("a", "after the outage").await), ALL_WELL);
    assert_eq!((server.accepted(), other.accepted()), (2, 1), "by request, and as new");
    lives(&mut operator).await;
    let (status, log) = operator.stop().await;
    assert_eq!(status.and_then(|status| status.code()), Some(0), "{log}");
}

#[tokio::test]
#[ignore = "needs a control plane: cargo xtask test"]
async fn refused_status_writes_are_tried_again_with_back_off() {
    let cluster = Cluster::start().await;
    let mut operator = cluster.start_operator(&FLAGS).await;
    let scene = Scene::new(&cluster).await;
    let server = scene.serve(scene.valid()).await;
    let role = forbid(&cluster.client, &["sslmonitors/status"]).await;
    scene.monitor("a", server.address(), json!({})).await;
    let waits = || -> Vec<u64> {
        let log = operator.log();
        let refused = log.lines().filter(|line| line.contains("failed to write the status of SslMonitor"));
        let fields = refused.map(|line| serde_json::from_str::<Value>(line).unwrap());
        fields.filter_map(|fields| fields["retry_in_s"].as_u64()).collect()
    };
    eventually("it is tried again, and again later", Duration::from_secs(20), async || match waits().len() {
        0..3 => Err(operator.log()),
        _ => Ok(()),
    })
    .await;
    assert_eq!(waits()[..3], [1, 2, 4]);
    assert_eq!(server.accepted(), 0, "nothing is checked before the conditions are written");
    lives(&mut operator).await;
    restore(&cluster.client, role).await;
    assert_eq!(conditions(&scene.settled("a").await), ALL_WELL);

    // Its token is worth nothing any more: 401.
    let accounts: Api<ServiceAccount> = Api::namespaced(cluster.client.clone(), NAMESPACE);
    accounts.delete(SERVICE_ACCOUNT, &DeleteParams::default()).await.unwrap();
    let mut requests = 0_u32..;
    eventually("it is refused as nobody", RECOVERY, async || {
        // Every request is a reason to act, for as long as the API server still believes the token.
        let request = requests.next().map(|number| number.to_string());
        scene.edit("a", json!({"metadata": {"annotations": {REQUESTED_AT_ANNOTATION: request}}})).await;
        if lines(&operator, "Unauthorized") > 0 { Ok(()) } else { Err(operator.log()) }
    })
    .await;
    sleep(Duration::from_secs(5)).await;
    assert!(lines(&operator, "Unauthorized") <= 12, "{}", operator.log());
    lives(&mut operator).await;
    let (status, log) = operator.stop().await;
    assert_eq!(status.and_then(|status| status.code()), Some(0), "{log}");
}
