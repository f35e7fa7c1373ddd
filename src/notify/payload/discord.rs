//! Discord: an embed (<https://discord.com/developers/docs/resources/webhook#execute-webhook>), which mentions nobody.

use serde_json::{Value, json};

use super::{Request, set};
use crate::notify::{
    text::{fit, fit_lines, markdown},
    words::{Told, colour},
};

/// Limits of an embed (<https://discord.com/developers/docs/resources/message#embed-object-embed-limits>). All texts together may
/// have 6000; with six facts, these do.
const TITLE: usize = 256;
const DESCRIPTION: usize = 3000;
const VALUE: usize = 400;

pub(super) fn payload(told: &Told<'_>, username: Option<&str>) -> Request {
    let field =
        |(name, value): (&str, String)| json!({"name": name, "value": fit(&value, VALUE, markdown), "inline": true});
    let fields: Vec<Value> =
        told.facts().into_iter().filter(|(_, value)| !value.trim().is_empty()).map(field).collect();
    let mut body = json!({
        "embeds": [{
            "title": fit(&told.headline(), TITLE, markdown),
            "description": fit_lines(&told.paragraphs(), DESCRIPTION, markdown),
            "color": colour(told.message),
            "fields": fields,
            "timestamp": told.message.at.to_string(),
        }],
        "allowed_mentions": {"parse": []},
    });
    set(&mut body, "username", username);
    Request::json("", &body)
}
