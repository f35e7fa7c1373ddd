//! No rule of the shipped role is spare: without any one verb of it the operator is refused something that it does.

use std::time::Duration;

use k8s_openapi::api::{
    authorization::v1::SelfSubjectAccessReview,
    rbac::v1::{ClusterRole, PolicyRule},
};
use kube::{Api, Client};
use serde_json::json;
use ssl_monitor_operator::api::SslMonitor;
use xtask::{farm::TlsServer, install::SERVICE_ACCOUNT};

use crate::{
    expected::tls_secret,
    scene::{ALL_WELL, Scene, conditions, make, message, patch},
    support::{Cluster, Operator, eventually},
};

const FLAGS: [&str; 2] = ["--allow-cidr", "127.0.0.0/8"];
/// Watches are taken up again with a back-off of up to 30 s; the rest is for a busy machine.
const PATIENCE: Duration = Duration::from_mins(2);

/// One verb of one resource.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Permission {
    group: String,
    resource: String,
    verb: String,
}

// === impl Permission ===

impl Permission {
    /// What the API server says to whoever lacks it.
    fn refusal(&self) -> String {
        format!("cannot {} resource \"{}\" in API group \"{}\"", self.verb, self.resource, self.group)
    }

    fn rule(&self) -> PolicyRule {
        PolicyRule {
            api_groups: Some(vec![self.group.clone()]),
            resources: Some(vec![self.resource.clone()]),
            verbs: vec![self.verb.clone()],
            ..PolicyRule::default()
        }
    }
}

async fn role(client: &Client) -> ClusterRole {
    Api::all(client.clone()).get(SERVICE_ACCOUNT).await.unwrap()
}

/// Every verb of every resource that the role names.
fn permissions(role: &ClusterRole) -> Vec<Permission> {
    let mut all = Vec::new();
    for rule in role.rules.iter().flatten() {
        for group in rule.api_groups.iter().flatten() {
            for resource in rule.resources.iter().flatten() {
                all.extend(rule.verbs.iter().map(|verb| Permission {
                    group: group.clone(),
                    resource: resource.clone(),
                    verb: verb.clone(),
                }));
            }
        }
    }
    all
}

/// Leave the operator all but one permission, and wait until the API server has taken it in.
async fn take_away(cluster: &Cluster, missing: &Permission, shipped: &[Permission]) {
    let rules: Vec<PolicyRule> = shipped.iter().filter(|it| *it != missing).map(Permission::rule).collect();
    patch::<ClusterRole>(&cluster.client, SERVICE_ACCOUNT, json!({"rules": rules})).await;
    let reviews: Api<SelfSubjectAccessReview> = Api::all(cluster.operator_client().await);
    let mut parts = missing.resource.split('/');
    let attributes = json!({
        "group": missing.group, "verb": missing.verb, "resource": parts.next(), "subresource": parts.next(),
        "namespace": "default",
    });
    eventually(&format!("{missing:?} is taken away"), PATIENCE, async || {
        let review = make(&reviews, json!({"metadata": {}, "spec": {"resourceAttributes": attributes}})).await;
        if review.status.unwrap().allowed { Err("it is there".to_owned()) } else { Ok(()) }
    })
    .await;
}

/// Something of everything that the operator does: a channel, and a monitor with a Service, a CA bundle, and a certificate to be
/// expected.
async fn act(scene: &Scene<'_>) -> TlsServer {
    scene.channel("hook", json!({"type": "webhook", "address": "https://hooks.scene.test"})).await;
    scene.plain_service("web").await;
    let (issued, labels) = (scene.valid(), json!({"sslmonitor.io/allowed": "true"}));
    tls_secret(scene, "expected", labels, &issued).await;
    let server = scene.serve(issued).await;
    let more = json!({"serviceRef": {"name": "web"}, "expect": {"secretRef": {"name": "expected"}}});
    scene.monitor("main", server.address(), more).await;
    server
}

/// Wait until the operator says this in its log or in the monitor's conditions.
async fn says(scene: &Scene<'_>, operator: &Operator, text: &str) {
    eventually(text, PATIENCE, async || {
        let monitor = scene.api::<SslMonitor>().get("main").await.unwrap();
        // Quotes are escaped in the log, which is JSON.
        let said = format!("{}\n{}", operator.log().replace("\\\"", "\""), message(&monitor, "Ready"));
        if said.contains(text) { Ok(()) } else { Err(said) }
    })
    .await;
}

#[tokio::test]
#[ignore = "needs a control plane: cargo xtask test"]
async fn with_all_rules_nothing_is_refused_and_without_any_one_something_is() {
    let cluster = Cluster::start().await;
    let shipped = permissions(&role(&cluster.client).await);
    assert!(shipped.len() > 8, "{shipped:?}");

    let scene = Scene::new(&cluster).await;
    let operator = cluster.start_operator(&FLAGS).await;
    let _server = act(&scene).await;
    scene.carries("web", ["True", "AllValid", "1 of 1 SslMonitor valid: main"]).await;
    let expected = [&ALL_WELL[..], &["ServedCertificateMatches=True Matches", "ServiceLinked=True Linked"]].concat();
    assert_eq!(conditions(&scene.ready_with("main", "Monitoring").await), expected);
    let log = operator.stop().await.1;
    assert!(!log.contains("cannot ") && !log.contains("forbidden"), "{log}");

    for missing in &shipped {
        take_away(&cluster, missing, &shipped).await;
        let scene = Scene::new(&cluster).await;
        let operator = cluster.start_unready_operator(&FLAGS).await;
        let _server = act(&scene).await;
        says(&scene, &operator, &missing.refusal()).await;
        operator.stop().await;
    }
}
