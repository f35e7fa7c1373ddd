//! Wrong usage, and the small commands.

use std::{
    fs::File,
    io::{BufRead as _, BufReader},
    process::{Command, Stdio},
};

use crate::support::{AT, Farm, Said, leaf, manifest, sslmonitor, sslmonitor_in, until};

#[test]
fn the_version_is_one_line() {
    let expected = Said { stdout: "sslmonitor 0.1.0\n".to_owned(), stderr: String::new(), code: Some(0) };
    assert_eq!(sslmonitor(&["--version"], ""), expected);
}

#[test]
fn the_definitions_are_those_that_are_shipped() {
    let shipped = [
        include_str!("../../crds/notificationchannels.sslmonitor.io.yaml"),
        include_str!("../../crds/sslmonitors.sslmonitor.io.yaml"),
    ];
    let said = sslmonitor(&["crd"], "");
    assert_eq!(said, Said { stdout: shipped.join("---\n"), stderr: String::new(), code: Some(0) });
}

#[test]
fn every_usual_shell_gets_completions() {
    for (shell, mark) in [("bash", "complete -F"), ("zsh", "#compdef sslmonitor"), ("fish", "complete -c sslmonitor")] {
        let said = sslmonitor(&["completions", shell], "");
        assert!(said.stdout.contains(mark) && said.stdout.contains("connect-to"), "{shell}");
        assert_eq!((said.stderr.as_str(), said.code), ("", Some(0)));
    }
    assert_eq!(sslmonitor(&["completions", "tcsh"], "").code, Some(2));
}

#[test]
fn a_wrong_argument_is_named_and_nothing_is_checked() {
    let mut farm = Farm::new("arguments");
    let to = format!("127.0.0.1:{}", farm.serve_leaf(&leaf("a.test")));
    let good = ["a.test", "--connect-to", &to];
    assert_eq!((farm.check(&good).code, farm.accepted()), (Some(0), 1), "the arguments without the wrong one are fine");
    let domain = "domain must be a host name without scheme, port or path, for example api.example.com";
    let table = [
        (&["https://x"][..], domain),
        (&["x:443"], domain),
        (&["*.x.test"], domain),
        (&["x.test:0"], "port must be a number from 1 to 65535, not \"0\""),
        (&["x.test:65536"], "port must be a number from 1 to 65535, not \"65536\""),
        (&["X.test"], "write it as x.test"),
        (&["bücher.de"], "write it as xn--bcher-kva.de"),
        (&["--alert-days", "0"], "0 is not in 1..=365"),
        (&["--alert-days", "366"], "366 is not in 1..=365"),
        (&["--timeout", "3m"], "timeout must be a duration from 1s to 2m, for example 10s"),
        (&["--at", "tomorrow"], "must be a time with an offset (RFC 3339), for example 2027-01-31T00:00:00Z"),
        (&["--server-name", "*.x.test"], "the name must be a host name"),
        (&["--starttls", "irc"], "smtp, lmtp, imap, pop3, ftp, ldap, postgresql, mysql, xmpp-client, xmpp-server"),
        (&["--concurrency", "0"], "0 is not in 1..=1000"),
        (&["--deny-cidr", "10.0.0.0/33"], "invalid value '10.0.0.0/33'"),
        (&["--resolver", "192.0.2.1"], "invalid value '192.0.2.1'"),
        (&["-o", "xml"], "table, wide, json, yaml, junit"),
        (&["--revocation", "ocsp"], "none, staple, crl"),
        (&["--proxy", "proxy.test:3128"], "the value of --proxy must start with http://, socks5:// or socks5h://"),
        (&["--addresses", "one"], "all, any"),
        (&["--ip-family", "v4"], "ipv4, ipv6"),
        (&["--min-version", "1.1"], "1.2, 1.3"),
        (&["--client-cert", "client.pem"], "--client-key"),
        (&["--pem", "x.pem", "-f", "x.yaml"], "cannot be used with"),
        (&["--frobnicate"], "unexpected argument '--frobnicate'"),
    ];
    for (wrong, complaint) in table {
        let said = sslmonitor(&[&["check"], &good[..], wrong].concat(), "");
        assert!(said.stderr.starts_with("error: ") && said.stderr.contains(complaint), "{wrong:?}: {}", said.stderr);
        assert_eq!((said.stdout.as_str(), said.code), ("", Some(2)), "{wrong:?}");
    }
    assert_eq!(farm.accepted(), 1);
}

#[test]
fn nothing_to_check_is_wrong_usage() {
    let said = sslmonitor(&["check"], "");
    assert!(said.stderr.contains("<DOMAIN[:PORT]>"), "{}", said.stderr);
    assert_eq!((said.stdout.as_str(), said.code), ("", Some(2)));
}

#[test]
fn without_any_root_nothing_could_be_trusted() {
    let said = sslmonitor(&["check", "a.test", "--no-system-roots"], "");
    let complaint = "error: --no-system-roots needs --ca-file: without either no certificate could be trusted\n";
    assert_eq!(said, Said { stdout: String::new(), stderr: complaint.to_owned(), code: Some(2) });
}

