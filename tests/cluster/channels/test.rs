//! Test messages: sent once for each value of the annotation, to a real receiver, and nothing secret is shown of them.

use serde_json::{Value, json};
use ssl_monitor_operator::api::DeliveryError;
use xtask::{
    farm::{Authority, Issued, Leaf},
    operator::Operator,
};

use super::{CONFIGURED, label};
use crate::{
    receiver::{Answer, Receiver},
    scene::Scene,
    support::{Cluster, eventually},
};

/// In every value of every Secret, and in every answer.
const SECRET: &str = "T0pSecret";

const FLAGS: [&str; 6] =
    ["--channel-allow-cidr", "127.0.0.0/8", "--cluster-name", "prod", "--log-level", "trace,hyper=trace,rustls=trace"];

fn issued(scene: &Scene<'_>) -> Issued {
    scene.authority.issue(&Leaf::new(["127.0.0.1"]))
}

fn ok() -> Answer {
    Answer::status("204 No Content", "", "")
}

/// A channel `hook` with everything that may be secret in its Secrets.
async fn secretive(scene: &Scene<'_>, receiver: &Receiver) {
    let values = json!({
        "address": receiver.https(&format!("/{SECRET}?k={SECRET}")),
        "token": SECRET,
        "username": "ssl",
        "password": SECRET,
        "headers": format!("X-Key: {SECRET}\n"),
    });
    scene.secret("hook", label(), &values).await;
    scene.secret("files", label(), &json!({"ca.crt": scene.authority.root_pem()})).await;
    let spec = json!({"type": "webhook", "secretRef": {"name": "hook"}, "certSecretRef": {"name": "files"}});
    scene.channel("hook", spec).await;
    scene.becomes("hook", &CONFIGURED).await;
}

/// The head, and the body as JSON.
fn parts(request: &str) -> (&str, Value) {
    let (head, body) = request.split_once("\r\n\r\n").unwrap();
    (head, serde_json::from_str(body).unwrap())
}

/// All that anybody can see of the channels of a namespace and of the operator, but for the Secrets themselves.
async fn shown(scene: &Scene<'_>, operator: &Operator) -> String {
    let get = ["get", "notificationchannels,events", "--output=yaml", "--namespace", &scene.namespace];
    let (_, metrics) = operator.get("/metrics").await.unwrap();
    scene.cluster.kubectl(&get) + &operator.log() + &metrics
}

#[tokio::test]
#[ignore = "needs a control plane: cargo xtask test"]
async fn a_test_is_sent_once_for_each_value_also_across_a_restart_and_no_secret_is_shown() {
    let cluster = Cluster::start().await;
    let operator = cluster.start_operator(&FLAGS).await;
    let scene = Scene::new(&cluster).await;
    let receiver = Receiver::start_tls(ok(), issued(&scene)).await;
    secretive(&scene, &receiver).await;

    let channel = scene.tested("hook", "1").await;
    let status = channel.status.as_ref().unwrap();
    assert_eq!((status.delivered, status.failed, &status.last_error), (1, 0, &None));
    assert!(status.last_delivered_at.is_some());
    let delivered = "Normal TestDelivered: the receiver took the test message";
    scene.events(&channel, &[delivered]).await;
    let request = receiver.only_request();
    let (head, body) = parts(&request);
    assert!(head.starts_with(&format!("POST /{SECRET}?k={SECRET} HTTP/1.1\r\n")), "{head}");
    assert!(head.contains(&format!("\r\nx-key: {SECRET}")) && head.contains("\r\nx-signature: sha256="), "{head}");
    let monitor = json!({
        "namespace": scene.namespace, "name": "hook", "uid": channel.metadata.uid, "domain": "example.com", "port": 443, "cluster": "prod",
    });
    assert_eq!(
        [&body["kind"], &body["level"], &body["reason"], &body["monitor"]],
        [&json!("test"), &json!("info"), &json!("Test"), &monitor]
    );
    assert!(head.contains(&format!("\r\nidempotency-key: {}", body["id"].as_str().unwrap())), "{head}");

    let body = format!("{{\"error\":\"{SECRET}\"}}");
    receiver.set_answer(Answer::status(&format!("404 {SECRET}"), &format!("x-more: {SECRET}\r\n"), &body));
    let channel = scene.tested("hook", "2").await;
    let status = channel.status.as_ref().unwrap();
    let error = status.last_error.clone().unwrap();
    assert_eq!(error, DeliveryError { reason: "Rejected".to_owned(), code: Some(404), at: error.at.clone() });
    assert_eq!((status.delivered, status.failed), (1, 1));
    let failed = "Warning TestFailed: the test message was not delivered: Rejected (status 404)";
    scene.events(&channel, &[delivered, failed]).await;
    let before = shown(&scene, &operator).await;
    for result in ["delivered", "refused"] {
        let series = format!("sslmonitor_notifications_total{{type=\"webhook\",result=\"{result}\"}} 1");
        assert!(before.lines().any(|line| line == series), "{series}");
    }
    operator.stop().await;

    receiver.set_answer(ok());
    let operator = cluster.start_operator(&FLAGS).await;
    let channel = scene.tested("hook", "3").await;
    let status = channel.status.as_ref().unwrap();
    assert_eq!((status.delivered, status.failed, &status.last_error), (2, 1, &None), "the numbers go on");
    scene.events(&channel, &[delivered, failed, delivered]).await;
    let ids: Vec<Value> = receiver.seen().requests.iter().map(|request| parts(request).1["id"].take()).collect();
    assert!(ids.len() == 3 && ids[0] != ids[1] && ids[1] != ids[2], "{ids:?}");
    let shown = before + &shown(&scene, &operator).await;
    assert!(shown.contains("TestFailed") && shown.contains("\"TRACE\""), "this looks at nothing");
    let found = shown.lines().find(|line| line.contains(SECRET));
    assert_eq!(found, None, "{} lines", shown.lines().count());
}

