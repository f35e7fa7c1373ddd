//! One report per output format.

mod json;
mod junit;
mod table;
mod yaml;

use std::io::{self, Write};

use self::{json::Json, junit::Junit, table::Table, yaml::Yaml};
use crate::{api::SslMonitor, cli::Format};

/// Takes results in the order of the input, and writes them at once or in the end.
pub(super) trait Report {
    /// Take one checked monitor.
    fn add(&mut self, monitor: SslMonitor) -> io::Result<()>;

    /// Nothing more comes.
    fn finish(&mut self) -> io::Result<()>;
}

/// A report of `count` monitors.
pub(super) fn report<'a>(format: Format, count: usize, out: impl Write + 'a) -> Box<dyn Report + 'a> {
    match format {
        Format::Table => Box::new(Table::narrow(out)),
        Format::Wide => Box::new(Table::wide(out)),
        Format::Json => Box::new(Json::new(out, count)),
        Format::Yaml => Box::new(Yaml::new(out, count)),
        Format::Junit => Box::new(Junit::new(out)),
    }
}

/// Whether results appear one after the other, not all in the end.
pub(super) fn is_streamed(format: Format) -> bool {
    matches!(format, Format::Json | Format::Yaml)
}

/// Write a text with every line after the first indented by `indent`.
fn write_indented(out: &mut impl Write, text: &str, indent: &str) -> io::Result<()> {
    for (index, line) in text.lines().enumerate() {
        let start = if index == 0 || line.is_empty() { "" } else { indent };
        write!(out, "{}{start}{line}", if index == 0 { "" } else { "\n" })?;
    }
    Ok(())
}
