//! `kubectl sslmonitor import`: manifests out of what others watch certificates with.

mod draft;
mod hosted;
mod lines;
mod probe;

use std::{
    collections::{BTreeMap, btree_map::Entry},
    io::{self, Write as _},
};

use serde_json::Value;

use self::draft::Draft;
use super::{DONE, FAILED};
use crate::{
    api::validate,
    cli::ImportArgs,
    manifests::{Document, InputError, documents, name, read},
    output::{Tolerant, complain},
};

/// What was made of an input.
#[derive(Debug, Default)]
struct Imported {
    manifests: Vec<Value>,
    /// What was left out of a manifest, or changed.
    warnings: Vec<InputError>,
    /// What no manifest could be made of.
    errors: Vec<InputError>,
    /// By namespace and name: where it comes from, and what it watches.
    known: BTreeMap<(Option<String>, String), (String, String)>,
}

/// Read the file, and write manifests to stdout; what is wrong is said on stderr.
pub(super) fn run(args: &ImportArgs) -> io::Result<u8> {
    let mut imported = Imported::default();
    match read(&args.file) {
        Ok(bytes) => imported.take_all(&name(&args.file), &bytes, args),
        Err(error) => imported.errors.push(error),
    }
    imported.warnings.iter().for_each(|warning| complain(format_args!("warning: {warning}")));
    imported.errors.iter().for_each(|error| complain(format_args!("error: {error}")));
    let mut out = Tolerant::new(io::stdout().lock());
    for (index, manifest) in imported.manifests.iter().enumerate() {
        let text = serde_saphyr::to_string(manifest).map_err(io::Error::other)?;
        write!(out, "{}{text}", if index == 0 { "" } else { "---\n" })?;
    }
    out.flush()?;
    Ok(if imported.errors.is_empty() { DONE } else { FAILED })
}

// === impl Imported ===

impl Imported {
    fn take_all(&mut self, name: &str, bytes: &[u8], args: &ImportArgs) {
        match str::from_utf8(bytes) {
            Ok(text) if lines::is_list(text) => lines::drafts(name, text).for_each(|draft| self.take(draft)),
            _ => documents(name, bytes).for_each(|document| match document {
                Ok(document) => self.take_document(document, args),
                Err(error) => self.errors.push(error),
            }),
        }
        if self.manifests.is_empty() && self.errors.is_empty() {
            self.errors.push(InputError::new(name, "holds no domain"));
        }
    }

    fn take_document(&mut self, document: Document, args: &ImportArgs) {
        let Document { place, value } = document;
        match value {
            Value::Array(items) => {
                let place = |index: usize| format!("{place}, item {}", index + 1);
                let items = items.into_iter().enumerate();
                items.for_each(|(index, value)| self.take_document(Document { place: place(index), value }, args));
            }
            value if value["kind"] == "Probe" => probe::drafts(&place, &value).into_iter().for_each(|it| self.take(it)),
            value if value["domain"].is_string() && value.get("kind").is_none() => {
                self.take(hosted::draft(&place, &value, args));
            }
            mut value => match hosted::page(&mut value) {
                Some(items) => self.take_document(Document { place, value: items }, args),
                None => self.errors.push(unknown(&place, &value)),
            },
        }
    }

    fn take(&mut self, draft: Result<Draft, InputError>) {
        match draft.map(|mut draft| (std::mem::take(&mut draft.warnings), draft)) {
            Ok((warnings, draft)) => {
                self.warnings.extend(warnings);
                self.add(draft);
            }
            Err(error) => self.errors.push(error),
        }
    }

    fn add(&mut self, draft: Draft) {
        let key = (draft.namespace.clone(), draft.name());
        let (place, target) = (draft.place.clone(), draft.target());
        let manifest = draft.manifest();
        if let Err(faults) = validate(manifest.clone()) {
            self.errors.extend(InputError::of_fields(&place, "", faults));
            return;
        }
        match self.known.entry(key) {
            Entry::Vacant(entry) => {
                entry.insert((place, target));
                self.manifests.push(manifest);
            }
            Entry::Occupied(entry) => {
                let (first, known) = entry.get();
                if *known == target {
                    self.warnings
                        .push(InputError::new(place, format!("{target} is left out: it is there already ({first})")));
                } else {
                    let name = &entry.key().1;
                    let text = format!(
                        "{target} would have the name {name}, which {known} has already ({first}); make its manifest by hand"
                    );
                    self.errors.push(InputError::new(place, text));
                }
            }
        }
    }
}

fn unknown(place: &str, value: &Value) -> InputError {
    let what = match value["kind"].as_str() {
        Some("SslMonitor") => "is an SslMonitor already: apply it as it is".to_owned(),
        Some(kind) => {
            format!("is a {kind}: what can be imported are Probes, JSON of a hosted monitor, and lists of domains")
        }
        None => "is neither a Probe nor a hosted monitor with a domain, nor a list of either".to_owned(),
    };
    InputError::new(place, what)
}

#[cfg(test)]
mod tests;
