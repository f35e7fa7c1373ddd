//! Every block of code is one that is tried, or one of those that cannot be.

use crate::{
    page::pages,
    pages::PLAYED,
    play::{is_typed, reason},
};

/// What only shows something: nothing of it can be typed or applied.
const SHOWN: [&str; 2] = ["text", "json"];

/// What is not tried, and why: each line here is a promise less.
const NOT_RUN: [(&str, &str); 22] = [
    ("README.md", ".ci/run does, with --once"),
    ("docs/how-to/ci.md", "a pipeline of GitLab"),
    ("docs/how-to/ci.md", "a step of GitHub Actions"),
    ("docs/image.md", "tests/image/page.rs does"),
    ("docs/image.md", "tests/image/page.rs does"),
    ("docs/image.md", "needs a registry"),
    ("docs/image.md", "needs a container engine"),
    ("docs/image.md", "needs a published release"),
    ("docs/image.md", "needs a published release"),
    ("docs/image.md", "needs a published release"),
    ("docs/image.md", "tests/image/page.rs does, in a release"),
    ("docs/image.md", "needs a published release"),
    ("docs/image.md", "needs the database of advisories"),
    ("docs/install.md", "tests/image does, and the second needs a registry"),
    ("docs/operations.md", "a configuration of Prometheus; tests scrape the operator with one like it"),
    ("docs/policies.md", "tests/chart/policies.rs does"),
    ("docs/policies.md", "tests/chart/policies.rs does"),
    ("docs/tutorial.md", "kubectl exec needs a node; that the alert was taken is seen above"),
    ("docs/upgrading.md", "tests/chart/upgrade.rs does"),
    ("docs/upgrading.md", "tests/chart/upgrade.rs does"),
    ("docs/upgrading.md", "tests/chart/upgrade.rs does"),
    ("docs/upgrading.md", "tests/chart/upgrade.rs does"),
];

#[test]
fn every_block_is_typed_applied_or_only_shows_something() {
    for page in pages() {
        for block in page.blocks() {
            let known = ["sh", "console", "yaml"].iter().chain(&SHOWN).any(|known| *known == block.language);
            assert!(known, "{}:{}: what is to be done with {:?}?", page.path, block.line, block.language);
        }
    }
}

#[test]
fn every_page_with_something_to_type_is_played() {
    let typed: Vec<String> =
        pages().into_iter().filter(|page| page.blocks().iter().any(is_typed)).map(|page| page.path).collect();
    assert_eq!(typed, PLAYED);
}

#[test]
fn what_is_not_tried_is_known_with_its_reason() {
    let pages = pages();
    let skipped: Vec<(String, String)> = pages
        .iter()
        .flat_map(|page| page.blocks().into_iter().map(|block| (page.path.clone(), block)))
        .filter_map(|(path, block)| Some((path, reason(&block)?.to_owned())))
        .collect();
    let skipped: Vec<(&str, &str)> = skipped.iter().map(|(path, reason)| (path.as_str(), reason.as_str())).collect();
    assert_eq!(skipped, NOT_RUN);
}
