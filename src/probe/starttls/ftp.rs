//! FTP: RFC 4217 §4.

use super::{
    reply::{Lines, Reply},
    wire::{Stream, Wire},
};
use crate::probe::Failure;

pub(super) async fn ask<S: Stream>(wire: &mut Wire<'_, S>) -> Result<(), Failure> {
    let mut greeting = Reply::read(wire, Lines::Free).await?;
    // 120: service ready in so many minutes (RFC 959 §5.4).
    while greeting.is_preliminary() {
        greeting = Reply::read(wire, Lines::Free).await?;
    }
    greeting.expect(&[220], "the connection", wire)?;
    wire.send(b"AUTH TLS\r\n", "its answer to AUTH TLS").await?;
    Reply::read(wire, Lines::Free).await?.expect(&[234], "AUTH TLS", wire)?;
    wire.conclude()
}
