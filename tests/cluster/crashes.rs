//! The operator is killed again and again while monitors change: nothing that is to be told is lost, and nothing is told twice but
//! with the same idempotency key.

use std::{
    collections::{BTreeMap, BTreeSet},
    hash::{BuildHasher as _, RandomState},
    time::{Duration, Instant},
};

use futures::future::join_all;
use serde_json::{Value, json};
use tokio::time::sleep;
use xtask::farm::{Leaf, TlsServer};

use crate::{
    alerts::{FLAGS, alerting, messages, ok, told},
    receiver::Receiver,
    scene::{DOMAIN, Scene},
    support::{Cluster, eventually},
};

/// How often the operator is killed in all.
const KILLS: usize = 200;
const MONITORS: usize = 100;
/// Monitors of one server are checked one after the other.
const SERVERS: usize = 20;
/// How often each monitor changes: to a certificate that has expired, and back.
const CHANGES: usize = 8;
/// The longest life of an operator that is killed.
const LONGEST_LIFE: u64 = 1500;
/// How long all may take to be told of one change, while operators are killed.
const PATIENCE: Duration = Duration::from_mins(4);

/// A life of up to a second and a half.
fn life() -> Duration {
    Duration::from_millis(RandomState::new().hash_one(Instant::now()) % LONGEST_LIFE)
}

/// Start operators and kill them until so many are dead.
async fn kill(cluster: &Cluster, kills: usize) {
    for _ in 0..kills {
        let mut operator = cluster.spawn_operator(&FLAGS).await;
        sleep(life()).await;
        operator.signal("KILL").unwrap();
        while operator.ended().is_none() {
            sleep(Duration::from_millis(5)).await;
        }
    }
}

/// Change what all servers serve, and ask for checks.
async fn change(scene: &Scene<'_>, servers: &[TlsServer], round: usize) {
    for server in servers {
        let leaf = Leaf::new([DOMAIN]);
        server.serve(scene.authority.issue(&if round.is_multiple_of(2) { leaf.expired() } else { leaf }));
    }
    let request = json!({"metadata": {"annotations": {"sslmonitor.io/requestedAt": round.to_string()}}});
    for number in 0..MONITORS {
        scene.edit(&format!("web-{number}"), request.clone()).await;
    }
}

/// What each monitor has told, in the order in which it first arrived: kinds, and nothing twice.
fn stories(receiver: &Receiver) -> BTreeMap<String, Vec<String>> {
    let mut known = BTreeSet::new();
    let mut stories: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for message in messages(receiver) {
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        if known.insert(text(&message["id"])) {
            stories.entry(text(&message["monitor"]["name"])).or_default().push(text(&message["kind"]));
        }
    }
    stories
}

/// What every monitor has to have told after so many changes.
fn expected(changes: usize) -> BTreeMap<String, Vec<String>> {
    let story: Vec<String> = ["problem", "recovery"].iter().cycle().take(changes).map(ToString::to_string).collect();
    (0..MONITORS).map(|number| (format!("web-{number}"), story.clone())).collect()
}

async fn all_told(receiver: &Receiver, changes: usize) {
    let expected = expected(changes);
    eventually(&format!("all have told of change {changes}"), PATIENCE, async || {
        let stories = stories(receiver);
        let done = expected.iter().filter(|(name, story)| stories.get(*name) == Some(story)).count();
        let other = expected.iter().find(|(name, story)| stories.get(*name) != Some(story));
        match other {
            None => Ok(()),
            Some((name, _)) => Err(format!("{done} of {MONITORS}; {name}: {:?}", stories.get(name))),
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a control plane: cargo xtask test"]
async fn however_often_the_operator_is_killed_every_change_is_told_and_none_a_second_time_as_another_message() {
    let cluster = Cluster::start().await;
    let scene = Scene::new(&cluster).await;
    let receiver = Receiver::start(ok()).await;
    scene.webhook("hook", &receiver).await;
    let servers: Vec<TlsServer> = join_all((0..SERVERS).map(async |_| scene.serve(scene.valid()).await)).await;
    for number in 0..MONITORS {
        let address = servers[number % SERVERS].address();
        scene.monitor(&format!("web-{number}"), address, alerting(&["hook"])).await;
    }
    let operator = cluster.start_operator(&FLAGS).await;
    for number in 0..MONITORS {
        scene.settled(&format!("web-{number}")).await;
    }
    drop(operator);
    assert_eq!(messages(&receiver), Vec::<Value>::new());

    for round in 0..CHANGES {
        change(&scene, &servers, round).await;
        kill(&cluster, KILLS / CHANGES).await;
        let operator = cluster.start_operator(&FLAGS).await;
        all_told(&receiver, round + 1).await;
        // What was sent last is written down, too.
        scene.told("web-0").await;
        drop(operator);
    }
    assert_eq!(stories(&receiver), expected(CHANGES));
    let repeated = told(&receiver).len() - told(&receiver).iter().map(|(key, _)| key).collect::<BTreeSet<_>>().len();
    let (sent, needed) = (messages(&receiver).len(), MONITORS * CHANGES);
    println!(
        "{needed} changes, {KILLS} kills: {} requests, {repeated} of them again; {} messages again",
        told(&receiver).len(),
        sent - needed
    );
}
