//! Google Chat: a card, in one thread for each incident
//! (<https://developers.google.com/workspace/chat/api/reference/rest/v1/spaces.messages/create>).

use serde_json::{Value, json};

use super::Request;
use crate::notify::{
    text::{fit, fit_lines, html, one_line, plain},
    words::Told,
};

/// A message may have 32,000 bytes.
const TITLE: usize = 200;
const TEXT: usize = 3000;
const FACT: usize = 400;
/// Of a thread's key (<https://developers.google.com/workspace/chat/api/reference/rest/v1/spaces.messages#Thread>).
const THREAD: usize = 4000;

pub(super) fn payload(told: &Told<'_>) -> Request {
    let fact = |(name, value): (&str, String)| json!({"decoratedText": {"topLabel": name, "text": fit(&value, FACT, html), "wrapText": true}});
    // The text of widgets has tags like HTML; titles and `fallbackText` are plain.
    let text = fit_lines(&told.paragraphs(), TEXT, html).replace('\n', "<br>");
    let mut widgets: Vec<Value> = Vec::new();
    if !text.trim().is_empty() {
        widgets.push(json!({"textParagraph": {"text": text}}));
    }
    widgets.extend(told.facts().into_iter().map(fact));
    // A section without widgets is refused.
    if widgets.is_empty() {
        widgets.push(json!({"textParagraph": {"text": fit(&told.title, TITLE, html)}}));
    }
    let body = json!({
        "fallbackText": fit(&told.headline(), TITLE, one_line),
        "cardsV2": [{
            "cardId": fit(&told.message.id, 64, one_line),
            "card": {
                "header": {"title": fit(&told.headline(), TITLE, one_line)},
                "sections": [{"widgets": widgets}],
            },
        }],
        "thread": {"threadKey": fit(&told.message.incident, THREAD, plain)},
    });
    // Without this option the thread would be ignored. The address has key and token as its query already.
    Request::json("&messageReplyOption=REPLY_MESSAGE_FALLBACK_TO_NEW_THREAD", &body)
}
