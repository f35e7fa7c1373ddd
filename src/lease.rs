//! LEASE: which of several replicas acts, by the protocol that client-go, and with it the control plane, uses.
//!
//! The holder renews a Lease every few seconds; the others take it over when it has not changed for as long as it says. Who holds
//! it is told by a [`Tenure`], which ends well before another may begin, also where the process, or its machine, stood still
//! meanwhile: every side effect asks it at the last moment. No lock is perfect, so that the effects themselves bear repetition: a
//! status is written onto the version that was read, and a message keeps its id.
//!
//! This room knows no client: where the Lease lies is a [`Store`].

mod candidate;
mod election;
mod tenure;

use std::time::Duration;

use k8s_openapi::api::coordination::v1::Lease;

pub use self::{
    candidate::{Candidate, Lost},
    election::{Election, Move},
    tenure::Tenure,
};

/// The times of an election. The defaults are those of the Kubernetes components:
/// <https://pkg.go.dev/k8s.io/component-base/config#LeaderElectionConfiguration>.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Terms {
    /// How long the others wait after the last change of the Lease before they take it over: whole seconds.
    pub lease_duration: Duration,
    /// How long the holder goes on without having renewed it.
    pub renew_deadline: Duration,
    /// How often it is renewed, or looked at.
    pub retry_period: Duration,
}

/// Where the Lease lies. What goes wrong is told in a sentence.
pub trait Store: Send + Sync {
    /// What it is called, as `NAMESPACE/NAME`.
    fn name(&self) -> String;

    /// The Lease as it is now; `None` when there is none.
    fn read(&self) -> impl Future<Output = Result<Option<Lease>, String>> + Send;

    /// Create it, or, where it has a resource version, replace that very version. Returns it as it is then.
    fn write(&self, lease: &Lease) -> impl Future<Output = Result<Lease, String>> + Send;
}

// === impl Terms ===

impl Terms {
    /// The shortest lease that the API takes.
    const SHORTEST: Duration = Duration::from_secs(1);

    /// Whether these times leave a holder the time to renew, and to end before another begins.
    ///
    /// # Errors
    /// A sentence about the first two that do not go together.
    pub fn check(&self) -> Result<(), String> {
        let Self { lease_duration, renew_deadline, retry_period } = *self;
        let whole = lease_duration.subsec_nanos() == 0 && i32::try_from(lease_duration.as_secs()).is_ok();
        if lease_duration < Self::SHORTEST || !whole {
            return Err(format!("the lease duration must be in whole seconds, at least one; it is {lease_duration:?}"));
        }
        if renew_deadline >= lease_duration {
            let rule = "the renew deadline must be shorter than the lease duration";
            return Err(format!("{rule}: {renew_deadline:?} is not shorter than {lease_duration:?}"));
        }
        if retry_period.is_zero() || retry_period * 2 > renew_deadline {
            let rule = "the retry period must be at most half of the renew deadline, and not zero";
            return Err(format!("{rule}: it is {retry_period:?} of {renew_deadline:?}"));
        }
        Ok(())
    }
}

impl Default for Terms {
    fn default() -> Self {
        let [lease_duration, renew_deadline, retry_period] = [15, 10, 2].map(Duration::from_secs);
        Self { lease_duration, renew_deadline, retry_period }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_that_do_not_go_together_are_refused_in_words() {
        let check = |lease: u64, renew: u64, retry: u64| {
            let [lease_duration, renew_deadline, retry_period] = [lease, renew, retry].map(Duration::from_millis);
            Terms { lease_duration, renew_deadline, retry_period }.check()
        };
        assert_eq!((Terms::default().check(), check(2000, 1000, 500)), (Ok(()), Ok(())));
        for (lease, renew, retry, expected) in [
            (1500, 1000, 100, "the lease duration must be in whole seconds, at least one; it is 1.5s"),
            (0, 0, 0, "the lease duration must be in whole seconds, at least one; it is 0ns"),
            (5000, 5000, 100, "the renew deadline must be shorter than the lease duration: 5s is not shorter than 5s"),
            (
                5000,
                3000,
                2000,
                "the retry period must be at most half of the renew deadline, and not zero: it is 2s of 3s",
            ),
            (
                5000,
                3000,
                0,
                "the retry period must be at most half of the renew deadline, and not zero: it is 0ns of 3s",
            ),
        ] {
            assert_eq!(check(lease, renew, retry), Err(expected.to_owned()));
        }
    }
}
