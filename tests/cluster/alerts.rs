//! From a change at a target to the channels that are told of it, over a real API server.

use std::{
    collections::BTreeSet,
    time::{Duration, Instant},
};

use futures::future::join_all;
use jiff::Timestamp;
use kube::api::{Patch, PatchParams};
use serde_json::{Value, json};
use ssl_monitor_operator::api::{NotificationChannel, SslMonitor};
use xtask::farm::TlsServer;

use crate::{
    peer::{alertmanager, eventually_firing, firing},
    receiver::{Answer, Receiver},
    scene::{Scene, conditions, make, message},
    support::{Cluster, Operator, eventually, eventually_object},
};

/// The operator's flags: targets and receivers are on loopback.
pub(crate) const FLAGS: [&str; 7] = [
    "--allow-cidr",
    "127.0.0.0/8",
    "--channel-allow-cidr",
    "127.0.0.0/8",
    "--allow-http-channels",
    "--cluster-name",
    "test",
];
const PATIENCE: Duration = Duration::from_mins(1);

pub(crate) fn ok() -> Answer {
    Answer::status("204 No Content", "", "")
}

/// What a webhook was told: idempotency key and body of each request.
pub(crate) fn told(receiver: &Receiver) -> Vec<(String, Value)> {
    let read = |request: &String| {
        let (head, body) = request.split_once("\r\n\r\n").unwrap();
        let key = head.lines().find_map(|line| line.strip_prefix("idempotency-key: ")).unwrap();
        (key.to_owned(), serde_json::from_str(body).unwrap())
    };
    receiver.seen().requests.iter().map(read).collect()
}

/// Every message that a webhook was told, also of many at once.
pub(crate) fn messages(receiver: &Receiver) -> Vec<Value> {
    let parts = |(_, body): (String, Value)| match body["parts"].as_array().unwrap().as_slice() {
        [] => vec![body],
        parts => parts.to_vec(),
    };
    told(receiver).into_iter().flat_map(parts).collect()
}

/// `web problem Expired` for each of them.
pub(crate) fn news(receiver: &Receiver) -> Vec<String> {
    let word = |message: &Value| {
        let text = |field: &str| message[field].as_str().unwrap().to_owned();
        format!("{} {} {}", message["monitor"]["name"].as_str().unwrap(), text("kind"), text("reason"))
    };
    messages(receiver).iter().map(word).collect()
}

/// Wait until a webhook was told just this, in this order.
pub(crate) async fn hears(receiver: &Receiver, expected: &[&str]) {
    eventually(&format!("it hears {expected:?}"), PATIENCE, async || match news(receiver) {
        news if news == expected => Ok(()),
        news => Err(format!("{news:?}")),
    })
    .await;
}

impl Scene<'_> {
    /// Make a NotificationChannel; `spec` is its whole spec.
    pub(crate) async fn channel(&self, name: &str, spec: Value) -> NotificationChannel {
        let metadata = json!({"name": name});
        let api = self.api::<NotificationChannel>();
        make(&api, json!({"apiVersion": "sslmonitor.io/v1", "kind": "NotificationChannel", "metadata": metadata, "spec": spec}))
            .await
    }

    /// A channel that tells this receiver.
    pub(crate) async fn webhook(&self, name: &str, receiver: &Receiver) -> NotificationChannel {
        self.channel(name, json!({"type": "webhook", "address": receiver.http("/hook"), "timeout": "5s"})).await
    }

    /// A receiver that answers so, the channel `hook` that tells it, and the operator at work.
    async fn hook(&self, answer: Answer) -> (Receiver, Operator) {
        let receiver = Receiver::start(answer).await;
        self.webhook("hook", &receiver).await;
        (receiver, self.cluster.start_operator(&FLAGS).await)
    }

    /// The monitor `web` of a server whose certificate has expired, and which tells these channels.
    async fn expired_web(&self, channels: &[&str]) -> TlsServer {
        let server = self.serve(self.expired()).await;
        self.monitor("web", server.address(), alerting(channels)).await;
        server
    }

    /// Wait until nothing of a monitor waits to be told.
    pub(crate) async fn told(&self, monitor: &str) -> SslMonitor {
        let is_so = |monitor: &SslMonitor| {
            conditions(monitor).contains(&"NotificationsDelivered=True Delivered".to_owned()) && ledger(monitor).0 == 0
        };
        eventually_object(&self.api(), monitor, "has told all", is_so).await
    }

    /// Wait until a monitor's condition about its channels is this: status, reason.
    async fn delivers(&self, monitor: &str, expected: &str) -> SslMonitor {
        let line = format!("NotificationsDelivered={expected}");
        eventually_object(&self.api(), monitor, &format!("has {line}"), |monitor: &SslMonitor| {
            conditions(monitor).contains(&line)
        })
        .await
    }
}

