//! `-o yaml`: `SslMonitors` with their status; a `List` when there are several.

use std::io::{self, Write};

use super::{Report, write_indented};
use crate::api::SslMonitor;

/// `SslMonitors` as YAML, one after the other.
#[derive(Debug)]
pub struct Yaml<W> {
    out: W,
    /// Whether the monitors are items of a list.
    is_list: bool,
    written: usize,
}

// === impl Yaml ===

impl<W: Write> Yaml<W> {
    /// A report of `count` monitors: one stands alone, several are a `List`.
    pub fn new(out: W, count: usize) -> Self {
        Self { out, is_list: count != 1, written: 0 }
    }

    /// A report that is a `List` however many there are.
    pub fn list(out: W) -> Self {
        Self { out, is_list: true, written: 0 }
    }
}

impl<W: Write> Report for Yaml<W> {
    fn add(&mut self, monitor: SslMonitor) -> io::Result<()> {
        // One line per value, also for long ones: what a line-wise reader (grep) expects.
        let options = serde_saphyr::ser_options! { prefer_block_scalars: false };
        let text = serde_saphyr::to_string_with_options(&monitor, options).map_err(io::Error::other)?;
        if !self.is_list {
            return self.out.write_all(text.as_bytes());
        }
        write!(self.out, "{}- ", if self.written == 0 { HEAD } else { "" })?;
        self.written += 1;
        write_indented(&mut self.out, &text, "  ")?;
        writeln!(self.out)
    }

    fn finish(&mut self) -> io::Result<()> {
        if self.is_list && self.written == 0 {
            writeln!(self.out, "apiVersion: v1\nkind: List\nitems: []")?;
        }
        self.out.flush()
    }
}

const HEAD: &str = "apiVersion: v1\nkind: List\nitems:\n";
