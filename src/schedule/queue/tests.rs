//! Rules that hold whatever is ordered, removed and ended in whatever order.
#![allow(clippy::unwrap_used, clippy::panic)]

use proptest::{collection::vec, prelude::*};

use super::*;

const CONCURRENCY: usize = 4;
const RESERVED: usize = 1;

#[derive(Debug, Clone)]
enum Step {
    Upsert {
        key: u8,
        group: u8,
        lane: Lane,
        delay: u64,
    },
    Remove {
        key: u8,
    },
    /// So many seconds pass.
    Pass(u64),
    Start,
    /// One of the keys in flight ends.
    Finish {
        which: usize,
        next: Next,
    },
}

fn step() -> impl Strategy<Value = Step> {
    let next = prop_oneof![Just(Next::Never), (0..20u64).prop_map(|s| Next::In(Duration::from_secs(s)))];
    prop_oneof![
        4 => (0..12u8, 0..4u8, prop::sample::select(&Lane::ALL[..]), 0..10u64)
            .prop_map(|(key, group, lane, delay)| Step::Upsert { key, group, lane, delay }),
        1 => (0..12u8).prop_map(|key| Step::Remove { key }),
        2 => (0..10u64).prop_map(Step::Pass),
        4 => Just(Step::Start),
        3 => (any::<usize>(), next).prop_map(|(which, next)| Step::Finish { which, next }),
    ]
}

fn settings() -> Settings {
    Settings { concurrency: CONCURRENCY, reserved: RESERVED }
}

fn in_flight(queue: &Queue<u8>) -> Vec<u8> {
    let mut keys: Vec<u8> = queue.in_flight.keys().copied().collect();
    keys.sort_unstable();
    keys
}

/// Whether the indexes say of every key what `queued` and `in_flight` say.
fn check(queue: &Queue<u8>, now: Instant) {
    assert!(queue.in_flight.len() <= CONCURRENCY);
    let patient = queue.in_flight.values().filter(|run| !run.lane.is_urgent()).count();
    assert!(patient <= CONCURRENCY - RESERVED);
    assert_eq!(patient, queue.patient_in_flight);
    let busy: HashSet<Group> = queue.in_flight.values().map(|run| run.group).collect();
    assert_eq!(busy.len(), queue.in_flight.len(), "two of one group are in flight");
    assert_eq!(busy, queue.busy);

    let (mut waiting, mut ready, mut by_lane) = (BTreeMap::new(), BTreeMap::new(), [0; 4]);
    for (key, Queued { order, number, ready: is_ready }) in &queue.queued {
        assert!(!queue.in_flight.contains_key(key));
        if *is_ready {
            assert!(order.due <= now);
            ready.insert((order.group, order.lane, *number), *key);
            by_lane[order.lane as usize] += 1;
        } else {
            waiting.insert((order.due, *number), *key);
        }
    }
    assert_eq!((&waiting, &ready, by_lane), (&queue.waiting, &queue.ready, queue.ready_by_lane));
    let mut heads = BTreeMap::new();
    for (group, lane, number) in ready.keys().filter(|(group, ..)| !busy.contains(group)) {
        heads.entry(*group).or_insert((*lane, *number, *group));
    }
    assert_eq!(heads.into_values().collect::<BTreeSet<_>>(), queue.heads);
}

/// Let everything end and start until nothing is left; the keys that started.
fn run_dry(queue: &mut Queue<u8>, mut now: Instant) -> HashSet<u8> {
    let mut started = HashSet::new();
    loop {
        for key in in_flight(queue) {
            queue.finish(key, Next::Never, now);
        }
        queue.promote(now);
        while let Some((key, _)) = queue.start(now) {
            started.insert(key);
        }
        check(queue, now);
        match (queue.in_flight.is_empty(), queue.next_due()) {
            (true, None) => return started,
            (true, Some(due)) => now = due,
            (false, _) => {}
        }
    }
}

proptest! {
    #[test]
    fn limits_hold_and_nothing_is_lost_or_made_up(steps in vec(step(), 0..200)) {
        let mut now = Instant::now();
        let mut queue = Queue::new(settings(), now);
        // The keys that someone wants a run of and that have not started since.
        let mut owed = HashSet::new();
        for step in steps {
            match step {
                Step::Upsert { key, group, lane, delay } => {
                    let order = Order::new(Group::of(&group), lane, now, Duration::from_secs(delay));
                    queue.upsert(key, order, now);
                    owed.insert(key);
                }
                Step::Remove { key } => {
                    queue.remove(&key);
                    owed.remove(&key);
                }
                Step::Pass(seconds) => {
                    now += Duration::from_secs(seconds);
                    queue.promote(now);
                }
                Step::Start => {
                    if let Some((key, _)) = queue.start(now) {
                        prop_assert!(owed.remove(&key), "{key} started and nobody wanted it");
                    }
                }
                Step::Finish { which, next } => {
                    let keys = in_flight(&queue);
                    if let Some(&key) = keys.get(which % keys.len().max(1)) {
                        let comes_by_itself = matches!(queue.in_flight[&key].ending, Ending::ByNext);
                        queue.finish(key, next, now);
                        if comes_by_itself && next != Next::Never {
                            owed.insert(key);
                        }
                    }
                }
            }
            check(&queue, now);
        }
        prop_assert_eq!(run_dry(&mut queue, now), owed);
    }
}

#[test]
fn the_end_of_a_run_that_is_not_in_flight_changes_nothing() {
    let now = Instant::now();
    let mut queue = Queue::new(settings(), now);
    queue.finish(1, Next::In(Duration::ZERO), now);
    check(&queue, now);
    assert_eq!(run_dry(&mut queue, now), HashSet::new());
}
