//! NNTP: RFC 4642 §2.2. STARTTLS is tried at once: servers from before RFC 3977 have no list of capabilities.

use super::{
    reply::{Lines, Reply},
    wire::{Stream, Wire},
};
use crate::probe::Failure;

pub(super) async fn ask<S: Stream>(wire: &mut Wire<'_, S>) -> Result<(), Failure> {
    Reply::read(wire, Lines::One).await?.expect(&[200, 201], "the connection", wire)?;
    wire.send(b"STARTTLS\r\n", "its answer to STARTTLS").await?;
    Reply::read(wire, Lines::One).await?.expect(&[382], "STARTTLS", wire)?;
    wire.conclude()
}
