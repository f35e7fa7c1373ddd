//! A reader of DER that copies nothing: for names, for OCSP answers, and for lists too long to hold in any other form.
//!
//! Strict where leniency would let one text be read in two ways: definite, shortest lengths only. `None` is all that is told
//! of what is not readable.

use jiff::{Timestamp, civil::DateTime, tz::TimeZone};

pub(super) const BOOLEAN: u8 = 0x01;
pub(super) const INTEGER: u8 = 0x02;
pub(super) const BIT_STRING: u8 = 0x03;
pub(super) const OCTET_STRING: u8 = 0x04;
pub(super) const OID: u8 = 0x06;
pub(super) const ENUMERATED: u8 = 0x0a;
pub(super) const SEQUENCE: u8 = 0x30;
pub(super) const SET: u8 = 0x31;
const UTC_TIME: u8 = 0x17;
const GENERALIZED_TIME: u8 = 0x18;

/// A context-specific tag around other elements.
pub(super) const fn context(number: u8) -> u8 {
    0xa0 | number
}

/// A context-specific tag in place of a primitive one.
pub(super) const fn implicit(number: u8) -> u8 {
    0x80 | number
}

/// What is left to be read.
#[derive(Debug, Clone, Copy)]
pub(super) struct Reader<'a>(&'a [u8]);

/// One element.
#[derive(Debug, Clone, Copy)]
pub(super) struct Element<'a> {
    pub(super) tag: u8,
    pub(super) content: &'a [u8],
    /// Tag, length and content.
    pub(super) raw: &'a [u8],
}

// === impl Reader ===

impl<'a> Reader<'a> {
    pub(super) fn new(der: &'a [u8]) -> Self {
        Self(der)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// What is left, unread.
    pub(super) fn rest(self) -> &'a [u8] {
        self.0
    }

    /// The next element, whatever it is.
    pub(super) fn any(&mut self) -> Option<Element<'a>> {
        let (&[tag, first], mut rest) = self.0.split_first_chunk()?;
        // Tags of more than one byte are in nothing that is read here.
        if tag & 0x1f == 0x1f {
            return None;
        }
        let length = match first {
            0..=0x7f => usize::from(first),
            0x81..=0x84 => {
                let (digits, after) = rest.split_at_checked(usize::from(first & 0x7f))?;
                rest = after;
                let length = digits.iter().fold(0_usize, |length, digit| length << 8 | usize::from(*digit));
                let is_shortest = length > 0x7f && digits.first() != Some(&0);
                is_shortest.then_some(length)?
            }
            _ => return None,
        };
        let (content, rest) = rest.split_at_checked(length)?;
        let raw = &self.0[..self.0.len() - rest.len()];
        self.0 = rest;
        Some(Element { tag, content, raw })
    }

    /// The next element, which must have this tag.
    pub(super) fn element(&mut self, tag: u8) -> Option<Element<'a>> {
        self.any().filter(|element| element.tag == tag)
    }

    /// The content of the next element, which must have this tag.
    pub(super) fn read(&mut self, tag: u8) -> Option<&'a [u8]> {
        self.element(tag).map(|element| element.content)
    }

    /// The elements within the next one, which must have this tag.
    pub(super) fn inside(&mut self, tag: u8) -> Option<Self> {
        self.read(tag).map(Self)
    }

    /// The content of the next element if it has this tag; nothing is read otherwise.
    #[allow(clippy::option_option)] // not readable, absent, present
    pub(super) fn optional(&mut self, tag: u8) -> Option<Option<&'a [u8]>> {
        if self.0.first() == Some(&tag) { self.read(tag).map(Some) } else { Some(None) }
    }

    /// The bytes of the next element, a bit string of whole bytes.
    pub(super) fn bits(&mut self) -> Option<&'a [u8]> {
        self.read(BIT_STRING)?.strip_prefix(&[0])
    }

    /// The next element, a time in either form (RFC 5280 §4.1.2.5).
    pub(super) fn time(&mut self) -> Option<Timestamp> {
        let element = self.any()?;
        time(element.tag, element.content)
    }

    /// The next element if it is a time; nothing is read otherwise.
    #[allow(clippy::option_option)] // not readable, absent, present
    pub(super) fn optional_time(&mut self) -> Option<Option<Timestamp>> {
        match self.0.first() {
            Some(&(UTC_TIME | GENERALIZED_TIME)) => self.time().map(Some),
            _ => Some(None),
        }
    }

    /// Nothing must be left.
    pub(super) fn end(self) -> Option<()> {
        self.0.is_empty().then_some(())
    }
}

