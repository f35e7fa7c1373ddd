//! Every word that a status can have as a reason has its entry, and every entry is about such a word.

use std::collections::BTreeSet;

use ssl_monitor_operator::{alerting::advise, monitor::Reason, notify::Why, probe::FindingKind};

use crate::page::{Page, comment};

/// What is no problem, and wants nothing done.
const GOOD: [&str; 11] = [
    "Progressing",
    "Monitoring",
    "Disabled",
    "Connected",
    "Valid",
    "NotExpiring",
    "Consistent",
    "Matches",
    "Linked",
    "Delivered",
    "Configured",
];

/// Everything that needs an entry.
fn words() -> BTreeSet<&'static str> {
    let reasons = Reason::all().chain(Reason::OF_CHANNELS).map(Reason::as_str);
    reasons.chain(Why::ALL.map(Why::category)).chain(FindingKind::ALL.map(FindingKind::as_str)).collect()
}

/// The entries: their names and what stands in them, without comments.
fn entries() -> Vec<(String, String)> {
    let page = Page::read("docs/troubleshooting.md");
    let mut entries: Vec<(String, String)> = Vec::new();
    let mut is_entry = false;
    for (_, line) in page.prose() {
        if let Some(name) = line.strip_prefix("### ") {
            entries.push((name.to_owned(), String::new()));
        }
        is_entry = line.starts_with("### ") || (is_entry && !line.starts_with('#'));
        if let (true, false, None, Some((_, text))) =
            (is_entry, line.starts_with('#'), comment(line), entries.last_mut())
        {
            *text += line;
            text.push('\n');
        }
    }
    entries
}

#[test]
fn every_reason_and_every_finding_has_one_entry_and_no_entry_is_about_another_word() {
    let names: Vec<String> = entries().into_iter().map(|(name, _)| name).collect();
    let known: BTreeSet<&str> = names.iter().map(String::as_str).collect();
    assert_eq!(known, words());
    assert_eq!(names.len(), known.len(), "an entry stands twice");
}

#[test]
fn every_entry_says_what_it_means_and_every_problem_what_to_do() {
    for (name, text) in entries() {
        let paragraphs = text.split("\n\n").filter(|paragraph| !paragraph.trim().is_empty()).count();
        assert!(paragraphs >= 2, "{name} has nothing but\n{text}");
        // Good news and states that somebody chose need nothing; some problems are told in other words.
        let is_told = text.contains("**What to do.**")
            || GOOD.contains(&name.as_str())
            || ["PartlyReachable", "Suspended"].contains(&name.as_str());
        assert!(is_told, "{name} does not say what to do");
        if let Some((_, advice)) = advise(&name, "") {
            assert!(text.contains(advice), "{name} does not say what alerts say; run `cargo xtask generate`");
        }
    }
}
