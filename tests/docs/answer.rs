//! Answers as pages show them, and as they are: the same but for what is another one each time.

use std::sync::LazyLock;

use regex::Regex;

/// What stands for lines that are left out.
const ELLIPSIS: &str = "…";

/// What is another one each time, and what stands for it when answers are compared.
static VOLATILE: LazyLock<Vec<(Regex, &str)>> = LazyLock::new(|| {
    [
        (r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z", "TIME"),
        (r"\d{4}-\d\d-\d\d( \d\d:\d\d(:\d\d)?( UTC)?)?", "TIME"),
        (r"SHA256:[0-9A-F]{2}(:[0-9A-F]{2})+", "FINGERPRINT"),
        (r"sha256//[A-Za-z0-9+/]{43}=", "PIN"),
        (r"\b([0-9a-f]{30,40}|[0-9A-F]{30,40})\b", "SERIAL"),
        (r"127\.0\.0\.1:\d+", "API-SERVER"),
        (r"\b\d+ ?ms\b", "MILLISECONDS"),
        (r"less than a minute|\b\d+ minutes?\b", "MINUTES"),
        // Ages as kubectl writes them.
        (r"\b(\d+[ydhm])?\d+[dhms]\b|<unknown>", "AGE"),
    ]
    .into_iter()
    .map(|(pattern, name)| (Regex::new(pattern).unwrap(), name))
    .collect()
});

/// A line without what is another one each time, and with single spaces: columns are as wide as what stands in them.
fn steady(line: &str) -> String {
    let spaced = line.split_whitespace().collect::<Vec<_>>().join(" ");
    VOLATILE.iter().fold(spaced, |text, (pattern, name)| pattern.replace_all(&text, *name).into_owned())
}

/// The lines of an answer that come each time: whether kubectl had to wait for a rollout is a matter of luck.
pub(crate) fn lines(answer: &str) -> impl Iterator<Item = &str> {
    answer.trim_end().lines().filter(|line| !line.starts_with("Waiting for deployment ")).map(str::trim_end)
}

/// Whether an answer is the one that is shown.
pub(crate) fn is_as_shown(shown: &str, answer: &str) -> bool {
    let [shown, answer] = [shown, answer].map(|text| lines(text).map(steady).collect::<Vec<_>>());
    fits(&shown, &answer)
}

fn fits(shown: &[String], answer: &[String]) -> bool {
    match shown.split_first() {
        None => answer.is_empty(),
        Some((first, rest)) if first == ELLIPSIS => (0..=answer.len()).any(|skipped| fits(rest, &answer[skipped..])),
        Some((first, rest)) => answer.split_first().is_some_and(|(line, more)| line == first && fits(rest, more)),
    }
}

#[test]
fn answers_are_compared_but_for_what_is_another_one_each_time() {
    let shown = "NAME   AGE\nweb    3m2s\n…\nends 2026-11-22T22:10:00Z SHA256:AB:CD\n";
    assert!(is_as_shown(shown, "NAME AGE\nweb  12s\nmore\nmore\nends 2027-01-01T00:00:00Z SHA256:00:11\n\n"));
    assert!(is_as_shown(shown, "NAME AGE\nweb  1d\nends 2027-01-01T00:00:00Z SHA256:00:11"));
    assert!(!is_as_shown(shown, "NAME AGE\nshop 12s\nends 2027-01-01T00:00:00Z SHA256:00:11\n"));
    assert!(!is_as_shown(shown, "NAME AGE\nweb  12s\nends 2027-01-01T00:00:00Z SHA256:00:11\nmore\n"));
    assert!(!is_as_shown("DAYS 89", "DAYS 88") && !is_as_shown("", "something") && is_as_shown("", "\n"));
}