pub(crate) fn alerting(channels: &[&str]) -> Value {
    let names: Vec<Value> = channels.iter().map(|name| json!({"name": name})).collect();
    json!({"notificationChannels": names})
}

/// What waits for all channels of a monitor, and what they were told that stands.
fn ledger(monitor: &SslMonitor) -> (usize, usize) {
    let ledgers = &monitor.status.as_ref().unwrap().notifications;
    let pending = ledgers.iter().map(|ledger| ledger.pending.len()).sum();
    (pending, ledgers.iter().map(|ledger| ledger.problems.len()).sum())
}

#[tokio::test]
#[ignore = "needs a control plane: cargo xtask test"]
async fn a_problem_and_its_end_are_told_once_with_the_full_picture() {
    let cluster = Cluster::start().await;
    let scene = Scene::new(&cluster).await;
    let (receiver, _operator) = scene.hook(ok()).await;
    let server = scene.serve(scene.expired()).await;
    let monitor = scene.monitor("web", server.address(), alerting(&["hook"])).await;
    hears(&receiver, &["web problem Expired"]).await;
    let (key, body) = told(&receiver).remove(0);
    let port = server.address().port();
    assert_eq!(
        json!([body["id"], body["level"], body["monitor"], body["title"]]),
        json!([
            key,
            "critical",
            {
                "namespace": scene.namespace, "name": "web", "uid": monitor.metadata.uid, "domain": "web.scene.test",
                "port": port, "cluster": "test",
            },
            format!("the certificate of web.scene.test:{port} has expired"),
        ])
    );
    assert_eq!(ledger(&scene.told("web").await), (0, 1));

    server.serve(scene.valid());
    scene.check("web", "1").await;
    hears(&receiver, &["web problem Expired", "web recovery Expired"]).await;
    let keys: BTreeSet<String> = told(&receiver).into_iter().map(|(key, _)| key).collect();
    assert_eq!(keys.len(), 2);
    // Nothing more to tell, whatever is checked.
    scene.check("web", "2").await;
    assert_eq!(news(&receiver).len(), 2);
    let channel = eventually_object(&scene.api::<NotificationChannel>(), "hook", "counts two", |channel| {
        channel.status.as_ref().is_some_and(|status| status.delivered == 2)
    })
    .await;
    assert_eq!(channel.status.unwrap().last_error, None);
}

#[tokio::test]
#[ignore = "needs a control plane: cargo xtask test"]
async fn an_outage_of_a_channel_loses_nothing_and_harms_no_other() {
    let cluster = Cluster::start().await;
    let scene = Scene::new(&cluster).await;
    let (broken, fine) = (Receiver::start(Answer::status("503 No", "", "secret")).await, Receiver::start(ok()).await);
    scene.webhook("broken", &broken).await;
    scene.webhook("fine", &fine).await;
    let operator = cluster.start_operator(&FLAGS).await;
    let _server = scene.expired_web(&["broken", "fine"]).await;
    hears(&fine, &["web problem Expired"]).await;
    let failing = scene.delivers("web", "False DeliveryFailing").await;
    assert_eq!(
        message(&failing, "NotificationsDelivered"),
        "NotificationChannel broken does not take messages at the moment (ServerError, 503); they are sent again"
    );
    // The operator goes away meanwhile, and takes up where it was.
    let (_, log) = operator.stop().await;
    assert!(!log.contains("secret"), "{log}");
    broken.set_answer(ok());
    let _operator = cluster.start_operator(&FLAGS).await;
    scene.delivers("web", "True Delivered").await;
    let keys: BTreeSet<String> = told(&broken).into_iter().map(|(key, _)| key).collect();
    assert_eq!(
        (keys.len(), fine.seen().requests.len()),
        (1, 1),
        "the same message until it was taken, and then no more"
    );
}

