//! PagerDuty, Events API v2 (<https://developer.pagerduty.com/docs/events-api-v2-overview>): a problem triggers an incident, its
//! recovery resolves the same one; a change is a change event, which wakes nobody. A test triggers an incident of the level's severity,
//! which its recovery, or somebody, has to resolve.

use secrecy::{ExposeSecret as _, SecretString};
use serde_json::{Map, Value, json};

use super::Request;
use crate::notify::{
    Kind, Level,
    text::{fit, one_line, plain},
    words::{Told, place},
};

/// Limits of `summary` and `dedup_key`; an event may have 512 KB.
const SUMMARY: usize = 1024;
const KEY: usize = 255;
const TEXT: usize = 8000;

pub(super) fn payload(told: &Told<'_>, key: &SecretString) -> Request {
    match told.message.kind {
        Kind::Change => change(told, key),
        Kind::Recovery => Request::json(
            "/v2/enqueue",
            &json!({
                "routing_key": key.expose_secret(),
                "event_action": "resolve",
                "dedup_key": dedup_key(told),
            }),
        ),
        Kind::Problem | Kind::Reminder | Kind::Test => trigger(told, key),
    }
}

fn trigger(told: &Told<'_>, key: &SecretString) -> Request {
    let message = told.message;
    let subject = &message.subject;
    Request::json(
        "/v2/enqueue",
        &json!({
            "routing_key": key.expose_secret(),
            "event_action": "trigger",
            "dedup_key": dedup_key(told),
            "client": "ssl-monitor-operator",
            "payload": {
                "summary": fit(&told.title, SUMMARY, one_line),
                "source": fit(&place(message), SUMMARY, one_line),
                "severity": severity(message.level),
                "timestamp": message.since.to_string(),
                "component": format!("{}/{}", subject.namespace, subject.name),
                "group": subject.namespace,
                "class": message.reason,
                "custom_details": details(told),
            },
        }),
    )
}

/// <https://developer.pagerduty.com/docs/send-change-event>
fn change(told: &Told<'_>, key: &SecretString) -> Request {
    let message = told.message;
    Request::json(
        "/v2/change/enqueue",
        &json!({
            "routing_key": key.expose_secret(),
            "payload": {
                "summary": fit(&told.title, SUMMARY, one_line),
                "source": fit(&place(message), SUMMARY, one_line),
                "timestamp": message.at.to_string(),
                "custom_details": details(told),
            },
        }),
    )
}

fn dedup_key(told: &Told<'_>) -> String {
    fit(&told.message.incident, KEY, one_line)
}

fn severity(level: Level) -> &'static str {
    match level {
        Level::Info => "info",
        Level::Warning => "warning",
        Level::Critical => "critical",
    }
}

fn details(told: &Told<'_>) -> Map<String, Value> {
    let facts = told.facts().into_iter().map(|(name, value)| (name.to_owned(), Value::from(value)));
    let text = fit(&told.paragraphs().join("\n"), TEXT, plain);
    [("Details".to_owned(), Value::from(text))].into_iter().chain(facts).collect()
}
