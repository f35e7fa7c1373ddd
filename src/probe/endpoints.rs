//! Many addresses, one observation: which of them decides, and what is kept of the others.

use std::cmp::Ordering;

use super::{Certificate, Endpoint, Failure, FailureReason, FaultKind, Observation, Stage, connect};

/// What the addresses of a target showed, as it comes in. Only what decides is kept in full.
#[derive(Debug, Default)]
pub(super) struct Sights {
    deciding: Option<(usize, Observation)>,
    endpoints: Vec<(usize, Endpoint)>,
    /// The failure of whoever came furthest of those that showed a certificate.
    mildest: Option<(u8, usize, Option<Failure>)>,
}

// === impl Sights ===

impl Sights {
    /// Add what the address at this position showed.
    pub(super) fn add(&mut self, position: usize, sight: Observation) {
        self.endpoints.extend(Endpoint::of(&sight).map(|endpoint| (position, endpoint)));
        let gravity = gravity(sight.failure.as_ref());
        let is_milder = |(before, at, _): &(u8, usize, _)| (gravity, position) < (*before, *at);
        if sight.presented.is_some() && self.mildest.as_ref().is_none_or(is_milder) {
            self.mildest = Some((gravity, position, sight.failure.clone()));
        }
        let decides = |(at, before): &(usize, Observation)| weigh(&sight, before).then(at.cmp(&position)).is_gt();
        if self.deciding.as_ref().is_none_or(decides) {
            self.deciding = Some((position, sight));
        }
    }

    /// What is to be said of the target: the deciding address's own words, but for the failure. That is of the address that came
    /// furthest of those that showed a certificate, and `None` if one of them completed its handshake; but where the
    /// deciding address speaks nothing that is accepted, that stands.
    pub(super) fn conclude(mut self) -> Observation {
        let mut observation = self.deciding.map(|(_, sight)| sight).unwrap_or_default();
        if let Some((mildest, _, failure)) = self.mildest
            && !is_outdated(&observation)
            && mildest < gravity(observation.failure.as_ref())
        {
            observation.failure = failure;
        }
        self.endpoints.sort_by_key(|(position, _)| *position);
        observation.endpoints = self.endpoints.into_iter().map(|(_, endpoint)| endpoint).collect();
        observation
    }
}

// === impl Endpoint ===

impl Endpoint {
    /// The summary of what one address showed; `None` when a proxy resolved the name.
    fn of(sight: &Observation) -> Option<Self> {
        let presented = sight.presented.as_ref();
        let leaf = presented.and_then(|presented| presented.leaf.as_ref());
        Some(Self {
            address: sight.address?,
            fingerprint: presented.map(|presented| presented.fingerprint.clone()),
            not_before: leaf.map(|leaf| leaf.not_before),
            not_after: leaf.map(|leaf| leaf.not_after),
            public_key: presented.and_then(|presented| presented.public_key.clone()),
            issuer: leaf.map(Certificate::issued_by),
            verdict: presented.map(|presented| presented.verdict.clone()).unwrap_or_default(),
            failure: sight.failure.clone(),
            took: sight.timings.total,
        })
    }
}

/// Which of two sights is more to be told of: `Greater` when it is the first.
fn weigh(one: &Observation, other: &Observation) -> Ordering {
    match (&one.presented, &other.presented) {
        (Some(_), None) => Ordering::Greater,
        (None, Some(_)) => Ordering::Less,
        (None, None) => telling(one).cmp(&telling(other)),
        (Some(_), Some(_)) => badness(other).cmp(&badness(one)),
    }
}

/// In the order in which it counts: no fault, the worst fault, not outdated, unproven, the end of the leaf.
type Badness = (bool, Option<(bool, FaultKind)>, bool, bool, Option<jiff::Timestamp>);

/// The less, the worse: the worst fault, whether only old words are spoken, whether the proof is there, and the end of the leaf. A certificate that is good but
/// unproven is that of a broken connection: one that is proven says more.
///
/// A validity that has yet to begin passes by itself, maybe within the difference of two clocks: any fault that stays says more.
fn badness(sight: &Observation) -> Badness {
    let presented = sight.presented.as_ref();
    let kinds = presented.into_iter().flat_map(|presented| presented.verdict.faults.iter().map(|fault| fault.kind));
    let lasting = kinds.filter(|kind| *kind != FaultKind::Unproven);
    let worst = lasting.map(|kind| (kind == FaultKind::NotYetValid, kind)).min();
    let unproven = presented.is_some_and(|presented| !presented.proven);
    let not_after = presented.and_then(|presented| presented.leaf.as_ref()).map(|leaf| leaf.not_after);
    (worst.is_none(), worst, !is_outdated(sight), unproven, not_after)
}

