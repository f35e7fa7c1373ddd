//! XMPP: RFC 6120 §4, §5. Its XML has no entities, comments or processing instructions of its own (§11.1), so that tags and
//! quoted values are all there is to be told apart.

use super::{
    absent, refused,
    wire::{Stream, Wire},
};
use crate::probe::{Failure, Host};

/// A tag; names are without their prefix, and case matters.
#[derive(Debug, PartialEq, Eq)]
enum Tag {
    /// `<?xml …?>`
    Declaration,
    Open {
        name: Vec<u8>,
        /// Whether it closes itself.
        is_empty: bool,
    },
    Close {
        name: Vec<u8>,
    },
}

pub(super) async fn ask<S: Stream>(wire: &mut Wire<'_, S>, namespace: &str, domain: &Host) -> Result<(), Failure> {
    wire.send(header(namespace, domain).as_bytes(), "its stream").await?;
    stream(wire).await?;
    if !features(wire).await? {
        return Err(absent("among its stream features"));
    }
    wire.send(b"<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>", "its answer to starttls").await?;
    proceed(wire).await?;
    wire.conclude()
}

/// The beginning of our stream.
fn header(namespace: &str, domain: &Host) -> String {
    let to = escape(&domain.to_string());
    format!(
        "<?xml version='1.0'?><stream:stream xmlns='{namespace}' xmlns:stream='http://etherx.jabber.org/streams' \
         to='{to}' version='1.0'>"
    )
}

/// A text as the value of an attribute.
fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('\'', "&apos;").replace('"', "&quot;")
}

/// Read the beginning of the server's stream.
async fn stream<S: Stream>(wire: &mut Wire<'_, S>) -> Result<(), Failure> {
    let first = wire.peek(1).await?[0];
    if first != b'<' && !first.is_ascii_whitespace() {
        return Err(wire.foreign_head().await);
    }
    let (mut raw, mut tag) = next(wire).await?;
    if tag == Tag::Declaration {
        (raw, tag) = next(wire).await?;
    }
    match tag {
        Tag::Open { name, is_empty: false } if name == b"stream" => Ok(()),
        _ => Err(wire.foreign(&raw)),
    }
}

/// Whether TLS is among the features of the stream.
async fn features<S: Stream>(wire: &mut Wire<'_, S>) -> Result<bool, Failure> {
    if open(wire, "features", "the stream").await? {
        return Ok(false);
    }
    let mut is_offered = false;
    loop {
        match next(wire).await?.1 {
            Tag::Open { name, .. } => is_offered |= name == b"starttls",
            Tag::Close { name } if name == b"features" => return Ok(is_offered),
            _ => {}
        }
    }
}

async fn proceed<S: Stream>(wire: &mut Wire<'_, S>) -> Result<(), Failure> {
    if open(wire, "proceed", "starttls").await? {
        return Ok(());
    }
    match next(wire).await? {
        (_, Tag::Close { name }) if name == b"proceed" => Ok(()),
        (raw, _) => Err(wire.unexpected(&raw)),
    }
}

/// Read the opening tag of this element; the answer is whether it closes itself.
async fn open<S: Stream>(wire: &mut Wire<'_, S>, expected: &str, what: &str) -> Result<bool, Failure> {
    let (raw, tag) = next(wire).await?;
    match tag {
        Tag::Open { name, is_empty } if name == expected.as_bytes() => Ok(is_empty),
        Tag::Open { name, .. } if name == b"failure" => Err(refused(what, &raw)),
        // The element in an error names the condition.
        Tag::Open { name, is_empty: false } if name == b"error" => match next(wire).await? {
            (_, Tag::Open { name, .. }) => Err(refused(what, &name)),
            (raw, _) => Err(refused(what, &raw)),
        },
        _ => Err(wire.unexpected(&raw)),
    }
}

/// The next tag, as it came without what was before it, and read.
async fn next<S: Stream>(wire: &mut Wire<'_, S>) -> Result<(Vec<u8>, Tag), Failure> {
    let mut raw = wire.until(tag_end, "tag").await?;
    let start = raw.iter().position(|byte| *byte == b'<').unwrap_or_default();
    raw.drain(..start);
    match tag(&raw) {
        Some(tag) => Ok((raw, tag)),
        None => Err(wire.unexpected(&raw)),
    }
}

/// Where the first tag ends; `>` in quotes does not end it.
fn tag_end(bytes: &[u8]) -> Option<usize> {
    let start = bytes.iter().position(|byte| *byte == b'<')?;
    let mut quote = None;
    for (at, byte) in bytes.iter().enumerate().skip(start) {
        match (quote, byte) {
            (None, b'>') => return Some(at + 1),
            (None, b'\'' | b'"') => quote = Some(byte),
            (Some(open), byte) if open == byte => quote = None,
            _ => {}
        }
    }
    None
}

fn tag(raw: &[u8]) -> Option<Tag> {
    let inner = raw.strip_prefix(b"<")?.strip_suffix(b">")?;
    match inner {
        [b'?', b'x', b'm', b'l', ..] => Some(Tag::Declaration),
        [b'?' | b'!', ..] => None,
        [b'/', name @ ..] => local(name).map(|name| Tag::Close { name }),
        _ => local(inner).map(|name| Tag::Open { name, is_empty: inner.ends_with(b"/") }),
    }
}

/// The name at the beginning of a tag, without its prefix.
fn local(inner: &[u8]) -> Option<Vec<u8>> {
    let end = inner.iter().position(|byte| byte.is_ascii_whitespace() || *byte == b'/').unwrap_or(inner.len());
    let name = inner[..end].rsplit(|byte| *byte == b':').next()?;
    (!name.is_empty()).then(|| name.to_vec())
}
