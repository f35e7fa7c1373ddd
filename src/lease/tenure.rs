//! Until when this process may act.

use std::{
    future::poll_fn,
    pin::pin,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    task::Poll,
    time::Duration,
};

use rustix::time::{ClockId, clock_gettime};

/// Until when this process may act. Cloning gives another handle on the same.
#[derive(Debug, Clone)]
pub struct Tenure {
    /// Milliseconds since the machine has started.
    until: Arc<AtomicU64>,
}

// === impl Tenure ===

impl Tenure {
    /// For ever: there is no other replica.
    pub fn unlimited() -> Self {
        Self { until: Arc::new(AtomicU64::new(u64::MAX)) }
    }

    /// Not yet.
    pub(super) fn none() -> Self {
        Self { until: Arc::default() }
    }

    /// Whether this process may act now.
    pub fn is_held(&self) -> bool {
        self.remaining(since_boot()) > Duration::ZERO
    }

    /// Do this work while this process may act. Each step of it comes after a look at the clock, so that nothing is sent by a process
    /// that was stopped and goes on too late. Where the tenure has ended, this never ends: the process does.
    pub async fn guard<T>(&self, work: impl Future<Output = T>) -> T {
        let mut work = pin!(work);
        poll_fn(|context| if self.is_held() { work.as_mut().poll(context) } else { Poll::Pending }).await
    }

    /// How much of it is left at that time.
    pub(super) fn remaining(&self, now: Duration) -> Duration {
        Duration::from_millis(self.until.load(Ordering::Acquire)).saturating_sub(now)
    }

    /// It lasts until then, at least.
    pub(super) fn extend(&self, until: Duration) {
        let until = u64::try_from(until.as_millis()).unwrap_or(u64::MAX);
        self.until.fetch_max(until, Ordering::AcqRel);
    }

    /// It has ended.
    pub(super) fn end(&self) {
        self.until.store(0, Ordering::Release);
    }
}

/// How long the machine has been running. Unlike the clock of [`std::time::Instant`], this one goes on while it is suspended.
pub(super) fn since_boot() -> Duration {
    clock_gettime(ClockId::Boottime).try_into().unwrap_or(Duration::MAX)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use futures::FutureExt as _;

    use super::*;

    #[test]
    fn it_lasts_until_the_latest_time_and_no_longer() {
        let tenure = Tenure::none();
        let [early, late] = [100, 200].map(Duration::from_secs);
        assert!(!tenure.is_held());
        tenure.extend(late);
        tenure.extend(early);
        let left = [0, 150, 200, 300].map(|now| tenure.remaining(Duration::from_secs(now)).as_secs());
        assert_eq!(left, [200, 50, 0, 0]);
        tenure.end();
        assert_eq!(tenure.remaining(Duration::ZERO), Duration::ZERO);
    }

    #[test]
    fn work_goes_on_while_it_is_held_and_stands_still_afterwards() {
        let (tenure, done) = (Tenure::unlimited(), std::cell::Cell::new(0));
        let step = async || done.set(done.get() + 1);
        assert_eq!(tenure.guard(step()).now_or_never(), Some(()));
        let two_steps = async {
            step().await;
            tenure.end();
            tokio::task::yield_now().await;
            step().await;
        };
        assert_eq!(tenure.guard(two_steps).now_or_never(), None);
        assert_eq!(tenure.guard(step()).now_or_never(), None);
        assert_eq!(done.get(), 2, "what was begun got no further");
    }

    #[test]
    fn the_clock_counts_from_the_start_of_the_machine() {
        let uptime = std::fs::read_to_string("/proc/uptime").unwrap();
        let uptime: f64 = uptime.split(' ').next().unwrap().parse().unwrap();
        assert!((since_boot().as_secs_f64() - uptime).abs() < 5.0);
    }
}
