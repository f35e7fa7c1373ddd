//! MySQL and MariaDB: "Connection Phase" in MySQL's source documentation, "Connecting" in MariaDB's protocol reference.

use super::{
    absent, refused,
    wire::{MAX_LINE, Stream, Wire},
};
use crate::probe::Failure;

/// `CLIENT_SSL` among the capabilities.
const CLIENT_SSL: u16 = 0x0800;

/// SSLRequest: a packet of 32 bytes with sequence number 1; capabilities (long password, protocol 4.1, SSL, secure connection,
/// authentication plugins), the greatest packet (16 MiB), the character set (45, utf8mb4), and zeros.
const SSL_REQUEST: [u8; 36] = [
    32, 0, 0, 1, 0x01, 0x8a, 0x08, 0x00, 0, 0, 0, 1, 45, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    0, 0,
];

pub(super) async fn ask<S: Stream>(wire: &mut Wire<'_, S>) -> Result<(), Failure> {
    let header = wire.peek(4).await?;
    let length = usize::from(u16::from_le_bytes([header[0], header[1]]));
    if header[2..] != [0, 0] || !(1..=MAX_LINE).contains(&length) {
        return Err(wire.foreign_head().await);
    }
    let packet = wire.exactly(4 + length).await?;
    match packet[4..] {
        [0xff, low, high, ref message @ ..] => Err(error(u16::from_le_bytes([low, high]), message)),
        [10, ref rest @ ..] => match capabilities(rest) {
            None => Err(wire.failed("the server's packet ends before its capabilities")),
            Some(capabilities) if capabilities & CLIENT_SSL == 0 => Err(absent("among its capabilities (CLIENT_SSL)")),
            Some(_) => {
                // There is no go-ahead: what comes after the greeting is already too much.
                wire.conclude()?;
                wire.send(&SSL_REQUEST, "its handshake").await
            }
        },
        // MySQL before 3.21 (1997) spoke version 9, which has no capabilities.
        [9, ..] => Err(absent("in version 9 of its protocol")),
        _ => Err(wire.foreign(&packet[4..])),
    }
}

/// The lower half of the capabilities: after the server's version, which ends in NUL, the thread's number, eight bytes of
/// challenge and a zero.
fn capabilities(greeting: &[u8]) -> Option<u16> {
    let version = greeting.iter().position(|byte| *byte == 0)?;
    let at = version + 1 + 4 + 8 + 1;
    greeting.get(at..at + 2).map(|bytes| u16::from_le_bytes([bytes[0], bytes[1]]))
}

/// An error packet, for example that this machine is blocked; a state may come before the text, as `#` and five letters.
fn error(number: u16, message: &[u8]) -> Failure {
    let text = match message {
        [b'#', rest @ ..] => rest.get(5..).unwrap_or_default(),
        text => text,
    };
    refused("the connection", &[format!("error {number}: ").as_bytes(), text].concat())
}
