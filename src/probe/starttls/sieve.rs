//! ManageSieve: RFC 5804 §1.7, §2.2.

use super::{
    absent, is_word, refused,
    wire::{MAX_LINE, Stream, Wire},
    words,
};
use crate::probe::Failure;

pub(super) async fn ask<S: Stream>(wire: &mut Wire<'_, S>) -> Result<(), Failure> {
    let mut is_offered = false;
    while let Some(capability) = before_ok(wire, "the connection").await? {
        is_offered |= words(&capability).next().is_some_and(|word| is_word(word, "\"STARTTLS\""));
    }
    if !is_offered {
        return Err(absent("among its capabilities"));
    }
    wire.send(b"STARTTLS\r\n", "its answer to STARTTLS").await?;
    match before_ok(wire, "STARTTLS").await? {
        None => wire.conclude(),
        Some(line) => Err(wire.unexpected(&line)),
    }
}

/// The next line that states a capability; `None` when OK came instead.
async fn before_ok<S: Stream>(wire: &mut Wire<'_, S>, what: &str) -> Result<Option<Vec<u8>>, Failure> {
    let line = line(wire).await?;
    // OK may be followed by a code in parentheses.
    let end = line.iter().position(|byte| matches!(byte, b' ' | b'(')).unwrap_or(line.len());
    match &line[..end] {
        word if is_word(word, "OK") => Ok(None),
        word if is_word(word, "NO") || is_word(word, "BYE") => Err(refused(what, &line)),
        [b'"', ..] => Ok(Some(line)),
        _ => Err(wire.foreign(&line)),
    }
}

/// A line together with the literals in it, which may hold line ends (RFC 5804 §4, `literal-s2c`).
async fn line<S: Stream>(wire: &mut Wire<'_, S>) -> Result<Vec<u8>, Failure> {
    let mut line = wire.line().await?;
    while let Some((start, length)) = literal(&line) {
        if length > MAX_LINE {
            return Err(wire.failed(format!("the server sent a literal of more than {MAX_LINE} bytes")));
        }
        line.truncate(start);
        line.extend(wire.exactly(length).await?);
        line.extend(wire.line().await?);
        if line.len() > MAX_LINE {
            return Err(wire.failed(format!("the server sent a line of more than {MAX_LINE} bytes")));
        }
    }
    Ok(line)
}

/// Where at the end of a line a literal is announced, as `{5}` or `{5+}`, and its length; the greatest when it is beyond reason.
fn literal(line: &[u8]) -> Option<(usize, usize)> {
    let inner = line.strip_suffix(b"}")?;
    let start = inner.iter().rposition(|byte| *byte == b'{')?;
    let digits = &inner[start + 1..];
    let digits = str::from_utf8(digits.strip_suffix(b"+").unwrap_or(digits)).ok()?;
    let is_number = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    is_number.then(|| (start, digits.parse().unwrap_or(usize::MAX)))
}
