//! Opsgenie, alert API v2 (<https://docs.opsgenie.com/docs/alert-api>): a problem creates the alert with the incident as alias, its
//! recovery closes it.

use serde_json::{Map, Value, json};

use super::{Request, cloudevents::encoded};
use crate::notify::{
    Kind, Level,
    text::{fit, fit_lines, one_line, plain},
    words::{Told, kind_word, level_word, place},
};

/// Limits of the API.
const MESSAGE: usize = 130;
const ALIAS: usize = 512;
const DESCRIPTION: usize = 15_000;
const ENTITY: usize = 512;
const NOTE: usize = 25_000;
const TAG: usize = 50;
/// `details` may have 8000 characters in all; there are at most six.
const DETAIL: usize = 1000;
const SOURCE: &str = "ssl-monitor-operator";

pub(super) fn payload(told: &Told<'_>) -> Request {
    let message = told.message;
    let alias = fit(&message.incident, ALIAS, one_line);
    if message.kind == Kind::Recovery {
        let note = fit(&format!("{}\n{}", told.headline(), told.text()), NOTE, plain);
        let path = format!("/v2/alerts/{}/close?identifierType=alias", encoded(&alias));
        return Request::json(path, &json!({"source": SOURCE, "note": note}));
    }
    let facts = told.facts().into_iter();
    let details: Map<String, Value> =
        facts.map(|(name, value)| (name.to_owned(), Value::from(fit(&value, DETAIL, plain)))).collect();
    let tags = ["sslmonitor", kind_word(message.kind), level_word(message.level), &message.reason];
    Request::json(
        "/v2/alerts",
        &json!({
            "message": fit(&told.title, MESSAGE, one_line),
            "alias": alias,
            "description": fit_lines(&told.paragraphs(), DESCRIPTION, plain),
            "details": details,
            "entity": fit(&place(message), ENTITY, one_line),
            "source": SOURCE,
            "tags": tags.map(|tag| fit(tag, TAG, one_line)),
            "priority": priority(message.kind, message.level),
        }),
    )
}

fn priority(kind: Kind, level: Level) -> &'static str {
    match (kind, level) {
        (Kind::Test | Kind::Change, _) | (_, Level::Info) => "P5",
        (_, Level::Warning) => "P3",
        (_, Level::Critical) => "P1",
    }
}
