//! `tests/ROWS.md` tells the truth: every row is there once, and whatever it names as its proof exists.
#![allow(clippy::unwrap_used, clippy::panic)]

#[path = "proof.rs"]
mod proof;

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use proof::is_test;

const TABLE: &str = include_str!("ROWS.md");

/// A row: its name, and what proves it.
#[derive(Debug, PartialEq, Eq)]
struct Row<'a> {
    name: &'a str,
    /// Files and functions.
    tests: Vec<(&'a str, &'a str)>,
    /// Servers of `tests/servers`.
    servers: Vec<&'a str>,
    /// Why not all of it is covered.
    gap: Option<&'a str>,
}

fn rows(table: &str) -> Vec<Row<'_>> {
    let lines = table.lines().filter(|line| line.starts_with("| ") && !line.starts_with("| Row "));
    lines.map(row).collect()
}

fn row(line: &str) -> Row<'_> {
    let cells: Vec<&str> = line.trim_matches('|').split(" | ").map(str::trim).collect();
    let [name, _, proof] = cells[..] else { panic!("three cells are needed: {line}") };
    let mut row = Row { name, tests: Vec::new(), servers: Vec::new(), gap: None };
    let (proven, gap) = proof.split_once("Not covered: ").map_or((proof, None), |(proven, gap)| (proven, Some(gap)));
    row.gap = gap;
    for part in proven.split("; ").filter(|part| !part.is_empty()) {
        if let Some(server) = part.strip_prefix("@\"") {
            row.servers.push(server.strip_suffix('"').unwrap_or_else(|| panic!("no end of a name: {line}")));
        } else {
            row.tests.push(part.trim_matches('`').split_once("::").unwrap_or_else(|| panic!("no test: {part}")));
        }
    }
    row
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// What is wrong with the table.
fn faults(table: &str) -> Vec<String> {
    let rows = rows(table);
    let servers: String =
        sources(&root().join("tests/servers")).iter().map(|path| fs::read_to_string(path).unwrap()).collect();
    let mut files: BTreeMap<&str, String> = BTreeMap::new();
    let mut faults = Vec::new();
    for row in &rows {
        if row.tests.is_empty() && row.servers.is_empty() && row.gap.is_none() {
            faults.push(format!("{}: nothing proves it", row.name));
        }
        for (file, function) in &row.tests {
            let source = files.entry(file).or_insert_with(|| fs::read_to_string(root().join(file)).unwrap_or_default());
            if !is_test(source, function) {
                faults.push(format!("{}: {file} has no test {function}", row.name));
            }
        }
        let missing = row.servers.iter().filter(|server| !servers.contains(&format!("\"{server}\"")));
        faults.extend(missing.map(|server| format!("{}: tests/servers has no {server:?}", row.name)));
    }
    faults
}

fn sources(folder: &Path) -> Vec<PathBuf> {
    fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect()
}

#[test]
fn whatever_is_named_as_a_proof_exists() {
    assert_eq!(faults(TABLE), [""; 0]);
}

#[test]
fn every_row_stands_once_and_in_its_order() {
    let numbered = |letter: &'static str, count: usize| (1..=count).map(move |number| format!("{letter}{number}"));
    let expected: Vec<String> = [("", 113), ("N", 8), ("T", 15), ("X", 18), ("C", 8), ("K", 12)]
        .into_iter()
        .flat_map(|(letter, count)| numbered(letter, count))
        .collect();
    let found: Vec<&str> = rows(TABLE).iter().map(|row| row.name).collect();
    assert_eq!(found, expected);
}

#[test]
fn a_gap_has_its_reason_and_there_are_few() {
    let rows = rows(TABLE);
    let gaps: Vec<&str> = rows.iter().filter(|row| row.gap.is_some()).map(|row| row.name).collect();
    assert_eq!(gaps, ["16", "110", "112", "K8", "K9"]);
    assert!(rows.iter().filter_map(|row| row.gap).all(|gap| gap.len() > 20));
}

#[test]
fn what_does_not_exist_is_found() {
    let table = "| 1 | a | `tests/rows.rs::no_such_test` |\n| 2 | b | @\"no such server\" |\n| 3 | c |  |\n\
                 | 4 | d | `tests/no-such-file.rs::rows`; `tests/rows.rs::sources` |\n\
                 | 5 | e | `tests/rows.rs::what_does_not_exist_is_found`; @\"expired\" |\n";
    let expected = [
        "1: tests/rows.rs has no test no_such_test",
        "2: tests/servers has no \"no such server\"",
        "3: nothing proves it",
        "4: tests/no-such-file.rs has no test rows",
        "4: tests/rows.rs has no test sources",
    ];
    assert_eq!(faults(table), expected);
}
