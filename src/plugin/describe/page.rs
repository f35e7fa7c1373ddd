//! A page of text: a headline and sections of labelled sentences.

use std::fmt::Write as _;

use anstyle::Style;
use unicode_width::UnicodeWidthStr as _;

use crate::{output::wrapped, probe::text::escape};

/// Spaces before each label.
const INDENT: usize = 2;
/// Spaces between a label and its text.
const GAP: usize = 2;
/// A text has at least this many columns, however narrow the terminal is.
const NARROWEST: usize = 24;

/// A page of text.
#[derive(Debug)]
pub(super) struct Page {
    headline: String,
    style: Style,
    sections: Vec<Section>,
}

/// Labelled sentences under a title.
#[derive(Debug)]
pub(super) struct Section {
    title: &'static str,
    rows: Vec<(String, String)>,
}

// === impl Section ===

impl Section {
    pub(super) fn new(title: &'static str) -> Self {
        Self { title, rows: Vec::new() }
    }

    /// Add a sentence; an empty one says nothing. Both come from an object that others may write: they are shown escaped.
    pub(super) fn add(&mut self, label: &str, text: &str) {
        if !text.is_empty() {
            self.rows.push((escape(label), escape(text)));
        }
    }

    /// Add a sentence if there is one.
    pub(super) fn add_some(&mut self, label: &str, text: Option<String>) {
        if let Some(text) = text {
            self.add(label, &text);
        }
    }
}

// === impl Page ===

impl Page {
    pub(super) fn new(headline: &str, style: Style) -> Self {
        Self { headline: escape(headline), style: style.bold(), sections: Vec::new() }
    }

    /// Add a section, unless it is empty.
    pub(super) fn add(&mut self, section: Section) {
        if !section.rows.is_empty() {
            self.sections.push(section);
        }
    }

    pub(super) fn render(&self, width: Option<usize>) -> String {
        let labels = self.sections.iter().flat_map(|section| &section.rows).map(|(label, _)| label.width());
        let start = INDENT + labels.max().unwrap_or(0) + GAP;
        let room = width.map_or(usize::MAX, |width| width.saturating_sub(start).max(NARROWEST));
        let headline = wrapped(&self.headline, width.unwrap_or(usize::MAX)).join("\n");
        let mut page = format!("{}{headline}{:#}\n", self.style, self.style);
        for Section { title, rows } in &self.sections {
            page.push('\n');
            if !title.is_empty() {
                let bold = Style::new().bold();
                let _ = writeln!(page, "{bold}{title}{bold:#}");
            }
            page.extend(rows.iter().map(|(label, text)| row(label, text, start, room)));
        }
        page
    }
}

fn row(label: &str, text: &str, start: usize, room: usize) -> String {
    let lines = wrapped(text, room).join(&format!("\n{}", " ".repeat(start)));
    let padding = start.saturating_sub(INDENT + label.width());
    format!("{}{label}{}{lines}\n", " ".repeat(INDENT), " ".repeat(padding))
}
