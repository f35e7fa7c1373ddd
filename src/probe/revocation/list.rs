//! A certificate revocation list (RFC 5280 §5), verified, and then held in little room.

mod entries;
mod scope;

use jiff::Timestamp;

use super::{RevocationState, issuer::Issuer, signed::Signed, staple::SKEW};
use crate::probe::der::{self, INTEGER, Reader, SEQUENCE, context};
use entries::Entries;
use scope::Scope;

/// The OIDs of extensions, below 2.5.29.
const DELTA: &[u8] = &[0x55, 0x1d, 27];
const DISTRIBUTION_POINT: &[u8] = &[0x55, 0x1d, 28];

/// Why a list says nothing; the display text continues "the list at …".
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum ListError {
    #[error("is not readable as a CRL")]
    Unreadable,
    #[error("is not by the certificate's issuer")]
    OtherIssuer,
    #[error("has a wrong signature")]
    BadSignature,
    #[error("is dated {0}, in the future")]
    Future(Timestamp),
    #[error("is out of date since {0}")]
    Stale(Timestamp),
    #[error("does not say until when it counts")]
    Endless,
    #[error("is a delta CRL, which is not supported")]
    Delta,
    #[error("is an indirect CRL, which is not supported")]
    Indirect,
    #[error("is for some kinds of certificates or reasons only")]
    OutOfScope,
    #[error("is another one of its issuer's")]
    OtherPoint,
    #[error("has a critical extension that is not understood")]
    Critical,
    #[error("cannot hold so long a serial number")]
    LongSerial,
}

/// A list whose signature has been verified.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct List {
    this_update: Timestamp,
    next_update: Timestamp,
    entries: Entries,
    scope: Scope,
}

/// Whom a list is asked about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Subject {
    pub(super) serial: Vec<u8>,
    pub(super) is_authority: bool,
    /// Where it says that its list is.
    pub(super) urls: Vec<String>,
}

// === impl List ===

impl List {
    /// Read and verify a list that this issuer must have signed.
    pub(super) fn read(der: &[u8], issuer: &Issuer) -> Result<Self, ListError> {
        let signed = Signed::read(der).filter(|signed| signed.rest.is_empty()).ok_or(ListError::Unreadable)?;
        let mut reader = Reader::new(signed.message).inside(SEQUENCE).ok_or(ListError::Unreadable)?;
        if read_issuer(&mut reader).ok_or(ListError::Unreadable)? != issuer.name {
            return Err(ListError::OtherIssuer);
        }
        if !issuer.key().is_some_and(|key| signed.is_by(key)) {
            return Err(ListError::BadSignature);
        }
        Self::read_rest(reader).ok_or(ListError::Unreadable)?
    }

    fn read_rest(mut reader: Reader<'_>) -> Option<Result<Self, ListError>> {
        let mut objection = None;
        let this_update = reader.time()?;
        let next_update = reader.optional_time()?;
        let entries = match reader.optional(SEQUENCE)? {
            Some(entries) => Entries::read(entries, &mut objection)?,
            None => Entries::default(),
        };
        let mut scope = Scope::default();
        if let Some(extensions) = reader.optional(context(0))? {
            let extensions = Reader::new(extensions).inside(SEQUENCE)?;
            der::extensions(extensions, |oid, critical, value| match oid {
                DELTA => object(&mut objection, ListError::Delta),
                DISTRIBUTION_POINT => scope.read(Reader::new(value).inside(SEQUENCE)?, &mut objection),
                _ if critical => object(&mut objection, ListError::Critical),
                _ => Some(()),
            })?;
        }
        reader.end()?;
        Some(match (objection, next_update) {
            (Some(objection), _) => Err(objection),
            (None, None) => Err(ListError::Endless),
            (None, Some(next_update)) => Ok(Self { this_update, next_update, entries, scope }),
        })
    }

    /// Whether the list counts at this time.
    pub(super) fn is_current(&self, now: Timestamp) -> Result<(), ListError> {
        if self.this_update.saturating_sub(SKEW).is_ok_and(|from| from > now) {
            return Err(ListError::Future(self.this_update));
        }
        if self.next_update < now { Err(ListError::Stale(self.next_update)) } else { Ok(()) }
    }

