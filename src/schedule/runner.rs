//! The handle that orders, and the task that starts jobs and waits for them.

use std::{
    any::Any,
    collections::HashMap,
    fmt::Debug,
    hash::Hash,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::{
    sync::Notify,
    task::{Id, JoinError, JoinSet},
    time::{Instant, MissedTickBehavior, interval, sleep_until},
};
use tokio_util::sync::CancellationToken;

use super::{
    Group, Lane, Next, Settings, Stats,
    queue::{Order, Queue},
};

/// How often an idle runner shows that it still turns (see [`Stats::last_progress`]).
const HEARTBEAT: Duration = Duration::from_secs(5);

/// A cheap handle on the jobs, for everyone who wants something run.
pub struct Schedule<K> {
    shared: Arc<Shared<K>>,
}

/// Runs the jobs of its [`Schedule`].
#[derive(Debug)]
pub struct Runner<K> {
    shared: Arc<Shared<K>>,
}

#[derive(Debug)]
struct Shared<K> {
    queue: Mutex<Queue<K>>,
    /// Something was ordered.
    ordered: Notify,
}

/// The jobs in flight.
struct InFlight<K> {
    tasks: JoinSet<Next>,
    keys: HashMap<Id, K>,
}

// === impl Schedule ===

impl<K: Clone + Eq + Hash + Debug> Schedule<K> {
    /// An empty schedule and its runner. Settings that would let nothing run are raised until something can.
    pub fn new(settings: Settings) -> (Self, Runner<K>) {
        let queue = Mutex::new(Queue::new(settings, Instant::now()));
        let shared = Arc::new(Shared { queue, ordered: Notify::new() });
        (Self { shared: Arc::clone(&shared) }, Runner { shared })
    }

    /// Register a job to run after `delay`, or replace what was wanted of it.
    ///
    /// The newest call wins, except that a job of an urgent lane that has not run yet is neither put into a later lane
    /// nor put off. A job in flight runs again when its run has ended, whatever that run says.
    pub fn upsert(&self, key: K, group: Group, lane: Lane, delay: Duration) {
        let now = Instant::now();
        self.shared.lock().upsert(key, Order::new(group, lane, now, delay), now);
        self.shared.ordered.notify_one();
    }

    /// Forget a job: it will not start from here on. If it is in flight, that run goes on and is the last.
    pub fn remove(&self, key: &K) {
        self.shared.lock().remove(key);
    }

    /// What the schedule holds now.
    pub fn stats(&self) -> Stats {
        self.shared.lock().stats()
    }
}

impl<K> Clone for Schedule<K> {
    fn clone(&self) -> Self {
        Self { shared: Arc::clone(&self.shared) }
    }
}

impl<K: Debug> Debug for Schedule<K> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Schedule").field(&self.shared).finish()
    }
}

// === impl Runner ===

impl<K: Clone + Eq + Hash + Debug + Send + Sync + 'static> Runner<K> {
    /// Run the jobs until `stop`; then start nothing more, wait for the jobs in flight, and return.
    ///
    /// `work` makes the run of a job; a panic in it harms no other job: `on_panic` is told the job and the panic's
    /// message, and says what becomes of the job. How long the wait at the end may take is up to the caller: when this
    /// future is dropped, the jobs in flight are aborted.
    pub async fn run<W, F, P>(self, work: W, on_panic: P, stop: CancellationToken)
    where
        W: Fn(K, Lane) -> F + Send + Sync + 'static,
        F: Future<Output = Next> + Send + 'static,
        P: Fn(&K, &str) -> Next,
    {
        let work = Arc::new(work);
        let mut in_flight = InFlight { tasks: JoinSet::new(), keys: HashMap::new() };
        let mut heartbeat = interval(HEARTBEAT);
        heartbeat.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            let (starting, next_due) = self.shared.turn(Instant::now());
            for (key, lane) in starting {
                in_flight.spawn(key, lane, &work);
            }
            tokio::select! {
                biased;
                () = stop.cancelled() => break,
                Some((key, next)) = in_flight.next(&on_panic) => self.shared.finish(key, next),
                () = self.shared.ordered.notified() => {}
                () = until(next_due) => {}
                _ = heartbeat.tick() => {}
            }
        }
        while let Some((key, next)) = in_flight.next(&on_panic).await {
            self.shared.finish(key, next);
        }
    }
}

/// Wait for the given moment, for ever if there is none.
async fn until(moment: Option<Instant>) {
    match moment {
        Some(moment) => sleep_until(moment).await,
        None => std::future::pending().await,
    }
}

// === impl Shared ===

impl<K: Clone + Eq + Hash + Debug> Shared<K> {
    /// Take out everything that may start now; and the moment when more becomes due.
    fn turn(&self, now: Instant) -> (Vec<(K, Lane)>, Option<Instant>) {
        let mut queue = self.lock();
        queue.promote(now);
        let starting = std::iter::from_fn(|| queue.start(now)).collect();
        (starting, queue.next_due())
    }

    fn finish(&self, key: K, next: Next) {
        self.lock().finish(key, next, Instant::now());
    }
}

impl<K> Shared<K> {
    /// A panic while the lock is held could only come from the key's own `Hash`, `Eq` or `Clone`; the queue is used on.
    fn lock(&self) -> MutexGuard<'_, Queue<K>> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

// === impl InFlight ===

impl<K: Clone + Debug + Send + 'static> InFlight<K> {
    fn spawn<W, F>(&mut self, key: K, lane: Lane, work: &Arc<W>)
    where
        W: Fn(K, Lane) -> F + Send + Sync + 'static,
        F: Future<Output = Next> + Send + 'static,
    {
        let (work, job) = (Arc::clone(work), key.clone());
        // The call is inside the task, so that a panic before the first await point is caught too.
        let task = self.tasks.spawn(async move { work(job, lane).await });
        self.keys.insert(task.id(), key);
    }

    /// The next job that ends and what becomes of it; none when nothing is in flight.
    async fn next(&mut self, on_panic: &impl Fn(&K, &str) -> Next) -> Option<(K, Next)> {
        let ended = self.tasks.join_next_with_id().await?;
        let id = ended.as_ref().map_or_else(JoinError::id, |(id, _)| *id);
        let key = self.keys.remove(&id).expect("every task was spawned with its key");
        let next = match ended {
            Ok((_, next)) => next,
            Err(error) => on_panic(&key, &message_of(error)),
        };
        Some((key, next))
    }
}

fn message_of(error: JoinError) -> String {
    match error.try_into_panic() {
        Ok(payload) => panic_text(&*payload),
        Err(cancelled) => cancelled.to_string(),
    }
}

/// `panic!` leaves a `&str` or, with arguments, a `String`; `panic_any` may leave anything.
fn panic_text(payload: &(dyn Any + Send)) -> String {
    let text = payload.downcast_ref::<&str>().copied();
    text.or_else(|| payload.downcast_ref::<String>().map(String::as_str)).unwrap_or("no message").to_owned()
}