#[tokio::test]
#[ignore = "needs a control plane: cargo xtask test"]
async fn what_was_refused_is_told_once_the_channel_is_mended() {
    let cluster = Cluster::start().await;
    let scene = Scene::new(&cluster).await;
    let (receiver, operator) = scene.hook(Answer::status("401 No", "", "the token xoxb-1 is wrong")).await;
    let _server = scene.expired_web(&["hook"]).await;
    let refused = scene.delivers("web", "False DeliveryRefused").await;
    assert_eq!(
        message(&refused, "NotificationsDelivered"),
        "NotificationChannel hook has refused a message (Rejected, 401); correct the channel"
    );
    scene.check("web", "1").await;
    assert_eq!(receiver.seen().requests.len(), 1, "it is not tried again as it is");
    receiver.set_answer(ok());
    let edit = json!({"spec": {"address": receiver.http("/mended")}});
    let channels = scene.api::<NotificationChannel>();
    channels.patch("hook", &PatchParams::default(), &Patch::Merge(edit)).await.unwrap();
    scene.delivers("web", "True Delivered").await;
    let paths: Vec<String> =
        receiver.seen().requests.iter().map(|request| request.lines().next().unwrap().into()).collect();
    assert_eq!(paths, ["POST /hook HTTP/1.1", "POST /mended HTTP/1.1"]);
    assert_eq!(told(&receiver)[0].0, told(&receiver)[1].0);
    assert!(!operator.log().contains("xoxb"), "{}", operator.log());
}

#[tokio::test]
#[ignore = "needs a control plane: cargo xtask test"]
async fn a_channel_that_comes_later_hears_the_present_problem_once() {
    let cluster = Cluster::start().await;
    let scene = Scene::new(&cluster).await;
    let _operator = cluster.start_operator(&FLAGS).await;
    let _server = scene.expired_web(&["late"]).await;
    let missing = scene.ready_with("web", "ChannelNotFound").await;
    assert_eq!(
        message(&missing, "Ready"),
        "NotificationChannel late does not exist in this namespace: create what is missing, or correct notificationChannels"
    );
    let receiver = Receiver::start(ok()).await;
    scene.webhook("late", &receiver).await;
    hears(&receiver, &["web problem Expired"]).await;
    scene.ready_with("web", "Monitoring").await;
    let added = Receiver::start(ok()).await;
    scene.webhook("added", &added).await;
    scene.edit("web", json!({"spec": alerting(&["late", "added"])})).await;
    hears(&added, &["web problem Expired"]).await;
    scene.check("web", "1").await;
    assert_eq!((news(&receiver).len(), news(&added).len()), (1, 1));
}

#[tokio::test]
#[ignore = "needs a control plane: cargo xtask test"]
async fn a_thousand_problems_at_once_become_few_messages_and_none_is_lost() {
    const MONITORS: usize = 1000;
    /// Requests of the test to the API server.
    const AT_ONCE: usize = 20;
    let cluster = Cluster::start().await;
    let scene = Scene::new(&cluster).await;
    let receiver = Receiver::start(ok()).await;
    scene.webhook("hook", &receiver).await;
    // Monitors of one server are checked one after the other.
    let servers = join_all((0..20).map(async |_| scene.serve(scene.valid()).await)).await;
    let operator = cluster.start_operator(&FLAGS).await;
    let names: Vec<String> = (0..MONITORS).map(|number| format!("web-{number:03}")).collect();
    let made: Vec<_> = names.iter().zip(servers.iter().cycle()).collect();
    for some in made.chunks(AT_ONCE) {
        join_all(some.iter().map(async |(name, server)| {
            scene.monitor(name, server.address(), alerting(&["hook"])).await;
        }))
        .await;
    }
    for some in names.chunks(AT_ONCE) {
        join_all(some.iter().map(async |name| scene.settled(name).await)).await;
    }
    assert_eq!(messages(&receiver), Vec::<Value>::new());
    for server in &servers {
        server.serve(scene.expired());
    }
    let begin = Instant::now();
    let request = json!({"metadata": {"annotations": {"sslmonitor.io/requestedAt": "now"}}});
    for some in names.chunks(AT_ONCE) {
        join_all(some.iter().map(async |name| scene.edit(name, request.clone()).await)).await;
    }
    let expected: Vec<String> = names.iter().map(|name| format!("{name} problem Expired")).collect();
    eventually("all are told", 5 * PATIENCE, async || {
        let mut news = news(&receiver);
        news.sort();
        if news == expected { Ok(()) } else { Err(format!("{} of {MONITORS}", news.len())) }
    })
    .await;
    let (requests, seconds) = (receiver.seen().requests.len(), begin.elapsed().as_secs_f64());
    assert!(f64::from(u32::try_from(requests).unwrap()) <= seconds + 1.0, "{requests} messages in {seconds} s");
    for some in names.chunks(AT_ONCE) {
        let told = join_all(some.iter().map(async |name| ledger(&scene.told(name).await))).await;
        assert_eq!(told, vec![(0, 1); some.len()]);
    }
    assert_eq!(receiver.seen().requests.len(), requests);
    let nothing = ["sslmonitor_notifications_pending 0", "sslmonitor_notifications_oldest_pending_age_seconds 0.0"];
    assert_eq!(waiting(&operator).await, nothing);
    let count = format!("sslmonitor_notifications_total{{type=\"webhook\",result=\"delivered\"}} {requests}");
    assert!(operator.get("/metrics").await.unwrap().1.contains(&count), "{count}");
}

