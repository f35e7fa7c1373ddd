//! How figures are printed, and what is made of many.

use std::time::Duration;

/// A figure with its unit and, if there is one, the most that it may be.
#[derive(Debug, Clone, Copy)]
pub(super) struct Figure {
    value: f64,
    is_whole: bool,
    unit: &'static str,
    budget: Option<f64>,
}

// === impl Figure ===

impl Figure {
    /// A figure without budget.
    pub(super) fn new(value: f64, unit: &'static str) -> Self {
        Self { value, is_whole: false, unit, budget: None }
    }

    /// A number of things.
    pub(super) fn count(value: usize) -> Self {
        Self { is_whole: true, ..Self::new(as_number(value), "") }
    }

    /// A span of time, in seconds.
    pub(super) fn seconds(value: Duration) -> Self {
        Self::new(value.as_secs_f64(), "s")
    }

    /// A short span of time, in whole milliseconds.
    pub(super) fn milliseconds(value: Duration) -> Self {
        Self { is_whole: true, ..Self::new(value.as_secs_f64() * 1000.0, "ms") }
    }

    /// `total` things shared by `among`.
    pub(super) fn per(total: usize, among: usize) -> Self {
        Self::new(as_number(total) / as_number(among), "")
    }

    /// It may be this much at most.
    pub(super) fn at_most(self, budget: f64) -> Self {
        Self { budget: Some(budget), ..self }
    }

    /// Print it on a line of its own.
    pub(super) fn print(self, what: &str) {
        println!("{}", self.line(what));
    }

    fn line(self, what: &str) -> String {
        let Self { value, is_whole, unit, budget } = self;
        // Whole numbers end where the others have their point.
        let figure = if is_whole { format!("{value:.0}   ") } else { format!("{value:.2}") };
        let verdict = budget.map_or(String::new(), |budget| {
            let space = if unit.is_empty() { "" } else { " " };
            let over = if value > budget { ": OVER" } else { "" };
            format!("(budget {budget}{space}{unit}{over})")
        });
        format!("  {what:<44}{figure:>10} {unit:<5}{verdict}").trim_end().to_owned()
    }
}

/// What at least `percent` of 100 values are not above (nearest rank); zero when there are none.
pub(super) fn percentile(mut values: Vec<Duration>, percent: usize) -> Duration {
    values.sort_unstable();
    let rank = (values.len() * percent).div_ceil(100);
    values.get(rank.saturating_sub(1)).copied().unwrap_or_default()
}

/// The number as a real one: exact up to 2^32, more than is ever counted here.
fn as_number(value: usize) -> f64 {
    u32::try_from(value).map_or(f64::INFINITY, f64::from)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_tells_figure_unit_and_budget() {
        let line = |figure: Figure| figure.line("memory").split_whitespace().collect::<Vec<_>>().join(" ");
        assert_eq!(line(Figure::new(1.5, "MiB")), "memory 1.50 MiB");
        assert_eq!(line(Figure::new(64.0, "MiB").at_most(64.0)), "memory 64.00 MiB (budget 64 MiB)");
        assert_eq!(line(Figure::per(3, 2).at_most(1.0)), "memory 1.50 (budget 1: OVER)");
    }

    #[test]
    fn figures_stand_below_each_other() {
        let lines = [Figure::count(10_000), Figure::milliseconds(Duration::from_secs(1)), Figure::new(0.5, "MiB")];
        let lines = lines.map(|figure| figure.at_most(20_000.0).line("x"));
        assert_eq!(
            lines,
            [
                "  x                                             10000         (budget 20000)",
                "  x                                              1000    ms   (budget 20000 ms)",
                "  x                                                 0.50 MiB  (budget 20000 MiB)",
            ]
        );
    }

    #[test]
    fn percentiles_are_values_that_were_measured() {
        let values: Vec<Duration> = (1..=100).rev().map(Duration::from_millis).collect();
        let found = [50, 99, 100].map(|percent| percentile(values.clone(), percent).as_millis());
        assert_eq!(found, [50, 99, 100]);
        assert_eq!(percentile(vec![Duration::from_secs(7)], 50), Duration::from_secs(7));
        assert_eq!(percentile(Vec::new(), 99), Duration::ZERO);
    }
}
