//! WHEN: which job runs now, which one waits, and for what.
//!
//! A [`Schedule`] knows keys, not what they stand for. Every key waits for its time, then in one of four [`Lane`]s of
//! strict priority for a slot; at most one job of a [`Group`] (the place that is dialled) is in flight, and a few slots
//! are kept for jobs that a person waits for. The [`Runner`] starts what the caller gave it as work.
//!
//! This room uses tokio's clock and tasks only; it knows neither probes nor Kubernetes.

mod queue;
mod runner;

use std::{
    hash::{DefaultHasher, Hash, Hasher},
    time::Duration,
};

use tokio::time::Instant;

pub use runner::{Runner, Schedule};

/// Why a job runs; jobs of an earlier lane start before all jobs of later ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Lane {
    /// Never run for what is wanted now: a new or changed object.
    New,
    /// Someone asked for a run.
    Manual,
    /// Its time passed while nobody ran it, for example during a restart.
    Overdue,
    /// Its time has come.
    Periodic,
}

/// The place that a job keeps busy: of the jobs of one group at most one is in flight.
///
/// A group is the hash of its name, so that it costs eight bytes; two names with the same hash merely take turns.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Group(u64);

/// What becomes of a job whose run has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Next {
    /// Run again after this time, in lane [`Lane::Periodic`].
    In(Duration),
    /// Forget the job, until someone registers it again.
    Never,
}

/// How much may be in flight.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Settings {
    /// Jobs in flight, in all; at least 1.
    pub concurrency: usize,
    /// Of these, slots that only [`Lane::New`] and [`Lane::Manual`] may use; less than `concurrency`.
    pub reserved: usize,
}

/// What a [`Schedule`] holds at one moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stats {
    /// Jobs whose time has not come.
    pub waiting: usize,
    /// Jobs whose time has come and that are not running, in the order of [`Lane::ALL`].
    pub ready: [usize; Lane::ALL.len()],
    /// Jobs that are running.
    pub in_flight: usize,
    /// When the runner last started or ended a job, or found nothing that it could have started. Only a runner that
    /// no longer turns, or slots that are all held by jobs that do not end, let this grow old.
    pub last_progress: Instant,
}

// === impl Lane ===

impl Lane {
    /// All lanes, first priority first.
    pub const ALL: [Self; 4] = [Self::New, Self::Manual, Self::Overdue, Self::Periodic];

    /// The lane's name in lower case, for logs and metrics.
    pub fn name(self) -> &'static str {
        match self {
            Self::New => "new",
            Self::Manual => "manual",
            Self::Overdue => "overdue",
            Self::Periodic => "periodic",
        }
    }

    /// Whether a person waits for jobs of this lane: they may use the reserved slots.
    pub fn is_urgent(self) -> bool {
        self <= Self::Manual
    }
}

// === impl Group ===

impl Group {
    /// The group of everything that has this name, for example `api.example.com:443`.
    pub fn of(name: &(impl Hash + ?Sized)) -> Self {
        let mut hasher = DefaultHasher::new();
        name.hash(&mut hasher);
        Self(hasher.finish())
    }
}

// === impl Settings ===

impl Settings {
    /// The same settings with at least one slot, of which at least one is for every lane.
    fn sane(self) -> Self {
        let concurrency = self.concurrency.max(1);
        Self { concurrency, reserved: self.reserved.min(concurrency - 1) }
    }
}

#[cfg(test)]
mod tests;
