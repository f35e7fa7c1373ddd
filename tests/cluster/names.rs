//! Monitors with names as long and as odd as the API server takes them.

use k8s_openapi::api::events::v1::Event;
use kube::{ResourceExt, api::ListParams};
use serde_json::json;

use crate::{
    scene::{ALL_WELL, Scene, conditions},
    stage::PATIENCE,
    support::{Cluster, eventually},
};

#[tokio::test]
#[ignore = "needs a control plane: cargo xtask test"]
async fn a_monitor_has_its_events_however_long_its_name_is() {
    let cluster = Cluster::shared().await;
    cluster.operator().await;
    let scene = Scene::new(&cluster).await;
    let server = scene.serve(scene.valid()).await;
    // What an Event's name begins with ends anywhere in them: in a label, at a dot, at a dash.
    let names = ["a".repeat(253), "a.".repeat(126) + "a", "a-".repeat(126) + "a", "a".to_owned()];
    for name in &names {
        scene.monitor(name, server.address(), json!({})).await;
        let monitor = scene.settled(name).await;
        assert_eq!(conditions(&monitor), ALL_WELL, "{name}");
        let about = eventually(&format!("an Event about {name}"), PATIENCE, async || {
            let mut found = scene.api::<Event>().list(&ListParams::default()).await.unwrap().items;
            found.retain(|event| event.regarding.as_ref().is_some_and(|object| object.uid == monitor.uid()));
            if found.is_empty() { Err("there is none".to_owned()) } else { Ok(found) }
        })
        .await;
        let reasons: Vec<_> = about.iter().map(|event| event.reason.as_deref()).collect();
        assert_eq!(reasons, [Some("Valid")], "{name}");
    }
}
