//! An OCSP answer, read but not judged (RFC 6960 §4.2.1).

use aws_lc_rs::digest;
use jiff::Timestamp;

use super::{RevocationState, reason, signed::Signed};
use crate::probe::der::{self, ENUMERATED, INTEGER, OCTET_STRING, OID, Reader, SEQUENCE, context, implicit};

/// The most statements of one answer that are looked at. Staples hold one; RFC 5019 §2.2.1 asks for it.
const MAX_STATEMENTS: usize = 32;
/// The most certificates of one answer that are looked at: one, or none, is what there is.
const MAX_CERTIFICATES: usize = 4;

/// id-pkix-ocsp-basic, 1.3.6.1.5.5.7.48.1.1.
const BASIC: &[u8] = &[0x2b, 6, 1, 5, 5, 7, 0x30, 1, 1];

/// The digests that certificates are named by, by OID: SHA-1, which all responders use (RFC 5019 §2.1.1), and SHA-2.
const DIGESTS: [(&[u8], &digest::Algorithm); 4] = [
    (&[0x2b, 0x0e, 3, 2, 0x1a], &digest::SHA1_FOR_LEGACY_USE_ONLY),
    (&[0x60, 0x86, 0x48, 1, 0x65, 3, 4, 2, 1], &digest::SHA256),
    (&[0x60, 0x86, 0x48, 1, 0x65, 3, 4, 2, 2], &digest::SHA384),
    (&[0x60, 0x86, 0x48, 1, 0x65, 3, 4, 2, 3], &digest::SHA512),
];

/// Why there is no answer in a response.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum NoAnswer {
    #[error("is not readable")]
    Unreadable,
    #[error("is the responder's error \"{0}\"")]
    Error(&'static str),
    #[error("has a critical extension that is not understood")]
    Critical,
}

/// A basic answer.
#[derive(Debug)]
pub(super) struct Answer<'a> {
    pub(super) signed: Signed<'a>,
    pub(super) responder: Responder<'a>,
    pub(super) statements: Vec<Statement<'a>>,
    /// Certificates of responders, in DER.
    pub(super) certificates: Vec<&'a [u8]>,
}

/// Who answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Responder<'a> {
    /// By name, in DER.
    Name(&'a [u8]),
    /// By the SHA-1 digest of the bits of its key.
    Key(&'a [u8]),
}

/// What is said of one certificate.
#[derive(Debug, Clone)]
pub(super) struct Statement<'a> {
    /// `None` for one that is not known: the statement then is about no certificate of ours.
    algorithm: Option<&'static digest::Algorithm>,
    name_digest: &'a [u8],
    key_digest: &'a [u8],
    serial: &'a [u8],
    /// `Unknown` when the responder does not know the certificate.
    pub(super) state: RevocationState,
    pub(super) this_update: Timestamp,
    pub(super) next_update: Option<Timestamp>,
}

/// Read a response. What is beyond the bounds is passed over.
pub(super) fn read(response: &[u8]) -> Result<Answer<'_>, NoAnswer> {
    let mut critical = false;
    match basic(response).ok_or(NoAnswer::Unreadable)? {
        Ok(basic) => {
            let answer = answer(basic, &mut critical).ok_or(NoAnswer::Unreadable)?;
            if critical { Err(NoAnswer::Critical) } else { Ok(answer) }
        }
        Err(error) => Err(NoAnswer::Error(error)),
    }
}

/// The bytes of the basic answer, or the error that came instead.
fn basic(response: &[u8]) -> Option<Result<&[u8], &'static str>> {
    let mut outer = Reader::new(response);
    let mut inner = outer.inside(SEQUENCE)?;
    outer.end()?;
    let error = match inner.read(ENUMERATED)? {
        [0] => None,
        [1] => Some("malformed request"),
        [2] => Some("internal error"),
        [3] => Some("try later"),
        [5] => Some("signature required"),
        [6] => Some("unauthorized"),
        _ => return None,
    };
    if let Some(error) = error {
        return Some(Err(error));
    }
    let mut bytes = inner.inside(context(0))?.inside(SEQUENCE)?;
    (bytes.read(OID)? == BASIC).then_some(())?;
    bytes.read(OCTET_STRING).map(Ok)
}

fn answer<'a>(basic: &'a [u8], critical: &mut bool) -> Option<Answer<'a>> {
    let signed = Signed::read(basic)?;
    let mut rest = signed.rest;
    let certificates = rest.optional(context(0))?.map_or(Some(Vec::new()), certificates)?;
    let mut data = Reader::new(signed.message).inside(SEQUENCE)?;
    data.optional(context(0))?;
    let responder = responder(&mut data)?;
    data.time()?;
    let statements = statements(data.inside(SEQUENCE)?, critical)?;
    note_critical(data.optional(context(1))?, critical)?;
    Some(Answer { signed, responder, statements, certificates })
}