fn time(tag: u8, text: &[u8]) -> Option<Timestamp> {
    let (century, text) = match tag {
        UTC_TIME => (None, text),
        GENERALIZED_TIME => {
            let (century, rest) = text.split_first_chunk::<2>()?;
            (Some(two(*century)?), rest)
        }
        _ => return None,
    };
    let (digits, b"Z") = text.split_first_chunk::<12>()? else { return None };
    let mut fields = digits.as_chunks::<2>().0.iter().map(|pair| two(*pair));
    let mut next = || fields.next().flatten();
    let year = next()?;
    let century = century.unwrap_or(if year < 50 { 20 } else { 19 });
    let year = i16::from(century) * 100 + i16::from(year);
    let civil = DateTime::new(year, next()?, next()?, next()?, next()?, next()?, 0).ok()?;
    Some(civil.to_zoned(TimeZone::UTC).ok()?.timestamp())
}

fn two(digits: [u8; 2]) -> Option<i8> {
    let digit = |byte: u8| char::from(byte).to_digit(10).and_then(|digit| i8::try_from(digit).ok());
    Some(digit(digits[0])? * 10 + digit(digits[1])?)
}

/// The magnitude of an integer: its bytes without leading zeros. Serial numbers are compared by it, since some encoders leave the
/// zero out that keeps a number from being negative.
pub(super) fn magnitude(integer: &[u8]) -> &[u8] {
    &integer[integer.iter().take_while(|byte| **byte == 0).count()..]
}

/// Read extensions; `each` is given the OID's content, whether it is critical, and the value.
pub(super) fn extensions<'a>(
    mut list: Reader<'a>,
    mut each: impl FnMut(&'a [u8], bool, &'a [u8]) -> Option<()>,
) -> Option<()> {
    while !list.is_empty() {
        let mut extension = list.inside(SEQUENCE)?;
        let oid = extension.read(OID)?;
        let critical = extension.optional(BOOLEAN)?.is_some_and(|value| value != [0]);
        let value = extension.read(OCTET_STRING)?;
        extension.end()?;
        each(oid, critical, value)?;
    }
    Some(())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn elements_have_definite_shortest_lengths() {
        let long = [&[4, 0x81, 0x80][..], &[7; 0x80]].concat();
        assert_eq!(Reader::new(&long).read(OCTET_STRING), Some(&[7; 0x80][..]));
        for bad in [
            &[][..],
            &[4],
            &[4, 1],
            &[4, 0x80, 0, 0],
            &[4, 0x81, 1, 7],
            &[4, 0x82, 0, 0x80],
            &[4, 0x85, 1, 0, 0, 0, 0],
            &[0x1f, 1, 1],
        ] {
            assert!(Reader::new(bad).any().is_none(), "{bad:?}");
        }
        let mut two = Reader::new(&[2, 1, 5, 4, 0]);
        assert_eq!((two.optional(OCTET_STRING), two.read(INTEGER)), (Some(None), Some(&[5][..])));
        assert!(two.end().is_none());
    }

    #[test]
    fn times_are_read_in_both_forms() {
        let read = |tag, text: &str| time(tag, text.as_bytes()).map(|time| time.to_string());
        assert_eq!(read(UTC_TIME, "491231235959Z").as_deref(), Some("2049-12-31T23:59:59Z"));
        assert_eq!(read(UTC_TIME, "500101000000Z").as_deref(), Some("1950-01-01T00:00:00Z"));
        assert_eq!(read(GENERALIZED_TIME, "20240229120000Z").as_deref(), Some("2024-02-29T12:00:00Z"));
        for bad in ["20230229120000Z", "20240101120000", "20240101120000.5Z", "2024010112000aZ", "202401011200Z", ""] {
            assert_eq!(read(GENERALIZED_TIME, bad), None, "{bad}");
        }
        assert_eq!(read(INTEGER, "20240101000000Z"), None);
        // The last moment of X.509 is beyond what a timestamp holds; whoever means "never" is not understood.
        assert_eq!(read(GENERALIZED_TIME, "99991231235959Z"), None);
    }

    #[test]
    fn serial_numbers_are_compared_without_leading_zeros() {
        assert_eq!(magnitude(&[0, 0xff]), [0xff]);
        assert_eq!(magnitude(&[1, 0]), [1, 0]);
        assert_eq!(magnitude(&[0]), [0; 0]);
    }
}
