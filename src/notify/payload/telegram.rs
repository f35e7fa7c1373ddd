//! Telegram: `sendMessage` of a bot (<https://core.telegram.org/bots/api#sendmessage>).

use secrecy::{ExposeSecret as _, SecretString};
use serde_json::json;

use super::Request;
use crate::notify::{
    text::{fit, fit_lines, telegram},
    words::Told,
};

/// A text may have 4096 characters; so have these together with what stands around them.
const TITLE: usize = 256;
const TEXT: usize = 2200;
const VALUE: usize = 240;

pub(super) fn payload(told: &Told<'_>, token: &SecretString, chat: &str) -> Request {
    let title = format!("<b>{}</b>", fit(&told.headline(), TITLE, telegram));
    let facts =
        told.facts().into_iter().map(|(name, value)| format!("<b>{name}</b>: {}", fit(&value, VALUE, telegram)));
    let paragraphs = [title, fit_lines(&told.paragraphs(), TEXT, telegram), facts.collect::<Vec<_>>().join("\n")];
    let text: Vec<String> = paragraphs.into_iter().filter(|paragraph| !paragraph.is_empty()).collect();
    let body = json!({
        "chat_id": chat,
        "text": text.join("\n\n"),
        "parse_mode": "HTML",
        "link_preview_options": {"is_disabled": true},
    });
    Request::json(format!("/bot{}/sendMessage", token.expose_secret()), &body)
}
