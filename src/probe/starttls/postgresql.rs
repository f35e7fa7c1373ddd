//! PostgreSQL: "SSL Session Encryption" in its documentation, chapter Frontend/Backend Protocol.

use super::{
    absent, refused,
    wire::{MAX_LINE, Stream, Wire},
};
use crate::probe::Failure;

/// SSLRequest: its length, and a number that no version of the protocol has.
const SSL_REQUEST: [u8; 8] = [0, 0, 0, 8, 0x04, 0xd2, 0x16, 0x2f];

pub(super) async fn ask<S: Stream>(wire: &mut Wire<'_, S>) -> Result<(), Failure> {
    wire.send(&SSL_REQUEST, "its answer to SSLRequest").await?;
    match wire.peek(1).await? {
        b"S" => go_ahead(wire).await,
        b"N" => Err(absent("(it answered SSLRequest with N)")),
        b"E" => Err(error(wire).await?),
        _ => Err(wire.foreign_head().await),
    }
}

async fn go_ahead<S: Stream>(wire: &mut Wire<'_, S>) -> Result<(), Failure> {
    // The banner of SSH begins like a go-ahead.
    if wire.glance().starts_with(b"SSH-") {
        return Err(wire.foreign_head().await);
    }
    wire.exactly(1).await?;
    wire.conclude()
}

/// What ErrorResponse says: fields, each a letter and a text that ends in NUL; `M` is the message for people.
async fn error<S: Stream>(wire: &mut Wire<'_, S>) -> Result<Failure, Failure> {
    let header = wire.peek(5).await?;
    let length = u32::from_be_bytes([header[1], header[2], header[3], header[4]]);
    let Some(length) = usize::try_from(length).ok().filter(|length| (4..=MAX_LINE).contains(length)) else {
        return Ok(wire.foreign_head().await);
    };
    let message = wire.exactly(1 + length).await?;
    let mut fields = message[5..].split(|byte| *byte == 0);
    let text = fields.find_map(|field| field.strip_prefix(b"M")).unwrap_or(b"an error without a message");
    Ok(refused("SSLRequest", text))
}
