//! POP3: RFC 2595 §4. Its list of capabilities is an extension that servers with STLS may lack, so STLS is tried at once.

use super::{
    is_word, refused,
    wire::{Stream, Wire},
    words,
};
use crate::probe::Failure;

pub(super) async fn ask<S: Stream>(wire: &mut Wire<'_, S>) -> Result<(), Failure> {
    answer(wire, "the connection").await?;
    wire.send(b"STLS\r\n", "its answer to STLS").await?;
    answer(wire, "STLS").await?;
    wire.conclude()
}

async fn answer<S: Stream>(wire: &mut Wire<'_, S>, what: &str) -> Result<(), Failure> {
    let line = wire.line().await?;
    match words(&line).next() {
        Some(word) if is_word(word, "+OK") => Ok(()),
        Some(word) if is_word(word, "-ERR") => Err(refused(what, &line)),
        _ => Err(wire.foreign(&line)),
    }
}
