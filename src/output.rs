//! OUTPUT: what is written where, when nobody may be listening any more, and how it is laid out.

use std::{
    borrow::Cow,
    error::Error,
    fmt::{self, Write as _},
    io::{self, ErrorKind, IsTerminal as _, Stdout, Write},
    iter,
    time::Duration,
};

use anstream::AutoStream;
use anstyle::Style;
use indicatif::{ProgressBar, ProgressStyle};
use unicode_width::{UnicodeWidthChar as _, UnicodeWidthStr as _};

/// Spaces between columns, as kubectl has them.
const GAP: usize = 3;
/// With no more than this to do, no progress is shown.
const FEW: usize = 5;
/// How often a sign of waiting moves.
const SPIN: Duration = Duration::from_millis(100);
/// Columns are not cut to less than this.
const NARROWEST: usize = 10;

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

/// The error with all its causes, on one line. kube's errors tell their causes themselves, so a cause that is told is not repeated.
pub fn chain(error: &(dyn Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let told = error.to_string();
        if !text.contains(&told) {
            text.push_str(": ");
            text.push_str(&told);
        }
        cause = error.source();
    }
    text
}

/// A sign on stderr that something is waited for, with the seconds; it draws nothing when that is not a terminal.
pub fn spinner(what: String) -> ProgressBar {
    let style = ProgressStyle::with_template("{spinner} {msg} ({elapsed})");
    let spinner = ProgressBar::new_spinner().with_message(what);
    let spinner = spinner.with_style(style.unwrap_or_else(|_| ProgressStyle::default_spinner()));
    spinner.enable_steady_tick(SPIN);
    spinner
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

/// What is printed: colours where the terminal shows them and nobody has set `NO_COLOR`, none in pipes and files.
pub fn coloured() -> Tolerant<AutoStream<Stdout>> {
    Tolerant::new(AutoStream::auto(io::stdout()))
}

/// The columns of the terminal that is written to; `None` where it is none.
pub fn width() -> Option<usize> {
    let stdout = io::stdout();
    stdout.is_terminal().then(|| terminal_size::terminal_size_of(stdout)).flatten().map(|(width, _)| width.0.into())
}

/// A cell of a table: a text on one line, and how it is painted.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Cell {
    text: String,
    style: Style,
}

/// Rows as lines, with cells padded to their columns' widths, and without spaces at the end.
pub fn aligned(rows: &[Vec<String>]) -> impl Iterator<Item = String> + '_ {
    let cells: Vec<Vec<Cell>> = rows.iter().map(|row| row.iter().cloned().map(Cell::from).collect()).collect();
    fitted(&cells, None, &[]).into_iter()
}

/// The same with colours; where the rows are wider than `limit`, the widest of these `elastic` columns are cut.
pub fn fitted(rows: &[Vec<Cell>], limit: Option<usize>, elastic: &[usize]) -> Vec<String> {
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let widest = |column: usize| rows.iter().filter_map(|row| row.get(column)).map(Cell::width).max();
    let mut widths: Vec<usize> = (0..columns).map(|column| widest(column).unwrap_or(0)).collect();
    if let Some(limit) = limit {
        shrink(&mut widths, limit, elastic);
    }
    rows.iter().map(|row| line(row, &widths)).collect()
}

/// Take from the widest of the elastic columns until all fit, or nothing is left to take.
fn shrink(widths: &mut [usize], limit: usize, elastic: &[usize]) {
    let total = |widths: &[usize]| widths.iter().sum::<usize>() + GAP * widths.len().saturating_sub(1);
    while total(widths) > limit {
        let widest =
            elastic.iter().copied().filter(|column| *column < widths.len()).max_by_key(|column| widths[*column]);
        let Some(column) = widest.filter(|column| widths[*column] > NARROWEST) else { return };
        widths[column] -= 1;
    }
}

fn line(row: &[Cell], widths: &[usize]) -> String {
    let mut line = String::new();
    let mut owed = 0;
    for (cell, width) in row.iter().zip(widths) {
        let text = cut_to_width(&cell.text, *width);
        if !text.is_empty() {
            line.extend(iter::repeat_n(' ', owed));
            owed = 0;
            let _ = write!(line, "{}{text}{:#}", cell.style, cell.style);
        }
        owed += width + GAP - text.width();
    }
    line
}

/// At most this many columns of a text; a cut one ends in `…`.
fn cut_to_width(text: &str, width: usize) -> Cow<'_, str> {
    if text.width() <= width {
        return text.into();
    }
    let mut cut = String::new();
    for character in text.chars() {
        if cut.width() + character.width().unwrap_or(0) >= width {
            break;
        }
        cut.push(character);
    }
    cut.push('…');
    cut.into()
}

/// The words of a text in lines of at most this many columns; a longer word has a line of its own.
pub fn wrapped(text: &str, width: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split(' ') {
        match lines.last_mut() {
            Some(line) if line.width() + 1 + word.width() <= width => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}

// === impl Cell ===

impl Cell {
    /// A text in this style.
    pub fn painted(text: impl Into<String>, style: Style) -> Self {
        Self { text: text.into(), style }
    }

    fn width(&self) -> usize {
        self.text.width()
    }
}

impl From<String> for Cell {
    fn from(text: String) -> Self {
        Self { text, style: Style::new() }
    }
}

impl From<&str> for Cell {
    fn from(text: &str) -> Self {
        text.to_owned().into()
    }
}

#[cfg(test)]
mod tests {
    use anstyle::AnsiColor;

    use super::*;

    fn rows(texts: &[&[&str]]) -> Vec<Vec<Cell>> {
        texts.iter().map(|row| row.iter().map(|text| Cell::from(*text)).collect()).collect()
    }

    #[test]
    fn columns_stand_below_one_another_whatever_the_width_of_a_character() {
        let table = rows(&[&["名前", "B", ""], &["a", "b", "c"], &["abc", ""]]);
        assert_eq!(fitted(&table, None, &[]), ["名前   B", "a      b   c", "abc"]);
    }

    #[test]
    fn the_widest_elastic_column_is_cut_until_the_line_fits() {
        let table = rows(&[&["fixed fixed fixed", "elastic elastic", "the longest column of all"]]);
        let lines = fitted(&table, Some(52), &[1, 2]);
        assert_eq!(lines, ["fixed fixed fixed   elastic elastic   the longest c…"]);
    }

    #[test]
    fn columns_are_not_cut_beyond_use() {
        let table = rows(&[&["a", "elastic elastic elastic"]]);
        assert_eq!(fitted(&table, Some(3), &[1, 7]), ["a   elastic e…"]);
    }

    #[test]
    fn paint_takes_no_room() {
        let red = AnsiColor::Red.on_default();
        let table = vec![vec![Cell::painted("bad", red), Cell::from("x")], vec![Cell::from("better"), Cell::from("y")]];
        assert_eq!(fitted(&table, None, &[]), ["\u{1b}[31mbad\u{1b}[0m      x", "better   y"]);
    }

    #[test]
    fn lines_break_between_words() {
        assert_eq!(wrapped("a bb ccc dddddddd e", 6), ["a bb", "ccc", "dddddddd", "e"]);
        assert_eq!(wrapped("", 6), [""]);
    }
}
