//! The schedule as its users see it: orders in, runs out, in virtual time.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::{
    future::pending,
    sync::{Arc, Mutex},
};

use tokio::{
    task::JoinHandle,
    time::{sleep, timeout},
};
use tokio_util::sync::CancellationToken;

use super::*;

const HOUR: Duration = Duration::from_hours(1);

/// A job's name, its lane, and the second of its start.
type Start = (&'static str, Lane, u64);

struct Running {
    starts: Arc<Mutex<Vec<Start>>>,
    panics: Arc<Mutex<Vec<String>>>,
    stop: CancellationToken,
    task: JoinHandle<()>,
}

fn settings(concurrency: usize, reserved: usize) -> Settings {
    Settings { concurrency, reserved }
}

fn secs(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

fn running<F>(runner: Runner<&'static str>, work: fn(&'static str) -> F) -> Running
where
    F: Future<Output = Next> + Send + 'static,
{
    let (starts, panics, stop) = (Arc::default(), Arc::default(), CancellationToken::new());
    let begun = Instant::now();
    let note_start = {
        let starts: Arc<Mutex<Vec<Start>>> = Arc::clone(&starts);
        move |key, lane| {
            starts.lock().unwrap().push((key, lane, begun.elapsed().as_secs()));
            work(key)
        }
    };
    let note_panic = {
        let panics: Arc<Mutex<Vec<String>>> = Arc::clone(&panics);
        move |key: &&str, message: &str| {
            panics.lock().unwrap().push(format!("{key}: {message}"));
            Next::In(secs(30))
        }
    };
    let task = tokio::spawn(runner.run(note_start, note_panic, stop.clone()));
    Running { starts, panics, stop, task }
}

impl Running {
    fn starts(&self) -> Vec<Start> {
        self.starts.lock().unwrap().clone()
    }
}

async fn for_a_second(_: &'static str) -> Next {
    sleep(secs(1)).await;
    Next::Never
}

async fn for_ever(_: &'static str) -> Next {
    pending().await
}

#[tokio::test(start_paused = true)]
async fn jobs_start_in_the_order_of_their_lanes_and_within_a_lane_first_come_first_served() {
    let (schedule, runner) = Schedule::new(settings(1, 0));
    for (key, lane) in [
        ("a", Lane::Periodic),
        ("b", Lane::Overdue),
        ("c", Lane::Manual),
        ("d", Lane::New),
        ("e", Lane::Periodic),
        ("f", Lane::New),
    ] {
        schedule.upsert(key, Group::of(key), lane, Duration::ZERO);
    }
    let running = running(runner, for_a_second);
    sleep(secs(10)).await;
    let expected = [
        ("d", Lane::New, 0),
        ("f", Lane::New, 1),
        ("c", Lane::Manual, 2),
        ("b", Lane::Overdue, 3),
        ("a", Lane::Periodic, 4),
        ("e", Lane::Periodic, 5),
    ];
    assert_eq!(running.starts(), expected);
}

#[tokio::test(start_paused = true)]
async fn of_one_group_one_job_is_in_flight_and_the_others_hold_nobody_up() {
    let (schedule, runner) = Schedule::new(settings(10, 0));
    for (key, group, lane) in
        [("a", "x:443", Lane::Periodic), ("b", "x:443", Lane::Periodic), ("c", "y:443", Lane::Periodic)]
    {
        schedule.upsert(key, Group::of(group), lane, Duration::ZERO);
    }
    let running = running(runner, for_a_second);
    sleep(Duration::from_millis(500)).await;
    schedule.upsert("d", Group::of("x:443"), Lane::New, Duration::ZERO);
    sleep(secs(10)).await;
    let expected = [("a", Lane::Periodic, 0), ("c", Lane::Periodic, 0), ("d", Lane::New, 1), ("b", Lane::Periodic, 2)];
    assert_eq!(running.starts(), expected);
}

#[tokio::test(start_paused = true)]
async fn a_thousand_hanging_periodic_jobs_do_not_delay_a_new_one() {
    let (schedule, runner) = Schedule::new(settings(8, 2));
    let names: Vec<&'static str> = (0..1000).map(|i| &*Box::leak(i.to_string().into_boxed_str())).collect();
    for name in &names {
        schedule.upsert(*name, Group::of(name), Lane::Periodic, Duration::ZERO);
    }
    let running = running(runner, for_ever);
    sleep(secs(5)).await;
    let hanging: Vec<Start> = names[..6].iter().map(|name| (*name, Lane::Periodic, 0)).collect();
    assert_eq!(running.starts(), hanging);

    for (key, lane) in [("new", Lane::New), ("manual", Lane::Manual), ("late", Lane::New)] {
        schedule.upsert(key, Group::of(key), lane, Duration::ZERO);
    }
    sleep(secs(5)).await;
    assert_eq!(running.starts()[6..], [("new", Lane::New, 5), ("late", Lane::New, 5)]);
    let stats = schedule.stats();
    assert_eq!((stats.waiting, stats.ready, stats.in_flight), (0, [0, 1, 0, 994], 8));
}

#[tokio::test(start_paused = true)]
async fn an_order_for_a_job_in_flight_is_remembered_and_wins_over_what_the_run_says() {
    let (schedule, runner) = Schedule::new(settings(2, 0));
    let running = running(runner, |_| async {
        sleep(secs(2)).await;
        Next::In(HOUR)
    });
    schedule.upsert("a", Group::of("a"), Lane::New, Duration::ZERO);
    sleep(secs(1)).await;
    schedule.upsert("a", Group::of("a"), Lane::Manual, Duration::ZERO);
    schedule.upsert("a", Group::of("a"), Lane::Periodic, HOUR);
    sleep(secs(3000)).await;
    assert_eq!(running.starts(), [("a", Lane::New, 0), ("a", Lane::Manual, 2)]);
    sleep(secs(3000)).await;
    assert_eq!(running.starts()[2..], [("a", Lane::Periodic, 3604)]);
}

#[tokio::test(start_paused = true)]
async fn a_removed_job_does_not_start_and_one_in_flight_does_not_come_back() {
    let (schedule, runner) = Schedule::new(settings(10, 0));
    for (key, delay) in [("waiting", 5), ("in flight", 0), ("wanted again", 0), ("kept", 5)] {
        schedule.upsert(key, Group::of(key), Lane::New, secs(delay));
    }
    let running = running(runner, |_| async {
        sleep(secs(2)).await;
        Next::In(secs(10))
    });
    sleep(secs(1)).await;
    for key in ["waiting", "in flight", "wanted again", "unknown"] {
        schedule.remove(&key);
    }
    schedule.upsert("wanted again", Group::of("wanted again"), Lane::New, Duration::ZERO);
    sleep(secs(8)).await;
    let expected = [
        ("in flight", Lane::New, 0),
        ("wanted again", Lane::New, 0),
        ("wanted again", Lane::New, 2),
        ("kept", Lane::New, 5),
    ];
    assert_eq!(running.starts(), expected);
    let stats = schedule.stats();
    assert_eq!((stats.waiting, stats.ready, stats.in_flight), (2, [0; 4], 0));
}

#[tokio::test(start_paused = true)]
async fn a_panic_is_reported_with_its_message_and_harms_no_other_job() {
    fn work(key: &'static str) -> impl Future<Output = Next> + Send + 'static {
        assert_ne!(key, "at once");
        async move {
            sleep(secs(1)).await;
            assert!(key != "later", "it was {key}");
            Next::In(secs(10))
        }
    }
    let (schedule, runner) = Schedule::new(settings(1, 0));
    for key in ["at once", "later", "well"] {
        schedule.upsert(key, Group::of("one and the same"), Lane::New, Duration::ZERO);
    }
    let running = running(runner, work);
    sleep(secs(28)).await;
    let expected = [
        ("at once", Lane::New, 0),
        ("later", Lane::New, 0),
        ("well", Lane::New, 1),
        ("well", Lane::Periodic, 12),
        ("well", Lane::Periodic, 23),
    ];
    assert_eq!(running.starts(), expected);
    let panics = running.panics.lock().unwrap().clone();
    assert!(panics[0].starts_with("at once: assertion `left != right` failed"), "{panics:?}");
    assert_eq!(panics[1..], ["later: it was later"]);
    sleep(secs(4)).await;
    assert_eq!(running.starts()[5..], [("at once", Lane::Periodic, 30), ("later", Lane::Periodic, 31)]);
}

#[tokio::test(start_paused = true)]
async fn on_stop_nothing_starts_any_more_and_what_is_in_flight_is_waited_for() {
    let (schedule, runner) = Schedule::new(settings(1, 0));
    for key in ["a", "b"] {
        schedule.upsert(key, Group::of(key), Lane::New, Duration::ZERO);
    }
    let mut running = running(runner, |_| async {
        sleep(secs(5)).await;
        Next::In(Duration::ZERO)
    });
    sleep(secs(1)).await;
    running.stop.cancel();
    assert!(timeout(secs(3), &mut running.task).await.is_err(), "the runner did not wait");
    timeout(secs(2), &mut running.task).await.unwrap().unwrap();
    assert_eq!(running.starts(), [("a", Lane::New, 0)]);
    assert_eq!(schedule.stats().in_flight, 0);
}

#[tokio::test(start_paused = true)]
async fn a_runner_that_is_dropped_aborts_its_jobs() {
    let (schedule, runner) = Schedule::new(settings(1, 0));
    let job = Arc::new(());
    let held = Arc::clone(&job);
    schedule.upsert("a", Group::of("a"), Lane::New, Duration::ZERO);
    let work = move |_, _| {
        let held = Arc::clone(&held);
        async move {
            pending::<()>().await;
            drop(held);
            Next::Never
        }
    };
    let run = runner.run(work, |_, _| Next::Never, CancellationToken::new());
    assert!(timeout(secs(1), run).await.is_err());
    tokio::task::yield_now().await;
    assert_eq!(Arc::strong_count(&job), 1);
}

#[tokio::test(start_paused = true)]
async fn a_job_repeats_to_the_second() {
    let (schedule, runner) = Schedule::new(settings(1, 0));
    schedule.upsert("a", Group::of("a"), Lane::Overdue, secs(7));
    let running = running(runner, |_| async { Next::In(secs(60)) });
    sleep(secs(150)).await;
    let expected = [("a", Lane::Overdue, 7), ("a", Lane::Periodic, 67), ("a", Lane::Periodic, 127)];
    assert_eq!(running.starts(), expected);
}

#[tokio::test(start_paused = true)]
async fn the_newest_order_wins_but_an_urgent_job_is_not_put_off_before_it_has_run() {
    let (schedule, runner) = Schedule::new(settings(9, 0));
    let order = |key, lane, delay| schedule.upsert(key, Group::of(key), lane, secs(delay));
    order("later", Lane::Periodic, 5);
    order("later", Lane::Periodic, 20);
    order("sooner", Lane::Periodic, 20);
    order("sooner", Lane::Overdue, 5);
    order("urgent", Lane::New, 6);
    order("urgent", Lane::Periodic, 100);
    order("more urgent", Lane::Manual, 30);
    order("more urgent", Lane::New, 7);
    let running = running(runner, for_a_second);
    sleep(HOUR).await;
    let expected = [
        ("sooner", Lane::Overdue, 5),
        ("urgent", Lane::New, 6),
        ("more urgent", Lane::New, 7),
        ("later", Lane::Periodic, 20),
    ];
    assert_eq!(running.starts(), expected);
}

#[tokio::test(start_paused = true)]
async fn who_asks_again_keeps_the_place_in_the_line() {
    let (schedule, runner) = Schedule::new(settings(1, 0));
    for key in ["a", "b", "a"] {
        schedule.upsert(key, Group::of(key), Lane::Overdue, Duration::ZERO);
    }
    let running = running(runner, for_a_second);
    sleep(secs(5)).await;
    assert_eq!(running.starts(), [("a", Lane::Overdue, 0), ("b", Lane::Overdue, 1)]);
}

#[tokio::test(start_paused = true)]
async fn an_endless_delay_waits_and_harms_nothing() {
    let (schedule, runner) = Schedule::new(settings(1, 0));
    schedule.upsert("a", Group::of("a"), Lane::Periodic, Duration::MAX);
    let running = running(runner, for_a_second);
    sleep(HOUR).await;
    assert_eq!(running.starts(), []);
    assert_eq!(schedule.stats().waiting, 1);
}

#[tokio::test(start_paused = true)]
async fn an_idle_runner_shows_progress_and_one_whose_slots_all_hang_does_not() {
    let (schedule, runner) = Schedule::new(settings(1, 0));
    let _running = running(runner, for_ever);
    sleep(HOUR).await;
    assert!(schedule.stats().last_progress.elapsed() <= secs(5));

    schedule.upsert("a", Group::of("a"), Lane::New, Duration::ZERO);
    sleep(HOUR).await;
    assert!(schedule.stats().last_progress.elapsed() <= secs(5), "one long job holds nobody up");

    schedule.upsert("b", Group::of("b"), Lane::New, Duration::ZERO);
    sleep(HOUR).await;
    assert!(schedule.stats().last_progress.elapsed() > secs(3500));
}

#[test]
fn settings_that_would_let_nothing_run_are_raised() {
    assert_eq!(settings(0, 0).sane(), settings(1, 0));
    assert_eq!(settings(4, 9).sane(), settings(4, 3));
    assert_eq!(settings(4, 1).sane(), settings(4, 1));
}
