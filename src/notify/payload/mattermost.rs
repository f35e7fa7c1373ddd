//! Mattermost: an attachment (<https://developers.mattermost.com/integrate/reference/message-attachments/>), whose texts are Markdown
//! and would notify whom they mention.

use serde_json::{Value, json};

use super::{Request, set};
use crate::notify::{
    text::{fit, fit_lines, markdown},
    words::{Told, colour},
};

/// A post may have 16,383 characters; longer ones are cut apart.
const TITLE: usize = 256;
const TEXT: usize = 6000;
const VALUE: usize = 600;

pub(super) fn payload(told: &Told<'_>, channel: Option<&str>, username: Option<&str>) -> Request {
    let field =
        |(name, value): (&str, String)| json!({"short": true, "title": name, "value": fit(&value, VALUE, markdown)});
    let fields: Vec<Value> = told.facts().into_iter().map(field).collect();
    let headline = fit(&told.headline(), TITLE, markdown);
    let mut body = json!({
        "attachments": [{
            "fallback": headline,
            "color": format!("#{:06x}", colour(told.message)),
            "title": headline,
            // One line feed does not end a line in Markdown.
            "text": fit_lines(&told.paragraphs(), TEXT, markdown).replace('\n', "  \n"),
            "fields": fields,
        }],
    });
    set(&mut body, "channel", channel);
    set(&mut body, "username", username);
    Request::json("", &body)
}
