#![allow(clippy::unwrap_used, clippy::panic)]

use std::{
    io::Read,
    process::{Command, Stdio},
    sync::{Arc, Mutex},
};

use serde_json::{Value, json};
use tracing::{debug, error, info, info_span, warn};

use super::*;

/// What was logged.
#[derive(Debug, Clone, Default)]
struct Captured(Arc<Mutex<Vec<u8>>>);

impl Write for Captured {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(line)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// What a subscriber of this format and filter writes while the events happen.
fn logged(format: LogFormat, filter: &str, events: impl FnOnce()) -> String {
    let captured = Captured::default();
    let writer = captured.clone();
    let guard = subscriber(format, parse(filter).unwrap(), false, move || writer.clone()).set_default();
    events();
    drop(guard);
    let bytes = captured.0.lock().unwrap().clone();
    String::from_utf8(bytes).unwrap()
}

/// The messages that pass the filter.
fn passed(filter: &str) -> Vec<String> {
    let text = logged(LogFormat::Json, filter, || {
        debug!("our debug");
        info!("our info");
        error!("our error");
        debug!(target: "kube_client::api", "kube debug");
        info!(target: "kube_client::api", "kube info");
        warn!(target: "kube_client::api", "kube warn");
        error!(target: "kube_client::api", "kube error");
        warn!(target: "kube_client::client", "a whole answer");
    });
    let message = |line: &str| serde_json::from_str::<Value>(line).unwrap()["message"].as_str().unwrap().to_owned();
    text.lines().map(message).collect()
}

#[test]
fn chatty_libraries_are_tamed_unless_the_filter_names_them() {
    let usual = ["our info", "our error", "kube warn", "kube error"];
    assert_eq!(passed("info"), usual);
    assert_eq!(passed(""), usual);
    assert_eq!(passed(" INFO ,"), usual);
    assert_eq!(passed("debug"), ["our debug", "our info", "our error", "kube warn", "kube error"]);
    assert_eq!(passed("ssl_monitor_operator=debug"), passed("debug"));
    assert_eq!(passed("error,kube_client=info"), ["our error", "kube info", "kube warn", "kube error"]);
    assert_eq!(passed("kube_client::api=debug,off"), ["kube debug", "kube info", "kube warn", "kube error"]);
    assert_eq!(passed("kube_client::client=warn,off"), ["a whole answer"], "whoever asks for it by name gets it");
    assert_eq!(passed("error"), ["our error", "kube error"]);
    assert_eq!(passed("off"), [""; 0]);
}

#[test]
fn a_huge_line_of_control_characters_is_one_line_of_json() {
    let message = format!("{}{}", "\u{1b}[31m\n\r\u{0}\u{202e}".repeat(1000), "x".repeat(1 << 20));
    let text = logged(LogFormat::Json, "info", || info!("{message}"));
    assert_eq!(text.lines().count(), 1, "no line is forged");
    let line: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(line["message"].as_str().map(str::len), Some(message.len()));
    assert!(!text.contains('\u{1b}'), "and no terminal is driven");
}

#[test]
fn a_wrong_filter_is_an_error_that_names_it() {
    let message = |filter: &str| parse(filter).unwrap_err().to_string();
    let levels = "which is neither a level (off, error, warn, info, debug, trace) nor target=level";
    assert_eq!(message("infoo"), format!("the log filter \"infoo\" has the part \"infoo\", {levels}"));
    assert_eq!(message("info, kube"), format!("the log filter \"info, kube\" has the part \"kube\", {levels}"));
    assert_eq!(message("kube=loud"), "the log filter \"kube=loud\" cannot be read");
    assert_eq!(message("info,[=debug"), "the log filter \"info,[=debug\" cannot be read");
}

#[test]
fn json_has_the_fields_of_an_event_on_its_top_level() {
    let text = logged(LogFormat::Json, "info", || {
        let _in_span = info_span!("probe", monitor = "shop/web").entered();
        info!(days = 7, "expiring \"soon\"\n");
    });
    let mut line: Value = serde_json::from_str(&text).unwrap();
    assert!(line["timestamp"].take().is_string());
    let expected = json!({
        "timestamp": null,
        "level": "INFO",
        "target": "ssl_monitor_operator::telemetry::tests",
        "message": "expiring \"soon\"\n",
        "days": 7,
        "span": { "name": "probe", "monitor": "shop/web" },
    });
    assert_eq!(line, expected);
}

#[test]
fn text_is_one_line_without_colour_where_there_is_no_terminal() {
    let text = logged(LogFormat::Text, "info", || info!(days = 7, "expiring"));
    let (_time, rest) = text.split_once(' ').unwrap();
    assert_eq!(rest, " INFO ssl_monitor_operator::telemetry::tests: expiring days=7\n");
}

#[test]
fn a_broken_writer_is_not_noticed() {
    struct Broken;
    impl Write for Broken {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(io::ErrorKind::BrokenPipe.into())
        }

        fn flush(&mut self) -> io::Result<()> {
            Err(io::ErrorKind::BrokenPipe.into())
        }
    }
    let mut writer = Unbreakable(Broken);
    assert_eq!(writer.write(b"a line").unwrap(), 6);
    writer.flush().unwrap();
}

/// The name of the last test here, and the variable that tells it that it runs in a process of its own.
const CHILD: &str = "telemetry::tests::logging_into_a_closed_pipe";

#[test]
fn a_process_survives_that_the_reader_of_its_logs_goes_away() {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", CHILD, "--ignored", "--nocapture"])
        .env(CHILD, "yes")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stderr.take());
    drop(child.stdin.take());
    let mut output = String::new();
    child.stdout.take().unwrap().read_to_string(&mut output).unwrap();
    assert!(child.wait().unwrap().success(), "{output}");
    assert!(output.contains("1 passed"), "{output}");
}

#[test]
#[ignore = "run by the test above, in a process whose stderr is closed"]
fn logging_into_a_closed_pipe() {
    if std::env::var_os(CHILD).is_none() {
        return;
    }
    io::stdin().read_to_end(&mut Vec::new()).unwrap();
    assert_eq!(io::stderr().write(b"x").unwrap_err().kind(), io::ErrorKind::BrokenPipe);
    init(LogFormat::Json, "info").unwrap();
    for line in ["short", &"long ".repeat(200_000), "not \u{fffd} text \0"] {
        info!(line);
    }
    assert!(matches!(init(LogFormat::Text, "info"), Err(InitError::Twice(_))));
}