#[test]
fn a_denied_address_is_not_connected_to_and_the_way_out_is_shown() {
    let mut farm = Farm::new("denied");
    let to = format!("127.0.0.1:{}", farm.serve_leaf(&leaf("a.test")));
    let said = sslmonitor(&["check", "a.test", "--connect-to", &to], "");
    assert_eq!(
        said,
        Said {
            stdout: "DOMAIN   STATUS         DAYS   EXPIRES\na.test   TargetDenied   -      -\n".to_owned(),
            stderr:
                "a.test: the target may not be probed: 127.0.0.1 is a loopback address; allow it with --allow-cidr\n"
                    .to_owned(),
            code: Some(1)
        }
    );
    assert_eq!(farm.accepted(), 0);
}

#[test]
fn another_name_can_be_sent_and_verified() {
    let mut farm = Farm::new("name");
    let to = format!("127.0.0.1:{}", farm.serve_leaf(&leaf("b.test")));
    let wrong = farm.check(&["a.test", "--connect-to", &to]);
    assert_eq!((wrong.stdout.contains("HostnameMismatch"), wrong.code), (true, Some(1)));
    let right = farm.check(&["a.test", "--connect-to", &to, "--server-name", "b.test"]);
    let table = "DOMAIN   STATUS   DAYS   EXPIRES\na.test   Valid    213    2026-12-31T23:59:59Z\n";
    assert_eq!(right, Said { stdout: table.to_owned(), stderr: String::new(), code: Some(0) });
}

#[test]
fn a_chain_in_a_file_is_judged_without_a_network() {
    let farm = Farm::new("pem");
    let chain = farm.file("chain.pem", &farm.authority.issue(&leaf("a.test")).chain_pem());
    let old = farm.file("old.pem", &farm.authority.issue(&until("a.test", "2026-03-01T00:00:00Z")).chain_pem());
    let lone = farm.file("lone.pem", &farm.authority.issue_without_intermediate(&leaf("a.test")).chain_pem());
    let none = farm.file("none.pem", "not a chain");
    let valid = "DOMAIN   STATUS   DAYS   EXPIRES\na.test   Valid    213    2026-12-31T23:59:59Z\n";
    let good = Said { stdout: valid.to_owned(), stderr: String::new(), code: Some(0) };
    assert_eq!(farm.check(&["a.test", "--pem", &chain]), good);
    let text = std::fs::read_to_string(&chain).unwrap();
    assert_eq!(farm.check_with(&["a.test", "--pem", "-"], &text), good);
    for (file, domain, summary) in
        [(&old, "a.test", "Expired"), (&chain, "b.test", "HostnameMismatch"), (&lone, "a.test", "UnknownIssuer")]
    {
        let said = farm.check(&[domain, "--pem", file]);
        assert!(said.stdout.contains(summary), "{said:?}");
        assert_eq!((said.complaints().len(), said.code), (1, Some(1)), "{said:?}");
    }
    let said = farm.check(&["a.test", "--pem", &none]);
    assert!(said.stderr.starts_with("error: none.pem: the chain is not PEM text"), "{said:?}");
    assert_eq!((said.stdout.as_str(), said.code), ("", Some(2)));
    let said = farm.check(&["a.test", "b.test", "--pem", &chain]);
    let complaint = "error: --pem judges one chain: name one DOMAIN with it\n".to_owned();
    assert_eq!(said, Said { stdout: String::new(), stderr: complaint, code: Some(2) });
}

#[test]
fn a_chain_in_a_file_is_judged_whoever_resolves_names() {
    let farm = Farm::new("pem-resolver");
    let chain = farm.file("chain.pem", &farm.authority.issue(&leaf("a.test")).chain_pem());
    let root = farm.directory.join("root.pem");
    let line = ["check", "a.test", "--pem", &chain, "--at", AT, "--ca-file", root.to_str().unwrap()];
    let said = sslmonitor_in(&[("SSLMONITOR_RESOLVER", "192.0.2.1:53")], &line, "");
    assert_eq!((said.stdout.contains("Valid"), said.stderr.as_str(), said.code), (true, "", Some(0)));
}

