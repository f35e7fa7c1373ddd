//! What the status says of a channel.

use serde_json::{Value, json};
use ssl_monitor_operator::api::NotificationChannel;

use super::{CONFIGURED, label};
use crate::{scene::Scene, support::Cluster};

const CLEAR: &str = "it begins with http://, where everybody on the way reads along; begin it with https://";

/// Name and spec of a channel, its Ready and what stands beside it, and the message of both.
type Row = (&'static str, Value, &'static [&'static str], String);

fn table() -> Vec<Row> {
    let hook = |more: Value| {
        let mut spec = json!({"type": "webhook", "address": "https://127.0.0.1:1/hook"});
        spec.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        spec
    };
    let slack = |secret: &str| json!({"type": "slack", "secretRef": {"name": secret}});
    let stalled: &[&str] = &["Ready=False InvalidSpec", "Stalled=True InvalidSpec"];
    let invalid: &[&str] = &["Ready=False SecretInvalid", "Reconciling=True SecretInvalid"];
    let shut = "Secret shut may not be used: it lacks the label sslmonitor.io/allowed: \"true\"";
    let template = "template.body: it uses `colour`, which does not exist; the documentation lists the variables";
    vec![
        ("plain", hook(json!({})), &CONFIGURED, "messages can be sent".to_owned()),
        (
            "suspended",
            hook(json!({"suspend": true, "secretRef": {"name": "absent"}})),
            &["Ready=True Suspended"],
            "spec.suspend is true: nothing is sent for the time being".to_owned(),
        ),
        (
            "missing",
            slack("absent"),
            &["Ready=False SecretNotFound", "Reconciling=True SecretNotFound"],
            "Secret absent does not exist in this namespace: create it, or correct secretRef".to_owned(),
        ),
        (
            "files-missing",
            hook(json!({"certSecretRef": {"name": "absent"}})),
            &["Ready=False SecretNotFound", "Reconciling=True SecretNotFound"],
            "Secret absent does not exist in this namespace: create it, or correct certSecretRef".to_owned(),
        ),
        (
            "shut",
            slack("shut"),
            &["Ready=False SecretNotAllowed", "Reconciling=True SecretNotAllowed"],
            shut.to_owned(),
        ),
        (
            "empty",
            slack("empty"),
            invalid,
            "key address of Secret empty: it is missing; give the URL, here or as address in the secret".to_owned(),
        ),
        ("clear-secret", slack("clear"), invalid, format!("key address of Secret clear: {CLEAR}")),
        (
            "no-pem",
            hook(json!({"certSecretRef": {"name": "clear"}})),
            invalid,
            "key ca.crt of Secret clear: it has no certificate; give certificates as PEM".to_owned(),
        ),
        ("clear", json!({"type": "webhook", "address": "http://a.test"}), stalled, format!("address: {CLEAR}")),
        ("worded", hook(json!({"template": {"body": "{{ colour }}"}})), stalled, template.to_owned()),
    ]
}

#[tokio::test]
#[ignore = "needs a control plane: cargo xtask test"]
async fn each_channel_says_what_keeps_it_from_being_used_and_tells_it_once() {
    let cluster = Cluster::shared().await;
    cluster.operator().await;
    let scene = Scene::new(&cluster).await;
    scene.secret("shut", json!({}), &json!({"address": "https://127.0.0.1:1/s3cret"})).await;
    scene.secret("empty", label(), &json!({"token": ""})).await;
    scene.secret("clear", label(), &json!({"address": "http://s3cret.test/", "ca.crt": "s3cret"})).await;
    for (name, spec, ..) in table() {
        scene.channel(name, spec).await;
    }
    for (name, _, expected, text) in table() {
        let channel = scene.becomes(name, expected).await;
        let status = channel.status.as_ref().unwrap();
        assert!(status.conditions.iter().all(|it| it.message == text), "{name}: {:?}", status.conditions);
        assert!(status.conditions.iter().all(|it| it.observed_generation == Some(1)), "{name}");
        assert_eq!((status.delivered, status.failed, &status.last_error), (0, 0, &None), "{name}");
        let reason = expected[0].rsplit(' ').next().unwrap();
        match (name, expected.len()) {
            ("plain", _) => scene.events(&channel, &[]).await,
            (_, 1) => scene.events(&channel, &[&format!("Normal {reason}: {text}")]).await,
            _ => scene.events(&channel, &[&format!("Warning {reason}: {text}")]).await,
        }
    }
    let writes = scene.writes();
    let expected: Vec<String> =
        table().iter().map(|(name, ..)| format!("patch notificationchannels/status {name} 200")).collect();
    assert_eq!(sorted(writes), sorted(expected), "each status was written once, and nothing else");
}

fn sorted(mut lines: Vec<String>) -> Vec<String> {
    lines.sort();
    lines
}

#[tokio::test]
#[ignore = "needs a control plane: cargo xtask test"]
async fn a_channel_becomes_ready_when_its_secret_appears_and_when_its_spec_is_mended() {
    let cluster = Cluster::shared().await;
    cluster.operator().await;
    let scene = Scene::new(&cluster).await;
    scene.channel("chat", json!({"type": "slack", "secretRef": {"name": "chat"}})).await;
    scene.channel("hook", json!({"type": "webhook", "address": "http://127.0.0.1:1/"})).await;
    scene.becomes("chat", &["Ready=False SecretNotFound", "Reconciling=True SecretNotFound"]).await;
    scene.becomes("hook", &["Ready=False InvalidSpec", "Stalled=True InvalidSpec"]).await;
    scene.secret("chat", label(), &json!({"address": "https://127.0.0.1:1/"})).await;
    scene.edit_channel("hook", json!({"spec": {"address": "https://127.0.0.1:1/"}})).await;
    let hook = scene.becomes("hook", &CONFIGURED).await;
    let ready = "Normal Configured: messages can be sent";
    let clear = "Warning InvalidSpec: address: it begins with http://, where everybody on the way reads along; begin it with https://";
    scene.events(&hook, &[clear, ready]).await;
    let chat = scene.becomes("chat", &CONFIGURED).await;
    let missing =
        "Warning SecretNotFound: Secret chat does not exist in this namespace: create it, or correct secretRef";
    scene.events(&chat, &[missing, ready]).await;
}

#[tokio::test]
#[ignore = "needs a control plane: cargo xtask test"]
async fn another_channel_of_the_same_name_starts_anew() {
    let cluster = Cluster::shared().await;
    let operator = cluster.operator().await;
    let scene = Scene::new(&cluster).await;
    let spec = json!({"type": "webhook", "address": "https://127.0.0.1:1/"});
    scene.channel("hook", spec.clone()).await;
    scene.becomes("hook", &CONFIGURED).await;
    let tested = scene.tested("hook", "1").await;
    assert_eq!(tested.status.unwrap().failed, 1);
    scene.delete::<NotificationChannel>("hook").await;
    let made = scene.channel("hook", spec).await;
    assert_ne!(made.metadata.uid, tested.metadata.uid);
    let status = scene.becomes("hook", &CONFIGURED).await.status.unwrap();
    assert_eq!((status.failed, status.last_error, status.last_handled_test_at), (0, None, None));
    scene.delete::<NotificationChannel>("hook").await;
    // One of later has gone all its way: whatever the deletion caused has come by now.
    scene.channel("later", json!({"type": "webhook", "address": "https://127.0.0.1:1/"})).await;
    scene.becomes("later", &CONFIGURED).await;
    let log = operator.log();
    let ours = log.lines().filter(|line| line.contains(&format!("\"namespace\":\"{}\"", scene.namespace)));
    let lines: Vec<&str> = ours.filter(|line| !line.contains("TestFailed") && !line.contains("\"DEBUG\"")).collect();
    assert_eq!(lines, [""; 0], "nobody minds that it is gone");
}

#[tokio::test]
#[ignore = "needs a control plane: cargo xtask test"]
async fn kubectl_get_shows_every_column_of_a_channel() {
    let cluster = Cluster::shared().await;
    cluster.operator().await;
    let scene = Scene::new(&cluster).await;
    scene.channel("hook", json!({"type": "webhook", "address": "https://127.0.0.1:1/"})).await;
    scene.channel("silent", json!({"type": "slack", "address": "https://127.0.0.1:1/", "suspend": true})).await;
    scene.becomes("silent", &["Ready=True Suspended"]).await;
    scene.tested("hook", "1").await;
    for name in ["notificationchannels", "sslchan"] {
        let table = cluster.kubectl(&["get", name, "--output=wide", "--namespace", &scene.namespace]);
        let rows: Vec<Vec<&str>> = table.lines().map(|line| line.split_whitespace().collect()).collect();
        assert_eq!(rows[0], ["NAME", "TYPE", "READY", "REASON", "DELIVERED", "AGE", "ERROR", "SUSPENDED"]);
        let is_age = |text: &str| text.ends_with('s');
        let (hook, silent) = (&rows[1], &rows[2]);
        assert_eq!(
            (&hook[..4], &hook[5..]),
            (&["hook", "webhook", "True", "Configured"][..], &["ConnectFailed", "false"][..])
        );
        assert_eq!((&silent[..4], &silent[5..]), (&["silent", "slack", "True", "Suspended"][..], &["true"][..]));
        assert!(is_age(hook[4]) && is_age(silent[4]), "{table}");
    }
}