/// What the metrics say of what is waiting.
async fn waiting(operator: &Operator) -> Vec<String> {
    let (_, page) = operator.get("/metrics").await.unwrap();
    let is_about_it =
        |line: &&str| line.starts_with("sslmonitor_notifications_pending") || line.contains("oldest_pending");
    page.lines().filter(is_about_it).filter(|line| !line.starts_with('#')).map(ToOwned::to_owned).collect()
}

#[tokio::test]
#[ignore = "needs a control plane: cargo xtask test"]
async fn when_a_monitor_is_deleted_what_it_told_is_taken_back() {
    let cluster = Cluster::start().await;
    let scene = Scene::new(&cluster).await;
    let (receiver, _operator) = scene.hook(ok()).await;
    let _server = scene.expired_web(&["hook"]).await;
    hears(&receiver, &["web problem Expired"]).await;
    scene.told("web").await;
    scene.delete::<SslMonitor>("web").await;
    hears(&receiver, &["web problem Expired", "web recovery Expired"]).await;
    let told = messages(&receiver);
    assert_eq!(told[0]["incident"], told[1]["incident"]);
}

#[tokio::test]
#[ignore = "needs a control plane: cargo xtask test"]
async fn in_silence_nothing_is_told_and_afterwards_what_still_stands() {
    let cluster = Cluster::start().await;
    let scene = Scene::new(&cluster).await;
    let (receiver, _operator) = scene.hook(ok()).await;
    let (stands, passes) = (scene.serve(scene.expired()).await, scene.serve(scene.expired()).await);
    let until = Timestamp::from_second(Timestamp::now().as_second() + 40).unwrap();
    let mut spec = alerting(&["hook"]);
    spec["alerts"] = json!({"suspendUntil": until.to_string()});
    scene.monitor("stands", stands.address(), spec.clone()).await;
    scene.monitor("passes", passes.address(), spec).await;
    let is_expired = |monitor: &SslMonitor| conditions(monitor).contains(&"CertificateValid=False Expired".to_owned());
    for name in ["stands", "passes"] {
        eventually_object(&scene.api(), name, "is checked in silence", is_expired).await;
    }
    passes.serve(scene.valid());
    scene.check("passes", "1").await;
    assert!(Timestamp::now() < until, "the machine is too slow for this test");
    assert_eq!(messages(&receiver), Vec::<Value>::new());
    hears(&receiver, &["stands problem Expired"]).await;
    assert!(Timestamp::now() >= until);
}

#[tokio::test]
#[ignore = "needs a control plane, Alertmanager: cargo xtask test"]
async fn alertmanager_shows_an_alert_past_its_lapse_and_until_it_ends() {
    let cluster = Cluster::start().await;
    let scene = Scene::new(&cluster).await;
    let peer = alertmanager().await;
    let address = format!("http://127.0.0.1:{}", peer.port);
    scene.channel("am", json!({"type": "alertmanager", "address": address})).await;
    let _operator = cluster.start_operator(&[&FLAGS[..], &["--alert-resend-interval", "1s"]].concat()).await;
    let server = scene.expired_web(&["am"]).await;
    eventually_firing(&peer, &["web.scene.test"]).await;
    let alert = async || peer.json("/api/v2/alerts").await[0].clone();
    let first = alert().await;
    let lapse = first["endsAt"].as_str().unwrap().to_owned();
    // It is asserted anew, so that it stands when the first assertion has lapsed.
    eventually("its end moves on", PATIENCE, async || match alert().await["endsAt"].as_str() {
        Some(end) if end > lapse.as_str() => Ok(()),
        other => Err(format!("{other:?}")),
    })
    .await;
    let past: Timestamp = lapse.parse().unwrap();
    eventually(
        "the first lapse is past",
        PATIENCE,
        async || {
            if Timestamp::now() > past { Ok(()) } else { Err(lapse.clone()) }
        },
    )
    .await;
    assert_eq!(firing(&peer).await.len(), 1);
    let same = alert().await;
    assert_eq!((&same["fingerprint"], &same["startsAt"]), (&first["fingerprint"], &first["startsAt"]));
    server.serve(scene.valid());
    scene.check("web", "1").await;
    eventually_firing(&peer, &[]).await;
}
