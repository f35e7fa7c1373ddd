//! `--notify`: channels are told of what is wrong now, by receivers on loopback.

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use tokio::runtime::Runtime;
use xtask::farm::Leaf;

use crate::{
    receiver::{Answer, Receiver},
    support::{Farm, Said},
};

/// Receivers, and a runtime in which they live.
struct Receivers {
    runtime: Runtime,
}

impl Receivers {
    fn new() -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        Self { runtime }
    }

    fn start(&self, status: &str) -> Receiver {
        self.runtime.block_on(Receiver::start(Answer::status(status, "", "")))
    }
}

fn in_days(days: i64) -> Timestamp {
    Timestamp::now() + SignedDuration::from_hours(24 * days)
}

/// A leaf that ends, or has ended, so many days from now; an hour is left for the test.
fn ending_in(name: &str, days: i64) -> Leaf {
    Leaf::new([name]).valid(in_days(-100), in_days(days) + SignedDuration::from_hours(1))
}

/// A monitor that names these channels.
fn monitor(domain: &str, port: u16, channels: &str, more: &str) -> String {
    format!(
        "---\napiVersion: sslmonitor.io/v1\nkind: SslMonitor\nmetadata: {{name: {domain}}}\n\
         spec: {{domain: {domain}, port: {port}, address: 127.0.0.1, notificationChannels: [{channels}]{more}}}\n"
    )
}

fn webhook(name: &str, receiver: &Receiver, more: &str) -> String {
    let address = receiver.http("/");
    format!(
        "---\napiVersion: sslmonitor.io/v1\nkind: NotificationChannel\nmetadata: {{name: {name}}}\n\
         spec: {{type: webhook, address: \"{address}\"{more}}}\n"
    )
}

/// Check these manifests now, and tell.
fn check(farm: &Farm, manifests: &str, more: &[&str]) -> Said {
    let fixed = ["-f", "-", "--notify", "--channel-allow-cidr", "127.0.0.0/8", "--allow-http-channels"];
    let said = farm.check_now(&[&fixed[..], more].concat(), manifests);
    Said { stderr: timeless(&said.stderr), ..said }
}

/// The text with every time at the end of a line as `0ms`.
fn timeless(text: &str) -> String {
    let rest = |line: &str| {
        line.strip_suffix("ms").map(|line| line.trim_end_matches(|it: char| it.is_ascii_digit()).to_owned())
    };
    text.lines().map(|line| rest(line).map_or_else(|| line.to_owned(), |rest| rest + "0ms") + "\n").collect()
}

fn bodies(receiver: &Receiver) -> Vec<Value> {
    let body = |request: &String| serde_json::from_str(request.split_once("\r\n\r\n").unwrap().1).unwrap();
    receiver.seen().requests.iter().map(body).collect()
}

#[test]
fn a_problem_is_told_and_what_came_back_is_said_below_the_results() {
    let (mut farm, receivers) = (Farm::new("notify-one"), Receivers::new());
    let (hook, port) = (receivers.start("200 OK"), farm.serve_leaf(&ending_in("a.test", -3)));
    let manifests = monitor("a.test", port, "{name: hook}", "") + &webhook("hook", &hook, "");
    let said = check(&farm, &manifests, &["--cluster-name", "ci"]);
    assert!(said.stdout.contains("a.test:10001   Expired   -3"), "{said:?}");
    let lines = said.complaints();
    assert!(lines[0].starts_with("a.test:10001: the certificate expired at"), "{said:?}");
    assert_eq!(
        lines[1..],
        ["CHANNEL   TYPE      RESULT      CODE   TIME", "hook      webhook   Delivered   -      0ms"]
    );
    assert_eq!(said.code, Some(1));
    let told = bodies(&hook);
    assert_eq!(told.len(), 1);
    let shown = ["kind", "level", "reason", "title", "parts"].map(|field| told[0][field].clone());
    let title = format!("the certificate of a.test:{port} has expired");
    assert_eq!(shown, [json!("problem"), json!("critical"), json!("Expired"), json!(title), json!([])]);
    let monitor =
        json!({"namespace": "default", "name": "a.test", "uid": "", "domain": "a.test", "port": port, "cluster": "ci"});
    assert_eq!(told[0]["monitor"], monitor);
    assert_eq!(told[0]["certificate"]["days"], -3);
}

#[test]
fn of_what_is_fine_nothing_is_told() {
    let (mut farm, receivers) = (Farm::new("notify-fine"), Receivers::new());
    let (hook, port) = (receivers.start("200 OK"), farm.serve_leaf(&ending_in("a.test", 60)));
    let manifests = monitor("a.test", port, "{name: hook}", "") + &webhook("hook", &hook, "");
    let said = check(&farm, &manifests, &[]);
    assert_eq!((said.stderr.as_str(), said.code), ("", Some(0)), "{said:?}");
    assert_eq!(hook.seen().connections, 0);
}

