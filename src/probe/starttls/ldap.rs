//! LDAP: RFC 4511 §4.12, §4.14; the encoding is BER with definite lengths (§5.1).

use super::{
    quote, refused,
    wire::{Stream, Wire},
};
use crate::probe::Failure;

/// The longest answer that is read, without its header.
const MAX_ANSWER: usize = 16 * 1024;

/// LDAPMessage 1 with an ExtendedRequest of 1.3.6.1.4.1.1466.20037.
const START_TLS: &[u8] = b"\x30\x1d\x02\x01\x01\x77\x18\x80\x161.3.6.1.4.1.1466.20037";

/// Tags: universal SEQUENCE, INTEGER, OCTET STRING and ENUMERATED, and the application's ExtendedResponse.
const SEQUENCE: u8 = 0x30;
const INTEGER: u8 = 0x02;
const OCTETS: u8 = 0x04;
const ENUMERATED: u8 = 0x0a;
const EXTENDED_RESPONSE: u8 = 0x78;

/// What an ExtendedResponse says.
#[derive(Debug, PartialEq, Eq)]
struct Answer<'a> {
    /// The message that it answers; none (0) when it is the notice that the server hangs up.
    id: &'a [u8],
    code: &'a [u8],
    diagnosis: &'a [u8],
}

pub(super) async fn ask<S: Stream>(wire: &mut Wire<'_, S>) -> Result<(), Failure> {
    wire.send(START_TLS, "its answer to StartTLS").await?;
    let head = wire.peek(2).await?;
    let (tag, more) = (head[0], usize::from(head[1].saturating_sub(0x80)));
    if tag != SEQUENCE || head[1] == 0x80 || more > 4 {
        return Err(wire.foreign_head().await);
    }
    let header = wire.peek(2 + more).await?;
    let Some((length, _)) = length(&header[1..]).filter(|(length, _)| *length <= MAX_ANSWER) else {
        return Err(wire.failed(format!("the server sent a message of more than {} KiB", MAX_ANSWER / 1024)));
    };
    let message = wire.exactly(2 + more + length).await?;
    match answer(&message[2 + more..]) {
        Some(Answer { id: [1], code: [0], .. }) => wire.conclude(),
        Some(Answer { code, diagnosis, .. }) if code != [0] => {
            Err(refused("StartTLS", format!("resultCode {}: {}", name(code), quote(diagnosis)).as_bytes()))
        }
        _ => Err(wire.failed("the server sent another message")),
    }
}

/// Read the content of an LDAPMessage that holds an ExtendedResponse.
fn answer(message: &[u8]) -> Option<Answer<'_>> {
    let (id, rest) = element(INTEGER, message)?;
    let (response, _) = element(EXTENDED_RESPONSE, rest)?;
    let (code, rest) = element(ENUMERATED, response)?;
    let (_, rest) = element(OCTETS, rest)?;
    let (diagnosis, _) = element(OCTETS, rest)?;
    Some(Answer { id, code, diagnosis })
}

/// The content of the element at the beginning, if it has this tag, and what comes after it.
fn element(tag: u8, bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (length, rest) = bytes.strip_prefix(&[tag]).and_then(length)?;
    rest.split_at_checked(length)
}

/// The length at the beginning, and what comes after it. Servers may use more bytes than needed.
fn length(bytes: &[u8]) -> Option<(usize, &[u8])> {
    let (first, rest) = bytes.split_first()?;
    match first {
        0..=0x7f => Some((usize::from(*first), rest)),
        0x81..=0x84 => {
            let (length, rest) = rest.split_at_checked(usize::from(first - 0x80))?;
            Some((length.iter().fold(0, |sum, byte| sum << 8 | usize::from(*byte)), rest))
        }
        _ => None,
    }
}

/// The number of a result, and the name of those that servers give here (RFC 4511 §4.1.9, §4.14.2).
fn name(code: &[u8]) -> String {
    match code {
        [1] => "1 (operationsError)".to_owned(),
        [2] => "2 (protocolError)".to_owned(),
        [51] => "51 (busy)".to_owned(),
        [52] => "52 (unavailable)".to_owned(),
        [53] => "53 (unwillingToPerform)".to_owned(),
        [80] => "80 (other)".to_owned(),
        [number] => number.to_string(),
        _ => "of several bytes".to_owned(),
    }
}
