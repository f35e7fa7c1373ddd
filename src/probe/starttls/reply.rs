//! Replies that begin with a number of three digits: SMTP (RFC 5321 §4.2), FTP (RFC 959 §4.2) and NNTP (RFC 3977 §3.2).

use super::{
    refused,
    wire::{Stream, Wire},
};
use crate::probe::Failure;

/// How a reply goes on over several lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Lines {
    /// It does not.
    One,
    /// Each line has the number, and all but the last a hyphen after it (SMTP).
    Numbered,
    /// As before, but lines between the first and the last may have no number (FTP).
    Free,
}

/// A reply.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Reply {
    number: u16,
    /// Its lines as they came.
    pub(super) lines: Vec<Vec<u8>>,
}

impl Reply {
    /// Read a reply.
    pub(super) async fn read<S: Stream>(wire: &mut Wire<'_, S>, lines: Lines) -> Result<Self, Failure> {
        let first = wire.line().await?;
        let Some((number, mut goes_on)) = parse(&first) else { return Err(wire.foreign(&first)) };
        let mut reply = Self { number, lines: vec![first] };
        while goes_on && lines != Lines::One {
            let next = wire.line().await?;
            goes_on = match parse(&next) {
                Some((same, goes_on)) if same == number => goes_on,
                _ if lines == Lines::Free => true,
                _ => return Err(wire.unexpected(&next)),
            };
            reply.lines.push(next);
        }
        Ok(reply)
    }

    /// Whether the number is between 100 and 199: more is to come.
    pub(super) fn is_preliminary(&self) -> bool {
        self.number / 100 == 1
    }

    /// Nothing when the number is one of these; else the failure, in which `what` is what was asked for.
    pub(super) fn expect<S: Stream>(&self, expected: &[u16], what: &str, wire: &Wire<'_, S>) -> Result<(), Failure> {
        // The last line says what is the matter: those before it are often a banner.
        let said = self.lines.last().map(Vec::as_slice).unwrap_or_default();
        match self.number {
            number if expected.contains(&number) => Ok(()),
            400.. => Err(refused(what, said)),
            _ => Err(wire.unexpected(said)),
        }
    }
}

/// The number of a line, and whether a hyphen after it says that the reply goes on.
fn parse(line: &[u8]) -> Option<(u16, bool)> {
    let (digits, rest) = line.split_at_checked(3)?;
    let number = str::from_utf8(digits).ok().filter(|text| text.bytes().all(|byte| byte.is_ascii_digit()))?;
    let number = number.parse().ok().filter(|number| (100..600).contains(number))?;
    match rest.first() {
        None | Some(b' ') => Some((number, false)),
        Some(b'-') => Some((number, true)),
        Some(_) => None,
    }
}
