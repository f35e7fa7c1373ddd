//! Manifests: good ones, bad ones, and none.

use serde_json::{Value, json};

use crate::support::{Farm, Said, leaf, manifest};

/// The domains of a table, in its order.
fn domains(said: &Said) -> Vec<&str> {
    said.stdout.lines().skip(1).filter_map(|line| line.split([' ', ':']).next()).collect()
}

#[test]
fn a_bad_document_is_named_and_the_others_are_checked() {
    let mut farm = Farm::new("bad");
    let port = farm.serve_leaf(&leaf("a.test"));
    let good = manifest("a.test", port, "");
    let scheme = good.replace("domain: a.test", "domain: https://a.test");
    let unknown = good.replace("port:", "prot: 1, port:");
    let broken = "kind: SslMonitor\nspec: {domain: [}\n";
    let file = farm.file("m.yaml", &[&good, &*scheme, broken, &unknown, "just: data\n", &good].join("---\n"));
    let said = farm.check(&["-f", &file]);
    assert_eq!(domains(&said), ["a.test", "a.test"]);
    assert_eq!(
        said.complaints(),
        [
            "error: m.yaml, document 2: spec.domain: domain must be a host name without scheme, port or path, for example api.example.com",
            "error: m.yaml, document 3: is not valid YAML: line 12: mismatched bracket '[' closed by '}'",
            "error: m.yaml, document 4: spec.prot: is an unknown field; known here: address, addresses, alertDays, alertThresholds, alerts, domain, enabled, expect, interval, ipFamily, notificationChannels, port, proxy, proxyProtocol, serviceRef, timeout, tls",
            "error: m.yaml, document 5: is no Kubernetes object: it has no kind",
        ]
    );
    assert_eq!((said.code, farm.accepted()), (Some(2), 2));
}

#[test]
fn every_wrong_value_gets_one_sentence() {
    const DOMAIN: &str =
        "spec.domain: domain must be a host name without scheme, port or path, for example api.example.com";
    let farm = Farm::new("values");
    let long = "a.".repeat(125) + "test";
    let table = [
        (json!({"domain": "https://x"}), DOMAIN),
        (json!({"domain": "x:443"}), DOMAIN),
        (json!({"domain": "*.x"}), DOMAIN),
        (json!({"domain": "x.test\n"}), DOMAIN),
        (json!({"domain": "X.test"}), DOMAIN),
        (json!({"domain": "bücher.de"}), DOMAIN),
        (json!({"domain": long}), "spec.domain: must have at most 253 characters"),
        (json!({"domain": "a.test", "port": 0}), "spec.port: must be at least 1"),
        (json!({"domain": "a.test", "port": 65536}), "spec.port: must be at most 65535"),
        (
            json!({"domain": "a.test", "interval": "30s"}),
            "spec.interval: interval must be a duration from 60s to 168h, for example 1h or 30m",
        ),
        (
            json!({"domain": "a.test", "interval": "60s", "timeout": "60s"}),
            "spec.timeout: timeout must be shorter than interval",
        ),
    ];
    for (spec, complaint) in table {
        let manifest =
            json!({"apiVersion": "sslmonitor.io/v1", "kind": "SslMonitor", "metadata": {"name": "a"}, "spec": spec});
        let said = farm.check_with(&["-f", "-"], &manifest.to_string());
        let stderr = format!("error: standard input, document 1: {complaint}\n");
        assert_eq!(said, Said { stdout: String::new(), stderr, code: Some(2) });
    }
}

#[test]
fn lists_and_json_are_read_and_other_kinds_are_passed_over() {
    let mut farm = Farm::new("kinds");
    let port = farm.serve_leaf(&leaf("a.test"));
    let monitor = json!({
        "apiVersion": "sslmonitor.io/v1", "kind": "SslMonitor", "metadata": {"name": "a"},
        "spec": {"domain": "a.test", "port": port, "address": "127.0.0.1"},
        "status": {"summary": "Expired"},
    });
    let service = json!({"apiVersion": "v1", "kind": "Service"});
    let mut bad = monitor.clone();
    bad["spec"]["port"] = json!(0);
    let list = json!({"apiVersion": "v1", "kind": "List", "items": [service, monitor, bad, monitor]});
    let file = farm.file("list.json", &list.to_string());
    let said = farm.check(&["-f", &file]);
    assert_eq!(domains(&said), ["a.test", "a.test"]);
    assert_eq!(said.complaints(), ["error: list.json, document 1, item 3: spec.port: must be at least 1"]);
    assert_eq!((said.stdout.contains("Expired"), said.code), (false, Some(2)));
}

