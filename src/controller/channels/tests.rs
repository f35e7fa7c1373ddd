#![allow(clippy::unwrap_used)]
use serde_json::json;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::*;
use crate::{notify::Why, schedule::Next};

fn key() -> ChannelKey {
    ChannelKey { namespace: "shop".into(), name: "chat".into() }
}

fn channel(uid: &str, version: u64, address: &str) -> NotificationChannel {
    serde_json::from_value(json!({
        "apiVersion": "sslmonitor.io/v1", "kind": "NotificationChannel",
        "metadata": {
            "namespace": "shop", "name": "chat", "uid": uid, "generation": 1, "resourceVersion": version.to_string(),
        },
        "spec": {"type": "webhook", "address": address},
    }))
    .unwrap()
}

fn unready_channel(version: u64) -> NotificationChannel {
    let mut channel = channel("a", version, "https://a.test");
    let ready = json!({
        "type": "Ready", "status": "False", "reason": "SecretNotFound", "message": "it is missing",
        "lastTransitionTime": "2026-01-01T00:00:00Z",
    });
    let status = json!({"observedGeneration": 1, "delivered": 7, "failed": 0, "conditions": [ready]});
    channel.status = Some(serde_json::from_value(status).unwrap());
    channel
}

fn with_channel(channel: &NotificationChannel) -> Channels {
    let (channels, _runner) = Channels::new();
    assert_eq!(channels.put(&key(), channel, Source::List), Some(true));
    channels
}

fn at() -> Timestamp {
    "2026-01-01T00:00:00.75Z".parse().unwrap()
}

/// What counts the deliveries of a channel of which the status said that it had taken seven.
fn counted(delivered: i64, failed: i64, error: Option<&DeliveryError>) -> Tally {
    let mut tally = Tally::of(unready_channel(1).status.as_ref());
    (7..delivered).for_each(|_| tally.count(whole(at()), None));
    (0..failed).for_each(|_| tally.count(whole(at()), error.cloned()));
    tally
}

#[test]
fn only_what_is_news_to_senders_is_news() {
    let channels = with_channel(&channel("a", 1, "https://a.test"));
    let put = |channel: &NotificationChannel, source| channels.put(&key(), channel, source);
    assert_eq!(put(&channel("a", 2, "https://a.test"), Source::Watch), Some(false), "a label, or its numbers");
    assert_eq!(put(&channel("a", 3, "https://b.test"), Source::Watch), Some(true));
    assert_eq!(put(&channel("a", 2, "https://a.test"), Source::Watch), None, "the watch lags behind");
    assert_eq!(put(&unready_channel(4), Source::Job), Some(true));
    assert_eq!(channels.get(&key()).unwrap().problem.as_deref(), Some("it is missing"));
    assert_eq!(put(&channel("b", 5, "https://a.test"), Source::Job), None, "a job brings no channel anew");
    assert_eq!(put(&channel("b", 5, "https://a.test"), Source::Watch), Some(true));
    assert_eq!(channels.get(&key()).unwrap().problem, None);
    assert_eq!((channels.remove(&key()), channels.remove(&key())), (true, false));
    assert_eq!((channels.get(&key()), put(&unready_channel(6), Source::Job)), (None, None));
}

#[test]
fn it_is_known_when_the_list_is_in_and_what_went_meanwhile() {
    let channels = with_channel(&channel("a", 1, "https://a.test"));
    assert!(!channels.is_listed());
    assert_eq!(channels.finish_list(&HashSet::from([key()]), &Scope::All), []);
    assert!(channels.is_listed());
    assert_eq!(channels.finish_list(&HashSet::new(), &Scope::All), [key()]);
}

#[test]
fn numbers_go_on_from_the_status_and_whole_seconds_are_noted() {
    let channels = with_channel(&unready_channel(1));
    channels.note(&key(), &Outcome::Delivered, at());
    assert_eq!(channels.tally(&key(), "a"), Some(counted(8, 0, None)));
    let refused = Outcome::Refused { code: Some(404), why: Why::Rejected };
    channels.note(&key(), &refused, at());
    let error = DeliveryError { reason: "Rejected".to_owned(), code: Some(404), at: Time(whole(at())) };
    assert_eq!(channels.tally(&key(), "a"), Some(counted(8, 1, Some(&error))));
    assert_eq!(channels.put(&key(), &unready_channel(2), Source::Watch), Some(false));
    assert_ne!(channels.tally(&key(), "a"), Some(counted(7, 0, None)), "an echo takes nothing back");
    assert_eq!(channels.tally(&key(), "b"), None, "another channel of this name has numbers of its own");
}

#[test]
fn a_test_counts_only_what_was_sent() {
    let channels = with_channel(&unready_channel(1));
    channels.note_test(&key(), "b", "1", Ok((Outcome::Delivered, at())));
    assert_eq!(channels.tally(&key(), "a"), Some(counted(7, 0, None)), "it was another channel's");
    channels.note_test(&key(), "a", "1", Err(Reason::SecretNotFound));
    let mut expected = counted(7, 0, None);
    expected.note_test("1", TestResult::Failed { reason: "SecretNotFound".to_owned(), code: None });
    assert_eq!(channels.tally(&key(), "a"), Some(expected));
    channels.note_test(&key(), "a", "2", Ok((Outcome::Delivered, at())));
    let mut expected = counted(8, 0, None);
    expected.note_test("2", TestResult::Delivered);
    assert_eq!(channels.tally(&key(), "a"), Some(expected));
}

#[tokio::test(start_paused = true)]
async fn numbers_are_written_at_once_and_then_once_a_second_however_many_come() {
    let (channels, runner) = Channels::new();
    let channels = Arc::new(channels);
    channels.put(&key(), &unready_channel(1), Source::List);
    let (begun, (written, mut writes)) = (Instant::now(), mpsc::unbounded_channel());
    let shared = Arc::clone(&channels);
    let work = move |key: ChannelKey, _| {
        let _tally = shared.tally(&key, "a");
        shared.set_written(&key);
        written.send(begun.elapsed().as_millis()).unwrap();
        std::future::ready(Next::Never)
    };
    let stop = CancellationToken::new();
    let running = tokio::spawn(runner.run(work, |_, _| Next::Never, stop.clone()));
    for _ in 0..30 {
        channels.note(&key(), &Outcome::Delivered, at());
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    tokio::time::sleep(Duration::from_mins(1)).await;
    stop.cancel();
    running.await.unwrap();
    let times = std::iter::from_fn(|| writes.try_recv().ok()).collect::<Vec<_>>();
    assert_eq!(times, [0, 1000, 2000, 3000], "the last of them with all that came");
}
