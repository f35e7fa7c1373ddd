//! Objects that today's definition would refuse, stored under an older, looser one.

use std::{fs, time::Duration};

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::{
    Api,
    api::{DynamicObject, Patch, PatchParams, PostParams},
};
use serde_json::{Value, json};
use ssl_monitor_operator::api::SslMonitor;

use crate::{
    scene::{ALL_WELL, Scene, conditions, message, monitor},
    support::{Cluster, eventually, loopback},
};

const DEFINITION: &str = "sslmonitors.sslmonitor.io";

/// The shipped definition.
fn shipped() -> Value {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/crds/sslmonitors.sslmonitor.io.yaml");
    serde_saphyr::from_str(&fs::read_to_string(path).unwrap()).unwrap()
}

/// Without rules and bounds.
fn loosened(mut value: Value) -> Value {
    match &mut value {
        Value::Object(fields) => {
            for bound in ["x-kubernetes-validations", "minLength", "maxLength", "minimum", "maximum", "pattern"] {
                if !fields.get(bound).is_some_and(Value::is_object) {
                    fields.remove(bound);
                }
            }
            fields.values_mut().for_each(|field| *field = loosened(field.take()));
        }
        Value::Array(items) => items.iter_mut().for_each(|item| *item = loosened(item.take())),
        _ => {}
    }
    value
}

async fn define(cluster: &Cluster, definition: &Value) {
    let definitions: Api<CustomResourceDefinition> = Api::all(cluster.client.clone());
    let params = PatchParams::apply("test").force();
    definitions.patch(DEFINITION, &params, &Patch::Apply(definition)).await.unwrap();
}

/// Wait until creating this object, which is only tried, ends in success or in failure.
async fn accepts(scene: &Scene<'_>, object: &Value, wanted: bool) {
    let monitors = dynamic(scene);
    let params = PostParams { dry_run: true, ..PostParams::default() };
    let object: DynamicObject = serde_json::from_value(object.clone()).unwrap();
    eventually("the definition is in force", Duration::from_secs(30), async || {
        match monitors.create(&params, &object).await {
            Ok(_) if wanted => Ok(()),
            Err(_) if !wanted => Ok(()),
            other => Err(format!("{other:?}")),
        }
    })
    .await;
}

fn dynamic(scene: &Scene<'_>) -> Api<DynamicObject> {
    let resource = kube::api::ApiResource::erase::<SslMonitor>(&());
    Api::namespaced_with(scene.cluster.client.clone(), &scene.namespace, &resource)
}

#[tokio::test]
#[ignore = "needs a control plane: cargo xtask test"]
async fn an_object_that_todays_rules_refuse_is_stalled_and_harms_no_other() {
    let cluster = Cluster::start().await;
    let scene = Scene::new(&cluster).await;
    let server = scene.serve(scene.valid()).await;
    let scheme = monitor("scheme", server.address(), json!({"domain": "https://x"}));
    define(&cluster, &loosened(shipped())).await;
    accepts(&scene, &scheme, true).await;
    let object: DynamicObject = serde_json::from_value(scheme.clone()).unwrap();
    dynamic(&scene).create(&PostParams::default(), &object).await.unwrap();
    define(&cluster, &shipped()).await;
    let again = monitor("again", loopback(), json!({"domain": "https://x"}));
    accepts(&scene, &again, false).await;

    let _operator = cluster.start_operator(&["--allow-cidr", "127.0.0.0/8"]).await;
    scene.monitor("good", server.address(), json!({})).await;
    assert_eq!(conditions(&scene.settled("good").await), ALL_WELL);
    let stalled = scene.ready_with("scheme", "InvalidSpec").await;
    let expected = [
        "Ready=False InvalidSpec",
        "Stalled=True InvalidSpec",
        "Reachable=Unknown InvalidSpec",
        "CertificateValid=Unknown InvalidSpec",
        "CertificateExpiring=Unknown InvalidSpec",
    ];
    assert_eq!(conditions(&stalled), expected);
    assert!(message(&stalled, "Stalled").starts_with("domain "), "{}", message(&stalled, "Stalled"));
    assert_eq!((stalled.status.unwrap().summary.as_deref(), server.accepted()), (Some("InvalidSpec"), 1));
}