fn certificates(field: &[u8]) -> Option<Vec<&[u8]>> {
    let mut list = Reader::new(field).inside(SEQUENCE)?;
    let mut found = Vec::new();
    while !list.is_empty() && found.len() < MAX_CERTIFICATES {
        found.push(list.element(SEQUENCE)?.raw);
    }
    Some(found)
}

fn responder<'a>(data: &mut Reader<'a>) -> Option<Responder<'a>> {
    const NAME: u8 = context(1);
    const KEY: u8 = context(2);
    let field = data.any()?;
    let mut inner = Reader::new(field.content);
    match field.tag {
        NAME => inner.element(SEQUENCE).map(|name| Responder::Name(name.raw)),
        KEY => inner.read(OCTET_STRING).map(Responder::Key),
        _ => None,
    }
}

fn statements<'a>(mut list: Reader<'a>, critical: &mut bool) -> Option<Vec<Statement<'a>>> {
    let mut found = Vec::new();
    while !list.is_empty() && found.len() < MAX_STATEMENTS {
        found.push(statement(list.inside(SEQUENCE)?, critical)?);
    }
    Some(found)
}

fn statement<'a>(mut field: Reader<'a>, critical: &mut bool) -> Option<Statement<'a>> {
    let mut id = field.inside(SEQUENCE)?;
    let digest = id.inside(SEQUENCE)?.read(OID)?;
    let (name_digest, key_digest) = (id.read(OCTET_STRING)?, id.read(OCTET_STRING)?);
    let serial = id.read(INTEGER)?;
    let state = state(&mut field)?;
    let this_update = field.time()?;
    let next_update = match field.optional(context(0))? {
        Some(time) => Some(Reader::new(time).time()?),
        None => None,
    };
    note_critical(field.optional(context(1))?, critical)?;
    let algorithm = DIGESTS.iter().find(|(oid, _)| *oid == digest).map(|(_, algorithm)| *algorithm);
    Some(Statement { algorithm, name_digest, key_digest, serial, state, this_update, next_update })
}

fn state(field: &mut Reader<'_>) -> Option<RevocationState> {
    const GOOD: u8 = implicit(0);
    const REVOKED: u8 = context(1);
    const UNKNOWN: u8 = implicit(2);
    let status = field.any()?;
    match status.tag {
        GOOD => Some(RevocationState::Good),
        UNKNOWN => Some(RevocationState::Unknown),
        REVOKED => {
            let mut info = Reader::new(status.content);
            let at = info.time()?;
            let reason = match info.optional(context(0))? {
                Some(field) => reason(Reader::new(field).read(ENUMERATED)?),
                None => None,
            };
            Some(RevocationState::Revoked { at, reason })
        }
        _ => None,
    }
}

/// No extension of an answer needs to be understood, unless it says so (RFC 6960 §4.4).
fn note_critical(field: Option<&[u8]>, critical: &mut bool) -> Option<()> {
    let Some(field) = field else { return Some(()) };
    der::extensions(Reader::new(field).inside(SEQUENCE)?, |_, is_critical, _| {
        *critical |= is_critical;
        Some(())
    })
}

// === impl Statement ===

impl Statement<'_> {
    /// Whether this is about the certificate with this serial number, of the issuer with this name (DER) and key (bits).
    pub(super) fn is_about(&self, serial: &[u8], name: &[u8], key: &[u8]) -> bool {
        let Some(algorithm) = self.algorithm else { return false };
        der::magnitude(self.serial) == der::magnitude(serial)
            && digest::digest(algorithm, name).as_ref() == self.name_digest
            && digest::digest(algorithm, key).as_ref() == self.key_digest
    }
}

// === impl Responder ===

impl Responder<'_> {
    /// Whether this is the one with this name (DER) and key (bits).
    pub(super) fn is(self, name: &[u8], key: &[u8]) -> bool {
        match self {
            Self::Name(wanted) => wanted == name,
            Self::Key(wanted) => digest::digest(&digest::SHA1_FOR_LEGACY_USE_ONLY, key).as_ref() == wanted,
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use xtask::farm::{Answer, AnswerStatus, Authority, Leaf};

    use super::*;
    use crate::probe::{certificate, revocation::signed::PublicKey};

    #[test]
    fn a_statement_is_about_one_serial_number_of_one_name_and_key() {
        let authority = Authority::new("Farm");
        let issued = authority.issue(&Leaf::new(["a.test"]));
        let response = authority.answer(&issued.chain[0], &Answer::new(AnswerStatus::Good));
        let answer = read(&response).unwrap();
        let [statement] = &answer.statements[..] else { unreachable!("one was made") };
        let leaf = certificate::parse(&issued.chain[0]).unwrap();
        let signer = certificate::parse(&issued.chain[1]).unwrap();
        let (serial, name) = (leaf.raw_serial(), certificate::subject_name(&signer));
        let key = PublicKey::read(signer.public_key().raw).unwrap().bits;
        assert!(statement.is_about(serial, name, key));
        assert!(!statement.is_about(&[1], name, key));
        assert!(!statement.is_about(serial, certificate::subject_name(&leaf), key));
        assert!(!statement.is_about(serial, name, leaf.public_key().raw));
    }
}
