//! Any text for a manifest: each of its documents is checked or named with what is wrong, none hides the next one, and a small
//! text stays small.
#![no_main]

use libfuzzer_sys::fuzz_target;
use serde_json::Value;
use ssl_monitor_operator::{
    api::{SslMonitor, validate},
    check::fuzzing::{Taken, read},
};
use ssl_monitor_operator_fuzz::seen::assert_visible;

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
    let is_known = kind.is_none_or(|kind| kind.eq_ignore_ascii_case("SslMonitor"));
    assert_eq!(taken.is_seen, !taken.errors.is_empty() || !taken.monitors.is_empty() || taken.is_seen && !is_known);
    assert!(taken.monitors.len() <= 1 && (taken.monitors.is_empty() || taken.errors.is_empty()), "{taken:?}");
    assert!(!is_known || taken.monitors.is_empty() != taken.errors.is_empty(), "{taken:?}");
    taken.monitors.iter().for_each(assert_stays);
    if let Some(value) = &taken.value {
        assert_eq!(validate(value.clone()).is_ok(), !taken.monitors.is_empty(), "{value}");
    }
}

/// What was accepted is accepted as it is written again, and is then the same.
fn assert_stays(monitor: &SslMonitor) {
    let written = serde_json::to_value(monitor).expect("its maps have strings as keys");
    assert_eq!(validate(written.clone()).as_ref(), Ok(monitor), "{written}");
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
