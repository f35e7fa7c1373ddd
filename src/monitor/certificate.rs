//! From what a probe saw to the certificate in the status.

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

use crate::{
    api::{CertificateStatus, MAX_SANS, RevocationStatus},
    probe::{Certificate, Presented, Revocation, RevocationState},
};

/// Seconds of a day.
const DAY: i64 = 86_400;
/// The schema's bound of `daysUntilExpiry`: ten thousand years.
const MAX_DAYS: i64 = 3_700_000;

/// Whole days until `not_after`, rounded down: 0 on the last day, negative once it has passed. A certificate is valid up to and
/// including its last second, so at `now == not_after` this is 0 (RFC 5280 §4.1.2.5).
pub fn days_until(not_after: Timestamp, now: Timestamp) -> i32 {
    let days = (not_after.as_second() - now.as_second()).div_euclid(DAY);
    i32::try_from(days.clamp(-MAX_DAYS, MAX_DAYS)).unwrap_or_default()
}

/// `10 days`, `1 day`, or `less than a day`.
pub fn days_text(days: i32) -> String {
    match days {
        0 => "less than a day".to_owned(),
        1 => "1 day".to_owned(),
        days => format!("{days} days"),
    }
}

/// The certificate as the status shows it.
pub(super) fn status_of(presented: &Presented, is_valid: bool, now: Timestamp) -> CertificateStatus {
    let chain = CertificateStatus {
        is_valid,
        proven: (!presented.proven).then_some(false),
        public_key: presented.public_key.clone(),
        revocation: presented.revocation.as_ref().map(revocation),
        fingerprint: Some(presented.fingerprint.clone()),
        chain_length: Some(count(presented.chain_length)),
        presented_chain_valid_to: presented.presented_not_after.map(Time),
        verified_chain_valid_to: presented.verified_not_after.map(Time),
        ..CertificateStatus::default()
    };
    presented.leaf.as_ref().map_or_else(|| chain.clone(), |leaf| with_leaf(chain.clone(), leaf, now))
}

fn revocation(revocation: &Revocation) -> RevocationStatus {
    let (revoked_at, reason) = match &revocation.state {
        RevocationState::Revoked { at, reason } => (Some(Time(*at)), *reason),
        RevocationState::Good | RevocationState::Unknown => (None, None),
    };
    RevocationStatus {
        state: revocation.state.as_str().to_owned(),
        source: revocation.source.map(|source| source.as_str().to_owned()),
        revoked_at,
        reason: reason.map(ToOwned::to_owned),
    }
}

fn with_leaf(chain: CertificateStatus, leaf: &Certificate, now: Timestamp) -> CertificateStatus {
    CertificateStatus {
        issuer: Some(leaf.issuer.clone()),
        subject: Some(leaf.subject.clone()),
        valid_from: Some(Time(leaf.not_before)),
        valid_to: Some(Time(leaf.not_after)),
        days_until_expiry: Some(days_until(leaf.not_after, now)),
        serial_number: Some(leaf.serial_number.clone()),
        sans: leaf.sans.iter().take(MAX_SANS).cloned().collect(),
        san_count: Some(count(leaf.san_count)),
        issuer_dn: Some(leaf.issuer_dn.clone()),
        subject_dn: Some(leaf.subject_dn.clone()),
        key_algorithm: Some(leaf.key.name.clone()),
        key_bits: leaf.key.bits.map(|bits| i32::try_from(bits).unwrap_or(i32::MAX).min(MAX_KEY_BITS)),
        signature_algorithm: Some(leaf.signature_algorithm.clone()),
        ..chain
    }
}

/// The schema's bound of `keyBits`: one value out of bounds must not keep the whole status from being written.
const MAX_KEY_BITS: i32 = 1_000_000;
/// The schema's bound of counts.
const MAX_COUNT: i32 = 100_000;

fn count(number: usize) -> i32 {
    i32::try_from(number).unwrap_or(MAX_COUNT).min(MAX_COUNT)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn days_are_rounded_down_and_the_last_second_still_counts() {
        let end: Timestamp = "2026-03-01T12:00:00Z".parse().unwrap();
        let table = [
            ("2026-02-28T12:00:00Z", 1), // the 28th is the last day of February 2026
            ("2026-02-28T12:00:01Z", 0),
            ("2026-03-01T11:59:59Z", 0),
            ("2026-03-01T12:00:00Z", 0),
            ("2026-03-01T12:00:01Z", -1),
            ("2026-03-02T12:00:00Z", -1),
            ("2026-03-02T12:00:01Z", -2),
            ("2024-02-28T12:00:00Z", 732), // over a leap day
        ];
        for (now, expected) in table {
            assert_eq!(days_until(end, now.parse().unwrap()), expected, "{now}");
        }
    }

    #[test]
    fn the_last_date_that_can_be_written_fits_the_schema() {
        let now: Timestamp = "2026-11-23T00:00:00Z".parse().unwrap();
        assert_eq!(days_until(Timestamp::MAX, now), 2_912_115);
        assert_eq!(days_until(Timestamp::MIN, now), -3_700_000);
    }
}
