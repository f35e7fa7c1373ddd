//! `deploy/` says the same as the chart: the overlays are what the chart makes of the values that they stand for.

use std::{collections::BTreeMap, path::Path};

use serde_json::{Value, json};
use xtask::{control_plane::Binaries, install::NAMESPACE, kubectl::Kubectl};

use crate::support::{ROOT, documents, identity, template};

/// What kustomize makes of a directory of `deploy/`, or Helm of the chart: all but what each of them says about itself.
fn objects(manifests: &str) -> BTreeMap<String, Value> {
    let mut all: BTreeMap<String, Value> = BTreeMap::new();
    for mut object in documents(manifests) {
        forget_labels(&mut object["metadata"]);
        let kind = object["kind"].as_str().unwrap().to_owned();
        let metadata = object["metadata"].as_object_mut().unwrap();
        if kind == "CustomResourceDefinition" {
            metadata.remove("annotations");
        }
        // kustomize gives them a namespace, since it does not know that they have none; API servers do not mind.
        if kind.starts_with("ValidatingAdmissionPolicy") {
            metadata.remove("namespace");
        }
        let before = all.insert(identity(&object), object);
        assert!(before.is_none(), "{before:?} is there twice");
    }
    all
}

fn forget_labels(metadata: &mut Value) {
    let Some(labels) = metadata.get_mut("labels").and_then(Value::as_object_mut) else { return };
    labels.retain(|name, _| !name.starts_with("app.kubernetes.io/") && name != "helm.sh/chart");
    if labels.is_empty() {
        metadata.as_object_mut().unwrap().remove("labels");
    }
}

fn kustomized(directory: &str) -> BTreeMap<String, Value> {
    let binaries = Binaries::find().unwrap_or_else(|error| panic!("{error}"));
    let kubectl = Kubectl::new(&binaries.kubectl, Path::new("/nowhere/kubeconfig"));
    let path = Path::new(ROOT).join(directory).display().to_string();
    objects(&kubectl.run(&["kustomize", &path]).unwrap_or_else(|error| panic!("{error}")))
}

/// What the chart makes of these values, and the Namespace that `deploy/` makes besides.
fn charted(values: &Value, namespace: &str) -> BTreeMap<String, Value> {
    let mut all = objects(&template(values).replace(NAMESPACE, namespace));
    let labels = json!({"pod-security.kubernetes.io/enforce": "restricted"});
    let object = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace, "labels": labels}});
    all.insert(identity(&object), object);
    all
}

fn compare(kustomized: &BTreeMap<String, Value>, charted: &BTreeMap<String, Value>) {
    assert_eq!(kustomized.keys().collect::<Vec<_>>(), charted.keys().collect::<Vec<_>>());
    for (identity, object) in kustomized {
        assert_eq!(object, &charted[identity], "{identity}");
    }
}

/// A patch puts its flag last.
fn compare_but_for_order(mut kustomized: BTreeMap<String, Value>, mut charted: BTreeMap<String, Value>) {
    for all in [&mut kustomized, &mut charted] {
        let deployment = all.get_mut("Deployment sslmonitor").unwrap();
        let arguments = deployment["spec"]["template"]["spec"]["containers"][0]["args"].as_array_mut().unwrap();
        arguments.sort_by_key(|argument| argument.as_str().map(ToOwned::to_owned));
    }
    compare(&kustomized, &charted);
}

#[test]
#[ignore = "needs Helm and kubectl: cargo xtask test"]
fn the_base_is_what_the_chart_makes_without_values() {
    compare(&kustomized("deploy"), &charted(&json!({}), NAMESPACE));
    compare(&kustomized("deploy/base"), &charted(&json!({}), NAMESPACE));
}

#[test]
#[ignore = "needs Helm and kubectl: cargo xtask test"]
fn another_namespace_reaches_all_that_names_it() {
    compare(&kustomized("deploy/overlays/namespace"), &charted(&json!({}), "monitoring"));
}

#[test]
#[ignore = "needs Helm and kubectl: cargo xtask test"]
fn the_lockdown_is_what_the_chart_makes_of_its_strictest_values() {
    let selector = json!({"matchLabels": {"kubernetes.io/metadata.name": "monitoring"}});
    let values = json!({
        "operator": {"publicOnly": true},
        "policies": {"allowProxy": false},
        "rbac": {"aggregate": {"edit": false}},
        "networkPolicy": {"enabled": true, "ingressFrom": [{"namespaceSelector": selector}]},
    });
    compare_but_for_order(kustomized("deploy/overlays/lockdown"), charted(&values, NAMESPACE));
}

#[test]
#[ignore = "needs Helm and kubectl: cargo xtask test"]
fn two_replicas_are_what_the_chart_makes_of_them() {
    let values = json!({"replicas": 2, "podDisruptionBudget": {"enabled": true}});
    compare(&kustomized("deploy/overlays/ha"), &charted(&values, NAMESPACE));
}

#[test]
#[ignore = "needs Helm and kubectl: cargo xtask test"]
fn one_namespace_is_what_the_chart_makes_of_it() {
    let values = json!({"rbac": {"namespaces": ["shop"]}});
    compare_but_for_order(kustomized("deploy/overlays/namespaced"), charted(&values, NAMESPACE));
}
