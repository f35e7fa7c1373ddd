//! Clocks differ: a certificate that begins a little later by ours has begun by another's.

use std::borrow::Cow;

use jiff::{SignedDuration, Timestamp};

use crate::probe::{FaultKind, Observation, Verdict};

/// How far a `notBefore` may lie ahead before it counts: certificates are deployed as soon as they are issued.
const TOLERANCE: SignedDuration = SignedDuration::from_mins(5);

/// The observation without [`FaultKind::NotYetValid`] where the leaf begins within five minutes, at the address that decides and at
/// every other. All other faults stand, that of an intermediate which has not begun among them.
pub(super) fn forgiven(observation: &Observation, now: Timestamp) -> Cow<'_, Observation> {
    let presented = observation.presented.iter().map(|it| &it.verdict);
    let mut verdicts = presented.chain(observation.endpoints.iter().map(|it| &it.verdict));
    if !verdicts.any(|verdict| verdict.faults.iter().any(|fault| fault.kind == FaultKind::NotYetValid)) {
        return Cow::Borrowed(observation);
    }
    let mut observation = observation.clone();
    if let Some(presented) = &mut observation.presented {
        let begin = presented.leaf.as_ref().map(|leaf| leaf.not_before);
        forgive(&mut presented.verdict, begin, now);
    }
    for endpoint in &mut observation.endpoints {
        forgive(&mut endpoint.verdict, endpoint.not_before, now);
    }
    Cow::Owned(observation)
}

fn forgive(verdict: &mut Verdict, begin: Option<Timestamp>, now: Timestamp) {
    let soon = now.saturating_add(TOLERANCE).unwrap_or(Timestamp::MAX);
    if begin.is_some_and(|begin| begin <= soon) {
        verdict.faults.retain(|fault| fault.kind != FaultKind::NotYetValid);
    }
}
