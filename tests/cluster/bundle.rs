//! CA bundles that are missing, broken or not to be had, and how they heal.

use std::time::Duration;

use k8s_openapi::api::core::v1::{ConfigMap, Secret};
use kube::{
    Api,
    api::{Patch, PatchParams},
};
use serde_json::{Value, json};
use ssl_monitor_operator::api::SslMonitor;

use crate::{
    scene::{ALL_WELL, Scene, conditions, forbid, message, restore},
    support::{Cluster, eventually},
};

/// What is missing is looked for every 30 s at first; the rest is for a busy machine.
const HEALING: Duration = Duration::from_secs(45);

/// Where a bundle is to be found, as `tls.caBundle` says it.
fn bundle(kind: &str, name: &str) -> Value {
    json!({"tls": {"caBundle": {kind: {"name": name}}}})
}

/// What a monitor says whose certificate would be valid if its bundle were there.
fn in_doubt(reason: &str) -> Vec<String> {
    vec![
        format!("Ready=False {reason}"),
        format!("Reconciling=True {reason}"),
        "Reachable=True Connected".to_owned(),
        format!("CertificateValid=Unknown {reason}"),
        "CertificateExpiring=False NotExpiring".to_owned(),
    ]
}

/// Wait until all these monitors say that all is well.
async fn all_well(scene: &Scene<'_>, names: &[&str]) {
    eventually("all bundles are found", HEALING, async || {
        for name in names {
            let monitor = scene.api::<SslMonitor>().get(name).await.map_err(|error| error.to_string())?;
            if conditions(&monitor) != ALL_WELL {
                return Err(format!("{name}: {:?}", conditions(&monitor)));
            }
        }
        Ok(())
    })
    .await;
}

#[tokio::test]
#[ignore = "needs a control plane: cargo xtask test"]
async fn each_fault_of_a_bundle_has_its_reason_and_heals_without_a_restart() {
    let cluster = Cluster::shared().await;
    cluster.operator().await;
    let scene = Scene::new(&cluster).await;
    let (root, allowed) = (scene.authority.root_pem(), json!({"sslmonitor.io/allowed": "true"}));
    let other = json!({"other.crt": root});
    scene.config_map("keyless", &other).await;
    scene.config_map("empty", &json!({"ca.crt": ""})).await;
    scene
        .config_map("garbled", &json!({"ca.crt": "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"}))
        .await;
    scene.secret("keyless-secret", allowed.clone(), &other).await;
    scene.secret("unlabelled", json!({}), &json!({"ca.crt": root})).await;
    scene.secret("denied", json!({"sslmonitor.io/allowed": "false"}), &json!({"ca.crt": root})).await;
    let server = scene.serve(scene.valid()).await;
    let invalid = |name: &str, why: &str| format!("key ca.crt of ConfigMap {name} is no usable CA bundle: {why}");
    let absent =
        |object: &str| format!("{object} does not exist in this namespace: create it, or correct tls.caBundle");
    let keyless = |object: &str| format!("{object} has no key ca.crt: add it, or correct tls.caBundle");
    let shut =
        |name: &str| format!("Secret {name} may not be used: it lacks the label sslmonitor.io/allowed: \"true\"");
    let faults = [
        ("absent", "configMap", "CABundleNotFound", absent("ConfigMap absent")),
        ("keyless", "configMap", "CABundleKeyNotFound", keyless("ConfigMap keyless")),
        ("empty", "configMap", "CABundleInvalid", invalid("empty", "contains no certificate")),
        ("garbled", "configMap", "CABundleInvalid", invalid("garbled", "is malformed: certificate 1 is ")),
        ("absent-secret", "secret", "CABundleNotFound", absent("Secret absent-secret")),
        ("keyless-secret", "secret", "CABundleKeyNotFound", keyless("Secret keyless-secret")),
        ("unlabelled", "secret", "CABundleNotAllowed", shut("unlabelled")),
        ("denied", "secret", "CABundleNotAllowed", shut("denied")),
    ];
    for (name, kind, ..) in &faults {
        scene.monitor(name, server.address(), bundle(kind, name)).await;
    }
    scene.monitor("lasting", server.address(), bundle("configMap", "never")).await;
    for (name, _, reason, text) in &faults {
        let monitor = scene.settled(name).await;
        assert_eq!(conditions(&monitor), in_doubt(reason), "{name}");
        for kind in ["Ready", "Reconciling", "CertificateValid"] {
            assert!(message(&monitor, kind).starts_with(text), "{name} {kind}: {}", message(&monitor, kind));
        }
        let status = monitor.status.unwrap();
        assert_eq!(status.summary.as_deref(), Some(*reason));
        assert_eq!(status.certificate.and_then(|certificate| certificate.subject).as_deref(), Some("web.scene.test"));
    }
    scene.settled("lasting").await;
    let probes = faults.len() + 1;
    assert_eq!(server.accepted(), probes);

    let good = json!({"ca.crt": root});
    scene.config_map("absent", &good).await;
    scene.secret("absent-secret", allowed.clone(), &good).await;
    let (params, maps) = (PatchParams::default(), scene.api::<ConfigMap>());
    for name in ["keyless", "empty", "garbled"] {
        maps.patch(name, &params, &Patch::Merge(json!({"data": good}))).await.unwrap();
    }
    let secrets: Api<Secret> = scene.api();
    secrets.patch("keyless-secret", &params, &Patch::Merge(json!({"stringData": good}))).await.unwrap();
    for name in ["unlabelled", "denied"] {
        let label = json!({"metadata": {"labels": allowed}});
        secrets.patch(name, &params, &Patch::Merge(label)).await.unwrap();
    }
    let names = faults.each_ref().map(|fault| fault.0);
    all_well(&scene, &names).await;
    assert_eq!(server.accepted(), probes + names.len(), "one check each, and none for the one that is still missing");
    for name in names {
        let write = format!("patch sslmonitors/status {name} 200");
        let writes: Vec<_> = scene.writes().into_iter().filter(|write| write.contains(&format!(" {name} "))).collect();
        assert_eq!(writes, vec![write; 3], "conditions, first check, healed check");
    }
    assert_eq!(conditions(&scene.settled("lasting").await), in_doubt("CABundleNotFound"));
    let lasting = scene.writes().into_iter().filter(|write| write.contains(" lasting ")).count();
    assert_eq!(lasting, 2, "looking in vain writes nothing");
}

