//! Slack: the headline, which notifications show, too, and an attachment of blocks, by an incoming webhook or by `chat.postMessage`
//! (<https://docs.slack.dev/reference/methods/chat.postMessage>).
//!
//! In the attachment all text is `plain_text`, in which nothing is markup; in the headline markup is off, and what would be an
//! address or a mention all the same is escaped.

use serde_json::{Value, json};

use super::{Request, set};
use crate::notify::{
    text::{self, fit, fit_lines, plain},
    words::{Told, colour},
};

/// Of a section, a field of a section (<https://docs.slack.dev/reference/block-kit/blocks>), and of the top-level text, where 4000
/// is what is recommended.
const SECTION: usize = 3000;
const FIELD: usize = 2000;
const TEXT: usize = 4000;

pub(super) fn payload(told: &Told<'_>, channel: Option<&str>, username: Option<&str>, bot: bool) -> Request {
    let mut blocks = Vec::new();
    let paragraphs = fit_lines(&told.paragraphs(), SECTION, plain);
    // An empty text is refused.
    if !paragraphs.trim().is_empty() {
        blocks.push(json!({"type": "section", "text": plain_text(&paragraphs)}));
    }
    let field = |(name, value)| plain_text(&fit(&format!("{name}\n{value}"), FIELD, plain));
    let fields: Vec<Value> = told.facts().into_iter().map(field).collect();
    if !fields.is_empty() {
        blocks.push(json!({"type": "section", "fields": fields}));
    }
    let mut body = json!({
        "text": fit(&told.headline(), TEXT, text::slack),
        "mrkdwn": false,
        "unfurl_links": false,
        "unfurl_media": false,
    });
    if !blocks.is_empty() {
        body["attachments"] = json!([{"color": format!("#{:06x}", colour(told.message)), "blocks": blocks}]);
    }
    if bot {
        body["link_names"] = false.into();
        body["parse"] = "none".into();
    }
    set(&mut body, "channel", channel);
    set(&mut body, "username", username);
    let mut request = Request::json("", &body);
    request.content_type = "application/json; charset=utf-8";
    request
}

fn plain_text(text: &str) -> Value {
    json!({"type": "plain_text", "text": text, "emoji": false})
}
