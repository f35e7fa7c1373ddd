//! An operator for some namespaces only, with rights in no other.

use k8s_openapi::api::rbac::v1::{ClusterRole, ClusterRoleBinding, Role, RoleBinding};
use kube::{Api, api::DeleteParams};
use serde_json::{Value, json};
use ssl_monitor_operator::api::SslMonitor;
use xtask::install::{NAMESPACE, SERVICE_ACCOUNT};

use crate::{
    alerts::{FLAGS, hears, ok},
    receiver::Receiver,
    scene::{Scene, conditions, make},
    support::{Cluster, OPERATOR_USER},
};

/// The shipped rules in this namespace alone.
async fn bind(scene: &Scene<'_>, shipped: &ClusterRole) {
    make(&scene.api::<Role>(), json!({"metadata": {"name": SERVICE_ACCOUNT}, "rules": shipped.rules})).await;
    let role = json!({"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": SERVICE_ACCOUNT});
    let subject = json!({"kind": "ServiceAccount", "name": SERVICE_ACCOUNT, "namespace": NAMESPACE});
    let binding = json!({"metadata": {"name": SERVICE_ACCOUNT}, "roleRef": role, "subjects": [subject]});
    make(&scene.api::<RoleBinding>(), binding).await;
}

/// A monitor of a certificate that has expired, with all that it may name.
async fn watch(scene: &Scene<'_>, receiver: &Receiver) -> xtask::farm::TlsServer {
    scene.webhook("hook", receiver).await;
    scene.plain_service("web").await;
    let server = scene.serve(scene.expired()).await;
    let more = json!({"serviceRef": {"name": "web"}, "notificationChannels": [{"name": "hook"}]});
    scene.monitor("main", server.address(), more).await;
    server
}

fn message_of(line: &str) -> String {
    let line: Value = serde_json::from_str(line).unwrap();
    line["message"].as_str().unwrap().to_owned()
}

#[tokio::test]
#[ignore = "needs a control plane: cargo xtask test"]
async fn only_the_namespaces_that_are_named_are_watched_and_one_that_is_gone_hinders_no_other() {
    let cluster = Cluster::start().await;
    let roles: Api<ClusterRole> = Api::all(cluster.client.clone());
    let shipped = roles.get(SERVICE_ACCOUNT).await.unwrap();
    let bindings: Api<ClusterRoleBinding> = Api::all(cluster.client.clone());
    bindings.delete(SERVICE_ACCOUNT, &DeleteParams::default()).await.unwrap();
    let (one, two, other) = (Scene::new(&cluster).await, Scene::new(&cluster).await, Scene::new(&cluster).await);
    bind(&one, &shipped).await;
    bind(&two, &shipped).await;
    let receivers = [Receiver::start(ok()).await, Receiver::start(ok()).await, Receiver::start(ok()).await];
    let unseen = watch(&other, &receivers[2]).await;
    let _first = watch(&one, &receivers[0]).await;

    let namespaces = format!("{},{},gone", one.namespace, two.namespace);
    let operator = cluster.start_operator(&[&FLAGS[..], &["--namespaces", &namespaces]].concat()).await;
    let _second = watch(&two, &receivers[1]).await;
    for (scene, receiver) in [(&one, &receivers[0]), (&two, &receivers[1])] {
        scene.carries("web", ["False", "Expired", "0 of 1 SslMonitor valid: main Expired"]).await;
        hears(receiver, &["main problem Expired"]).await;
        scene.told("main").await;
    }
    one.delete::<SslMonitor>("main").await;
    one.carries_nothing("web").await;

    let untouched = other.api::<SslMonitor>().get("main").await.unwrap();
    assert_eq!((conditions(&untouched), unseen.accepted(), other.writes()), (vec![], 0, vec![]));
    assert_eq!(receivers[2].seen().connections, 0);
    let (status, log) = operator.stop().await;
    assert_eq!(status.and_then(|status| status.code()), Some(0), "{log}");
    let mut refused: Vec<String> = log.lines().filter(|line| line.contains("cannot ")).map(message_of).collect();
    refused.sort();
    refused.dedup();
    let sentence = |kind: &str, resource: &str, group: &str| {
        let (user, hint) = (OPERATOR_USER, "(does the operator have its role there?)");
        let plural = resource.split('.').next().unwrap();
        format!(
            "failed to watch {kind} of namespace gone: {resource} is forbidden: User \"{user}\" cannot list resource \"{plural}\" \
             in API group \"{group}\" in the namespace \"gone\" {hint}"
        )
    };
    let expected = [
        sentence("NotificationChannels", "notificationchannels.sslmonitor.io", "sslmonitor.io"),
        sentence("Services", "services", ""),
        sentence("SslMonitors", "sslmonitors.sslmonitor.io", "sslmonitor.io"),
    ];
    assert_eq!(refused, expected);
}