#[test]
fn an_empty_variable_counts_as_absent() {
    let mut farm = Farm::new("variables");
    let to = format!("127.0.0.1:{}", farm.serve_leaf(&leaf("a.test")));
    let root = farm.directory.join("root.pem");
    let line = ["check", "a.test", "--connect-to", &to, "--at", AT, "--ca-file", root.to_str().unwrap()];
    let empty = ["DENY_CIDR", "PUBLIC_ONLY", "RESOLVER"].map(|name| format!("SSLMONITOR_{name}"));
    let mut variables: Vec<(&str, &str)> = empty.iter().map(|name| (name.as_str(), "")).collect();
    variables.push(("SSLMONITOR_ALLOW_CIDR", "127.0.0.0/8"));
    let said = sslmonitor_in(&variables, &line, "");
    assert_eq!((said.stdout.contains("Valid"), said.stderr.as_str(), said.code), (true, "", Some(0)));
    // `run` reads its variables, and then fails for want of a cluster.
    let names = ["ADMIN_ADDRESS", "ALLOW_CIDR", "CONCURRENCY", "LOG_FORMAT", "LOG_LEVEL", "RESOLVER", "STATUS_WRITES"];
    let names = names.map(|name| format!("SSLMONITOR_{name}"));
    let mut variables: Vec<(&str, &str)> = names.iter().map(|name| (name.as_str(), "")).collect();
    variables.push(("KUBECONFIG", "/dev/null/none"));
    let said = sslmonitor_in(&variables, &["run"], "");
    assert!(said.stderr.contains("failed to infer config"), "{said:?}");
    assert_eq!(said.code, Some(1));
    let empty = ["ALLOW_HTTP_CHANNELS", "CHANNEL_ALLOW_CIDR", "CLUSTER_NAME", "PUBLIC_ONLY", "RESOLVER"];
    let empty = empty.map(|name| format!("SSLMONITOR_{name}"));
    let variables: Vec<(&str, &str)> = empty.iter().map(|name| (name.as_str(), "")).collect();
    let said = sslmonitor_in(&variables, &["notify", "test", "-f", "-"], "");
    let complaint = "error: standard input: holds no NotificationChannel\n";
    assert_eq!((said.stderr.as_str(), said.code), (complaint, Some(2)));
    let wrong = sslmonitor_in(&[("SSLMONITOR_ALLOW_CIDR", "x")], &line, "");
    assert!(wrong.stderr.contains("invalid value 'x' for '--allow-cidr <CIDR>'"), "{}", wrong.stderr);
    assert_eq!((wrong.code, farm.accepted()), (Some(2), 1));
}

#[test]
fn of_a_chain_in_a_file_nothing_is_said_about_a_connection() {
    let farm = Farm::new("pem-json");
    let chain = farm.file("chain.pem", &farm.authority.issue(&leaf("a.test")).chain_pem());
    let said = farm.check(&["a.test", "--pem", &chain, "-o", "json"]);
    let status = serde_json::from_str::<serde_json::Value>(&said.stdout).unwrap()["status"].take();
    let kinds: Vec<&str> =
        status["conditions"].as_array().unwrap().iter().map(|condition| condition["type"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["Ready", "CertificateValid", "CertificateExpiring"]);
    for field in ["address", "tls", "responseTimeMs", "nextCheckAt"] {
        assert_eq!(status[field], serde_json::Value::Null, "{field}");
    }
    assert_eq!(status["certificate"]["isValid"], true);
}

/// Run the binary with its output closed before it has written anything.
fn into_a_closed_pipe(arguments: &[&str]) -> (Option<i32>, String) {
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let output = Command::new(env!("CARGO_BIN_EXE_sslmonitor"))
        .args(arguments)
        .env_clear()
        .stdin(Stdio::null())
        .stdout(writer)
        .stderr(Stdio::piped())
        .output()
        .unwrap();
    (output.status.code(), String::from_utf8(output.stderr).unwrap())
}

#[test]
fn nobody_reading_changes_neither_verdict_nor_manners() {
    let mut farm = Farm::new("closed");
    let port = farm.serve_leaf(&leaf("a.test"));
    let file = farm.file("two.yaml", &[manifest("a.test", port, ""), manifest("b.test", port, "")].join("---\n"));
    let root = format!("{}/root.pem", farm.directory.display());
    for (option, format) in [("-o", "table"), ("-o", "wide"), ("-o", "json"), ("-o", "yaml"), ("-o", "junit")] {
        let line =
            ["check", "-f", &file, "--at", AT, "--allow-cidr", "127.0.0.0/8", "--ca-file", &root, option, format];
        let (code, stderr) = into_a_closed_pipe(&line);
        let notes = stderr.lines().filter(|line| !line.starts_with("b.test:")).count();
        assert_eq!((code, notes), (Some(1), 0), "{format}: {stderr}");
    }
    assert_eq!(into_a_closed_pipe(&["crd"]), (Some(0), String::new()));
    assert_eq!(into_a_closed_pipe(&["completions", "bash"]), (Some(0), String::new()));
}

#[test]
fn a_reader_that_leaves_early_gets_what_it_read() {
    let mut child = Command::new(env!("CARGO_BIN_EXE_sslmonitor"))
        .arg("crd")
        .env_clear()
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut first = String::new();
    BufReader::with_capacity(64, child.stdout.take().unwrap()).read_line(&mut first).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(first.starts_with("# Generated"), "{first}");
    assert_eq!((output.status.code(), output.stderr), (Some(0), Vec::new()));
}

#[test]
fn a_full_disk_is_an_error() {
    let output = Command::new(env!("CARGO_BIN_EXE_sslmonitor"))
        .args(["check", "127.0.0.1"])
        .env_clear()
        .stdout(File::options().write(true).open("/dev/full").unwrap())
        .output()
        .unwrap();
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert_eq!(
        (stderr.as_str(), output.status.code()),
        ("error: failed to write the results: No space left on device (os error 28)\n", Some(2))
    );
}
