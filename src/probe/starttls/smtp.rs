//! SMTP and LMTP: RFC 3207 §4, RFC 2033 §4.1.

use super::{
    absent, is_word,
    reply::{Lines, Reply},
    wire::{Stream, Wire},
    words,
};
use crate::probe::Failure;

/// Who introduces itself. This machine's name is not known and means nothing to the server, so the name is one that can belong to
/// nobody (RFC 2606 §2). An address in brackets would do by the RFC, and is refused by some servers.
macro_rules! introduction {
    ($verb:literal) => {
        concat!($verb, " sslmonitor.invalid\r\n")
    };
}

/// The command of introduction that is answered with the extensions. HELO is not: a server that refuses these has no STARTTLS.
#[derive(Debug, Clone, Copy)]
pub(super) enum Hello {
    /// SMTP's.
    Ehlo,
    /// LMTP's.
    Lhlo,
}

pub(super) async fn ask<S: Stream>(wire: &mut Wire<'_, S>, hello: Hello) -> Result<(), Failure> {
    Reply::read(wire, Lines::Numbered).await?.expect(&[220], "the connection", wire)?;

    let (verb, line, awaited, place) = match hello {
        Hello::Ehlo => ("EHLO", introduction!("EHLO"), "its answer to EHLO", "in its answer to EHLO"),
        Hello::Lhlo => ("LHLO", introduction!("LHLO"), "its answer to LHLO", "in its answer to LHLO"),
    };
    wire.send(line.as_bytes(), awaited).await?;
    let extensions = Reply::read(wire, Lines::Numbered).await?;
    extensions.expect(&[250], verb, wire)?;
    // The first line is the server's name.
    if !extensions.lines.iter().skip(1).any(|line| names_starttls(line)) {
        return Err(absent(place));
    }

    wire.send(b"STARTTLS\r\n", "its answer to STARTTLS").await?;
    Reply::read(wire, Lines::Numbered).await?.expect(&[220], "STARTTLS", wire)?;
    wire.conclude()
}

/// Whether the line of an extension, for example `250-STARTTLS`, is that of STARTTLS.
fn names_starttls(line: &[u8]) -> bool {
    words(line.get(4..).unwrap_or_default()).next().is_some_and(|word| is_word(word, "STARTTLS"))
}
