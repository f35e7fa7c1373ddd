//! The revoked certificates of a list, in little room.

use jiff::Timestamp;

use super::{ListError, object};
use crate::probe::{
    der::{self, ENUMERATED, INTEGER, Reader, SEQUENCE},
    revocation::{RevocationState, reason},
    spacious::spacious,
};

/// The longest serial number that a certificate may have, in bytes (RFC 5280 §4.1.2.2).
const MAX_SERIAL: usize = 20;
/// Entries of up to so many bytes are kept in a buffer that need not be spacious.
const SHORT: usize = 32 * 1024;

/// The OIDs of extensions, below 2.5.29.
const REASON_CODE: &[u8] = &[0x55, 0x1d, 21];
const CERTIFICATE_ISSUER: &[u8] = &[0x55, 0x1d, 29];

/// The revoked certificates of a list, by serial number.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Entries(Box<[Entry]>);

/// A revoked certificate, in 28 bytes: of a list of 16 MiB there may be 800,000.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Entry {
    /// The magnitude, with zeros before it.
    serial: [u8; MAX_SERIAL],
    /// Unix time.
    at: u32,
    reason: u8,
}

/// The magnitude of a serial number at full width; `None` when it is longer than serial numbers may be.
fn padded(serial: &[u8]) -> Option<[u8; MAX_SERIAL]> {
    let magnitude = der::magnitude(serial);
    let mut padded = [0; MAX_SERIAL];
    let start = MAX_SERIAL.checked_sub(magnitude.len())?;
    padded[start..].copy_from_slice(magnitude);
    Some(padded)
}

// === impl Entries ===

impl Entries {
    /// Read revoked certificates; `objection` notes why the list cannot be used.
    pub(super) fn read(content: &[u8], objection: &mut Option<ListError>) -> Option<Self> {
        let mut reader = Reader::new(content);
        let mut entries = if content.len() > SHORT { spacious().unwrap_or_default() } else { Vec::new() };
        while !reader.is_empty() {
            let mut fields = reader.inside(SEQUENCE)?;
            let serial = fields.read(INTEGER)?;
            let at = fields.time()?;
            let mut number = 0;
            if !fields.is_empty() {
                der::extensions(fields.inside(SEQUENCE)?, |oid, critical, value| match oid {
                    REASON_CODE => Reader::new(value).read(ENUMERATED).map(|code| number = *code.first().unwrap_or(&0)),
                    CERTIFICATE_ISSUER => object(objection, ListError::Indirect),
                    _ if critical => object(objection, ListError::Critical),
                    _ => Some(()),
                })?;
            }
            // No certificate with a longer number is looked up here.
            let entry = |serial| Entry { serial, at: u32::try_from(at.as_second()).unwrap_or(0), reason: number };
            entries.extend(padded(serial).map(entry));
        }
        entries.sort_unstable();
        Some(Self(entries.into_boxed_slice()))
    }

    /// The state of a certificate: `Good` or `Revoked`.
    pub(super) fn state(&self, serial: &[u8]) -> Result<RevocationState, ListError> {
        let serial = padded(serial).ok_or(ListError::LongSerial)?;
        let found = self.0.binary_search_by_key(&serial, |entry| entry.serial);
        Ok(found.map_or(RevocationState::Good, |index| self.0[index].state()))
    }

    /// The bytes that they take, beside this itself.
    pub(super) fn size(&self) -> usize {
        size_of_val(&*self.0)
    }
}

// === impl Entry ===

impl Entry {
    fn state(self) -> RevocationState {
        let at = Timestamp::from_second(i64::from(self.at)).unwrap_or_default();
        RevocationState::Revoked { at, reason: reason(&[self.reason]) }
    }
}
