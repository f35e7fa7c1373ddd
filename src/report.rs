//! REPORT: checked monitors as tables, JSON, YAML and JUnit reports, and what a status means to the one who asked.

mod json;
mod junit;
mod result;
mod table;
mod yaml;

use std::io::{self, Write};

pub use self::{
    json::Json,
    junit::Junit,
    result::{Verdict, sentence, summary, verdict},
    table::{NONE, Table, addresses, expiry, findings, or_none},
    yaml::Yaml,
};
use crate::api::SslMonitor;

/// Takes results in the order of the input, and writes them at once or in the end.
pub trait Report {
    /// Take one checked monitor.
    ///
    /// # Errors
    /// When it cannot be written.
    fn add(&mut self, monitor: SslMonitor) -> io::Result<()>;

    /// Nothing more comes.
    ///
    /// # Errors
    /// When what is left cannot be written.
    fn finish(&mut self) -> io::Result<()>;
}

/// Write a text with every line after the first indented by `indent`.
fn write_indented(out: &mut impl Write, text: &str, indent: &str) -> io::Result<()> {
    for (index, line) in text.lines().enumerate() {
        let start = if index == 0 || line.is_empty() { "" } else { indent };
        write!(out, "{}{start}{line}", if index == 0 { "" } else { "\n" })?;
    }
    Ok(())
}
