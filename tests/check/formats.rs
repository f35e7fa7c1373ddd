//! What is printed, in every format.

use regex::Regex;
use serde_json::Value;
use xtask::farm::self_signed;

use crate::support::{AT, Farm, Said, leaf, manifest, until};

/// One monitor of every kind.
fn all_kinds(name: &str) -> (Farm, String) {
    let mut farm = Farm::new(name);
    let mut documents = Vec::new();
    for (domain, end) in [
        ("valid.test", "2026-12-31T23:59:59Z"),
        ("expiring.test", "2026-06-11T00:00:00Z"),
        ("expired.test", "2026-05-31T00:00:00Z"),
    ] {
        documents.push(manifest(domain, farm.serve_leaf(&until(domain, end)), ""));
    }
    documents.push(manifest("wrong.test", farm.serve_leaf(&leaf("other.test")), ""));
    documents.push(manifest("self-signed.test", farm.serve(self_signed(&leaf("self-signed.test"))), ""));
    documents.push(manifest("refused.test", farm.refuse(), ""));
    documents.push(manifest("off.test", 443, ", enabled: false"));
    let file = farm.file("all.yaml", &documents.join("---\n"));
    (farm, file)
}

/// Replace what differs from certificate to certificate and from probe to probe.
fn redact(text: &str) -> String {
    let patterns = [
        (r#"("?fingerprint"?: )"?SHA256:[0-9A-F:]{95}"?"#, "${1}FINGERPRINT"),
        (r#"("?publicKey"?: )"?sha256//[A-Za-z0-9+/]{43}="?"#, "${1}PUBLIC_KEY"),
        (r#"("?serialNumber"?: )"?[0-9A-F]+"?"#, "${1}SERIAL"),
        (r#"("?responseTimeMs"?: )[0-9]+"#, "${1}MILLISECONDS"),
        (r#"time="[0-9.]+""#, "time=\"SECONDS\""),
    ];
    patterns.iter().fold(text.to_owned(), |text, (pattern, shown)| {
        Regex::new(pattern).unwrap().replace_all(&text, *shown).into_owned()
    })
}

#[test]
fn a_table_has_a_row_for_each_and_says_below_what_is_wrong() {
    let (farm, file) = all_kinds("table");
    let said = farm.check(&["-f", &file]);
    insta::assert_snapshot!("table", said.stdout);
    insta::assert_snapshot!("table-complaints", said.stderr);
    assert_eq!(said.code, Some(1));
}

#[test]
fn a_wide_table_has_everything_in_its_rows() {
    let (farm, file) = all_kinds("wide");
    let said = farm.check(&["-f", &file, "-o", "wide"]);
    insta::assert_snapshot!("wide", said.stdout);
    assert_eq!((said.stderr.as_str(), said.code), ("", Some(1)));
}

#[test]
fn one_monitor_is_printed_as_it_would_be_stored() {
    let mut farm = Farm::new("one");
    let to = format!("127.0.0.1:{}", farm.serve_leaf(&leaf("a.test")));
    let json = farm.check(&["a.test", "--connect-to", &to, "-o", "json"]);
    insta::assert_snapshot!("one-json", redact(&json.stdout));
    assert_eq!((json.stderr.as_str(), json.code), ("", Some(0)));
    let yaml = farm.check(&["a.test", "--connect-to", &to, "-o", "yaml"]);
    insta::assert_snapshot!("one-yaml", redact(&yaml.stdout));
    assert_eq!((yaml.stderr.as_str(), yaml.code), ("", Some(0)));
}

#[test]
fn several_monitors_are_a_list_in_the_order_of_the_input() {
    let (farm, file) = all_kinds("list");
    let json = farm.check(&["-f", &file, "-o", "json"]);
    let list: Value = serde_json::from_str(&json.stdout).unwrap();
    insta::assert_snapshot!("list-json", redact(&json.stdout));
    let domains: Vec<&str> =
        list["items"].as_array().unwrap().iter().map(|item| item["spec"]["domain"].as_str().unwrap()).collect();
    assert_eq!(
        domains,
        ["valid.test", "expiring.test", "expired.test", "wrong.test", "self-signed.test", "refused.test", "off.test"]
    );
    assert_eq!((json.stderr.as_str(), json.code), ("", Some(1)));
}

#[test]
fn yaml_says_the_same_as_json() {
    let (farm, file) = all_kinds("yaml");
    let print = |format: &str| {
        let Said { stdout, stderr, code } = farm.check(&["-f", &file, "-o", format]);
        assert_eq!((stderr.as_str(), code), ("", Some(1)));
        Regex::new(r#"("?responseTimeMs"?: )[0-9]+"#).unwrap().replace_all(&stdout, "${1}0").into_owned()
    };
    let json: Value = serde_json::from_str(&print("json")).unwrap();
    let yaml: Value = serde_saphyr::from_str(&print("yaml")).unwrap();
    assert_eq!(yaml, json);
    assert_eq!(json["items"].as_array().unwrap().len(), 7);
}

#[test]
fn what_is_printed_can_be_checked_again() {
    let (farm, file) = all_kinds("again");
    for format in ["json", "yaml"] {
        let first = farm.check(&["-f", &file]);
        let printed = farm.check_at(AT, &["-f", &file, "-o", format], "");
        let again = farm.check_with(&["-f", "-"], &printed.stdout);
        assert_eq!(again.stdout, first.stdout, "{format}");
        assert_eq!(again.code, Some(1));
    }
}

#[test]
fn a_junit_report_has_a_case_for_each() {
    let (farm, file) = all_kinds("junit");
    let said = farm.check(&["-f", &file, "-o", "junit"]);
    insta::assert_snapshot!("junit", redact(&said.stdout));
    assert_eq!((said.stderr.as_str(), said.code), ("", Some(1)));
}

#[test]
fn the_clock_and_the_days_can_be_chosen() {
    let mut farm = Farm::new("clock");
    let to = format!("127.0.0.1:{}", farm.serve_leaf(&leaf("a.test")));
    // 213 days and a second less than a day are left on the first of June.
    let table = [
        (AT, &["--alert-days", "212"][..], "Valid", Some(0)),
        (AT, &["--alert-days", "213"][..], "ExpiringSoon", Some(1)),
        ("2026-12-31T23:59:59Z", &[], "ExpiringSoon", Some(1)),
        ("2027-01-01T00:00:00Z", &[], "Expired", Some(1)),
        ("2025-12-31T00:00:00Z", &[], "NotYetValid", Some(1)),
    ];
    for (at, options, summary, code) in table {
        let said = farm.check_at(at, &[&["a.test", "--connect-to", &to][..], options].concat(), "");
        let row: Vec<&str> = said.stdout.lines().nth(1).unwrap().split_whitespace().collect();
        assert_eq!((row[1], said.code), (summary, code), "{at} {options:?}");
    }
}
