//! Several addresses behind one name: who answered, who did not, and who serves what.

use std::{collections::BTreeMap, net::SocketAddr};

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

use super::clock::forgiven;
use crate::{
    api::{EarliestExpiryStatus, EndpointStatus, MAX_ENDPOINTS},
    probe::{Endpoint, Failure, FailureReason, Observation, Stage},
};

/// The schema's bound of `responseTimeMs`.
const MAX_RESPONSE_MS: i32 = 600_000;
/// How many addresses are named in one group before the rest is counted.
const MAX_NAMED: usize = 4;
/// How much of a fingerprint is shown where several stand beside each other: `SHA256:` and eight bytes.
const SHORT_FINGERPRINT: usize = "SHA256:".len() + 8 * 3 - 1;

/// What kept a target from being reached: the failure of the address that decides, unless another address was reached. A server
/// that has shown its certificate before it refused to go on was reached.
pub(super) fn broken(observation: &Observation) -> Option<&Failure> {
    let failure = incomplete(observation)?;
    (!observation.endpoints.iter().any(answered)).then_some(failure)
}

/// Whether the target was reached by this observation.
pub fn is_reached(observation: &Observation) -> bool {
    broken(observation).is_none()
}

/// Whether the certificate that decides has been judged, and nothing is wrong with it or with what the server speaks. A certificate
/// that begins within five minutes of `now` has begun: clocks differ.
pub fn is_valid(observation: &Observation, now: Timestamp) -> bool {
    is_sound(&forgiven(observation, now))
}

/// [`is_valid`] of an observation that has been forgiven what is a matter of clocks.
pub(super) fn is_sound(observation: &Observation) -> bool {
    let is_outdated = observation.failure.as_ref().is_some_and(|failure| is_outdated(failure.reason));
    let is_judged = incomplete(observation).is_none() && !is_outdated;
    is_judged && observation.presented.as_ref().is_some_and(|presented| presented.verdict.is_valid())
}

/// What kept the address that decides from showing a certificate that can be judged.
pub(super) fn incomplete(observation: &Observation) -> Option<&Failure> {
    let failure = observation.failure.as_ref()?;
    let has_shown = observation.presented.is_some() && shows(failure.reason);
    (!has_shown).then_some(failure)
}

/// Whether this address was reached.
pub(super) fn answered(endpoint: &Endpoint) -> bool {
    endpoint.failure.as_ref().is_none_or(|failure| endpoint.fingerprint.is_some() && shows(failure.reason))
}

/// Whether a certificate that was seen before this failure is the one that the server serves, proven or not.
fn shows(reason: FailureReason) -> bool {
    reason == FailureReason::ClientCertificateRequired || is_outdated(reason)
}

/// Whether the failure says that the server speaks nothing that clients of today accept.
pub(super) fn is_outdated(reason: FailureReason) -> bool {
    matches!(reason, FailureReason::ProtocolTooOld | FailureReason::NoCommonCipher)
}

/// The addresses that say something of the target, in their order: not those of a family to which this machine has no way, while
/// the other family answers.
pub(super) fn telling(observation: &Observation) -> Vec<&Endpoint> {
    let endpoints = &observation.endpoints;
    let of = |is_v6: bool| endpoints.iter().filter(move |endpoint| endpoint.address.is_ipv6() == is_v6);
    let has_no_way =
        |endpoint: &Endpoint| endpoint.failure.as_ref().is_some_and(|failure| failure.stage == Stage::Route);
    let is_cut_off = |is_v6: bool| of(is_v6).all(has_no_way) && of(!is_v6).any(answered);
    let cut_off = [is_cut_off(false), is_cut_off(true)];
    let mut telling: Vec<&Endpoint> =
        endpoints.iter().filter(|endpoint| !cut_off[usize::from(endpoint.address.is_ipv6())]).collect();
    telling.sort_by_key(|endpoint| endpoint.address);
    telling
}

/// What an address showed in one word: why it was not reached, or what keeps clients of today away; else the worst fault; else
/// `Valid`.
pub(super) fn result(endpoint: &Endpoint) -> &'static str {
    let failure = endpoint.failure.as_ref().filter(|it| !answered(endpoint) || is_outdated(it.reason));
    match (failure, endpoint.verdict.worst()) {
        (Some(failure), _) => failure.reason.as_str(),
        (None, Some(fault)) => fault.kind.as_str(),
        (None, None) => "Valid",
    }
}

