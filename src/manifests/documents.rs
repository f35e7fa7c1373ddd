//! From a text to documents: YAML with several documents, JSON, and lists; one broken document does not hide the others.

use std::{iter, path::Path};

use serde::de::IgnoredAny;
use serde_json::{Deserializer, Value};
use serde_saphyr::UserMessageFormatter;

use super::{InputError, pruned::Pruned};

/// One object of an input.
#[derive(Debug, Clone, PartialEq)]
pub struct Document {
    /// File, document and item, for messages.
    pub place: String,
    /// The object.
    pub value: Value,
}

/// Documents, read one after the other as they are asked for: as values they take several times the space of their text.
pub type Documents<'a> = Box<dyn Iterator<Item = Result<Document, InputError>> + 'a>;

/// All documents of an input in their order. Empty ones are passed over, and lists are taken apart.
pub fn documents<'a>(name: &'a str, bytes: &'a [u8]) -> Documents<'a> {
    let Ok(text) = str::from_utf8(bytes) else {
        return Box::new(iter::once(Err(InputError::new(name, "is not UTF-8 text"))));
    };
    let values = if is_json(name, text) { json(name, text) } else { yaml(name, text) };
    Box::new(values.flat_map(items))
}

/// Whether a text is JSON. A flow mapping of YAML begins like it, and is told apart by its first value; and where JSON is only
/// one document of several, there are separators, which JSON has none of.
fn is_json(name: &str, text: &str) -> bool {
    let has_name = Path::new(name).extension().is_some_and(|end| end == "json");
    let is_yaml = || text.split_inclusive('\n').any(is_separator);
    let first = || Deserializer::from_str(text).into_iter::<IgnoredAny>().next();
    has_name || (text.trim_start().starts_with('{') && !is_yaml() && matches!(first(), Some(Ok(_))))
}

/// The values of a JSON text, also of several in a row.
fn json<'a>(name: &'a str, text: &'a str) -> Documents<'a> {
    let values = Deserializer::from_str(text).into_iter().enumerate();
    Box::new(values.map(move |(index, value)| {
        let place = place(name, index);
        match value {
            Ok(Pruned(value)) => Ok(Document { place, value }),
            Err(error) => Err(InputError::new(place, format!("is not valid JSON: {error}"))),
        }
    }))
}

fn yaml<'a>(name: &'a str, text: &'a str) -> Documents<'a> {
    let parts = split(text).into_iter().filter(|part| !part.is_blank());
    let read = parts.enumerate().map(move |(index, part)| {
        let place = place(name, index);
        match serde_saphyr::from_str_with_options(part.text, yaml_options()) {
            Ok(Pruned(value)) => Ok(Document { place, value }),
            Err(error) => Err(InputError::new(place, part.complaint(&error))),
        }
    });
    Box::new(read.filter(|document| !matches!(document, Ok(Document { value: Value::Null, .. }))))
}

/// The reader's limits, with room for a list of more than 10,000 monitors with their status in one document, and little for
/// aliases, which grow.
fn yaml_options() -> serde_saphyr::Options {
    serde_saphyr::options! {
        budget: serde_saphyr::budget! { max_nodes: 2_000_000, max_events: 8_000_000, max_recorded_anchor_events: 100_000 },
    }
}

fn place(name: &str, index: usize) -> String {
    format!("{name}, document {}", index + 1)
}

/// A part of a YAML text between two separators.
#[derive(Debug, PartialEq, Eq)]
struct Part<'a> {
    text: &'a str,
    /// How many lines of the text are before it.
    lines_before: u64,
}

/// Split a YAML text at its separators: lines that begin with `---` at their first column, where neither a scalar nor a collection
/// can go on (YAML 1.2.2 §9.1.2).
fn split(text: &str) -> Vec<Part<'_>> {
    let (mut parts, mut start, mut first_line) = (Vec::new(), 0, 0);
    let mut position = 0;
    for (line, content) in (0_u64..).zip(text.split_inclusive('\n')) {
        if is_separator(content) {
            parts.push(Part { text: &text[start..position], lines_before: first_line });
            (start, first_line) = (position, line);
        }
        position += content.len();
    }
    parts.push(Part { text: &text[start..], lines_before: first_line });
    parts
}

fn is_separator(line: &str) -> bool {
    line.strip_prefix("---").is_some_and(|rest| rest.is_empty() || rest.starts_with(char::is_whitespace))
}

/// The items of a list, else the document itself.
fn items<'a>(document: Result<Document, InputError>) -> Documents<'a> {
    let mut document = match document {
        Ok(document) => document,
        Err(error) => return Box::new(iter::once(Err(error))),
    };
    let is_list = matches!(
        document.value["kind"].as_str(),
        Some("List" | "SslMonitorList" | "NotificationChannelList" | "ProbeList")
    );
    match document.value.get_mut("items").map(Value::take) {
        Some(Value::Array(items)) if is_list => {
            let numbered = items.into_iter().enumerate();
            Box::new(numbered.map(move |(index, value)| {
                let place = format!("{}, item {}", document.place, index + 1);
                Ok(Document { place, value })
            }))
        }
        _ if is_list => Box::new(iter::once(Err(InputError::new(document.place, "items: must be a list")))),
        _ => Box::new(iter::once(Ok(document))),
    }
}

