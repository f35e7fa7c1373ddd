//! What the operator's identity may do, and what it is kept from: RBAC, and the admission policy around Services.

use std::time::Duration;

use k8s_openapi::api::{
    authorization::v1::{NonResourceRule, ResourceRule, SelfSubjectRulesReview},
    core::v1::{ConfigMap, Secret, ServiceAccount},
};
use kube::{
    Api, Client,
    api::{DeleteParams, DynamicObject, ListParams, Patch, PatchParams, PostParams, WatchParams},
};
use serde_json::{Value, json};
use xtask::install::NAMESPACE;

use crate::{
    scene::{SERVICE_CONDITION, Scene, loose_services, make, service_condition},
    support::{Cluster, eventually},
};

const SPEC: &str = "the operator may not change the spec of a Service";
const LOAD_BALANCER: &str = "the operator may not change status.loadBalancer of a Service";
const METADATA: &str = "the operator may not change the metadata of a Service";
const CONDITION: &str = "the operator may only change the condition sslmonitor.io/CertificateValid of a Service";

/// A Service with something of everything that the operator has to leave alone, behind both clients.
struct Fenced {
    admin: Api<DynamicObject>,
    operator: Api<DynamicObject>,
}

impl Fenced {
    async fn new(scene: &Scene<'_>) -> Self {
        let spec = json!({"type": "LoadBalancer", "ports": [{"port": 443}]});
        scene.service("web", spec).await;
        let admin = scene.services();
        let metadata = json!({"metadata": {
            "labels": {"team": "shop"}, "annotations": {"note": "kept"}, "finalizers": ["example.com/held"],
            "ownerReferences": [{"apiVersion": "v1", "kind": "ConfigMap", "name": "owner", "uid": "1-2-3"}],
        }});
        admin.patch("web", &PatchParams::default(), &Patch::Merge(metadata)).await.unwrap();
        let status = json!({"status": {
            "loadBalancer": {"ingress": [{"ip": "192.0.2.1", "ipMode": "VIP"}]},
            "conditions": [condition("example.com/Healthy", "True"), condition("sslmonitor.io/Other", "True")],
        }});
        admin.patch_status("web", &PatchParams::default(), &Patch::Merge(status)).await.unwrap();
        let operator = loose_services(scene.cluster.operator_client().await, &scene.namespace);
        let fenced = Self { admin, operator };
        fenced.wait_for_the_policy().await;
        fenced
    }

    /// The API server takes a policy into account a moment after it is stored.
    async fn wait_for_the_policy(&self) {
        let params = PatchParams { dry_run: true, ..PatchParams::default() };
        let patch = Patch::Merge(json!({"metadata": {"labels": {"team": "x"}}}));
        eventually("the policy is in force", Duration::from_secs(30), async || {
            match self.operator.patch_status("web", &params, &patch).await {
                Err(_) => Ok(()),
                Ok(_) => Err("the label may be changed".to_owned()),
            }
        })
        .await;
    }

    /// What of the Service is not ours.
    async fn foreign(&self) -> Value {
        let mut service = self.admin.get("web").await.unwrap();
        service.metadata.managed_fields = None;
        service.metadata.resource_version = None;
        if let Some(all) = service.data["status"]["conditions"].as_array_mut() {
            all.retain(|condition| condition["type"] != SERVICE_CONDITION);
        }
        serde_json::to_value(service).unwrap()
    }

    /// Hold the Service no more, so that its namespace could go.
    async fn release(&self) {
        let patch = Patch::Merge(json!({"metadata": {"finalizers": null}}));
        self.admin.patch("web", &PatchParams::default(), &patch).await.unwrap();
    }
}

fn condition(kind: &str, status: &str) -> Value {
    json!({
        "type": kind, "status": status, "reason": "R", "message": "m", "lastTransitionTime": "2026-01-01T00:00:00Z"
    })
}

/// Conditions replace the whole list in a merge patch: what is foreign is repeated, unless it is to be changed.
fn with_conditions(conditions: &[Value]) -> Value {
    json!({"status": {"conditions": conditions}})
}

