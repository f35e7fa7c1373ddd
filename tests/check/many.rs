//! Many targets at once.

use std::fmt::Write as _;

use serde_json::Value;

use crate::support::{Farm, leaf, manifest};

/// How many targets there are.
const MANY: usize = 300;

fn domain(index: usize) -> String {
    format!("n{index}.test")
}

#[test]
fn many_targets_are_printed_in_the_order_of_the_input() {
    let mut farm = Farm::new("many");
    let names: Vec<String> = (0..MANY).map(domain).collect();
    let port = farm.serve_leaf(&xtask::farm::Leaf { names: names.clone(), ..leaf("n0.test") });
    let refused = farm.refuse();
    // Every tenth is refused, which is quicker than a handshake: without care it would overtake the others.
    let text = names.iter().enumerate().fold(String::new(), |mut text, (index, name)| {
        let port = if index % 10 == 9 { refused } else { port };
        write!(text, "---\n{}", manifest(name, port, "")).unwrap();
        text
    });
    let said = farm.check_with(&["-f", "-", "-o", "json", "--concurrency", "40"], &text);
    let list: Value = serde_json::from_str(&said.stdout).unwrap();
    let found: Vec<(&str, &str)> = list["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|item| (item["spec"]["domain"].as_str().unwrap(), item["status"]["summary"].as_str().unwrap()))
        .collect();
    let summary = |index: usize| if index % 10 == 9 { "ConnectionRefused" } else { "Valid" };
    let expected: Vec<(&str, &str)> =
        names.iter().enumerate().map(|(index, name)| (name.as_str(), summary(index))).collect();
    assert_eq!(found, expected);
    assert_eq!((said.stderr.as_str(), said.code, farm.accepted()), ("", Some(1), MANY - MANY / 10));
}
