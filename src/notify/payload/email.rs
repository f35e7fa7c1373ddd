//! E-mail: text and HTML, in one thread for each incident.
//!
//! The bytes are the same for every attempt, also the Message-ID, so that mail systems can drop doubles. Header values of others'
//! text have no line ends and are encoded (RFC 2047).

use std::{fmt::Write as _, time::SystemTime};

use aws_lc_rs::digest;
use lettre::{
    Address,
    message::{
        Body, Mailbox, Mailboxes, Message as Mail, MultiPart, SinglePart,
        header::{ContentTransferEncoding, ContentType, HeaderName, HeaderValue, To},
    },
};

use crate::notify::{
    ChannelError, Kind, Level,
    text::{fit, html, one_line},
    words::{Told, colour},
};

/// The most recipients of a channel.
const MAX_RECIPIENTS: usize = 16;
const SUBJECT: usize = 200;

/// Who writes to whom.
#[derive(Clone)]
pub(in crate::notify) struct Addresses {
    from: Mailbox,
    to: Mailboxes,
}

/// A message as it goes to a mail server.
#[derive(Debug)]
pub(in crate::notify) struct Letter {
    pub(in crate::notify) sender: Address,
    pub(in crate::notify) recipients: Vec<Address>,
    /// Lines end in CR LF; dots are not stuffed.
    pub(in crate::notify) text: Vec<u8>,
}

/// Read the recipients (`channel`, with commas between them) and the sender (`username`).
pub(in crate::notify) fn addresses(to: Option<&str>, from: Option<&str>) -> Result<Addresses, ChannelError> {
    let error = |field, found: &str, remedy| ChannelError { field, found: found.to_owned(), remedy };
    let to = to.ok_or_else(|| error("channel", "it is missing", "give the recipients, with commas between them"))?;
    let to: Mailboxes = clean(to)
        .and_then(|to| to.parse().ok())
        .ok_or_else(|| error("channel", "a recipient is no mail address", "write a@example.com, B <b@example.com>"))?;
    match to.iter().count() {
        0 => return Err(error("channel", "it has no recipient", "give at least one")),
        1..=MAX_RECIPIENTS => {}
        _ => return Err(error("channel", "it has more than 16 recipients", "give a mailing list")),
    }
    let from = from.ok_or_else(|| error("username", "it is missing", "give the sender, as sslmonitor@example.com"))?;
    let from: Mailbox = clean(from)
        .and_then(|from| from.parse().ok())
        .ok_or_else(|| error("username", "the sender is no mail address", "write sslmonitor@example.com"))?;
    Ok(Addresses { from, to })
}

/// Mail addresses are ASCII here: not every server takes others (RFC 6531). Names may be anything in one line.
fn clean(text: &str) -> Option<&str> {
    (text.len() <= 4096 && !text.chars().any(char::is_control)).then(|| text.trim())
}

/// The message to be sent. `None` when an address cannot be written, which reading has ruled out.
pub(in crate::notify) fn letter(told: &Told<'_>, addresses: &Addresses) -> Option<Letter> {
    let message = told.message;
    let domain = addresses.from.email.domain();
    let thread = format!("<{}.incident@{domain}>", fingerprint(&message.incident));
    let id = fingerprint(&message.id);
    let mut builder = Mail::builder()
        .from(addresses.from.clone())
        .mailbox(To::from(addresses.to.clone()))
        .subject(fit(&told.headline(), SUBJECT, one_line))
        .date(SystemTime::from(message.at))
        .message_id(Some(format!("<{id}@{domain}>")))
        // The head of the thread is never sent; that all messages name it is what holds them together.
        .in_reply_to(thread.clone())
        .references(thread)
        // Keeps vacation notices away (RFC 3834).
        .raw_header(raw("Auto-Submitted", "auto-generated")?);
    if message.level == Level::Critical && matches!(message.kind, Kind::Problem | Kind::Reminder) {
        builder = builder.raw_header(raw("Importance", "high")?);
    }
    // `=_` is in no text that is quoted-printable (RFC 2045 §6.7).
    let parts = MultiPart::alternative()
        .boundary(format!("=_{id}"))
        .singlepart(part(ContentType::TEXT_PLAIN, text(told))?)
        .singlepart(part(ContentType::TEXT_HTML, page(told))?);
    let mail = builder.multipart(parts).ok()?;
    let envelope = mail.envelope();
    Some(Letter { sender: envelope.from()?.clone(), recipients: envelope.to().to_vec(), text: mail.formatted() })
}

fn raw(name: &'static str, value: &str) -> Option<HeaderValue> {
    let name = HeaderName::new_from_ascii(name.to_owned()).ok()?;
    Some(HeaderValue::new(name, value.to_owned()))
}

/// 32 hexadecimal digits that stand for a text of any form.
fn fingerprint(text: &str) -> String {
    let digest = digest::digest(&digest::SHA256, text.as_bytes());
    digest.as_ref().iter().take(16).fold(String::new(), |mut out, byte| {
        let _ = write!(out, "{byte:02x}");
        out
    })
}

fn part(content: ContentType, text: String) -> Option<SinglePart> {
    let body = Body::new_with_encoding(text, ContentTransferEncoding::QuotedPrintable).ok()?;
    Some(SinglePart::builder().header(content).body(body))
}

fn text(told: &Told<'_>) -> String {
    format!("{}\n\n{}\n", told.headline(), told.text())
}

fn page(told: &Told<'_>) -> String {
    let escaped = |text: &str| fit(text, usize::MAX, html);
    let paragraphs: String = told.paragraphs().iter().fold(String::new(), |mut out, line| {
        let _ = writeln!(out, "<p style=\"margin:0 0 8px\">{}</p>", escaped(line));
        out
    });
    let facts: String = told.facts().iter().fold(String::new(), |mut out, (name, value)| {
        let cell = "style=\"padding:2px 12px 2px 0;vertical-align:top\"";
        let _ = writeln!(out, "<tr><td {cell}><b>{name}</b></td><td {cell}>{}</td></tr>", escaped(value));
        out
    });
    let table = if facts.is_empty() { String::new() } else { format!("<table>\n{facts}</table>\n") };
    format!(
        "<!DOCTYPE html>\n<html><body style=\"font-family:sans-serif\">\n\
         <h2 style=\"border-left:6px solid #{:06x};padding-left:10px\">{}</h2>\n{paragraphs}{table}</body></html>\n",
        colour(told.message),
        escaped(&told.headline())
    )
}