/// The message of a refusal.
fn refusal(result: Result<DynamicObject, kube::Error>) -> String {
    match result {
        Err(kube::Error::Api(status)) => status.message.clone(),
        other => panic!("not refused: {other:?}"),
    }
}

#[tokio::test]
#[ignore = "needs a control plane: cargo xtask test"]
async fn the_fence_lets_the_operator_write_its_condition_and_nothing_else() {
    let cluster = Cluster::shared().await;
    let scene = Scene::new(&cluster).await;
    let fenced = Fenced::new(&scene).await;
    let before = fenced.foreign().await;
    let (healthy, other) = (condition("example.com/Healthy", "True"), condition("sslmonitor.io/Other", "True"));
    let ours = condition(SERVICE_CONDITION, "True");
    let changed = condition("example.com/Healthy", "False");
    let owner = json!([{"apiVersion": "v1", "kind": "ConfigMap", "name": "other", "uid": "4-5-6"}]);
    let attempts = [
        ("redirect traffic", json!({"status": {"loadBalancer": {"ingress": [{"ip": "198.51.100.1"}]}}}), LOAD_BALANCER),
        ("by host name", json!({"status": {"loadBalancer": {"ingress": [{"hostname": "x.test"}]}}}), LOAD_BALANCER),
        ("cut it off", json!({"status": {"loadBalancer": null}}), LOAD_BALANCER),
        ("cut all off", json!({"status": null}), LOAD_BALANCER),
        ("label", json!({"metadata": {"labels": {"team": "x"}}}), METADATA),
        ("unlabel", json!({"metadata": {"labels": null}}), METADATA),
        ("annotate", json!({"metadata": {"annotations": {"more": "x"}}}), METADATA),
        ("unannotate", json!({"metadata": {"annotations": null}}), METADATA),
        ("hold", json!({"metadata": {"finalizers": ["example.com/held", "example.com/more"]}}), METADATA),
        ("let go", json!({"metadata": {"finalizers": null}}), METADATA),
        ("own", json!({"metadata": {"ownerReferences": owner}}), METADATA),
        ("disown", json!({"metadata": {"ownerReferences": null}}), METADATA),
        ("change a foreign condition", with_conditions(&[changed, other.clone(), ours.clone()]), CONDITION),
        ("remove a foreign condition", with_conditions(&[other.clone(), ours.clone()]), CONDITION),
        ("remove all conditions", json!({"status": {"conditions": null}}), CONDITION),
        (
            "add a foreign condition",
            with_conditions(&[healthy.clone(), other.clone(), condition("example.com/More", "True")]),
            CONDITION,
        ),
        (
            "add another of our domain",
            with_conditions(&[healthy.clone(), other.clone(), condition("sslmonitor.io/More", "True")]),
            CONDITION,
        ),
        (
            "change another of our domain",
            with_conditions(&[healthy.clone(), condition("sslmonitor.io/Other", "False")]),
            CONDITION,
        ),
    ];
    for (what, patch, message) in attempts {
        let merge = fenced.operator.patch_status("web", &PatchParams::default(), &Patch::Merge(&patch)).await;
        let told = refusal(merge);
        assert!(told.contains("sslmonitor-service-fence") && told.contains(message), "{what}: {told}");
        assert_eq!(fenced.foreign().await, before, "{what}");
    }
    let list = [healthy, other];
    let with_ours = |status: &str| with_conditions(&[&list[..], &[condition(SERVICE_CONDITION, status)]].concat());
    for (what, patch, expected) in [
        ("add", with_ours("True"), Some("True")),
        ("change", with_ours("False"), Some("False")),
        ("remove", with_conditions(&list), None),
    ] {
        fenced.operator.patch_status("web", &PatchParams::default(), &Patch::Merge(patch)).await.unwrap();
        let service = fenced.admin.get("web").await.unwrap();
        let status = service_condition(&service).and_then(|condition| condition["status"].as_str());
        assert_eq!(status, expected, "{what}");
        assert_eq!(fenced.foreign().await, before, "{what}");
    }
    fenced.release().await;
}