// === impl Document ===

impl Document {
    /// Whether it says to be of this kind, in whatever letters.
    pub fn is(&self, kind: &str) -> bool {
        self.value["kind"].as_str().is_some_and(|it| it.eq_ignore_ascii_case(kind))
    }
}

// === impl Part ===

impl Part<'_> {
    /// Whether there is nothing in it but comments, directives and a separator.
    fn is_blank(&self) -> bool {
        self.text.lines().all(|line| {
            let line = line.strip_prefix("---").unwrap_or(line).trim();
            line.is_empty() || line.starts_with('#') || line.starts_with('%') || line == "..."
        })
    }

    /// What is wrong, with the line of the whole text.
    fn complaint(&self, error: &serde_saphyr::Error) -> String {
        let message = error.without_snippet().render_with_formatter(&UserMessageFormatter);
        let Some(location) = error.location() else { return format!("is not valid YAML: {message}") };
        let message = message.split(" at line ").next().unwrap_or_default();
        format!("is not valid YAML: line {}: {message}", self.lines_before + location.line())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(name: &str, text: &str) -> Vec<String> {
        let shown = |document: Result<Document, InputError>| match document {
            Ok(document) => format!("{}: {}", document.place, document.value),
            Err(error) => error.to_string(),
        };
        documents(name, text.as_bytes()).map(shown).collect()
    }

    #[test]
    fn a_broken_document_does_not_hide_the_others() {
        assert_eq!(
            read("m.yaml", "# first\na: 1\n---\nb: [1,\nc: }\n---\nc: 3\n"),
            [
                "m.yaml, document 1: {\"a\":1}",
                "m.yaml, document 2: is not valid YAML: line 4: mismatched bracket '[' closed by '}'",
                "m.yaml, document 3: {\"c\":3}"
            ]
        );
    }

    #[test]
    fn empty_documents_are_passed_over() {
        let text = "---\n# only a comment\n---\n%YAML 1.2\n---\na: 1\n...\n---\n--- \n---\r\nb: 2\r\n---";
        assert_eq!(read("m.yaml", text), ["m.yaml, document 1: {\"a\":1}", "m.yaml, document 2: {\"b\":2}"]);
        assert_eq!(read("m.yaml", ""), Vec::<String>::new());
        assert_eq!(read("m.yaml", "# nothing\n"), Vec::<String>::new());
    }

    #[test]
    fn dashes_inside_a_scalar_separate_nothing() {
        assert_eq!(
            read("m.yaml", "pem: |\n  -----BEGIN CERTIFICATE-----\n  ---\n--- # next\nb: ----\n"),
            [
                "m.yaml, document 1: {\"pem\":\"-----BEGIN CERTIFICATE-----\\n---\\n\"}",
                "m.yaml, document 2: {\"b\":\"----\"}"
            ]
        );
    }

    #[test]
    fn json_may_come_several_in_a_row() {
        assert_eq!(
            read("standard input", "{\"a\": 1}\n\t{\"b\": 2}"),
            ["standard input, document 1: {\"a\":1}", "standard input, document 2: {\"b\":2}"]
        );
        assert_eq!(read("m.yaml", "{a: 1}"), ["m.yaml, document 1: {\"a\":1}"]);
        assert_eq!(
            read("m.json", "{\"a\": 1} {"),
            [
                "m.json, document 1: {\"a\":1}",
                "m.json, document 2: is not valid JSON: EOF while parsing an object at line 1 column 10"
            ]
        );
    }

    #[test]
    fn a_document_in_json_does_not_hide_those_after_it() {
        assert_eq!(
            read("m.yaml", "{\"a\": 1}\n---\nb: 2\n"),
            ["m.yaml, document 1: {\"a\":1}", "m.yaml, document 2: {\"b\":2}"]
        );
    }

    #[test]
    fn lists_are_taken_apart() {
        assert_eq!(
            read("m.yaml", "kind: List\nitems:\n- a: 1\n- b: 2\n---\nkind: List\nitems: 3\n"),
            [
                "m.yaml, document 1, item 1: {\"a\":1}",
                "m.yaml, document 1, item 2: {\"b\":2}",
                "m.yaml, document 2: items: must be a list"
            ]
        );
    }

    #[test]
    fn a_list_of_thousands_is_read_and_a_bomb_is_not() {
        let item = "- metadata: {name: a, labels: {a: b, c: d}}\n  spec: {domain: a.test, port: 443, enabled: true}\n";
        let list = format!("kind: List\nitems:\n{}", item.repeat(13_000));
        assert_eq!(documents("m.yaml", list.as_bytes()).flatten().count(), 13_000);
        let bomb = (1..9).fold("l0: &l0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned(), |text, level| {
            let below = format!("*l{}, ", level - 1).repeat(10);
            format!("{text}l{level}: &l{level} [{below}]\n")
        });
        let found: Vec<_> = documents("m.yaml", bomb.as_bytes()).collect();
        assert!(matches!(&found[..], [Err(_)]), "{} documents", found.len());
    }

    #[test]
    fn what_is_no_text_is_refused() {
        let found: Vec<_> = documents("m.yaml", &[0xff]).collect();
        assert_eq!(found, [Err(InputError::new("m.yaml", "is not UTF-8 text"))]);
    }
}