#[test]
fn a_directory_is_read_in_the_order_of_names_and_no_deeper() {
    let mut farm = Farm::new("directory");
    let names = ["a.test", "b.test", "c.test"].map(ToOwned::to_owned).to_vec();
    let port = farm.serve_leaf(&xtask::farm::Leaf { names, ..leaf("a.test") });
    farm.file("in/2.yml", &manifest("b.test", port, ""));
    farm.file("in/1.yaml", &manifest("c.test", port, ""));
    let json = json!({
        "apiVersion": "sslmonitor.io/v1", "kind": "SslMonitor", "metadata": {"name": "a"},
        "spec": {"domain": "a.test", "port": port, "address": "127.0.0.1"},
    });
    farm.file("in/3.json", &json.to_string());
    farm.file("in/4.txt", "no manifest");
    farm.file("in/deeper/0.yaml", &manifest("deeper.test", port, ""));
    let directory = farm.directory.join("in");
    let said = farm.check(&["-f", directory.to_str().unwrap()]);
    assert_eq!(domains(&said), ["c.test", "b.test", "a.test"]);
    assert_eq!((said.stderr.as_str(), said.code), ("", Some(0)));
}

#[test]
fn an_input_without_a_monitor_is_an_error() {
    let farm = Farm::new("empty");
    let service = farm.file("service.yaml", "apiVersion: v1\nkind: Service\n");
    let empty = farm.file("empty.yaml", "# nothing\n---\n");
    farm.file("none/readme.txt", "");
    let none = farm.directory.join("none");
    let missing = farm.directory.join("missing.yaml");
    let table = [
        (service.as_str(), "service.yaml: holds no SslMonitor"),
        (&empty, "empty.yaml: holds no SslMonitor"),
        ("-", "standard input: holds no SslMonitor"),
        (none.to_str().unwrap(), "none: this directory has no *.yaml, *.yml or *.json file"),
        (missing.to_str().unwrap(), "missing.yaml: cannot be read: No such file or directory (os error 2)"),
    ];
    for (input, complaint) in table {
        let said = farm.check(&["-f", input]);
        let stderr = format!("error: {complaint}\n");
        assert_eq!(said, Said { stdout: String::new(), stderr, code: Some(2) }, "{input}");
    }
}

#[test]
fn bundles_alone_are_nothing_to_check() {
    let farm = Farm::new("bundles-alone");
    let object = |kind: &str| format!("apiVersion: v1\nkind: {kind}\nmetadata: {{name: roots}}\n");
    let (first, second) = (farm.file("1.yaml", &object("ConfigMap")), farm.file("2.yaml", &object("Secret")));
    let said = farm.check(&["-f", &first, "-f", &second]);
    let stderr = "error: 1.yaml: holds no SslMonitor\nerror: 2.yaml: holds no SslMonitor\n".to_owned();
    assert_eq!(said, Said { stdout: String::new(), stderr, code: Some(2) });
}

#[test]
fn a_kind_in_other_letters_is_named() {
    let mut farm = Farm::new("kind");
    let good = manifest("a.test", farm.serve_leaf(&leaf("a.test")), "");
    let wrong = good.replace("SslMonitor", "SSLMonitor");
    let said = farm.check_with(&["-f", "-"], &[good, wrong].join("---\n"));
    assert_eq!(domains(&said), ["a.test"]);
    let complaint = "error: standard input, document 2: kind: must be SslMonitor, found \"SSLMonitor\"";
    assert_eq!((said.complaints(), said.code), (vec![complaint], Some(2)));
}

