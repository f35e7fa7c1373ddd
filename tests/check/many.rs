//! Many targets at once.

use std::{
    fmt::Write as _,
    io::Read as _,
    net::{TcpListener, TcpStream},
    thread,
    time::Duration,
};

use serde_json::Value;

use crate::support::{Farm, leaf, manifest};

/// How many targets there are.
const MANY: usize = 300;

/// Wait a little for the peer and tell whether it has not hung up; what it says is read, so that hanging up on it is no reset.
fn is_open(mut stream: &TcpStream) -> bool {
    !matches!(stream.read(&mut [0; 4096]), Ok(0))
}

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

#[test]
fn a_slow_target_does_not_keep_others_from_being_checked() {
    const OTHERS: usize = 20;
    let mut farm = Farm::new("slow");
    let port = farm.serve_leaf(&leaf("a.test"));
    let slow = TcpListener::bind("127.0.0.1:0").unwrap();
    let first = manifest("slow.test", slow.local_addr().unwrap().port(), "");
    let text = [vec![first], vec![manifest("a.test", port, ""); OTHERS]].concat().join("---\n");
    let said = thread::scope(|scope| {
        // The slow server hangs up when all others have been asked; with none of them in its way it would wait for long.
        scope.spawn(|| {
            let (mut stream, _) = slow.accept().unwrap();
            stream.read_exact(&mut [0; 1]).unwrap();
            stream.set_read_timeout(Some(Duration::from_millis(10))).unwrap();
            while farm.accepted() < OTHERS && is_open(&stream) {}
        });
        farm.check_with(&["-f", "-", "--concurrency", "2", "--timeout", "20s"], &text)
    });
    let summaries: Vec<&str> = said.stdout.lines().skip(1).filter_map(|line| line.split_whitespace().nth(1)).collect();
    assert_eq!(summaries, [&["ConnectionClosed"][..], &["Valid"; OTHERS]].concat());
}

#[test]
fn a_process_that_may_open_few_sockets_checks_all_targets_all_the_same() {
    let mut farm = Farm::new("few-sockets");
    let port = farm.serve_leaf(&leaf("a.test"));
    let text = vec![manifest("a.test", port, ""); MANY].join("---\n");
    // Stdio, the runtime's own descriptors, and a few connections.
    let said = farm.check_within(32, &["-f", "-", "--concurrency", "100", "--timeout", "1m"], &text);
    let summaries: Vec<&str> = said.stdout.lines().skip(1).filter_map(|line| line.split_whitespace().nth(1)).collect();
    assert_eq!(summaries, ["Valid"; MANY]);
    assert_eq!((said.stderr.as_str(), said.code), ("", Some(0)));
}
