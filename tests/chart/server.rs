//! What a real API server makes of the chart's manifests.

use std::{fs, path::Path};

use serde_json::{Value, json};
use xtask::{checkers::prometheus_definitions, install::NAMESPACE};

use crate::support::{DEFINITION, ROOT, Server, documents, everything, template};

/// Values for which the API server is asked, each of which turns something else.
fn matrix() -> Vec<(&'static str, Value)> {
    vec![
        ("nothing", json!({})),
        ("everything", everything()),
        ("alerts", json!({"metrics": {"prometheusRule": {"enabled": true}}})),
        ("no definitions", json!({"crds": {"enabled": false}})),
        ("definitions that go", json!({"crds": {"keep": false}})),
        ("no Secrets", json!({"rbac": {"secrets": {"enabled": false}}})),
        ("Secrets of a namespace", json!({"rbac": {"secrets": {"namespaces": ["default"]}}})),
        ("no roles", json!({"rbac": {"create": false}})),
        ("some namespaces", json!({"rbac": {"namespaces": ["default", "kube-public"]}})),
        ("several", json!({"replicas": 2, "leaderElection": {"flowSchema": {"enabled": true}}})),
        ("no Lease", json!({"leaderElection": {"enabled": false}})),
        ("no aggregation", json!({"rbac": {"aggregate": {"view": false, "edit": false}}})),
        ("another ServiceAccount", json!({"serviceAccount": {"create": false, "name": "default"}})),
        ("no fence", json!({"serviceFence": {"enabled": false}})),
        ("a proxy of a Secret", json!({"operator": {"proxySecretRef": {"name": "proxy"}}})),
        (
            "domains",
            json!({"policies": {"allowedDomains": ["example.com"], "namespaceSelector": {"matchLabels": {"a": "b"}}}}),
        ),
        ("no proxies", json!({"policies": {"allowProxy": false}})),
        (
            "channels",
            json!({"policies": {
                "allowedChannelTypes": ["webhook"], "allowedChannelHosts": ["example.com"], "allowChannelSecrets": true,
            }}),
        ),
        (
            "single namespaces",
            json!({"policies": {"perNamespace": {
                "default": {"allowedDomains": ["example.com"], "allowedChannelHosts": ["2001:db8::1"], "maxMonitors": 10},
                "kube-system": {"allowProxy": false, "allowedChannelTypes": ["email"], "maxChannels": 0},
            }}}),
        ),
        ("an open network policy", json!({"networkPolicy": {"enabled": true}})),
        ("a strict budget", json!({"podDisruptionBudget": {"enabled": true, "minAvailable": 1}})),
        ("no Service", json!({"service": {"enabled": false}, "metrics": {"podMonitor": {"enabled": true}}})),
        ("other names", json!({"fullnameOverride": "other", "nameOverride": "thing"})),
        (
            "no contexts",
            json!({"podSecurityContext": null, "securityContext": null, "resources": null, "dnsConfig": null}),
        ),
    ]
}

/// The release's namespace, which tells what breaks the restricted Pod Security Standard, and the Prometheus Operator's definitions.
async fn ready() -> Server {
    let server = Server::start().await;
    let labels = json!({"pod-security.kubernetes.io/warn": "restricted"});
    let namespace = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE, "labels": labels}});
    server.apply(&["--server-side"], &namespace.to_string());
    for file in prometheus_definitions().unwrap_or_else(|error| panic!("{error}")) {
        let file = file.display().to_string();
        server.kubectl(&["apply", "--server-side", "--filename", &file]);
        server.is_established(&["--filename", &file]);
    }
    server
}

#[tokio::test]
#[ignore = "needs Helm and a control plane: cargo xtask test"]
async fn the_api_server_takes_what_the_chart_makes_whatever_the_values() {
    let server = ready().await;
    for (what, values) in matrix() {
        let manifests = template(&values);
        let arguments = ["apply", "--server-side", "--dry-run=server", "--filename", "-"];
        let output = server.kubectl.output(&arguments, &manifests).unwrap();
        let said = String::from_utf8_lossy(&output.stdout);
        // Warnings (of unknown fields, of the Pod Security Standard) would be on the other one.
        let complaints = String::from_utf8_lossy(&output.stderr).into_owned();
        let expected = if what == "no contexts" { "would violate PodSecurity" } else { "" };
        let is_quiet = if expected.is_empty() { complaints.is_empty() } else { complaints.contains(expected) };
        assert!(output.status.success() && is_quiet, "{what}: {complaints}\n{said}");
        assert_eq!(said.lines().count(), documents(&manifests).len(), "{what}: {said}");
    }
}

#[tokio::test]
#[ignore = "needs Helm and a control plane: cargo xtask test"]
async fn what_was_applied_is_stored_as_it_was_said() {
    for way in [["--server-side"].as_slice(), &[]] {
        let server = ready().await;
        let metrics = json!({"serviceMonitor": {"enabled": true}, "prometheusRule": {"enabled": true}});
        let manifests = template(&json!({"metrics": metrics}));
        server.apply(way, &manifests);
        server.is_without_difference(way, "-", &manifests);
    }
}

#[tokio::test]
#[ignore = "needs a control plane: cargo xtask test"]
async fn everything_in_deploy_is_applied_and_stored_as_it_was_said() {
    let root = Path::new(ROOT).join("deploy");
    let path = |name: &str| root.join(name).display().to_string();
    for way in [["--server-side"].as_slice(), &[]] {
        let server = Server::start().await;
        let (manifest, samples) = (path("base/install.yaml"), path("samples"));
        server.kubectl(&[&["apply"], way, &["--filename", &manifest]].concat());
        server.is_established(&[DEFINITION]);
        server.kubectl(&[&["apply"], way, &["--filename", &samples]].concat());
        for applied in [&manifest, &samples] {
            server.is_without_difference(way, applied, "");
        }
        let listed = server.kubectl(&["get", "--filename", &samples, "--output=name"]);
        assert_eq!(listed.lines().count(), fs::read_dir(&samples).unwrap().count(), "{listed}");
        server.kubectl(&["create", "namespace", "shop"]);
        for directory in
            [".", "overlays/lockdown", "overlays/namespace", "overlays/ha", "overlays/namespaced"].map(path)
        {
            server.kubectl(&[&["apply"], way, &["--kustomize", &directory]].concat());
            server.is_without_difference(way, "-", &server.kubectl(&["kustomize", &directory]));
        }
    }
}