#[tokio::test]
#[ignore = "needs a control plane: cargo xtask test"]
async fn the_fence_holds_for_server_side_apply_and_strategic_patches_too() {
    let cluster = Cluster::shared().await;
    let scene = Scene::new(&cluster).await;
    let fenced = Fenced::new(&scene).await;
    let before = fenced.foreign().await;
    let apply = |body: Value| {
        let mut object = json!({"apiVersion": "v1", "kind": "Service"});
        object.as_object_mut().unwrap().extend(body.as_object().unwrap().clone());
        object
    };
    let attempts = [
        (json!({"status": {"loadBalancer": {"ingress": [{"ip": "198.51.100.1"}]}}}), LOAD_BALANCER),
        (json!({"metadata": {"labels": {"team": "x"}}}), METADATA),
        (with_conditions(&[condition("example.com/Healthy", "False")]), CONDITION),
        (with_conditions(&[condition("sslmonitor.io/More", "True")]), CONDITION),
    ];
    for (body, message) in attempts {
        for manager in ["sslmonitor-service", "kubectl"] {
            let params = PatchParams::apply(manager).force();
            let result = fenced.operator.patch_status("web", &params, &Patch::Apply(apply(body.clone()))).await;
            let told = refusal(result);
            assert!(told.contains(message), "{manager} {body}: {told}");
        }
    }
    for (body, message) in [
        (json!({"status": {"loadBalancer": {"ingress": null}}}), LOAD_BALANCER),
        (json!({"status": {"conditions": [{"type": "example.com/Healthy", "$patch": "delete"}]}}), CONDITION),
    ] {
        let patch = Patch::Strategic(&body);
        let told = refusal(fenced.operator.patch_status("web", &PatchParams::default(), &patch).await);
        assert!(told.contains(message), "{body}: {told}");
    }
    assert_eq!(fenced.foreign().await, before);
    fenced.release().await;
}

#[tokio::test]
#[ignore = "needs a control plane: cargo xtask test"]
async fn a_spec_written_through_the_status_changes_nothing() {
    let cluster = Cluster::shared().await;
    let scene = Scene::new(&cluster).await;
    let fenced = Fenced::new(&scene).await;
    let before = fenced.foreign().await;
    for spec in [
        json!({"externalIPs": ["198.51.100.1"]}),
        json!({"selector": {"app": "evil"}}),
        json!({"type": "ExternalName", "externalName": "evil.test"}),
        json!({"ports": [{"port": 443, "targetPort": 1}]}),
    ] {
        // The API server resets the spec of such a write; should it ever not, the policy speaks.
        let patch = Patch::Merge(json!({"spec": spec}));
        match fenced.operator.patch_status("web", &PatchParams::default(), &patch).await {
            Ok(_) => {}
            Err(error) => assert!(error.to_string().contains(SPEC), "{error}"),
        }
        assert_eq!(fenced.foreign().await, before, "{spec}");
    }
    fenced.release().await;
}

#[tokio::test]
#[ignore = "needs a control plane: cargo xtask test"]
async fn others_are_not_hindered_by_the_fence() {
    let cluster = Cluster::shared().await;
    let scene = Scene::new(&cluster).await;
    let fenced = Fenced::new(&scene).await;
    let status = json!({
        "loadBalancer": {"ingress": [{"ip": "192.0.2.9", "ipMode": "VIP"}]},
        "conditions": [condition("example.com/More", "True")],
    });
    let patch = json!({"metadata": {"labels": {"team": "x"}}, "status": status});
    let params = PatchParams::default();
    let service = fenced.admin.patch_status("web", &params, &Patch::Merge(patch)).await.unwrap();
    assert_eq!((&service.data["status"], service.metadata.labels.unwrap()["team"].as_str()), (&status, "x"));
    fenced.release().await;
}

