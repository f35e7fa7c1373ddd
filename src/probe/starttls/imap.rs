//! IMAP: RFC 9051 §6.2.1.

use super::{
    absent, is_word, refused,
    wire::{Stream, Wire},
    words,
};
use crate::probe::Failure;

pub(super) async fn ask<S: Stream>(wire: &mut Wire<'_, S>) -> Result<(), Failure> {
    greeting(wire).await?;

    wire.send(b"a1 CAPABILITY\r\n", "its answer to CAPABILITY").await?;
    let mut is_offered = false;
    while let Some(line) = untagged(wire, "a1", "CAPABILITY").await? {
        let mut words = words(&line).skip(1);
        is_offered |=
            words.next().is_some_and(|word| is_word(word, "CAPABILITY")) && words.any(|word| is_word(word, "STARTTLS"));
    }
    if !is_offered {
        return Err(absent("among its capabilities"));
    }

    wire.send(b"a2 STARTTLS\r\n", "its answer to STARTTLS").await?;
    while untagged(wire, "a2", "STARTTLS").await?.is_some() {}
    wire.conclude()
}

async fn greeting<S: Stream>(wire: &mut Wire<'_, S>) -> Result<(), Failure> {
    let line = wire.line().await?;
    match words(&line).take(2).collect::<Vec<_>>()[..] {
        [b"*", word] if is_word(word, "OK") => Ok(()),
        // RFC 9051 §6.2.1: STARTTLS is valid before authentication only.
        [b"*", word] if is_word(word, "PREAUTH") => Err(refused("STARTTLS, as it takes us for logged in", &line)),
        [b"*", word] if is_word(word, "BYE") => Err(refused("the connection", &line)),
        _ => Err(wire.foreign(&line)),
    }
}

/// The next untagged line; `None` when the command with this tag has been completed.
async fn untagged<S: Stream>(wire: &mut Wire<'_, S>, tag: &str, command: &str) -> Result<Option<Vec<u8>>, Failure> {
    let line = wire.line().await?;
    match words(&line).take(2).collect::<Vec<_>>()[..] {
        [b"*", word] if is_word(word, "BYE") => Err(refused(command, &line)),
        [b"*", _] => Ok(Some(line)),
        [first, word] if is_word(first, tag) && is_word(word, "OK") => Ok(None),
        [first, word] if is_word(first, tag) && (is_word(word, "NO") || is_word(word, "BAD")) => {
            Err(refused(command, &line))
        }
        _ => Err(wire.unexpected(&line)),
    }
}
