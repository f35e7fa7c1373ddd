//! Revocation: what a stapled OCSP answer and CRLs say of a certificate.

mod assess;
mod issuer;
mod list;
mod lists;
mod ocsp;
mod points;
mod signed;
mod staple;

use jiff::Timestamp;

pub(super) use assess::{Question, assess};
pub(super) use issuer::{Link, links};
pub(super) use lists::{Listed, Lists, consult};
pub(super) use points::{Query, queries};

/// What is known of a certificate's revocation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Revocation {
    /// What is known.
    pub state: RevocationState,
    /// Where it is known from; `None` when nothing is.
    pub source: Option<RevocationSource>,
}

/// Whether a certificate has been revoked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RevocationState {
    /// Its issuer says that it has not.
    Good,
    /// It has.
    Revoked {
        /// Since when.
        at: Timestamp,
        /// Why, in the words of RFC 5280 §5.3.1, for example `keyCompromise`.
        reason: Option<&'static str>,
    },
    /// It could not be found out.
    Unknown,
}

/// Where the revocation of a certificate is known from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RevocationSource {
    /// An OCSP answer that the server stapled to the handshake.
    Staple,
    /// A list of its issuer.
    Crl,
}

/// How revocation is looked into.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum RevocationCheck {
    /// Not at all.
    #[default]
    None,
    /// By the stapled OCSP answer.
    Staple,
    /// By that and by the CRLs that the certificate names.
    Crl,
}

// === impl RevocationState ===

impl RevocationState {
    /// The state as users see it.
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Good => "Good",
            Self::Revoked { .. } => "Revoked",
            Self::Unknown => "Unknown",
        }
    }
}

// === impl RevocationSource ===

impl RevocationSource {
    /// The source as users see it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Staple => "Staple",
            Self::Crl => "CRL",
        }
    }
}

/// The name of a reason by its number (RFC 5280 §5.3.1); `None` for what is not one, or says nothing.
fn reason(number: &[u8]) -> Option<&'static str> {
    Some(match number {
        [1] => "keyCompromise",
        [2] => "cACompromise",
        [3] => "affiliationChanged",
        [4] => "superseded",
        [5] => "cessationOfOperation",
        [6] => "certificateHold",
        [8] => "removeFromCRL",
        [9] => "privilegeWithdrawn",
        [10] => "aACompromise",
        _ => return None,
    })
}

/// These bytes with some of them replaced, wherever the places fall, and cut.
#[cfg(test)]
fn changed(mut bytes: Vec<u8>, changes: Vec<(usize, u8)>, cut: usize) -> Vec<u8> {
    for (at, byte) in changes {
        let at = at % bytes.len();
        bytes[at] = byte;
    }
    bytes.truncate(cut);
    bytes
}