/// The same in a sentence.
pub(super) fn detail(endpoint: &Endpoint) -> &str {
    let failure = endpoint.failure.as_ref().filter(|it| !answered(endpoint) || is_outdated(it.reason));
    match (failure, endpoint.verdict.worst()) {
        (Some(failure), _) => &failure.detail,
        (None, Some(fault)) => &fault.detail,
        (None, None) => "valid",
    }
}

/// The addresses as the status lists them.
pub(super) fn listed(observation: &Observation) -> Vec<EndpointStatus> {
    let mut endpoints: Vec<&Endpoint> = observation.endpoints.iter().collect();
    endpoints.sort_by_key(|endpoint| endpoint.address);
    endpoints.into_iter().take(MAX_ENDPOINTS).map(status_of).collect()
}

/// The certificate that ends first, unless all end with the one that is shown. One that came with a broken connection counts only
/// where it is that one; of an address that does not answer any more what was last said of it.
pub(super) fn earliest_expiry(
    observation: &Observation,
    old: Option<&EarliestExpiryStatus>,
) -> Option<EarliestExpiryStatus> {
    let shown = observation.presented.as_ref()?;
    let is_shown = |endpoint: &Endpoint| endpoint.fingerprint.as_ref() == Some(&shown.fingerprint);
    let ends = telling(observation).into_iter().filter_map(|endpoint| {
        let last = old.filter(|old| old.address == endpoint.address.to_string()).map(|old| old.valid_to.0);
        let end = if answered(endpoint) || is_shown(endpoint) { endpoint.not_after } else { last };
        Some((end?, endpoint.address))
    });
    let ends: Vec<(Timestamp, SocketAddr)> = ends.collect();
    let end_of_shown = shown.leaf.as_ref().map(|leaf| leaf.not_after);
    let (end, address) = *ends.iter().min()?;
    let is_told = ends.iter().any(|(end, _)| Some(*end) != end_of_shown);
    is_told.then(|| EarliestExpiryStatus { address: address.to_string(), valid_to: Time(end) })
}

fn status_of(endpoint: &Endpoint) -> EndpointStatus {
    let millis = i32::try_from(endpoint.took.as_millis()).unwrap_or(MAX_RESPONSE_MS);
    EndpointStatus {
        address: endpoint.address.to_string(),
        result: result(endpoint).to_owned(),
        fingerprint: endpoint.fingerprint.clone(),
        valid_to: endpoint.not_after.map(Time),
        response_time_ms: Some(millis.min(MAX_RESPONSE_MS)),
    }
}

/// The addresses grouped by what `key` says of them, the groups in the order of their first addresses.
pub(super) fn grouped<'a, K: Ord + Clone>(
    endpoints: &[&'a Endpoint],
    key: impl Fn(&'a Endpoint) -> K,
) -> Vec<(K, Vec<&'a Endpoint>)> {
    let mut positions = BTreeMap::new();
    let mut groups: Vec<(K, Vec<&Endpoint>)> = Vec::new();
    for endpoint in endpoints {
        let key = key(endpoint);
        let position = *positions.entry(key.clone()).or_insert(groups.len());
        match groups.get_mut(position) {
            Some((_, group)) => group.push(endpoint),
            None => groups.push((key, vec![endpoint])),
        }
    }
    groups
}

/// Addresses as people list them: `192.0.2.1, 192.0.2.2 and 192.0.2.3`.
pub(super) fn names(endpoints: &[&Endpoint]) -> String {
    listing(&endpoints.iter().map(|it| it.address.ip().to_string()).collect::<Vec<_>>())
}

/// Things as people list them: `one, another and a third`; of many the first, and how many more there are.
pub(super) fn listing(things: &[String]) -> String {
    let more = things.len().saturating_sub(MAX_NAMED);
    match (things, more) {
        ([], _) => String::new(),
        ([one], _) => one.clone(),
        ([first @ .., last], 0) => format!("{} and {last}", first.join(", ")),
        (all, more) => format!("{} and {more} more", all[..MAX_NAMED].join(", ")),
    }
}

/// The beginning of a fingerprint, enough to tell it from others.
pub(super) fn short(fingerprint: &str) -> String {
    match fingerprint.get(..SHORT_FINGERPRINT) {
        Some(beginning) if beginning.len() < fingerprint.len() => format!("{beginning}…"),
        _ => fingerprint.to_owned(),
    }
}