#[test]
fn many_problems_are_one_message_to_each_channel_that_is_to_hear_of_them() {
    let (mut farm, receivers) = (Farm::new("notify-many"), Receivers::new());
    let (all, some, none) = (receivers.start("200 OK"), receivers.start("200 OK"), receivers.start("200 OK"));
    let (expired, expiring) = (farm.serve_leaf(&ending_in("a.test", -3)), farm.serve_leaf(&ending_in("b.test", 10)));
    let refused = farm.refuse();
    let both = "{name: all}, {name: some}";
    let manifests = [
        monitor("b.test", expiring, both, ""),
        monitor("a.test", expired, both, ""),
        monitor("c.test", refused, "{name: all}", ""),
        monitor("d.test", refused, "", ""),
        monitor("e.test", refused, "{name: all}", ", enabled: false"),
        webhook("all", &all, ""),
        webhook("some", &some, ", minSeverity: critical"),
        webhook("none", &none, ""),
    ];
    let said = check(&farm, &manifests.concat(), &[]);
    let table = [
        "CHANNEL   TYPE      RESULT      CODE   TIME",
        "all       webhook   Delivered   -      0ms",
        "some      webhook   Delivered   -      0ms",
    ];
    assert_eq!(said.complaints()[4..], table);
    assert_eq!((said.code, none.seen().connections), (Some(1), 0));
    let told = bodies(&all);
    assert_eq!((told.len(), &told[0]["title"]), (1, &json!("3 problems in namespace default")));
    let reasons: Vec<&Value> = told[0]["parts"].as_array().unwrap().iter().map(|part| &part["reason"]).collect();
    assert_eq!(reasons, ["Expired", "ExpiringSoon", "ConnectionRefused"], "the worst first, then as they come");
    let told = bodies(&some);
    assert_eq!((told.len(), &told[0]["reason"], &told[0]["parts"]), (1, &json!("Expired"), &json!([])));
}

#[test]
fn what_is_not_told_makes_the_check_fail_even_if_all_is_valid() {
    let (mut farm, receivers) = (Farm::new("notify-fail"), Receivers::new());
    let (good, gone) = (receivers.start("200 OK"), receivers.start("410 Gone"));
    let port = farm.serve_leaf(&ending_in("a.test", 60));
    // A step that is reached long before the certificate counts as expiring.
    let early = ", alertThresholds: [{days: 90}]";
    let delivered = monitor("a.test", port, "{name: hook}", early) + &webhook("hook", &good, "");
    let said = check(&farm, &delivered, &[]);
    let table = "CHANNEL   TYPE      RESULT      CODE   TIME\nhook      webhook   Delivered   -      0ms\n";
    assert_eq!((said.stderr.as_str(), said.code), (table, Some(0)));
    let refused = monitor("a.test", port, "{name: hook}", early) + &webhook("hook", &gone, "");
    let said = check(&farm, &refused, &[]);
    let table = "CHANNEL   TYPE      RESULT     CODE   TIME\nhook      webhook   Rejected   410    0ms\n\
                 hook: the receiver refused it; check address and token\n";
    assert_eq!((said.stderr.as_str(), said.code), (table, Some(1)));
    assert_eq!(bodies(&gone)[0]["title"], format!("the certificate of a.test:{port} expires in 60 days"));
}

#[test]
fn a_channel_that_the_files_lack_is_complained_about_once() {
    let (mut farm, receivers) = (Farm::new("notify-lack"), Receivers::new());
    let (hook, port) = (receivers.start("200 OK"), farm.serve_leaf(&ending_in("a.test", 60)));
    let elsewhere = webhook("ops", &hook, "").replace("{name: ops}", "{name: ops, namespace: shop}");
    let manifests = [
        monitor("a.test", port, "{name: ops}", ""),
        monitor("a.test", port, "{name: ops}", ", interval: 2h"),
        monitor("a.test", port, "{name: ops}", ", enabled: false"),
        elsewhere,
    ];
    let said = check(&farm, &manifests.concat(), &[]);
    let complaint = "NotificationChannel ops is not in the input: give its manifest with -f, too\n";
    assert_eq!((said.stderr.as_str(), said.code), (complaint, Some(1)));
    assert_eq!(hook.seen().connections, 0);
}

