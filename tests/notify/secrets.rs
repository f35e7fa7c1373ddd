//! Secrets are in what is sent, and in nothing else.

use std::{
    fmt::Write as _,
    io,
    sync::{Arc, Mutex},
};

use ssl_monitor_operator::notify::{ChannelKind, Secrets, Settings};
use tracing::level_filters::LevelFilter;
use xtask::farm::{Authority, Leaf};

use crate::{
    mail::{GOOD, Server},
    receiver::{Answer, Receiver},
    support::{channel, message, secret, sender, settings},
};

/// In every secret, and in every answer.
const TOKEN: &str = "T0pSecret";

#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Settings that have the token wherever they can.
fn tattling(kind: ChannelKind, address: &str) -> Settings {
    Settings {
        secret: Secrets {
            token: secret(TOKEN),
            username: secret(TOKEN),
            password: secret(TOKEN),
            headers: secret(&format!("X-Key: {TOKEN}")),
            ..Secrets::default()
        },
        ..settings(kind, address)
    }
}

/// Everything that a receiver can do, saying the token.
fn answers() -> Vec<Answer> {
    let body = format!(r#"{{"ok":false,"error":"{TOKEN}","description":"{TOKEN}"}}"#);
    let header = format!("location: https://{TOKEN}.test/{TOKEN}\r\nretry-after: {TOKEN}\r\n");
    let mut answers: Vec<Answer> = ["200 OK", "302 Found", "400 Bad", "429 Slow", "500 No"]
        .into_iter()
        .map(|status| Answer::status(&format!("{status} {TOKEN}"), &header, &body))
        .collect();
    answers.extend([Answer::Reset, Answer::Say(TOKEN.into()), Answer::Say(format!("HTTP/1.1 {TOKEN}\r\n\r\n").into())]);
    answers
}

#[tokio::test]
async fn neither_outcomes_nor_errors_nor_logs_nor_debug_have_a_secret() {
    let log = Log::default();
    let writer = log.clone();
    let subscriber = tracing_subscriber::fmt().with_max_level(LevelFilter::TRACE).with_writer(move || writer.clone());
    let _guard = tracing::subscriber::set_default(subscriber.finish());
    tracing::info!("the log is captured");
    let mut shown = String::new();
    for answer in answers() {
        for kind in ChannelKind::ALL.into_iter().filter(|kind| *kind != ChannelKind::Email) {
            let receiver = Receiver::start(answer.clone()).await;
            let settings = tattling(kind, &receiver.http(&format!("/{TOKEN}?k={TOKEN}")));
            let ready = channel(&settings);
            let outcome = sender().send(&ready, &message()).await;
            let secret = &settings.secret;
            writeln!(shown, "{settings:?} {secret:?} {ready:?} {outcome:?} {:?}", sender()).unwrap();
            if !matches!(answer, Answer::Reset) {
                assert!(receiver.only_request().contains(TOKEN), "{kind} is to be told it, or this test says nothing");
            }
        }
    }
    let untrusted = Receiver::start_tls(answers().remove(0), Authority::new(TOKEN).issue(&Leaf::new(["a.test"]))).await;
    let untrusting = channel(&tattling(ChannelKind::Webhook, &untrusted.https(&format!("/{TOKEN}"))));
    writeln!(shown, "{:?}", sender().send(&untrusting, &message()).await).unwrap();
    for rules in [&[("AUTH", "535 T0pSecret\r\n")], &[("RCPT", "550 T0pSecret\r\n")]] {
        let server = Server::start(rules, GOOD).await;
        let login = Secrets { username: secret(TOKEN), password: secret(TOKEN), ..Secrets::default() };
        let settings = Settings { secret: login, ..server.settings() };
        writeln!(shown, "{settings:?} {:?}", sender().send(&channel(&settings), &message()).await).unwrap();
    }
    let log = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
    assert!(log.contains("the log is captured"));
    for (name, text) in [("what is shown", &shown), ("the log", &log)] {
        let found = text.lines().find(|line| line.contains(TOKEN));
        assert_eq!(found, None, "in {name}");
    }
}
