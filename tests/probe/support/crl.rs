//! Revocation lists, certificates that name them, and what is told of them.

use jiff::{SignedDuration, Timestamp};
use rcgen::{
    CertificateRevocationListParams, CrlDistributionPoint, KeyIdMethod, RevocationReason, RevokedCertParams,
    SerialNumber, date_time_ymd,
};
use ssl_monitor_operator::probe::{FaultKind, FindingKind, Presented, Revocation, RevocationSource, RevocationState};
use xtask::farm::{Authority, Issued, Leaf};

pub(crate) const DAY: SignedDuration = SignedDuration::from_hours(24);
/// The serial number of the leaf, which in DER has a zero before it.
pub(crate) const LEAF: u64 = 0xff;
/// The serial number of the intermediate.
pub(crate) const INTERMEDIATE: u64 = 7;

/// A distribution point at these URLs.
pub(crate) fn at(urls: Vec<String>) -> Vec<CrlDistributionPoint> {
    vec![CrlDistributionPoint { uris: urls }]
}

/// A leaf of the authority's for `a.test` whose list is at these URLs, and its chain.
pub(crate) fn leaf(authority: &Authority, urls: Vec<String>) -> Issued {
    let leaf = Leaf::new(["a.test"]);
    let mut params = leaf.params();
    params.serial_number = Some(SerialNumber::from(LEAF));
    if !urls.is_empty() {
        params.crl_distribution_points = at(urls);
    }
    authority.issue_from(&params, &leaf.key())
}

/// A list that counts from an hour ago for a day, of these certificates.
pub(crate) fn list(serials: &[u64]) -> CertificateRevocationListParams {
    let revoked = |serial: &u64| RevokedCertParams {
        serial_number: SerialNumber::from(*serial),
        revocation_time: date_time_ymd(2026, 1, 2),
        reason_code: Some(RevocationReason::KeyCompromise),
        invalidity_date: None,
    };
    let mut list = CertificateRevocationListParams {
        this_update: date_time_ymd(2026, 1, 1),
        next_update: date_time_ymd(2026, 1, 1),
        crl_number: SerialNumber::from(1),
        issuing_distribution_point: None,
        revoked_certs: serials.iter().map(revoked).collect(),
        key_identifier_method: KeyIdMethod::Sha256,
    };
    set_time(&mut list, Timestamp::now() - DAY / 24, Timestamp::now() + DAY);
    list
}

pub(crate) fn set_time(list: &mut CertificateRevocationListParams, from: Timestamp, until: Timestamp) {
    let epoch = date_time_ymd(1970, 1, 1);
    let time = |at: Timestamp| epoch + std::time::Duration::from_secs(at.as_second().unsigned_abs());
    (list.this_update, list.next_update) = (time(from), time(until));
}

pub(crate) fn revoked() -> RevocationState {
    RevocationState::Revoked { at: "2026-01-02T00:00:00Z".parse().unwrap(), reason: Some("keyCompromise") }
}

pub(crate) fn by_list(state: RevocationState) -> Revocation {
    Revocation { state, source: Some(RevocationSource::Crl) }
}

pub(crate) type Words<'a, K> = Vec<(K, &'a str)>;

/// The faults and the findings, in words.
pub(crate) fn told(seen: &Presented) -> (Words<'_, FaultKind>, Words<'_, FindingKind>) {
    let faults = seen.verdict.faults.iter().map(|fault| (fault.kind, fault.detail.as_str()));
    let findings = seen.findings.iter().map(|finding| (finding.kind, finding.detail.as_str()));
    (faults.collect(), findings.collect())
}
