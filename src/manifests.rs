//! MANIFESTS: objects from files, directories and standard input, one after the other; what is wrong with one hides no other.

mod documents;
mod input;
mod materials;
mod pruned;

use std::{
    io,
    path::{Path, PathBuf},
};

pub use self::{
    documents::{Document, Documents, documents},
    input::{name, read},
    materials::{Materials, missing},
};
use crate::{
    api::{DEFAULT_PORT, FieldError},
    probe::{
        Host,
        text::{clean, clean_to, escape},
    },
};

/// The most bytes of what is said about one fault of an input.
const MAX_MESSAGE: usize = 1024;

/// What is wrong with an input. Inputs may be other people's (a merge request): names and quotes from them are shown escaped.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}: {}", escape(place), clean_to(message, MAX_MESSAGE))]
pub struct InputError {
    /// File, document and item.
    place: String,
    message: String,
}

/// What became of a document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Taken {
    /// It is of use.
    Used,
    /// It is none of those that are looked for.
    PassedOver,
    /// It is one of them, and wrong.
    Wrong(Vec<InputError>),
}

/// Hand every document of these files and directories to `take`. Returns what is wrong with any of them; an argument that has nothing
/// of use is wrong, too: it holds no `wanted`.
pub fn gather(paths: &[PathBuf], wanted: &str, mut take: impl FnMut(Document) -> Taken) -> Vec<InputError> {
    let mut errors = Vec::new();
    for path in paths {
        let mut is_of_use = false;
        let found = errors.len();
        read_argument(path, &mut take, &mut |taken| match taken {
            Taken::Used => is_of_use = true,
            Taken::PassedOver => {}
            Taken::Wrong(faults) => errors.extend(faults),
        });
        if !is_of_use && errors.len() == found {
            errors.push(InputError::holds_no(wanted, path));
        }
    }
    errors
}

fn read_argument(path: &Path, take: &mut impl FnMut(Document) -> Taken, note: &mut impl FnMut(Taken)) {
    let files = match input::files(path) {
        Ok(files) => files,
        Err(error) => return note(error.into()),
    };
    for file in files {
        match read(&file) {
            Ok(bytes) => {
                documents(&name(&file), &bytes)
                    .for_each(|document| note(document.map_or_else(Taken::from, &mut *take)));
            }
            Err(error) => note(error.into()),
        }
    }
}

/// A name that Kubernetes accepts, so that what is printed can be applied: that of the host, and of the port where it is not 443.
pub fn object_name(host: &Host, port: u16) -> String {
    let host = match host {
        Host::Address(address) => format!("ip-{}", address.to_string().replace([':', '.'], "-").trim_matches('-')),
        Host::Name(name) => name.clone(),
    };
    if port == DEFAULT_PORT { host } else { format!("{host}-{port}") }
}

// === impl Taken ===

impl From<InputError> for Taken {
    fn from(error: InputError) -> Self {
        Self::Wrong(vec![error])
    }
}

// === impl InputError ===

impl InputError {
    /// What is wrong at this place.
    pub fn new(place: impl Into<String>, message: impl Into<String>) -> Self {
        Self { place: place.into(), message: message.into() }
    }

    /// What is wrong with the fields of a document; `when` begins each sentence.
    pub fn of_fields(place: &str, when: &str, faults: Vec<FieldError>) -> Vec<Self> {
        let fault = |FieldError { path, message }| {
            // Cut apart, so that an endless name does not hide what is wrong with it.
            let fault = FieldError { path: clean(&path), message };
            Self::new(place, format!("{when}{fault}"))
        };
        faults.into_iter().map(fault).collect()
    }

    /// An argument has none of those objects that are looked for.
    pub fn holds_no(wanted: &str, path: &Path) -> Self {
        Self::new(name(path), format!("holds no {wanted}"))
    }

    fn unreadable(path: &Path, error: &io::Error) -> Self {
        Self::new(name(path), format!("cannot be read: {error}"))
    }
}