#[tokio::test]
#[ignore = "needs a control plane: cargo xtask test"]
async fn a_missing_bundle_hides_no_other_fault_and_one_that_vanishes_is_told() {
    let cluster = Cluster::shared().await;
    cluster.operator().await;
    let scene = Scene::new(&cluster).await;
    let expired = scene.serve(scene.expired()).await;
    scene.monitor("expired", expired.address(), bundle("configMap", "absent")).await;
    let monitor = scene.settled("expired").await;
    let expected = [
        "Ready=False CABundleNotFound",
        "Reconciling=True CABundleNotFound",
        "Reachable=True Connected",
        "CertificateValid=False Expired",
        "CertificateExpiring=True Expired",
    ];
    assert_eq!(conditions(&monitor), expected);

    let server = scene.serve(scene.valid()).await;
    let alone = json!({"tls": {"useSystemRoots": false, "caBundle": {"configMap": {"name": "ca"}}}});
    scene.monitor("alone", server.address(), alone).await;
    assert_eq!(conditions(&scene.settled("alone").await), ALL_WELL);
    scene.delete::<ConfigMap>("ca").await;
    let monitor = scene.check("alone", "gone").await;
    assert_eq!(conditions(&monitor), in_doubt("CABundleNotFound"));
    scene.config_map("ca", &json!({"ca.crt": scene.authority.root_pem()})).await;
    assert_eq!(conditions(&scene.check("alone", "back").await), ALL_WELL);
}

#[tokio::test]
#[ignore = "needs a control plane: cargo xtask test"]
async fn rules_that_are_taken_away_are_told_and_missed_no_longer_than_they_are_gone() {
    let cluster = Cluster::start().await;
    let operator = cluster.start_operator(&["--allow-cidr", "127.0.0.0/8"]).await;
    let scene = Scene::new(&cluster).await;
    let server = scene.serve(scene.valid()).await;
    let linked_to = scene.serve(scene.valid()).await;
    scene.plain_service("web").await;
    let secret = json!({"ca.crt": scene.authority.root_pem()});
    scene.secret("ca-secret", json!({"sslmonitor.io/allowed": "true"}), &secret).await;
    for (name, kind, object) in [("map", "configMap", "ca"), ("secret", "secret", "ca-secret")] {
        scene.monitor(name, server.address(), bundle(kind, object)).await;
        assert_eq!(conditions(&scene.settled(name).await), ALL_WELL);
    }

    let role = forbid(&cluster.client, &["configmaps", "secrets", "services/status"]).await;
    scene.monitor("linked", linked_to.address(), json!({"tls": null, "serviceRef": {"name": "web"}})).await;
    let monitor = scene.ready_with("linked", "Forbidden").await;
    let expected = [
        "Ready=False Forbidden",
        "Reconciling=True Forbidden",
        "Reachable=True Connected",
        "CertificateValid=False UnknownIssuer",
        "CertificateExpiring=False NotExpiring",
        "ServiceLinked=False Forbidden",
    ];
    assert_eq!(conditions(&monitor), expected);
    assert!(message(&monitor, "ServiceLinked").contains("cannot patch resource \"services/status\""), "{monitor:?}");
    for (name, plural) in [("map", "configmaps"), ("secret", "secrets")] {
        let monitor = scene.check(name, "without rules").await;
        assert_eq!(conditions(&monitor), in_doubt("Forbidden"), "{name}");
        let cannot = format!("cannot get resource \"{plural}\"");
        assert!(message(&monitor, "Ready").contains(&cannot), "{}", message(&monitor, "Ready"));
    }

    restore(&cluster.client, role).await;
    all_well(&scene, &["map", "secret"]).await;
    let touch = Patch::Merge(json!({"metadata": {"labels": {"touched": "yes"}}}));
    scene.services().patch("web", &PatchParams::default(), &touch).await.unwrap();
    scene.ready_with("linked", "Monitoring").await;
    scene.carries("web", ["False", "UnknownIssuer", "0 of 1 SslMonitor valid: linked UnknownIssuer"]).await;
    assert_eq!(linked_to.accepted(), 1, "a Service that may not be written is no reason for a check");
    let (status, log) = operator.stop().await;
    assert_eq!(status.and_then(|status| status.code()), Some(0), "{log}");
}