    /// What the list says of a certificate of its issuer's: `Good` or `Revoked`.
    pub(super) fn says(&self, subject: &Subject) -> Result<RevocationState, ListError> {
        self.scope.covers(subject)?;
        self.entries.state(&subject.serial)
    }

    /// The bytes that it takes.
    pub(super) fn size(&self) -> usize {
        size_of::<Self>() + self.entries.size() + self.scope.size()
    }
}

/// The issuer's name, which is what the third field is, or the second where the version is left out.
fn read_issuer<'a>(reader: &mut Reader<'a>) -> Option<&'a [u8]> {
    reader.optional(INTEGER)?;
    reader.read(SEQUENCE)?;
    reader.element(SEQUENCE).map(|name| name.raw)
}

/// Note why the list cannot be used; the first reason is the one that is told.
#[allow(clippy::unnecessary_wraps)] // ends an arm of readers
fn object(objection: &mut Option<ListError>, error: ListError) -> Option<()> {
    objection.get_or_insert(error);
    Some(())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::sync::LazyLock;

    use proptest::{collection::vec, prelude::ProptestConfig, prop_assert, prop_assert_eq, proptest};
    use rcgen::{CertificateRevocationListParams, KeyIdMethod, RevokedCertParams, SerialNumber, date_time_ymd};
    use xtask::farm::{Authority, Leaf};

    use super::*;
    use crate::probe::{TrustStore, revocation::changed, revocation::issuer::presumed};

    static AUTHORITY: LazyLock<Authority> = LazyLock::new(|| Authority::new("Farm"));

    /// A list of these certificates, which counts for ten years.
    fn der(serials: impl Iterator<Item = Vec<u8>>) -> Vec<u8> {
        let revoked = |serial: Vec<u8>| RevokedCertParams {
            serial_number: SerialNumber::from(serial),
            revocation_time: date_time_ymd(2026, 1, 2),
            reason_code: None,
            invalidity_date: None,
        };
        AUTHORITY.list(&CertificateRevocationListParams {
            this_update: date_time_ymd(2026, 1, 1),
            next_update: date_time_ymd(2036, 1, 1),
            crl_number: SerialNumber::from(1),
            issuing_distribution_point: None,
            revoked_certs: serials.map(revoked).collect(),
            key_identifier_method: KeyIdMethod::Sha256,
        })
    }

    fn read(der: &[u8]) -> Result<List, ListError> {
        let issued = AUTHORITY.issue(&Leaf::new(["a.test"]));
        let trust = TrustStore::new(None, Some(AUTHORITY.root_pem().as_bytes())).unwrap();
        let signer = presumed(&issued.chain, &trust).unwrap();
        List::read(der, &signer)
    }

    /// A list of the authority's with these parts after the issuer's name, each as DER.
    fn by_hand(parts: &[&[u8]]) -> Vec<u8> {
        let issued = AUTHORITY.issue(&Leaf::new(["a.test"]));
        let parsed = crate::probe::certificate::parse(&issued.chain[0]).unwrap();
        let algorithm = tlv(SEQUENCE, &[6, 8, 0x2a, 0x86, 0x48, 0xce, 0x3d, 4, 3, 2]);
        let head = [&[2, 1, 1][..], &algorithm, parsed.issuer().as_raw(), &tlv(0x17, b"260101000000Z")].concat();
        let message = tlv(SEQUENCE, &[&head[..], &parts.concat()].concat());
        let signature = tlv(der::BIT_STRING, &[&[0][..], &AUTHORITY.sign(&message)].concat());
        tlv(SEQUENCE, &[message, algorithm, signature].concat())
    }

    fn tlv(tag: u8, content: &[u8]) -> Vec<u8> {
        let length = u16::try_from(content.len()).unwrap().to_be_bytes();
        match length {
            [0, low @ ..0x80] => [&[tag, low][..], content].concat(),
            [0, low] => [&[tag, 0x81, low][..], content].concat(),
            [high, low] => [&[tag, 0x82, high, low][..], content].concat(),
        }
    }

    fn critical(oid: u8, value: &[u8]) -> Vec<u8> {
        let parts = [tlv(der::OID, &[0x55, 0x1d, oid]), tlv(der::BOOLEAN, &[0xff]), tlv(der::OCTET_STRING, value)];
        tlv(SEQUENCE, &tlv(SEQUENCE, &parts.concat()))
    }

    #[test]
    fn what_is_not_supported_is_refused() {
        let next = tlv(0x17, b"360101000000Z");
        let of_list = |oid, value: &[u8]| by_hand(&[&next, &tlv(context(0), &critical(oid, value))]);
        let of_entry = |oid, value: &[u8]| {
            let entry = [vec![2, 1, 9], tlv(0x17, b"260101000000Z"), critical(oid, value)].concat();
            by_hand(&[&next, &tlv(SEQUENCE, &tlv(SEQUENCE, &entry))])
        };
        for (der, expected) in [
            (by_hand(&[]), ListError::Endless),
            (of_list(27, &[2, 1, 1]), ListError::Delta),
            (of_list(28, &[0x30, 3, 0x84, 1, 0xff]), ListError::Indirect),
            (of_list(28, &[0x30, 4, 0x83, 2, 1, 2]), ListError::OutOfScope),
            (of_list(28, &[0x30, 3, 0x85, 1, 0xff]), ListError::OutOfScope),
            (of_list(28, &[0x30, 4, 0xa0, 2, 0xa1, 0]), ListError::OtherPoint),
            (of_list(28, &[0x30, 3, 0x89, 1, 0xff]), ListError::Unreadable),
            // The CRL number, which must not be critical (RFC 5280 §5.2.3).
            (of_list(20, &[2, 1, 1]), ListError::Critical),
            (of_list(99, &[5, 0]), ListError::Critical),
            (of_entry(29, &[0x30, 0]), ListError::Indirect),
            (of_entry(99, &[5, 0]), ListError::Critical),
            (by_hand(&[&next, &[5, 0]]), ListError::Unreadable),
        ] {
            assert_eq!(read(&der), Err(expected), "{der:02x?}");
        }
        assert!(read(&by_hand(&[&next])).is_ok() && read(&of_entry(21, &[10, 1, 1])).is_ok());
    }

    #[test]
    fn a_serial_number_is_found_whatever_zeros_are_before_it() {
        let long = [0xab; 20];
        let list = read(&der([vec![0xff], long.to_vec(), vec![1]].into_iter())).unwrap();
        let says = |serial: &[u8]| {
            let subject = Subject { serial: serial.to_vec(), is_authority: false, urls: Vec::new() };
            list.says(&subject).map(|state| state != RevocationState::Good)
        };
        for (serial, revoked) in [
            (&[1][..], Ok(true)),
            (&[0, 1], Ok(true)),
            (&[0, 0xff], Ok(true)),
            (&[1, 0], Ok(false)),
            (&[2], Ok(false)),
            (&[&[0][..], &long].concat(), Ok(true)),
            (&[1; 20 + 1], Err(ListError::LongSerial)),
        ] {
            assert_eq!(says(serial), revoked, "{serial:02x?}");
        }
    }

    #[test]
    fn a_long_list_takes_little_room() {
        let count = 20_000_u32;
        let der = der((0..count).map(|number| [&[1; 12][..], &number.to_be_bytes()].concat()));
        let list = read(&der).unwrap();
        assert_eq!(list.entries.size(), usize::try_from(count).unwrap() * 28);
        assert!(list.size() < der.len(), "{} {}", list.size(), der.len());
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(1000))]

        #[test]
        fn no_changed_list_counts_and_none_is_an_error_of_ours(
            changes in vec((0..1000_usize, 0..=255_u8), 1..6),
            cut in 0..2000_usize,
        ) {
            static GOOD: LazyLock<Vec<u8>> = LazyLock::new(|| der((1..5).map(|number| vec![number])));
            let changed = changed(GOOD.clone(), changes, cut);
            if changed == *GOOD {
                prop_assert_eq!(read(&changed).unwrap().entries.size(), 4 * 28);
            } else {
                prop_assert!(read(&changed).is_err());
            }
        }

        /// What comes behind the signature's check is read from bytes that nobody has to have signed.
        #[test]
        fn no_bytes_are_an_error_of_ours(bytes in vec(0..=255_u8, 0..300)) {
            let _ = List::read_rest(Reader::new(&bytes));
            let _ = Scope::default().read(Reader::new(&bytes), &mut None);
            let _ = Entries::read(&bytes, &mut None);
            prop_assert!(read(&bytes).is_err());
        }
    }
}
