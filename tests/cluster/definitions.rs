//! The control plane of the tests, and what it makes of the shipped definitions.

use std::time::Duration;

use k8s_openapi::{
    api::core::v1::ConfigMap, apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition,
};
use kube::{Api, api::PostParams};

use xtask::control_plane::Write;

use crate::support::{Cluster, eventually, eventually_object};

#[tokio::test]
#[ignore = "needs a control plane: cargo xtask test"]
async fn the_api_server_is_of_the_pinned_version_and_takes_objects() {
    let cluster = Cluster::shared().await;
    let version = cluster.client.apiserver_version().await.unwrap();
    assert_eq!(version.git_version, format!("v{}", xtask::control_plane::kubernetes_version()));
    let namespace = cluster.namespace().await;
    let maps: Api<ConfigMap> = Api::namespaced(cluster.client.clone(), &namespace);
    let map: ConfigMap = serde_json::from_value(serde_json::json!({"metadata": {"name": "a"}})).unwrap();
    maps.create(&PostParams::default(), &map).await.unwrap();
    let listed = cluster.kubectl(&["get", "configmaps", "--namespace", &namespace, "--output=name"]);
    assert_eq!(listed, "configmap/a\n");
    let map = Write {
        user: "admin".into(),
        verb: "create".into(),
        resource: "configmaps".into(),
        subresource: None,
        namespace: namespace.clone(),
        name: "a".into(),
        code: 201,
    };
    assert_eq!(cluster.writes_in(&namespace), [map]);
}

#[tokio::test]
#[ignore = "needs a control plane: cargo xtask test"]
async fn the_definitions_are_established_and_explain_themselves() {
    let cluster = Cluster::shared().await;
    let definitions: Api<CustomResourceDefinition> = Api::all(cluster.client.clone());
    eventually_object(&definitions, "sslmonitors.sslmonitor.io", "has no schema violation", |definition| {
        let conditions = definition.status.iter().flat_map(|status| status.conditions.iter().flatten());
        let states: Vec<_> = conditions.map(|c| (c.type_.as_str(), c.status.as_str())).collect();
        states.contains(&("Established", "True")) && !states.iter().any(|(type_, _)| *type_ == "NonStructuralSchema")
    })
    .await;
    // The API server publishes a definition's documentation a moment after it is established.
    let explained = eventually("kubectl explains the domain", Duration::from_secs(30), async || {
        cluster.try_kubectl(&["explain", "sslmonitors.spec.domain"])
    })
    .await;
    assert!(explained.contains("FIELD: domain <string>"), "{explained}");
}