#[tokio::test]
#[ignore = "needs a control plane: cargo xtask test"]
async fn what_is_not_the_status_of_a_service_is_refused_by_rbac() {
    let cluster = Cluster::shared().await;
    let scene = Scene::new(&cluster).await;
    let fenced = Fenced::new(&scene).await;
    let before = fenced.foreign().await;
    let client = cluster.operator_client().await;
    let (params, post) = (PatchParams::default(), PostParams::default());
    let label = Patch::Merge(json!({"metadata": {"labels": {"team": "x"}}}));
    let mut service = fenced.admin.get("web").await.unwrap();
    service.data["spec"]["externalIPs"] = json!(["198.51.100.1"]);
    let secrets: Api<Secret> = Api::namespaced(client.clone(), &scene.namespace);
    let maps: Api<ConfigMap> = Api::all(client);
    let answers = [
        ("patch", refused(fenced.operator.patch("web", &params, &label).await)),
        ("update", refused(fenced.operator.replace("web", &post, &service).await)),
        ("update status", refused(fenced.operator.replace_status("web", &post, &service).await)),
        ("delete", refused(fenced.operator.delete("web", &DeleteParams::default()).await)),
        ("list Secrets", refused(secrets.list(&ListParams::default()).await)),
        ("watch Secrets", refused(secrets.watch(&WatchParams::default(), "0").await.map(|_| ()))),
        ("list ConfigMaps", refused(maps.list(&ListParams::default()).await)),
    ];
    for (what, message) in answers {
        assert!(
            message.contains("is forbidden: User \"system:serviceaccount:sslmonitor-system:sslmonitor\" cannot"),
            "{what}: {message}"
        );
    }
    assert_eq!(fenced.foreign().await, before);
    fenced.release().await;
}

fn refused<T>(result: Result<T, kube::Error>) -> String {
    match result {
        Err(kube::Error::Api(status)) if status.code == 403 => status.message.clone(),
        Err(error) => panic!("not forbidden: {error}"),
        Ok(_) => panic!("not refused"),
    }
}

#[tokio::test]
#[ignore = "needs a control plane: cargo xtask test"]
async fn the_operator_may_do_exactly_this_beyond_what_any_service_account_may() {
    let cluster = Cluster::shared().await;
    let namespace = cluster.namespace().await;
    let accounts: Api<ServiceAccount> = Api::namespaced(cluster.client.clone(), &namespace);
    make(&accounts, json!({"metadata": {"name": "nobody"}})).await;
    let path = cluster.control_plane().service_account_kubeconfig(&namespace, "nobody").await.unwrap();
    let nobody = xtask::control_plane::client(&path).await.unwrap();
    let operator = cluster.operator_client().await;
    for namespace in [namespace.as_str(), NAMESPACE, "kube-system"] {
        let everyones = rules(&nobody, namespace).await;
        let mut own = rules(&operator, namespace).await;
        own.retain(|rule| !everyones.contains(rule));
        let mut expected = vec![
            "create events.k8s.io/events",
            "get /configmaps",
            "get /secrets",
            "get,list,watch /services",
            "get,list,watch sslmonitor.io/notificationchannels",
            "get,list,watch sslmonitor.io/sslmonitors",
            "patch /services/status",
            "patch sslmonitor.io/notificationchannels/status",
            "patch sslmonitor.io/sslmonitors/status",
        ];
        if namespace == NAMESPACE {
            expected.extend(["create coordination.k8s.io/leases", "get,update coordination.k8s.io/leases sslmonitor"]);
            expected.sort_unstable();
        }
        assert_eq!(own, expected, "{namespace}");
    }
}

/// What a client may do in a namespace, one sorted line per rule.
async fn rules(client: &Client, namespace: &str) -> Vec<String> {
    let reviews: Api<SelfSubjectRulesReview> = Api::all(client.clone());
    let status = make(&reviews, json!({"metadata": {}, "spec": {"namespace": namespace}})).await.status.unwrap();
    assert!(!status.incomplete, "{status:?}");
    let resources = status.resource_rules.into_iter().map(|rule| {
        let ResourceRule { api_groups, resource_names, resources, verbs } = rule;
        let list = |part: Option<Vec<String>>| part.unwrap_or_default().join(",");
        let names = resource_names.map_or(String::new(), |names| format!(" {}", names.join(",")));
        format!("{} {}/{}{names}", verbs.join(","), list(api_groups), list(resources))
    });
    let others = status.non_resource_rules.into_iter().map(|rule| {
        let NonResourceRule { non_resource_urls, verbs } = rule;
        format!("{} {}", verbs.join(","), non_resource_urls.unwrap_or_default().join(","))
    });
    let mut rules: Vec<String> = resources.chain(others).collect();
    rules.sort();
    rules
}