#[test]
fn what_an_input_quotes_cannot_speak_to_the_terminal() {
    const ESCAPE: &str = "\\u{1b}[2J\\u{a}error: x";
    let farm = Farm::new("escape");
    let monitor = |spec: &Value| json!({"apiVersion": "sslmonitor.io/v1", "kind": "SslMonitor", "metadata": {"name": "a"}, "spec": spec});
    let key = "\u{1b}[2J\nerror: x";
    let long = "y".repeat(5000);
    let documents = [
        monitor(&json!({"domain": "a.test", key: 1})),
        monitor(&json!({"domain": "a.test", &long: 1})),
        json!({"apiVersion": key, "kind": "SslMonitor"}),
        json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": key}),
    ];
    let text = documents.map(|document| document.to_string()).join("\n");
    farm.file("in/\u{1b}[2J\nerror: x.json", &text);
    farm.file("in/a.yaml", "a: !<\u{85}> [\n---\n? \"\\e[2J\\nerror: x\"\n: 1\n\"\\e[2J\\nerror: x\": 2\n");
    let said = farm.check(&["-f", farm.directory.join("in").to_str().unwrap()]);
    let visible = |c: char| c == '\n' || !c.is_control();
    assert!(said.stderr.chars().all(visible), "{:?}", said.stderr);
    let complaints = said.complaints();
    assert!(complaints.iter().all(|line| !line.starts_with("error: x")), "{complaints:#?}");
    let known = "is an unknown field; known here: address, addresses, alertDays, alertThresholds, alerts, domain, enabled, expect, interval, ipFamily, notificationChannels, port, proxy, proxyProtocol, serviceRef, timeout, tls";
    let of = |number: u32, what: &str| format!("error: in/{ESCAPE}.json, document {number}: {what}");
    assert_eq!(complaints[0], of(1, &format!("spec.{ESCAPE}: {known}")));
    assert_eq!(complaints[1], of(2, &format!("spec.{}…: {known}", "y".repeat(248))));
    assert_eq!((complaints.len(), said.stdout.as_str(), said.code), (6, "", Some(2)), "{complaints:#?}");
}

#[test]
fn an_input_that_is_too_large_is_not_read_to_its_end() {
    let farm = Farm::new("large");
    let said = farm.check(&["-f", "/dev/zero"]);
    let stderr = "error: /dev/zero: is larger than the 32 MiB that are read; split it\n".to_owned();
    assert_eq!(said, Said { stdout: String::new(), stderr, code: Some(2) });
}

#[test]
fn options_come_before_what_a_manifest_says() {
    let mut farm = Farm::new("options");
    let port = farm.serve_leaf(&leaf("b.test"));
    let file = farm.file("m.yaml", &manifest("a.test", 1, ", alertDays: 7"));
    let to = format!("127.0.0.1:{port}");
    let said = farm.check(&[
        "-f",
        &file,
        "--connect-to",
        &to,
        "--server-name",
        "b.test",
        "--starttls",
        "imap",
        "--alert-days",
        "300",
        "--timeout",
        "5s",
        "-o",
        "json",
    ]);
    let spec = serde_json::from_str::<Value>(&said.stdout).unwrap()["spec"].take();
    assert_eq!(
        spec,
        json!({
            "domain": "a.test", "port": 1, "alertDays": 300, "enabled": true, "interval": "1h", "timeout": "5s",
            "address": "127.0.0.1", "addresses": "All",
            "tls": {
                "serverName": "b.test", "startTLS": "imap", "useSystemRoots": true, "revocation": "Staple", "revocationFailure": "Soft",
            },
        })
    );
    assert_eq!((said.stderr.as_str(), said.code), ("", Some(1)));
}

#[test]
fn options_that_break_a_rule_of_a_document_are_told() {
    let mut farm = Farm::new("broken-options");
    let port = farm.serve_leaf(&leaf("a.test"));
    let (good, short) = (manifest("a.test", port, ""), manifest("a.test", port, ", interval: 60s"));
    let file = farm.file("m.yaml", &[good, short].join("---\n"));
    assert_eq!(farm.check(&["-f", &file]).code, Some(0), "the document itself is fine");
    let said = farm.check(&["-f", &file, "--timeout", "2m"]);
    let complaint =
        "error: m.yaml, document 2: with these options, spec.timeout: timeout must be shorter than interval";
    assert_eq!((said.complaints(), domains(&said).len(), said.code), (vec![complaint], 1, Some(2)));
    assert_eq!(farm.accepted(), 3);
}
