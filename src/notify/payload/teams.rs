//! Microsoft Teams: an Adaptive Card for the Workflows trigger "when a Teams webhook request is received"
//! (<https://learn.microsoft.com/microsoftteams/platform/webhooks-and-connectors/how-to/add-incoming-webhook>).
//!
//! All text is in `TextRun`s: unlike `TextBlock` and `FactSet` they know no Markdown
//! (<https://adaptivecards.io/explorer/TextRun.html>).

use serde_json::{Value, json};

use super::Request;
use crate::notify::{
    Kind, Level,
    text::{fit, fit_lines, plain},
    words::Told,
};

/// A message may have 28 KB; texts of others can take three bytes for each of these.
const TITLE: usize = 256;
const TEXT: usize = 3000;
const FACT: usize = 400;

pub(super) fn payload(told: &Told<'_>) -> Request {
    let mut body = vec![line(&[json!({
        "type": "TextRun",
        "text": fit(&told.headline(), TITLE, plain),
        "size": "large",
        "weight": "bolder",
        "color": colour(told),
    })])];
    let text = fit_lines(&told.paragraphs(), TEXT, plain);
    body.extend(text.lines().map(|text| line(&[run(text, "default")])));
    body.extend(
        told.facts().into_iter().map(|(name, value)| {
            line(&[run(&format!("{name}: "), "bolder"), run(&fit(&value, FACT, plain), "default")])
        }),
    );
    Request::json(
        "",
        &json!({
            "type": "message",
            "attachments": [{
                "contentType": "application/vnd.microsoft.card.adaptive",
                "contentUrl": null,
                "content": {
                    "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
                    "type": "AdaptiveCard",
                    "version": "1.4",
                    "body": body,
                    "msteams": {"width": "Full"},
                },
            }],
        }),
    )
}

fn line(inlines: &[Value]) -> Value {
    json!({"type": "RichTextBlock", "inlines": inlines})
}

fn run(text: &str, weight: &str) -> Value {
    json!({"type": "TextRun", "text": text, "weight": weight})
}

fn colour(told: &Told<'_>) -> &'static str {
    match (told.message.kind, told.message.level) {
        (Kind::Recovery, _) => "good",
        (Kind::Change | Kind::Test, _) | (_, Level::Info) => "accent",
        (_, Level::Warning) => "warning",
        (_, Level::Critical) => "attention",
    }
}
