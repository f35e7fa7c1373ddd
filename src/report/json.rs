//! `-o json`: `SslMonitors` with their status; a `List` when there are several.

use std::io::{self, Write};

use serde::Serialize as _;
use serde_json::ser::{PrettyFormatter, Serializer};

use super::{Report, write_indented};
use crate::api::SslMonitor;

/// As kubectl indents.
const INDENT: &str = "    ";
const ITEM_INDENT: &str = "        ";

/// `SslMonitors` as JSON, one after the other.
#[derive(Debug)]
pub struct Json<W> {
    out: W,
    /// Whether the monitors are items of a list.
    is_list: bool,
    written: usize,
}

// === impl Json ===

impl<W: Write> Json<W> {
    /// A report of `count` monitors: one stands alone, several are a `List`.
    pub fn new(out: W, count: usize) -> Self {
        Self { out, is_list: count != 1, written: 0 }
    }

    /// A report that is a `List` however many there are.
    pub fn list(out: W) -> Self {
        Self { out, is_list: true, written: 0 }
    }
}

impl<W: Write> Report for Json<W> {
    fn add(&mut self, monitor: SslMonitor) -> io::Result<()> {
        let text = pretty(&monitor)?;
        if !self.is_list {
            return writeln!(self.out, "{text}");
        }
        let before = if self.written == 0 { HEAD } else { ",\n" };
        write!(self.out, "{before}{ITEM_INDENT}")?;
        self.written += 1;
        write_indented(&mut self.out, &text, ITEM_INDENT)
    }

    fn finish(&mut self) -> io::Result<()> {
        match (self.is_list, self.written) {
            (true, 0) => writeln!(self.out, "{HEAD}{INDENT}]\n}}")?,
            (true, _) => writeln!(self.out, "\n{INDENT}]\n}}")?,
            (false, _) => {}
        }
        self.out.flush()
    }
}

const HEAD: &str = "{\n    \"apiVersion\": \"v1\",\n    \"kind\": \"List\",\n    \"items\": [\n";

fn pretty(monitor: &SslMonitor) -> io::Result<String> {
    let mut bytes = Vec::new();
    monitor.serialize(&mut Serializer::with_formatter(&mut bytes, PrettyFormatter::with_indent(INDENT.as_bytes())))?;
    String::from_utf8(bytes).map_err(io::Error::other)
}
