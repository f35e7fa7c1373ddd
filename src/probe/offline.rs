//! The same verification without a network: a chain from a file, before it is deployed.

use jiff::Timestamp;
use rustls::pki_types::CertificateDer;

use super::{
    BundleError, Certificate, Host, Presented, RevocationCheck, TrustStore, certificate, pem, revocation,
    verify::{self, Case, Proof},
};

/// Why a text is not a chain; the display text continues "the chain …".
pub type PemError = BundleError;

/// Judge a chain of PEM certificates, leaf first, as if a server had presented it. That the server holds the key is taken
/// for granted.
///
/// # Errors
/// [`PemError`] when the text is no list of PEM certificates, or exceeds its limits. A certificate that cannot be read is
/// no error, but a fault of the verdict.
pub fn judge_pem(pem: &[u8], name: &Host, trust: &TrustStore, now: Timestamp) -> Result<Presented, PemError> {
    let chain = pem::certificates(pem)?;
    Ok(verify::judge(&case(chain, name, trust, now), None))
}

/// [`judge_pem`], and judge by these CRLs (DER) whether the certificates have been revoked. It is a fault when none of them tells
/// of the leaf.
///
/// # Errors
/// As [`judge_pem`]. A CRL that does not count is no error, but told in the fault.
pub fn judge_pem_with_lists(
    pem: &[u8],
    name: &Host,
    trust: &TrustStore,
    now: Timestamp,
    lists: &[&[u8]],
) -> Result<Presented, PemError> {
    let chain = pem::certificates(pem)?;
    let case = case(chain, name, trust, now);
    let lists = revocation::consult(&verify::queries(&case, None).unwrap_or_default(), lists, now);
    Ok(verify::judge(&Case { lists, revocation: RevocationCheck::Crl, needs_revocation_state: true, ..case }, None))
}

pub(super) fn case(chain: Vec<CertificateDer<'static>>, name: &Host, trust: &TrustStore, now: Timestamp) -> Case {
    Case {
        chain,
        proof: Proof::NotAsked,
        name: name.clone(),
        trust: trust.clone(),
        now,
        staple: None,
        lists: Vec::new(),
        revocation: RevocationCheck::None,
        needs_revocation_state: false,
    }
}

/// The fingerprint of the first of PEM certificates, and its facts where it can be read; nothing is judged.
///
/// # Errors
/// [`PemError`] when the text is no list of PEM certificates, or exceeds its limits.
pub fn leaf_facts(pem: &[u8]) -> Result<(String, Option<Certificate>), PemError> {
    let chain = pem::certificates(pem)?;
    let leaf = chain.first().ok_or(PemError::Empty)?;
    let facts = certificate::parse(leaf).map(|parsed| certificate::facts(&parsed));
    Ok((certificate::fingerprint(leaf), facts))
}
