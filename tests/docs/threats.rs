//! Every answer to a threat is held by tests that exist.

use std::fs;

use crate::{
    page::{Page, ROOT},
    proof::is_test,
};

/// The names in the last cells of the table of threats.
fn proofs() -> Vec<(String, String)> {
    let page = Page::read("docs/SECURITY.md");
    let (_, rest) = page.text.split_once("<!-- threats -->\n").unwrap();
    let (table, _) = rest.split_once("<!-- /threats -->").unwrap();
    let cells = table.lines().skip(2).map(|line| line.trim_matches('|').split(" | ").last().unwrap().to_owned());
    let names = cells.flat_map(|cell| cell.split("; ").map(|name| name.trim().replace('`', "")).collect::<Vec<_>>());
    let pair = |name: String| {
        let (file, test) = name.split_once("::").unwrap_or((&name, ""));
        (file.to_owned(), test.to_owned())
    };
    names.map(pair).collect()
}

#[test]
fn every_threat_is_held_off_by_tests_that_exist() {
    let proofs = proofs();
    assert!(proofs.len() > 20, "{proofs:?}");
    for (file, test) in proofs {
        let source = fs::read_to_string(format!("{ROOT}/{file}")).unwrap_or_default();
        assert!(is_test(&source, &test), "{file} has no test {test}");
    }
}
