//! A way in for the fuzzer to the reader of manifests. It is compiled only with `--cfg fuzzing`.

use std::{ffi::OsString, sync::LazyLock};

use clap::{Args as _, Command, FromArgMatches as _};
use serde_json::Value;

use super::manifests::Manifests;
use crate::{
    api::{NotificationChannel, SslMonitor},
    cli::CheckArgs,
    manifests::{Document, Taken as Became, documents},
};

/// What became of one document of an input.
#[derive(Debug, Clone)]
pub struct Taken {
    /// The document itself; `None` when it was not readable.
    pub value: Option<Value>,
    /// The monitors that are to be checked for it.
    pub monitors: Vec<SslMonitor>,
    /// The channels that are to be told for it.
    pub channels: Vec<NotificationChannel>,
    /// What is said of it.
    pub errors: Vec<String>,
    /// Whether it was of use, or wrong: everything else is passed over.
    pub is_seen: bool,
}

/// Read an input as `sslmonitor check -f NAME --notify` does, and take each of its documents by itself.
pub fn read<'a>(name: &'a str, bytes: &'a [u8]) -> impl Iterator<Item = Taken> + 'a {
    documents(name, bytes).map(|document| match document {
        Ok(document) => take(document),
        Err(error) => Taken {
            value: None,
            monitors: Vec::new(),
            channels: Vec::new(),
            errors: vec![error.to_string()],
            is_seen: true,
        },
    })
}

fn take(document: Document) -> Taken {
    let value = document.value.clone();
    let mut found = Manifests::default();
    let became = found.take(document, &ARGUMENTS);
    let is_seen = became != Became::PassedOver;
    let errors = match became {
        Became::Wrong(errors) => errors.iter().map(ToString::to_string).collect(),
        Became::Used | Became::PassedOver => Vec::new(),
    };
    Taken { value: Some(value), monitors: found.monitors, channels: found.channels, errors, is_seen }
}

/// `check -f - --notify` without other options.
static ARGUMENTS: LazyLock<CheckArgs> = LazyLock::new(|| {
    let line = ["check", "-f", "-", "--notify"].map(OsString::from);
    let matches = CheckArgs::augment_args(Command::new("check")).get_matches_from(line);
    CheckArgs::from_arg_matches(&matches).expect("the line has what is required")
});
