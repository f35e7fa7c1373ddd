//! The same verification without a network: a chain from a file, before it is deployed.

use jiff::Timestamp;

use super::{
    BundleError, Host, Presented, TrustStore, pem,
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
    let case = Case { chain, proof: Proof::NotAsked, name: name.clone(), trust: trust.clone(), staple: None, now };
    Ok(verify::judge(&case, None))
}
