//! CA bundles that manifests name.

use crate::support::{Farm, leaf, manifest};

/// A monitor of `a.test` that trusts only a bundle of its own.
fn monitor(port: u16, kind: &str) -> String {
    let tls = format!(", tls: {{useSystemRoots: false, caBundle: {{{kind}: {{name: roots}}}}}}");
    manifest("a.test", port, &tls)
}

fn object(kind: &str, head: &str, key: &str, value: &str) -> String {
    let lines = value.trim_end().replace('\n', "\n    ");
    let data = if kind == "Secret" { "stringData" } else { "data" };
    format!("apiVersion: v1\nkind: {kind}\nmetadata:\n  name: roots\n{head}{data}:\n  {key}: |\n    {lines}\n")
}

const ALLOWED: &str = "  labels: {sslmonitor.io/allowed: \"true\"}\n";

#[test]
fn a_bundle_in_the_same_input_is_used_and_its_absence_explained() {
    let mut farm = Farm::new("bundles");
    let port = farm.serve_leaf(&leaf("a.test"));
    let root = farm.authority.root_pem();
    let table = [
        ("configMap", object("ConfigMap", "", "ca.crt", &root), "Valid", None),
        ("secret", object("Secret", ALLOWED, "ca.crt", &root), "Valid", None),
        (
            "configMap",
            object("ConfigMap", "", "tls.crt", &root),
            "CABundleKeyNotFound",
            Some("ConfigMap roots has no key ca.crt; it has tls.crt"),
        ),
        (
            "configMap",
            object("ConfigMap", "", "ca.crt", "no certificate"),
            "CABundleInvalid",
            Some(
                "the bundle is not PEM text; certificates start with -----BEGIN CERTIFICATE----- (key ca.crt of ConfigMap roots)",
            ),
        ),
        (
            "secret",
            object("Secret", "", "ca.crt", &root),
            "CABundleNotAllowed",
            Some("Secret roots lacks the label sslmonitor.io/allowed: \"true\", without which it is not read"),
        ),
        (
            "secret",
            object("ConfigMap", "", "ca.crt", &root),
            "CABundleNotFound",
            Some("Secret roots is not in the input: give its manifest with -f, too, or the bundle with --ca-file"),
        ),
        (
            "configMap",
            object("ConfigMap", "  namespace: other\n", "ca.crt", &root),
            "CABundleNotFound",
            Some("ConfigMap roots is not in the input: give its manifest with -f, too, or the bundle with --ca-file"),
        ),
    ];
    for (kind, bundle, summary, complaint) in table {
        // The bundle may come after the monitor, and in another file.
        let (first, second) = (farm.file("1.yaml", &monitor(port, kind)), farm.file("2.yaml", &bundle));
        let said = farm.check_trusting(&["-f", &first, "-f", &second]);
        let expected: Vec<String> = complaint.iter().map(|complaint| format!("a.test:10001: {complaint}")).collect();
        assert_eq!(said.complaints(), expected, "{bundle}");
        assert!(said.stdout.contains(&format!("a.test:10001   {summary}   ")), "{bundle}\n{}", said.stdout);
        assert_eq!(said.code, Some(i32::from(complaint.is_some())), "{bundle}");
    }
}

#[test]
fn of_many_keys_some_are_named_and_none_speaks_to_the_terminal() {
    let mut farm = Farm::new("keys");
    let port = farm.serve_leaf(&leaf("a.test"));
    let keys: Vec<String> = (2..12).map(|number| format!("k{number:02}: x")).collect();
    let bundle = format!(
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: roots}}\ndata: {{\"a\\e[2J\\nb\": x, {}}}\n",
        keys.join(", ")
    );
    let namespace = monitor(port, "configMap").replace("{name: a.test}", "{name: a.test, namespace: \"a\\e[2J\\nb\"}");
    let file = farm.file("m.yaml", &[monitor(port, "configMap"), bundle, namespace].join("---\n"));
    assert_eq!(
        farm.check_trusting(&["-f", &file]).complaints(),
        [
            "a.test:10001: ConfigMap roots has no key ca.crt; it has a\\u{1b}[2J\\u{a}b, k02, k03, k04, k05, k06, k07, k08 and 3 more",
            "a.test:10001: ConfigMap roots in namespace a\\u{1b}[2J\\u{a}b is not in the input: give its manifest with -f, too, or the bundle with --ca-file",
        ]
    );
}

#[test]
fn a_file_with_nothing_but_a_bundle_is_of_use_also_twice() {
    let mut farm = Farm::new("twice");
    let port = farm.serve_leaf(&leaf("a.test"));
    let file = farm.file("m.yaml", &monitor(port, "configMap"));
    let bundle = farm.file("bundle.yaml", &object("ConfigMap", "", "ca.crt", &farm.authority.root_pem()));
    let said = farm.check_trusting(&["-f", &file, "-f", &bundle, "-f", &bundle]);
    assert_eq!((said.stderr.as_str(), said.code), ("", Some(0)));
}

#[test]
fn a_ca_file_stands_in_for_a_bundle_that_the_input_lacks() {
    let mut farm = Farm::new("stand-in");
    let port = farm.serve_leaf(&leaf("a.test"));
    let file = farm.file("m.yaml", &monitor(port, "configMap"));
    let root = farm.directory.join("root.pem");
    let said = farm.check_trusting(&["-f", &file, "--ca-file", root.to_str().unwrap()]);
    assert_eq!((said.stdout.contains("Valid"), said.stderr.as_str(), said.code), (true, "", Some(0)));
}

#[test]
fn a_bundle_is_trusted_by_the_monitors_that_name_it_alone() {
    let mut farm = Farm::new("alone");
    let port = farm.serve_leaf(&leaf("a.test"));
    let bundle = object("ConfigMap", "", "ca.crt", &farm.authority.root_pem());
    let file = farm.file("m.yaml", &[monitor(port, "configMap"), manifest("a.test", port, ""), bundle].join("---\n"));
    let said = farm.check_trusting(&["-f", &file]);
    let summaries: Vec<&str> = said.stdout.lines().skip(1).filter_map(|line| line.split_whitespace().nth(1)).collect();
    assert_eq!((&summaries[..], said.code), (&["Valid", "UnknownIssuer"][..], Some(1)));
}

#[test]
fn a_ca_file_that_is_none_is_wrong_input() {
    let mut farm = Farm::new("ca-file");
    let to = format!("127.0.0.1:{}", farm.serve_leaf(&leaf("a.test")));
    let table = [
        (farm.file("empty.pem", ""), "error: empty.pem: the bundle contains no certificate\n"),
        (
            farm.directory.join("missing.pem").to_str().unwrap().to_owned(),
            "error: missing.pem: cannot be read: No such file or directory (os error 2)\n",
        ),
    ];
    for (path, complaint) in table {
        let said = farm.check_trusting(&["a.test", "--connect-to", &to, "--ca-file", &path]);
        assert_eq!((said.stdout.as_str(), said.stderr.as_str(), said.code), ("", complaint, Some(2)));
    }
    assert_eq!(farm.accepted(), 0);
}
