//! The signature, checked by a receiver that is not ours: Python with its standard library.

use std::{
    io::{BufRead as _, BufReader},
    process::{Child, Command, Stdio},
};

use ssl_monitor_operator::notify::{ChannelKind, Outcome, Secrets, Settings};

use crate::support::{channel, message, secret, sender, settings};

const RECEIVER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/notify/receiver.py");

/// The receiver; it ends when this is dropped.
struct Receiver {
    child: Child,
    port: u16,
}

impl Receiver {
    fn start(key: &str) -> Self {
        let mut child = Command::new("python3").args([RECEIVER, key]).stdout(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        Self { child, port: line.trim().parse().unwrap() }
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

async fn told(kind: ChannelKind, port: u16, key: &str) -> Outcome {
    let secret = Secrets { token: secret(key), ..Secrets::default() };
    let settings = Settings { secret, ..settings(kind, &format!("http://127.0.0.1:{port}/hook")) };
    sender().send(&channel(&settings), &message()).await
}

#[tokio::test]
async fn a_receiver_in_another_language_accepts_the_right_key_only() {
    let receiver = Receiver::start("köy");
    for kind in [ChannelKind::Webhook, ChannelKind::CloudEvents] {
        assert_eq!(told(kind, receiver.port, "köy").await, Outcome::Delivered, "{kind}");
        assert!(matches!(told(kind, receiver.port, "other").await, Outcome::Refused { code: Some(401), .. }), "{kind}");
    }
}
