//! Certificates from PEM text that a user gave: bounded, in linear time, with errors that say what is wrong.

use rustls::pki_types::{
    CertificateDer,
    pem::{Error, PemObject as _},
};

/// The limits of cert-manager after CVE-2024-12401, which was a bundle that took quadratic time to decode.
const MAX_BYTES: usize = 330_000;
const MAX_CERTIFICATES: usize = 150;
const MAX_BLOCK: usize = 36_500;

/// Why a text is not a list of certificates; the display text continues "the bundle …".
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BundleError {
    /// There is no certificate in it.
    #[error("contains no certificate")]
    Empty,
    /// It exceeds a limit.
    #[error("is too large: {0}")]
    TooLarge(&'static str),
    /// It is not PEM text.
    #[error("is not PEM text; certificates start with -----BEGIN CERTIFICATE-----{0}")]
    NotPem(&'static str),
    /// One of its certificates is not readable.
    #[error("is malformed: certificate {} is {detail}", index + 1)]
    Malformed {
        /// Which one, counted from 0.
        index: usize,
        /// What it is instead.
        detail: &'static str,
    },
}

/// The trust anchors of a PEM text; blocks of other kinds are passed over.
pub(super) fn anchors(text: &[u8]) -> Result<Vec<CertificateDer<'static>>, BundleError> {
    let anchors = certificates(text)?;
    if anchors.iter().any(|anchor| anchor.len() > MAX_BLOCK / 4 * 3) {
        return Err(BundleError::TooLarge("a single certificate may have at most 36.5 kB of text"));
    }
    Ok(anchors)
}

/// All certificates of a PEM text; blocks of other kinds are passed over. A server's certificate may be as large as the
/// whole text may be.
pub(super) fn certificates(text: &[u8]) -> Result<Vec<CertificateDer<'static>>, BundleError> {
    if text.len() > MAX_BYTES {
        return Err(BundleError::TooLarge("at most 330 kB are read"));
    }
    if text.trim_ascii().is_empty() {
        return Err(BundleError::Empty);
    }
    if !text.windows(11).any(|window| window == b"-----BEGIN ") {
        let der = text.starts_with(&[0x30]);
        return Err(BundleError::NotPem(if der { ", and this looks like DER" } else { "" }));
    }
    let mut found = Vec::new();
    for certificate in CertificateDer::pem_slice_iter(text) {
        let index = found.len();
        let certificate = certificate.map_err(|error| BundleError::Malformed { index, detail: complaint(&error) })?;
        if index == MAX_CERTIFICATES {
            return Err(BundleError::TooLarge("at most 150 certificates are read"));
        }
        found.push(certificate);
    }
    if found.is_empty() { Err(BundleError::Empty) } else { Ok(found) }
}

fn complaint(error: &Error) -> &'static str {
    match error {
        Error::MissingSectionEnd { .. } => "not ended by an -----END line",
        Error::IllegalSectionStart { .. } => "begun by a broken -----BEGIN line",
        Error::Base64Decode(_) => "not valid base64",
        _ => "not readable",
    }
}
