//! Channels where the cluster is not as it should be: old rules, no definition, and objects that others have had their hands in.

use std::time::Duration;

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::{
    Api,
    api::{DeleteParams, Patch, PatchParams},
};
use serde_json::json;
use ssl_monitor_operator::api::NotificationChannel;
use xtask::operator::Operator;

use super::{CONFIGURED, states};
use crate::{
    scene::{ALL_WELL, Scene, conditions, forbid, restore},
    support::{Cluster, eventually, eventually_object},
};

const FLAGS: [&str; 2] = ["--allow-cidr", "127.0.0.0/8"];
const DEFINITION: &str = "notificationchannels.sslmonitor.io";
/// A date that the API server takes and that no timestamp of ours can hold.
const TOO_LATE: &str = "9999-12-31T23:59:59Z";

/// A warning about the watch of channels, with this hint.
fn warned(operator: &Operator, hint: &str) -> bool {
    operator
        .log()
        .lines()
        .any(|line| line.contains("failed to watch NotificationChannels of all namespaces: ") && line.contains(hint))
}

async fn monitored(scene: &Scene<'_>, name: &str) {
    let server = scene.serve(scene.valid()).await;
    scene.monitor(name, server.address(), json!({})).await;
    assert_eq!(conditions(&scene.settled(name).await), ALL_WELL);
}

#[tokio::test]
#[ignore = "needs a control plane: cargo xtask test"]
async fn monitors_are_watched_where_channels_cannot_be_and_channels_as_soon_as_they_can() {
    let cluster = Cluster::start().await;
    let definitions: Api<CustomResourceDefinition> = Api::all(cluster.client.clone());
    definitions.delete(DEFINITION, &DeleteParams::default()).await.unwrap();
    eventually("the definition is gone", Duration::from_secs(30), async || {
        match definitions.get_opt(DEFINITION).await.unwrap() {
            None => Ok(()),
            Some(_) => Err("it is still there".to_owned()),
        }
    })
    .await;
    let operator = cluster.start_operator(&FLAGS).await;
    let scene = Scene::new(&cluster).await;
    monitored(&scene, "without-definition").await;
    assert!(warned(&operator, "(is the custom resource definition installed?)"), "{}", operator.log());

    let role = forbid(&cluster.client, &["notificationchannels"]).await;
    let crds = concat!(env!("CARGO_MANIFEST_DIR"), "/crds");
    cluster.kubectl(&["apply", "--server-side", "-f", crds]);
    cluster.kubectl(&["wait", "--for=condition=Established", "--timeout=60s", "-f", crds]);
    operator.stop().await;
    let operator = cluster.start_operator(&FLAGS).await;
    monitored(&scene, "without-rules").await;
    assert!(warned(&operator, "(does the operator have its role there?)"), "{}", operator.log());
    scene.channel("hook", json!({"type": "webhook", "address": "https://127.0.0.1:1/"})).await;
    restore(&cluster.client, role).await;
    scene.becomes("hook", &CONFIGURED).await;
}

#[tokio::test]
#[ignore = "needs a control plane: cargo xtask test"]
async fn a_channel_that_others_poison_or_wipe_is_repaired_and_hides_no_other() {
    let cluster = Cluster::start().await;
    let scene = Scene::new(&cluster).await;
    let spec = json!({"type": "webhook", "address": "https://127.0.0.1:1/"});
    scene.channel("poisoned", spec.clone()).await;
    let channels = scene.api::<NotificationChannel>();
    let manager = json!({"metadata": {"managedFields": [{
        "manager": "someone", "operation": "Update", "apiVersion": "sslmonitor.io/v1", "time": TOO_LATE,
        "fieldsType": "FieldsV1", "fieldsV1": {"f:spec": {}}
    }]}});
    let foreign =
        json!({"type": "Ready", "status": "True", "reason": "R", "message": "m", "lastTransitionTime": TOO_LATE});
    let poison = json!({"status": {"lastDeliveredAt": TOO_LATE, "delivered": 7, "conditions": [foreign]}});
    let patch = |more: &[&str], patch: String| {
        let words = ["patch", "notificationchannel", "poisoned", "--type=merge", "--patch", &patch];
        cluster.kubectl(&[&words[..], &["--namespace", &scene.namespace], more].concat());
    };
    patch(&[], manager.to_string());
    patch(&["--subresource=status"], poison.to_string());

    let operator = cluster.start_operator(&FLAGS).await;
    scene.channel("good", spec).await;
    scene.becomes("good", &CONFIGURED).await;
    let read = || {
        let output = "--output=jsonpath={.status.delivered} {.status.conditions[*].reason}";
        cluster.kubectl(&["get", "notificationchannel", "poisoned", "--namespace", &scene.namespace, output])
    };
    eventually("the poisoned channel is repaired", Duration::from_secs(30), async || match read() {
        said if said == "7 Configured" => Ok(()),
        said => Err(said),
    })
    .await;
    assert!(!operator.log().contains(TOO_LATE), "no answer of the API server is logged: {}", operator.log());

    let whole = channels.get("good").await.unwrap();
    for wipe in [json!(null), json!({"conditions": null}), json!({"observedGeneration": null})] {
        let wipe = Patch::Merge(json!({"status": wipe}));
        channels.patch_status("good", &PatchParams::default(), &wipe).await.unwrap();
        let is_repaired = |channel: &NotificationChannel| {
            let observed = channel.status.as_ref().and_then(|status| status.observed_generation);
            observed == Some(1) && states(channel) == states(&whole)
        };
        eventually_object(&channels, "good", "is repaired", is_repaired).await;
    }
}
