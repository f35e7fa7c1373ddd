//! What to do about a Lease that was read: pure, by its times and by what was seen of it before.

use std::time::Duration;

use jiff::Timestamp;
use k8s_openapi::{api::coordination::v1::LeaseSpec, apimachinery::pkg::apis::meta::v1::MicroTime};

use super::Terms;

/// The view that one candidate has of the Lease.
#[derive(Debug)]
pub struct Election {
    identity: String,
    terms: Terms,
    /// The Lease of somebody else as it was last seen, and when it first looked like that.
    seen: Option<(LeaseSpec, Duration)>,
}

/// What is to be done.
#[derive(Debug, Clone, PartialEq)]
pub enum Move {
    /// Look again after this time.
    Wait(Duration),
    /// Write this, which makes us the holder or keeps us so.
    Write(LeaseSpec),
}

// === impl Election ===

impl Election {
    /// The view of a candidate that has seen nothing yet. No two may have the same `identity`.
    pub fn new(identity: String, terms: Terms) -> Self {
        Self { identity, terms, seen: None }
    }

    /// What to do about the Lease as it is now. `now` is of a clock of this machine that only goes forward: the times in the Lease are
    /// those of another machine, whose clock may be wrong, so that what counts is for how long it has not changed here.
    pub fn consider(&mut self, lease: Option<&LeaseSpec>, now: Duration, time: Timestamp) -> Move {
        let Some((lease, holder)) = lease.and_then(|lease| Some((lease, holder_of(lease)?))) else {
            return Move::Write(self.taken(lease, time));
        };
        if holder == self.identity {
            return Move::Write(self.renewed(lease, time));
        }
        let since = match &self.seen {
            Some((seen, since)) if seen == lease => *since,
            _ => now,
        };
        self.seen = Some((lease.clone(), since));
        let left = self.lasts(lease).saturating_sub(now.saturating_sub(since));
        if left.is_zero() {
            Move::Write(self.taken(Some(lease), time))
        } else {
            Move::Wait(left.min(self.terms.retry_period))
        }
    }

    /// The Lease given back: whoever looks next may take it.
    pub fn released(&self, lease: &LeaseSpec, time: Timestamp) -> LeaseSpec {
        LeaseSpec { holder_identity: Some(String::new()), lease_duration_seconds: Some(1), ..self.renewed(lease, time) }
    }

    /// Whether this Lease is ours.
    pub fn is_ours(&self, lease: &LeaseSpec) -> bool {
        holder_of(lease) == Some(&self.identity)
    }

    fn taken(&self, lease: Option<&LeaseSpec>, time: Timestamp) -> LeaseSpec {
        let before = lease.cloned().unwrap_or_default();
        let transitions = before.lease_transitions.map_or(0, |transitions| transitions.saturating_add(1));
        LeaseSpec {
            holder_identity: Some(self.identity.clone()),
            acquire_time: Some(MicroTime(time)),
            lease_transitions: Some(transitions),
            ..self.renewed(&before, time)
        }
    }

    fn renewed(&self, lease: &LeaseSpec, time: Timestamp) -> LeaseSpec {
        LeaseSpec {
            lease_duration_seconds: i32::try_from(self.terms.lease_duration.as_secs()).ok(),
            renew_time: Some(MicroTime(time)),
            ..lease.clone()
        }
    }

    /// As long as the holder has said; as long as ours where it has not.
    fn lasts(&self, lease: &LeaseSpec) -> Duration {
        let said = lease.lease_duration_seconds.and_then(|seconds| u64::try_from(seconds).ok());
        said.map_or(self.terms.lease_duration, Duration::from_secs)
    }
}

