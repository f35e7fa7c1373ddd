//! OUTPUT: what is written where, when nobody may be listening any more, and how it is laid out.

use std::{
    fmt,
    io::{self, ErrorKind, Write},
};

use indicatif::{ProgressBar, ProgressStyle};

/// Spaces between columns, as kubectl has them.
const GAP: usize = 3;
/// With no more than this to do, no progress is shown.
const FEW: usize = 5;

/// A writer whose reader may go away (`| head`): what is written after that is dropped, and the exit code stays true.
pub struct Tolerant<W> {
    inner: W,
    closed: bool,
}

impl<W> Tolerant<W> {
    /// Write into this.
    pub fn new(inner: W) -> Self {
        Self { inner, closed: false }
    }
}

impl<W: Write> Write for Tolerant<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.closed {
            return Ok(bytes.len());
        }
        match self.inner.write(bytes) {
            Err(error) if error.kind() == ErrorKind::BrokenPipe => {
                self.closed = true;
                Ok(bytes.len())
            }
            result => result,
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self.inner.flush() {
            Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
            result => result,
        }
    }
}

/// Write a line to stderr; when that fails there is nobody left to tell.
pub fn complain(line: impl fmt::Display) {
    let _ = writeln!(io::stderr(), "{line}");
}

/// A bar on stderr that counts to this number; it draws nothing when that is not a terminal, or there is little to do.
pub fn progress_bar(what: &str, count: usize) -> ProgressBar {
    if count <= FEW {
        return ProgressBar::hidden();
    }
    let style = ProgressStyle::with_template("{prefix} {wide_bar} {pos}/{len}");
    let bar = ProgressBar::new(u64::try_from(count).unwrap_or(u64::MAX)).with_prefix(what.to_owned());
    bar.with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
}

/// Rows as lines, with cells padded to their columns' widths, and without spaces at the end.
pub fn aligned(rows: &[Vec<String>]) -> impl Iterator<Item = String> + '_ {
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let width = |column: usize| rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count()).max();
    let widths: Vec<usize> = (0..columns).map(|column| width(column).unwrap_or(0) + GAP).collect();
    rows.iter().map(move |row| {
        let padded = row.iter().zip(&widths).map(|(cell, width)| format!("{cell:<width$}"));
        padded.collect::<String>().trim_end().to_owned()
    })
}