#[tokio::test]
#[ignore = "needs a control plane: cargo xtask test"]
async fn a_test_uses_what_the_secret_holds_now_and_says_what_is_wrong_with_it() {
    let cluster = Cluster::shared().await;
    cluster.operator().await;
    let scene = Scene::new(&cluster).await;
    let receivers = [Receiver::start_tls(ok(), issued(&scene)).await, Receiver::start_tls(ok(), issued(&scene)).await];
    secretive(&scene, &receivers[0]).await;
    scene.tested("hook", "first").await;
    scene.edit_secret("hook", &json!({"address": receivers[1].https("/rotated")})).await;
    let channel = scene.tested("hook", "rotated").await;
    assert_eq!(channel.status.unwrap().delivered, 2);
    assert!(receivers[0].only_request().contains(SECRET) && receivers[1].only_request().starts_with("POST /rotated "));

    scene.edit_secret("files", &json!({"ca.crt": Authority::new("Stranger").root_pem()})).await;
    let channel = scene.tested("hook", "untrusted").await;
    let reason =
        channel.status.as_ref().and_then(|status| status.last_error.as_ref()).map(|error| error.reason.as_str());
    assert_eq!(reason, Some("NotTrusted"));

    scene.edit_secret("hook", &json!({"address": "nonsense"})).await;
    scene.tested("hook", "nonsense").await;
    let channel = scene.becomes("hook", &["Ready=False SecretInvalid", "Reconciling=True SecretInvalid"]).await;
    let status = channel.status.as_ref().unwrap();
    assert_eq!((status.delivered, status.failed), (2, 1), "what was not sent is not counted");
    scene.edit_channel("hook", json!({"spec": {"suspend": true}})).await;
    scene.becomes("hook", &["Ready=True Suspended"]).await;
    scene.tested("hook", "suspended").await;
    let delivered = "Normal TestDelivered: the receiver took the test message";
    let failed = |why: &str| format!("Warning TestFailed: the test message was not delivered: {why}");
    let invalid =
        "Warning SecretInvalid: key address of Secret hook: its scheme is another one; begin it with https://";
    scene
        .events(
            &channel,
            &[
                delivered,
                delivered,
                &failed("NotTrusted"),
                invalid,
                &failed("SecretInvalid"),
                "Normal Suspended: spec.suspend is true: nothing is sent for the time being",
                &failed("Suspended"),
            ],
        )
        .await;
    assert_eq!(receivers.map(|receiver| receiver.seen().requests.len()), [1, 1], "and to nobody else");
}

#[tokio::test]
#[ignore = "needs a control plane: cargo xtask test"]
async fn a_test_is_sent_once_although_its_channel_changes_while_it_is_under_way() {
    let cluster = Cluster::shared().await;
    cluster.operator().await;
    let scene = Scene::new(&cluster).await;
    let receiver = Receiver::start_tls(Answer::Stall(Vec::new()), issued(&scene)).await;
    secretive(&scene, &receiver).await;
    scene.edit_channel("hook", json!({"spec": {"timeout": "3s"}})).await;
    scene.becomes("hook", &CONFIGURED).await;
    scene.ask("hook", "1").await;
    eventually("it is under way", crate::stage::PATIENCE, async || match receiver.seen().requests.len() {
        0 => Err("nothing came".to_owned()),
        _ => Ok(()),
    })
    .await;
    scene.edit_channel("hook", json!({"metadata": {"labels": {"team": "web"}}})).await;
    let channel = scene.handled("hook", "1").await;
    scene.events(&channel, &["Warning TestFailed: the test message was not delivered: TimedOut"]).await;
    let status = channel.status.unwrap();
    assert_eq!((status.delivered, status.failed), (0, 1));
    // The next has gone all its way: a second one for the same value would have come before.
    receiver.set_answer(ok());
    scene.tested("hook", "2").await;
    assert_eq!(receiver.seen().requests.len(), 2);
}

#[tokio::test]
#[ignore = "needs a control plane: cargo xtask test"]
async fn receivers_are_vetted_by_an_allow_list_of_their_own() {
    let cluster = Cluster::start().await;
    let _operator = cluster.start_operator(&["--allow-cidr", "127.0.0.0/8"]).await;
    let scene = Scene::new(&cluster).await;
    let receiver = Receiver::start_tls(ok(), issued(&scene)).await;
    secretive(&scene, &receiver).await;
    let channel = scene.tested("hook", "1").await;
    scene.events(&channel, &["Warning TestFailed: the test message was not delivered: AddressDenied"]).await;
    assert_eq!(receiver.seen().connections, 0);
}
