//! Secrets that a monitor names: the certificate that should be served, the client certificate, and the proxy's login.

use k8s_openapi::api::core::v1::Secret;
use kube::api::{Patch, PatchParams};
use serde_json::{Value, json};
use ssl_monitor_operator::api::SslMonitor;
use xtask::farm::Issued;

use crate::{
    scene::{ALL_WELL, Scene, conditions, make, message},
    support::{Cluster, eventually_object},
};

/// A Secret of type `kubernetes.io/tls` with this certificate, and a key that is none of anybody's business.
pub(crate) async fn tls_secret(scene: &Scene<'_>, name: &str, labels: Value, issued: &Issued) {
    let data = json!({"tls.crt": issued.chain_pem(), "tls.key": "not a key"});
    let secret = json!({"metadata": {"name": name, "labels": labels}, "type": "kubernetes.io/tls", "stringData": data});
    make(&scene.api::<Secret>(), secret).await;
}

/// What a monitor says of whose conditions all but these are as they should be.
fn with(changed: &[&str]) -> Vec<String> {
    let kind = |line: &str| line.split_once('=').map(|(kind, _)| kind.to_owned());
    let mut lines: Vec<String> = ALL_WELL.map(ToOwned::to_owned).into();
    for line in changed {
        match lines.iter().position(|known| kind(known) == kind(line)) {
            Some(position) => (*line).clone_into(&mut lines[position]),
            None if line.starts_with("Reconciling") => lines.insert(1, (*line).to_owned()),
            None => lines.push((*line).to_owned()),
        }
    }
    lines
}

#[tokio::test]
#[ignore = "needs a control plane: cargo xtask test"]
async fn a_certificate_that_is_renewed_and_not_reloaded_is_told_until_it_is() {
    let cluster = Cluster::shared().await;
    cluster.operator().await;
    let scene = Scene::new(&cluster).await;
    let (old, new) = (scene.expiring(), scene.valid());
    let server = scene.serve(old.clone()).await;
    tls_secret(&scene, "web-tls", json!({}), &old).await;
    scene.monitor("web", server.address(), json!({"alertDays": 5, "expect": {"secretRef": {"name": "web-tls"}}})).await;
    let monitor = scene.settled("web").await;
    let shut = ["Ready=False SecretNotAllowed", "Reconciling=True SecretNotAllowed"];
    assert_eq!(conditions(&monitor), with(&[shut[0], shut[1], "ServedCertificateMatches=Unknown SecretNotAllowed"]));
    let told = "Secret web-tls may not be used: it lacks the label sslmonitor.io/allowed: \"true\"";
    assert_eq!(message(&monitor, "Ready"), told);

    let label = json!({"metadata": {"labels": {"sslmonitor.io/allowed": "true"}}});
    let patch = async |patch: Value| {
        scene.api::<Secret>().patch("web-tls", &PatchParams::default(), &Patch::Merge(patch)).await.unwrap();
    };
    patch(label).await;
    assert_eq!(conditions(&scene.check("web", "opened").await), with(&["ServedCertificateMatches=True Matches"]));

    patch(json!({"stringData": {"tls.crt": new.chain_pem()}})).await;
    let monitor = scene.check("web", "renewed").await;
    assert_eq!(conditions(&monitor), with(&["ServedCertificateMatches=False NotReloaded"]));
    let status = monitor.status.clone().unwrap();
    assert_eq!(status.summary.as_deref(), Some("NotReloaded"));
    let (expected, seen) = (status.expected_certificate.unwrap(), status.certificate.unwrap());
    let told = message(&monitor, "ServedCertificateMatches");
    for end in [expected.valid_to, seen.valid_to.unwrap()] {
        assert!(told.contains(&format!("valid until {}", end.0)), "{told}");
    }
    assert!(!serde_json::to_string(&monitor).unwrap().contains("not a key"));

    server.serve(new);
    assert_eq!(conditions(&scene.check("web", "reloaded").await), with(&["ServedCertificateMatches=True Matches"]));
}

#[tokio::test]
#[ignore = "needs a control plane: cargo xtask test"]
async fn without_the_login_of_its_proxy_nothing_is_sent_and_without_a_client_certificate_it_is() {
    let cluster = Cluster::shared().await;
    cluster.operator().await;
    let scene = Scene::new(&cluster).await;
    let (withheld, looked_at) = (scene.serve(scene.valid()).await, scene.serve(scene.valid()).await);
    let proxy = json!({"proxy": {"url": "http://proxy.scene.test:3128", "secretRef": {"name": "login"}}});
    scene.monitor("proxied", withheld.address(), proxy).await;
    let shown = json!({"tls": {"caBundle": {"configMap": {"name": "ca"}}, "clientCertificateRef": {"name": "client"}}});
    scene.monitor("shown", looked_at.address(), shown).await;

    let missing = ["Ready=False SecretNotFound", "Reconciling=True SecretNotFound"];
    assert_eq!(conditions(&scene.settled("shown").await), with(&missing));
    let is_told = |monitor: &SslMonitor| conditions(monitor).contains(&"Reachable=Unknown SecretNotFound".to_owned());
    let monitor = eventually_object(&scene.api(), "proxied", "is not looked at", is_told).await;
    let unknown = [
        "Reachable=Unknown SecretNotFound",
        "CertificateValid=Unknown SecretNotFound",
        "CertificateExpiring=Unknown SecretNotFound",
    ];
    assert_eq!(conditions(&monitor), with(&[&missing[..], &unknown].concat()));
    let told = "Secret login does not exist in this namespace: create it, or correct proxy.secretRef";
    assert_eq!(message(&monitor, "Ready"), told);
    assert_eq!((withheld.accepted(), looked_at.accepted()), (0, 1));
}
