//! Any text for a manifest: each of its documents is checked or named with what is wrong, none hides the next one, and a small
//! text stays small.
#![no_main]

use std::fmt::Debug;

use libfuzzer_sys::fuzz_target;
use serde_json::Value;
use ssl_monitor_operator::{
    api::{FieldError, NotificationChannel, validate, validate_channel},
    check::fuzzing::{Taken, read},
};
use ssl_monitor_operator_fuzz::seen::assert_visible;

/// The kinds of objects that are looked for.
const KINDS: [&str; 2] = ["SslMonitor", "NotificationChannel"];
/// From so many bytes on a value is looked for in what is said.
const LONG: usize = 12;
/// What is said of Secrets.
const SENTENCES: [&str; 4] = [
    "m.yaml, document 1, item 1: ",
    "must be text; write it in quotes",
    "must be text in base64; in stringData it is written as it is",
    "is no Secret: its metadata, type, data or stringData are not of the right form",
];

/// A document that is never wrong, to be put after others.
const GOOD: &str =
    "\n---\napiVersion: sslmonitor.io/v1\nkind: SslMonitor\nmetadata: {name: last}\nspec: {domain: last.test}\n";

fuzz_target!(|text: &str| {
    let mut size = Size::default();
    for name in ["m.yaml", "m.json"] {
        for taken in read(name, text.as_bytes()) {
            check(&taken);
            taken.value.iter().for_each(|value| size.add(value));
        }
    }
    // Twice for the two readings; what aliases add has limits of its own.
    assert!(size.values <= 2 * (text.len() + 1) + 1_000_000, "{} values of {} bytes", size.values, text.len());
    assert!(size.bytes <= 2 * text.len() + 64 * 1024 * 1024, "{} bytes of {}", size.bytes, text.len());
    let followed = format!("{text}{GOOD}");
    let last = read("m.yaml", followed.as_bytes()).last().expect("there is a document");
    let found: Vec<_> = last.monitors.iter().map(|monitor| monitor.spec.domain.as_str()).collect();
    assert_eq!((found, last.errors), (vec!["last.test"], vec![]), "the last document is hidden");
});

/// One way or another, each document is heard of; other kinds of objects are passed over.
fn check(taken: &Taken) {
    for error in &taken.errors {
        assert_visible(error);
        assert!(error.len() <= 1200, "{} bytes: {error}", error.len());
        assert!(error.starts_with("m."), "it does not say where: {error}");
    }
    let kind = taken.value.as_ref().and_then(|value| value["kind"].as_str());
    let is_known = kind.is_none_or(|kind| KINDS.iter().any(|known| kind.eq_ignore_ascii_case(known)));
    let count = taken.monitors.len() + taken.channels.len();
    assert_eq!(taken.is_seen, !taken.errors.is_empty() || count > 0 || taken.is_seen && !is_known);
    assert!(count <= 1 && (count == 0 || taken.errors.is_empty()), "{taken:?}");
    assert!(!is_known || (count == 0) != taken.errors.is_empty(), "{taken:?}");
    taken.monitors.iter().for_each(|monitor| assert_stays(monitor, serde_json::to_value(monitor), validate));
    taken.channels.iter().for_each(|channel| assert_stays(channel, serde_json::to_value(channel), validate_channel));
    let Some(value) = &taken.value else { return };
    assert_eq!(validate(value.clone()).is_ok(), !taken.monitors.is_empty(), "{value}");
    let is_nameless = |channel: NotificationChannel| channel.metadata.name.is_none_or(|name| name.is_empty());
    let is_channel = validate_channel(value.clone()).is_ok_and(|channel| !is_nameless(channel));
    assert_eq!(is_channel, !taken.channels.is_empty(), "{value}");
    if kind == Some("Secret") {
        taken.errors.iter().for_each(|error| assert_silent(error, value));
    }
}

/// What is said of a Secret has none of its values. Those that are short may be in any sentence.
fn assert_silent(error: &str, secret: &Value) {
    let maps: Vec<_> = ["data", "stringData"].iter().filter_map(|field| secret[*field].as_object()).collect();
    let is_said = |text: &str| {
        SENTENCES.iter().any(|said| said.contains(text))
            || maps.iter().any(|map| map.keys().any(|key| key.contains(text)))
    };
    let texts = maps.iter().flat_map(|map| map.values()).filter_map(Value::as_str);
    let hidden = texts.filter(|text| text.len() >= LONG && !is_said(text));
    hidden.for_each(|text| assert!(!error.contains(text), "{error}"));
}

/// What was accepted is accepted as it is written again, and is then the same.
fn assert_stays<T: Debug + PartialEq>(
    object: &T,
    written: serde_json::Result<Value>,
    validate: fn(Value) -> Result<T, Vec<FieldError>>,
) {
    let written = written.expect("its maps have strings as keys");
    assert_eq!(validate(written.clone()).as_ref(), Ok(object), "{written}");
}

/// How much memory a value takes, in values and in bytes of text.
#[derive(Default)]
struct Size {
    values: usize,
    bytes: usize,
}

impl Size {
    fn add(&mut self, value: &Value) {
        self.values += 1;
        match value {
            Value::String(text) => self.bytes += text.len(),
            Value::Array(items) => items.iter().for_each(|item| self.add(item)),
            Value::Object(fields) => fields.iter().for_each(|(name, field)| {
                self.bytes += name.len();
                self.add(field);
            }),
            _ => {}
        }
    }
}