/// Whether an address showed its certificate and speaks nothing that is accepted: clients fail there, whatever the others do.
fn is_outdated(sight: &Observation) -> bool {
    let reason = sight.failure.as_ref().map(|failure| failure.reason);
    sight.presented.is_some() && matches!(reason, Some(FailureReason::ProtocolTooOld | FailureReason::NoCommonCipher))
}

/// How much a failure without a certificate tells: most after a connection came about.
fn telling(sight: &Observation) -> u8 {
    match &sight.failure {
        None => 0,
        Some(failure) if failure.reason == FailureReason::ProbeError => 1,
        Some(failure) if matches!(failure.stage, Stage::Proxy | Stage::StartTls | Stage::Handshake) => 5,
        Some(failure) => 2 + connect::says(failure.reason),
    }
}

/// How far a handshake that showed a certificate fell short of its end.
fn gravity(failure: Option<&Failure>) -> u8 {
    match failure.map(|failure| failure.reason) {
        None => 0,
        Some(
            FailureReason::ClientCertificateRequired | FailureReason::ProtocolTooOld | FailureReason::NoCommonCipher,
        ) => 1,
        Some(_) => 2,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::{net::SocketAddr, time::Duration};

    use jiff::Timestamp;

    use super::*;
    use crate::probe::{Fault, Issuer, KeyAlgorithm, Presented, Timings, Verdict};

    fn at(position: u8) -> SocketAddr {
        ([192, 0, 2, position], 443).into()
    }

    fn failure(reason: FailureReason, stage: Stage) -> Failure {
        Failure { reason, stage, detail: reason.as_str().to_owned() }
    }

    /// A leaf that ends in this second.
    fn leaf(end: i64) -> Certificate {
        Certificate {
            subject: String::new(),
            issuer: "CA".to_owned(),
            subject_dn: String::new(),
            issuer_dn: "CN=CA".to_owned(),
            serial_number: "1".to_owned(),
            sans: Vec::new(),
            san_count: 0,
            not_before: Timestamp::UNIX_EPOCH,
            not_after: Timestamp::from_second(end).unwrap(),
            key: KeyAlgorithm { name: "RSA".to_owned(), bits: Some(2048) },
            signature_algorithm: String::new(),
            version: 3,
        }
    }

    /// An address that shows a certificate with these faults that ends in this second.
    fn shows(end: i64, faults: &[FaultKind]) -> Observation {
        let fault = |kind: &FaultKind| Fault { kind: *kind, detail: String::new() };
        let presented = Presented {
            fingerprint: format!("ends {end}"),
            public_key: Some(format!("key of {end}")),
            proven: !faults.contains(&FaultKind::Unproven),
            leaf: Some(leaf(end)),
            chain_length: 1,
            presented_not_after: None,
            verified_not_after: None,
            revocation: None,
            verdict: Verdict::of(faults.iter().map(fault).collect()),
            findings: Vec::new(),
        };
        Observation { presented: Some(presented), ..Observation::default() }
    }

    fn fails(reason: FailureReason, stage: Stage) -> Observation {
        Observation { failure: Some(failure(reason, stage)), ..Observation::default() }
    }

    fn but(sight: Observation, reason: FailureReason) -> Observation {
        Observation { failure: Some(failure(reason, Stage::Handshake)), ..sight }
    }

    /// What comes of these sights, which come in this order and in the opposite one: the same.
    fn conclude(sights: &[Observation]) -> Observation {
        let of = |order: &[usize]| {
            let mut gathered = Sights::default();
            for position in order {
                let address = Some(at(u8::try_from(*position).unwrap()));
                let timings = Timings { total: Duration::from_secs(1), ..Timings::default() };
                gathered.add(*position, Observation { address, timings, ..sights[*position].clone() });
            }
            gathered.conclude()
        };
        let order: Vec<usize> = (0..sights.len()).collect();
        let backwards: Vec<usize> = order.iter().rev().copied().collect();
        let concluded = of(&order);
        assert_eq!(concluded, of(&backwards));
        assert_eq!(concluded.endpoints.len(), sights.len());
        concluded
    }

    #[test]
    fn the_address_that_decides_is_the_one_with_the_worst_certificate() {
        use FailureReason as Reason;
        use FaultKind::{Expired, HostnameMismatch, NotYetValid, Unproven};
        let refused = || fails(Reason::ConnectionRefused, Stage::Connect);
        let unreachable = || fails(Reason::HostUnreachable, Stage::Connect);
        let good = || shows(9, &[]);
        let rows: [(&str, Vec<Observation>, u8, Option<Reason>); 18] = [
            ("one alone", vec![good()], 0, None),
            ("the worst fault", vec![shows(9, &[HostnameMismatch]), shows(9, &[Expired]), good()], 1, None),
            (
                "what stays rather than what passes by itself",
                vec![shows(5, &[NotYetValid]), shows(9, &[NotYetValid, HostnameMismatch]), good()],
                1,
                None,
            ),
            ("at equal faults the earliest end", vec![shows(9, &[]), shows(5, &[]), shows(7, &[])], 1, None),
            ("at equal ends the first address", vec![good(), good()], 0, None),
            ("a certificate rather than none", vec![refused(), good()], 1, None),
            (
                "a proven certificate rather than a broken connection",
                vec![but(shows(5, &[Unproven]), Reason::ConnectionReset), good()],
                1,
                None,
            ),
            (
                "a fault all the same",
                vec![but(shows(9, &[Expired, Unproven]), Reason::ConnectionReset), good()],
                0,
                None,
            ),
            (
                "a demand beside a completed handshake",
                vec![but(shows(5, &[]), Reason::ClientCertificateRequired), good()],
                0,
                None,
            ),
            (
                "the demand of all",
                vec![
                    but(shows(9, &[]), Reason::ClientCertificateRequired),
                    but(shows(5, &[]), Reason::ProtocolTooOld),
                    refused(),
                ],
                1,
                Some(Reason::ProtocolTooOld),
            ),
            (
                "whoever came furthest",
                vec![
                    but(shows(5, &[Expired, Unproven]), Reason::ConnectionReset),
                    but(shows(9, &[]), Reason::ClientCertificateRequired),
                ],
                0,
                Some(Reason::ClientCertificateRequired),
            ),
            (
                "what is too old, beside what is not",
                vec![shows(5, &[]), but(shows(9, &[]), Reason::ProtocolTooOld)],
                1,
                Some(Reason::ProtocolTooOld),
            ),
            (
                "a certificate read in the clear, beside a handshake",
                vec![but(shows(9, &[Unproven]), Reason::NoCommonCipher), shows(5, &[])],
                0,
                Some(Reason::NoCommonCipher),
            ),
            (
                "a fault, beside what is too old",
                vec![but(shows(5, &[]), Reason::ProtocolTooOld), shows(9, &[Expired])],
                1,
                None,
            ),
            ("who answered", vec![unreachable(), refused()], 1, Some(Reason::ConnectionRefused)),
            ("who was connected to", vec![refused(), fails(Reason::NotTls, Stage::Handshake)], 1, Some(Reason::NotTls)),
            (
                "the first of equals",
                vec![refused(), fails(Reason::ConnectTimedOut, Stage::Connect)],
                0,
                Some(Reason::ConnectionRefused),
            ),
            (
                "the target rather than this machine",
                vec![fails(Reason::ProbeError, Stage::Handshake), unreachable()],
                1,
                Some(Reason::HostUnreachable),
            ),
        ];
        for (case, sights, decides, reason) in rows {
            let seen = conclude(&sights);
            assert_eq!(seen.address, Some(at(decides)), "{case}");
            assert_eq!(seen.failure.map(|failure| failure.reason), reason, "{case}");
            assert_eq!(seen.presented, sights[usize::from(decides)].presented, "{case}");
        }
    }

    #[test]
    fn every_address_has_its_summary_in_its_order() {
        let seen = conclude(&[shows(7, &[FaultKind::Expired]), fails(FailureReason::NotTls, Stage::Handshake)]);
        let took = Duration::from_secs(1);
        let expected = [
            Endpoint {
                address: at(0),
                fingerprint: Some("ends 7".to_owned()),
                not_before: Some(Timestamp::UNIX_EPOCH),
                not_after: Timestamp::from_second(7).ok(),
                public_key: Some("key of 7".to_owned()),
                issuer: Some(Issuer { name: "CA".to_owned(), dn: "CN=CA".to_owned() }),
                verdict: Verdict::of(vec![Fault { kind: FaultKind::Expired, detail: String::new() }]),
                failure: None,
                took,
            },
            Endpoint {
                address: at(1),
                fingerprint: None,
                not_before: None,
                not_after: None,
                public_key: None,
                issuer: None,
                verdict: Verdict::default(),
                failure: Some(failure(FailureReason::NotTls, Stage::Handshake)),
                took,
            },
        ];
        assert_eq!(seen.endpoints, expected);
    }

    #[test]
    fn without_an_address_there_is_no_endpoint() {
        let mut sights = Sights::default();
        sights.add(0, shows(7, &[]));
        let seen = sights.conclude();
        assert_eq!((seen.endpoints, seen.presented), (vec![], shows(7, &[]).presented));
    }
}