#[tokio::test]
#[ignore = "needs a control plane: cargo xtask test"]
async fn an_object_that_cannot_even_be_read_harms_no_other() {
    let cluster = Cluster::start().await;
    let scene = Scene::new(&cluster).await;
    let server = scene.serve(scene.valid()).await;
    define(&cluster, &loosened(shipped())).await;
    let huge = monitor("huge", server.address(), json!({"alertDays": 100_000}));
    accepts(&scene, &huge, true).await;
    let object: DynamicObject = serde_json::from_value(huge).unwrap();
    dynamic(&scene).create(&PostParams::default(), &object).await.unwrap();
    define(&cluster, &shipped()).await;

    let operator = cluster.start_operator(&["--allow-cidr", "127.0.0.0/8"]).await;
    scene.monitor("good", server.address(), json!({})).await;
    assert_eq!(conditions(&scene.settled("good").await), ALL_WELL);
    let log = operator.log();
    let told: Vec<&str> = log.lines().filter(|line| line.contains("this SslMonitor cannot be read")).collect();
    assert!(told.len() == 1 && told[0].contains("\"name\":\"huge\""), "{log}");
    scene.edit("huge", json!({"spec": {"alertDays": 30}})).await;
    assert_eq!(conditions(&scene.settled("huge").await), ALL_WELL);
}

#[tokio::test]
#[ignore = "needs a control plane: cargo xtask test"]
async fn dates_that_no_timestamp_holds_hide_neither_others_nor_the_object_itself() {
    const TOO_LATE: &str = "9999-12-31T23:59:59Z";
    let cluster = Cluster::start().await;
    let scene = Scene::new(&cluster).await;
    let server = scene.serve(scene.valid()).await;
    scene.plain_service("web").await;
    scene.monitor("poisoned", server.address(), json!({"serviceRef": {"name": "web"}})).await;
    let patch = |kind: &str, name: &str, more: &[&str], patch: Value| {
        let patch = format!("--patch={patch}");
        let words = ["patch", kind, name, "--type=merge", &patch, "--namespace", &scene.namespace];
        cluster.kubectl(&[&words[..], more].concat());
    };
    let manager = |version: &str| {
        json!({"metadata": {"managedFields": [{
            "manager": "someone", "operation": "Update", "apiVersion": version, "time": TOO_LATE, "fieldsType": "FieldsV1",
            "fieldsV1": {"f:spec": {}}
        }]}})
    };
    patch("sslmonitor", "poisoned", &[], manager("sslmonitor.io/v1"));
    patch("service", "web", &[], manager("v1"));
    let foreign =
        json!({"type": "Foreign", "status": "True", "reason": "R", "message": "m", "lastTransitionTime": TOO_LATE});
    let status = json!({"status": {"lastCheckedAt": TOO_LATE, "nextCheckAt": TOO_LATE, "conditions": [foreign]}});
    patch("sslmonitor", "poisoned", &["--subresource=status"], status);

    let operator = cluster.start_operator(&["--allow-cidr", "127.0.0.0/8"]).await;
    scene.monitor("good", server.address(), json!({})).await;
    assert_eq!(conditions(&scene.settled("good").await), ALL_WELL);
    let read = |field: &str| {
        let output = format!("--output=jsonpath={field}");
        cluster.kubectl(&["get", "sslmonitor", "poisoned", "--namespace", &scene.namespace, &output])
    };
    eventually("the poisoned monitor is checked and says so", Duration::from_secs(30), async || {
        let summary = read("{.status.summary} {.status.conditions[?(@.type==\"ServiceLinked\")].reason}");
        if summary == "Valid Linked" { Ok(()) } else { Err(summary) }
    })
    .await;
    assert_ne!(read("{.status.lastCheckedAt}"), TOO_LATE);
    let service =
        ["get", "service", "web", "--namespace", &scene.namespace, "--output=jsonpath={.status.conditions[*].reason}"];
    assert_eq!(cluster.kubectl(&service), "AllValid");
    assert!(!operator.log().contains(TOO_LATE), "no answer of the API server is logged: {}", operator.log());
}
