//! A table that fills: rewritten in place on a terminal, shown once when it is complete elsewhere.

use std::io::{IsTerminal, stdout};

/// The table as it was last shown.
#[derive(Debug, Default)]
pub(super) struct Table {
    shown: usize,
}

impl Table {
    /// Show it as it is now; `done` when it will not be shown again.
    pub(super) fn show(&mut self, text: &str, done: bool) {
        if !stdout().is_terminal() {
            if done {
                print!("{text}");
            }
            return;
        }
        let columns = terminal_size::terminal_size().map_or(80, |(width, _)| usize::from(width.0));
        // The last one may wrap: nothing is written over it.
        let columns = if done { usize::MAX } else { columns };
        print!("{}", rewrite(self.shown, text, columns));
        self.shown = text.lines().count();
    }
}

/// The text that replaces the `shown` lines above the cursor; no line is longer than the terminal is wide, since a wrapped
/// line would count twice.
fn rewrite(shown: usize, text: &str, columns: usize) -> String {
    let up = if shown == 0 { String::new() } else { format!("\u{1b}[{shown}A") };
    let lines = text.lines().map(|line| line.chars().take(columns).collect::<String>() + "\u{1b}[K\n");
    up + &lines.collect::<String>()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_is_written_over_the_one_before_and_never_wraps() {
        assert_eq!(rewrite(0, "NAME STATUS\na Valid\n", 80), "NAME STATUS\u{1b}[K\na Valid\u{1b}[K\n");
        assert_eq!(rewrite(2, "NAME STATUS\na Valid\n", 4), "\u{1b}[2ANAME\u{1b}[K\na Va\u{1b}[K\n");
    }
}