#[test]
fn channels_hear_nothing_in_silence_and_when_they_cannot_be_used() {
    let (mut farm, receivers) = (Farm::new("notify-silence"), Receivers::new());
    let (hook, port) = (receivers.start("200 OK"), farm.serve_leaf(&ending_in("a.test", -3)));
    let until = in_days(1);
    let silent = monitor("a.test", port, "{name: hook}", &format!(", alerts: {{suspendUntil: \"{until}\"}}"));
    let said = check(&farm, &(silent + &webhook("hook", &hook, "")), &[]);
    assert_eq!((said.complaints().len(), said.code), (1, Some(1)), "{said:?}");
    let shut = monitor("a.test", port, "{name: hook}", "") + &webhook("hook", &hook, ", secretRef: {name: nowhere}");
    let said = check(&farm, &shut, &[]);
    let lines = [
        "CHANNEL   TYPE      RESULT           CODE   TIME",
        "hook      webhook   SecretNotFound   -      -",
        "hook: Secret nowhere is not in the input: give its manifest with -f, too",
    ];
    assert_eq!((&said.complaints()[1..], said.code), (&lines[..], Some(1)));
    let still = monitor("a.test", port, "{name: hook}", "") + &webhook("hook", &hook, ", suspend: true");
    assert_eq!(check(&farm, &still, &[]).complaints().len(), 1);
    assert_eq!(hook.seen().connections, 0);
}

#[test]
fn a_problem_that_is_found_again_is_another_message_of_the_same_incident() {
    let (mut farm, receivers) = (Farm::new("notify-again"), Receivers::new());
    let (hook, expired) = (receivers.start("200 OK"), farm.serve_leaf(&ending_in("a.test", -3)));
    let pager = |name: &str| {
        webhook(name, &hook, ", secretRef: {name: key}").replace("type: webhook", "type: opsgenie")
            + "---\napiVersion: v1\nkind: Secret\nmetadata: {name: key, labels: {sslmonitor.io/allowed: \"true\"}}\nstringData: {token: T0pSecret}\n"
    };
    let refused = farm.refuse();
    let manifests = monitor("a.test", expired, "{name: pager}", "")
        + &monitor("b.test", refused, "{name: pager}", "")
        + &pager("pager");
    let aliases = |count: usize| {
        let said = check(&farm, &manifests, &[]);
        assert_eq!((said.complaints().len(), said.code), (5, Some(1)), "{said:?}");
        assert!(!format!("{said:?}").contains("T0pSecret"));
        let told = bodies(&hook);
        assert_eq!(told.len(), count);
        told[count - 2..].iter().map(|body| body["alias"].clone()).collect::<Vec<_>>()
    };
    let (first, second) = (aliases(2), aliases(4));
    assert_ne!(first[0], first[1]);
    assert_eq!(first, second);
}

#[test]
fn what_is_printed_for_programs_is_the_same_with_and_without_telling() {
    let (mut farm, receivers) = (Farm::new("notify-json"), Receivers::new());
    let (hook, port) = (receivers.start("200 OK"), farm.serve_leaf(&ending_in("a.test", -3)));
    let manifests = monitor("a.test", port, "{name: hook}", "") + &webhook("hook", &hook, "");
    let read = |said: Said| {
        let mut object: Value = serde_json::from_str(&said.stdout).unwrap();
        let status = object["status"].as_object_mut().unwrap();
        assert!(status.contains_key("certificate") && !status.contains_key("notifications"), "{status:?}");
        let kinds = status["conditions"].as_array().unwrap().iter().map(|condition| condition["type"].clone());
        (kinds.collect::<Vec<_>>(), said.code)
    };
    let with = read(check(&farm, &manifests, &["-o", "json"]));
    let without = read(farm.check_now(&["-f", "-", "-o", "json"], &manifests));
    assert_eq!(with, without);
    assert_eq!(hook.seen().requests.len(), 1);
}

#[test]
fn a_bad_channel_is_wrong_input_where_channels_are_told_and_nobodys_business_elsewhere() {
    let (mut farm, receivers) = (Farm::new("notify-bad"), Receivers::new());
    let (hook, port) = (receivers.start("200 OK"), farm.serve_leaf(&ending_in("a.test", 60)));
    let manifests = monitor("a.test", port, "{name: hook}", "") + &webhook("hook", &hook, ", colour: red");
    let said = check(&farm, &manifests, &[]);
    let lines = said.complaints();
    assert!(lines[0].starts_with("error: standard input, document 2: spec.colour: is an unknown field"), "{said:?}");
    assert_eq!(lines[1..], ["NotificationChannel hook is not in the input: give its manifest with -f, too"]);
    assert_eq!(said.code, Some(2));
    let said = farm.check_now(&["-f", "-"], &manifests);
    assert_eq!((said.stderr.as_str(), said.code), ("", Some(0)));
}

#[test]
fn telling_needs_manifests_and_the_present() {
    let farm = Farm::new("notify-usage");
    for (line, complaint) in [
        (&["a.test", "--notify"][..], "--file <FILE|DIR|->"),
        (&["-f", "-", "--notify", "--at", "2027-01-01T00:00:00Z"], "cannot be used with"),
        (&["a.test", "-f", "-", "--notify", "--pem", "x.pem"], "cannot be used with"),
    ] {
        let said = farm.check_now(line, "");
        assert!(said.stderr.contains(complaint), "{line:?}: {}", said.stderr);
        assert_eq!((said.stdout.as_str(), said.code), ("", Some(2)), "{line:?}");
    }
}