/// Who holds it; `None` when it has been given back, or was never held.
pub(super) fn holder_of(lease: &LeaseSpec) -> Option<&str> {
    lease.holder_identity.as_deref().filter(|holder| !holder.is_empty())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::panic)]
    use super::*;

    const TERMS: Terms = Terms {
        lease_duration: Duration::from_secs(15),
        renew_deadline: Duration::from_secs(10),
        retry_period: Duration::from_secs(2),
    };

    fn time(second: i64) -> Timestamp {
        Timestamp::constant(1_800_000_000 + second, 0)
    }

    fn lease(holder: &str, renewed: i64, transitions: i32) -> LeaseSpec {
        LeaseSpec {
            acquire_time: Some(MicroTime(time(0))),
            holder_identity: Some(holder.to_owned()),
            lease_duration_seconds: Some(15),
            lease_transitions: Some(transitions),
            renew_time: Some(MicroTime(time(renewed))),
            ..LeaseSpec::default()
        }
    }

    fn ours(acquired: i64, renewed: i64, transitions: i32) -> LeaseSpec {
        LeaseSpec { acquire_time: Some(MicroTime(time(acquired))), ..lease("us", renewed, transitions) }
    }

    fn us() -> Election {
        Election::new("us".to_owned(), TERMS)
    }

    fn at(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn a_lease_that_nobody_holds_is_taken_at_once() {
        assert_eq!(us().consider(None, at(0), time(7)), Move::Write(ours(7, 7, 0)));
        assert_eq!(us().consider(Some(&LeaseSpec::default()), at(0), time(7)), Move::Write(ours(7, 7, 0)));
        let given_back = LeaseSpec { lease_duration_seconds: Some(1), ..lease("", 5, 3) };
        assert_eq!(us().consider(Some(&given_back), at(0), time(7)), Move::Write(ours(7, 7, 4)));
    }

    #[test]
    fn our_own_is_renewed() {
        assert_eq!(us().consider(Some(&ours(1, 3, 2)), at(0), time(5)), Move::Write(ours(1, 5, 2)));
    }

    #[test]
    fn that_of_another_is_taken_when_it_has_not_changed_for_its_time_whatever_its_clock_says() {
        let mut us = us();
        // Its clock is far behind, then far ahead: only changes count.
        let (behind, ahead) = (lease("them", -9000, 1), lease("them", 9000, 1));
        assert_eq!(us.consider(Some(&behind), at(100), time(0)), Move::Wait(at(2)));
        assert_eq!(us.consider(Some(&behind), at(114), time(14)), Move::Wait(at(1)));
        assert_eq!(us.consider(Some(&ahead), at(115), time(15)), Move::Wait(at(2)));
        assert_eq!(us.consider(Some(&ahead), at(129), time(29)), Move::Wait(at(1)));
        assert_eq!(us.consider(Some(&ahead), at(130), time(30)), Move::Write(ours(30, 30, 2)));
    }

    #[test]
    fn the_holder_says_how_long_it_lasts() {
        let mut us = us();
        let longer = LeaseSpec { lease_duration_seconds: Some(60), ..lease("them", 0, 0) };
        let waits = [0, 30, 59].map(|now| us.consider(Some(&longer), at(now), time(0)));
        assert_eq!(waits, [at(2), at(2), at(1)].map(Move::Wait));
        assert_eq!(us.consider(Some(&longer), at(60), time(60)), Move::Write(ours(60, 60, 1)));
        for unsaid in [None, Some(-5)] {
            let mut us = self::us();
            let lease = LeaseSpec { lease_duration_seconds: unsaid, ..lease("them", 0, 0) };
            assert_eq!(us.consider(Some(&lease), at(0), time(0)), Move::Wait(at(2)));
            assert_eq!(us.consider(Some(&lease), at(14), time(0)), Move::Wait(at(1)));
        }
    }

    #[test]
    fn what_is_given_back_is_free_and_keeps_its_count() {
        let given_back = us().released(&ours(1, 3, 2), time(9));
        let expected = LeaseSpec {
            holder_identity: Some(String::new()),
            lease_duration_seconds: Some(1),
            renew_time: Some(MicroTime(time(9))),
            ..ours(1, 3, 2)
        };
        assert_eq!(given_back, expected);
        assert!(us().is_ours(&ours(1, 3, 2)) && !us().is_ours(&given_back) && !us().is_ours(&lease("them", 0, 0)));
    }
}
