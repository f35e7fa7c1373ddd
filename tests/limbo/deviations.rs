//! The one table of deviations.

use super::Class;

const TABLE: &str = include_str!("deviations.csv");

/// A case in which the engine's verdict is not the corpus'.
pub(crate) struct Deviation {
    pub id: String,
    pub expected: String,
    pub ours: String,
    pub class: Class,
    pub why: Why,
}

/// The kinds of reasons.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Why {
    /// The certificate is told to be odd, but is accepted by the usual clients.
    Lint,
    /// What the corpus rejects is served by a public site, and rightly so.
    Real,
    /// The engine is stricter than the corpus.
    Stricter,
}

/// The rows: id, expected, ours, class, kind of reason, reason.
pub(crate) fn all() -> Vec<Deviation> {
    TABLE.lines().skip(1).map(row).collect()
}

fn row(line: &str) -> Deviation {
    let mut fields = line.splitn(6, ',');
    let mut next = || fields.next().unwrap_or_else(|| panic!("six fields are needed: {line}")).to_owned();
    let [id, expected, ours, class, why, reason] = std::array::from_fn(|_| next());
    assert!(reason.trim_matches('"').len() > 20, "a reason that tells something: {line}");
    let class = match class.as_str() {
        "agree" => Class::Agree,
        "lenient" => Class::Lenient,
        "strict" => Class::Strict,
        other => panic!("no class: {other}"),
    };
    let why = match why.as_str() {
        "lint" => Why::Lint,
        "real" => Why::Real,
        "stricter" => Why::Stricter,
        other => panic!("no kind of reason: {other}"),
    };
    Deviation { id, expected, ours, class, why }
}
