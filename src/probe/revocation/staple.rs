//! Whether a stapled OCSP answer counts, and what it says then.

use jiff::{SignedDuration, Timestamp};
use x509_parser::prelude::{ParsedExtension, X509Certificate};

use super::{
    RevocationState,
    issuer::Issuer,
    ocsp::{self, Answer, NoAnswer, Statement},
    signed::{PublicKey, Signed},
};
use crate::probe::certificate;

/// The longest answer that is read. Real ones have less than 4 KiB.
const MAX_ANSWER: usize = 64 * 1024;
/// How far ahead of us the responder's clock may be.
pub(super) const SKEW: SignedDuration = SignedDuration::from_mins(5);
/// How long an answer counts that does not say until when: the longest that an answer may be valid for (CA/Browser Forum
/// Baseline Requirements §4.9.10). RFC 5019 §2.2.4 wants the field in every answer.
const MAX_AGE: SignedDuration = SignedDuration::from_hours(10 * 24);

/// Why a staple says nothing; the display text continues "the stapled OCSP answer …".
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum StapleError {
    #[error("is longer than 64 KiB")]
    TooLong,
    #[error(transparent)]
    None(#[from] NoAnswer),
    #[error("cannot be verified: the certificate's issuer was not sent and is not among the trusted certificates")]
    UnknownIssuer,
    #[error("is about another certificate")]
    OtherCertificate,
    #[error("is not signed by the certificate's issuer, nor by anyone whom the issuer allows to answer")]
    Unauthorized,
    #[error("has a wrong signature")]
    BadSignature,
    #[error("is dated {0}, in the future")]
    Future(Timestamp),
    #[error("is out of date since {0}")]
    Stale(Timestamp),
    #[error("says that the responder does not know the certificate")]
    NotKnown,
}

/// What the staple says of the leaf: `Good` or `Revoked`.
pub(super) fn verify(
    staple: &[u8],
    leaf: &X509Certificate<'_>,
    issuer: Option<&Issuer>,
    now: Timestamp,
) -> Result<RevocationState, StapleError> {
    if staple.len() > MAX_ANSWER {
        return Err(StapleError::TooLong);
    }
    let answer = ocsp::read(staple)?;
    let (name, key) =
        issuer.and_then(|issuer| Some((&*issuer.name, issuer.key()?))).ok_or(StapleError::UnknownIssuer)?;
    let is_about = |statement: &&Statement<'_>| statement.is_about(leaf.raw_serial(), name, key.bits);
    let statement = answer.statements.iter().find(is_about).ok_or(StapleError::OtherCertificate)?;
    authenticate(&answer, name, key, now)?;
    is_current(statement, now)?;
    match statement.state {
        RevocationState::Unknown => Err(StapleError::NotKnown),
        ref state => Ok(state.clone()),
    }
}

fn is_current(statement: &Statement<'_>, now: Timestamp) -> Result<(), StapleError> {
    let from = statement.this_update;
    if from.saturating_sub(SKEW).is_ok_and(|from| from > now) {
        return Err(StapleError::Future(from));
    }
    let until = statement.next_update.unwrap_or_else(|| from.saturating_add(MAX_AGE).unwrap_or(from));
    if until < now { Err(StapleError::Stale(until)) } else { Ok(()) }
}

/// The signature must be the issuer's, or that of a delegate: of whom the issuer has signed a certificate for this very purpose
/// (RFC 6960 §4.2.2.2). Whether the delegate's certificate has been revoked is not asked; theirs are short-lived, or say that
/// it need not be (id-pkix-ocsp-nocheck).
fn authenticate(answer: &Answer<'_>, name: &[u8], key: PublicKey<'_>, now: Timestamp) -> Result<(), StapleError> {
    if answer.responder.is(name, key.bits) && answer.signed.is_by(key) {
        return Ok(());
    }
    let named = answer.certificates.iter().filter_map(|der| Some((certificate::parse(der)?, Signed::read(der)?)));
    let delegates = named.filter(|(parsed, signed)| is_delegate(parsed, signed, key, now));
    let signatures: Vec<bool> = delegates
        .filter_map(|(parsed, _)| {
            let own = PublicKey::read(parsed.public_key().raw)?;
            answer.responder.is(certificate::subject_name(&parsed), own.bits).then(|| answer.signed.is_by(own))
        })
        .collect();
    if signatures.contains(&true) {
        Ok(())
    } else if !signatures.is_empty() || answer.responder.is(name, key.bits) {
        Err(StapleError::BadSignature)
    } else {
        Err(StapleError::Unauthorized)
    }
}

fn is_delegate(parsed: &X509Certificate<'_>, signed: &Signed<'_>, issuer: PublicKey<'_>, now: Timestamp) -> bool {
    let may_answer = parsed.extensions().iter().any(|extension| match extension.parsed_extension() {
        ParsedExtension::ExtendedKeyUsage(purposes) => purposes.ocsp_signing,
        _ => false,
    });
    let (not_before, not_after) = certificate::validity(parsed);
    may_answer && (not_before..=not_after).contains(&now) && signed.is_by(issuer)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::sync::LazyLock;

    use proptest::{collection::vec, prelude::ProptestConfig, prop_assert, prop_assert_eq, proptest};
    use xtask::farm::{Answer, AnswerStatus, Authority, Issued, Leaf};

    use super::*;
    use crate::probe::{TrustStore, revocation::changed, revocation::issuer::presumed};

    static CAST: LazyLock<(Authority, Issued, Vec<u8>)> = LazyLock::new(|| {
        let authority = Authority::new("Farm");
        let issued = authority.issue(&Leaf::new(["a.test"]));
        let answer = authority.answer(&issued.chain[0], &Answer::new(AnswerStatus::Good));
        (authority, issued, answer)
    });

    fn judged(staple: &[u8]) -> Result<RevocationState, StapleError> {
        let (authority, issued, _) = &*CAST;
        let trust = TrustStore::new(None, Some(authority.root_pem().as_bytes())).unwrap();
        let leaf = certificate::parse(&issued.chain[0]).unwrap();
        verify(staple, &leaf, presumed(&issued.chain, &trust).as_ref(), Timestamp::now())
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2000))]

        #[test]
        fn no_changed_answer_counts_and_none_is_an_error_of_ours(
            changes in vec((0..1000_usize, 0..=255_u8), 1..6),
            cut in 0..2000_usize,
        ) {
            let answer = &CAST.2;
            let changed = changed(answer.clone(), changes, cut);
            if changed == *answer {
                prop_assert_eq!(judged(&changed), Ok(RevocationState::Good));
            } else {
                prop_assert!(judged(&changed).is_err());
            }
        }

        #[test]
        fn no_bytes_are_an_error_of_ours(bytes in vec(0..=255_u8, 0..600)) {
            prop_assert!(judged(&bytes).is_err());
        }
    }

    #[test]
    fn an_endless_answer_is_not_read() {
        assert_eq!(judged(&vec![0x30; MAX_ANSWER + 1]), Err(StapleError::TooLong));
        assert_eq!(judged(&vec![0x30; MAX_ANSWER]), Err(StapleError::None(NoAnswer::Unreadable)));
    }
}
