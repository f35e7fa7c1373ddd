//! The alerts of the chart: that Prometheus raises them when it should, and that they are about metrics which exist.

use std::{collections::BTreeSet, fs, path::Path, process::Command};

use serde_json::{Value, json};
use xtask::{checkers::Checker, helm::stdout};

use crate::support::{ROOT, documents, known_metrics, named_metrics, template};

/// The rule file that Prometheus gets of the Prometheus Operator.
fn rules() -> Value {
    let all = documents(&template(&json!({"metrics": {"prometheusRule": {"enabled": true}}})));
    all.into_iter().find(|object| object["kind"] == "PrometheusRule").unwrap()["spec"].clone()
}

fn alerts(rules: &Value) -> impl Iterator<Item = &Value> {
    rules["groups"][0]["rules"].as_array().into_iter().flatten()
}

#[test]
#[ignore = "needs Helm and promtool: cargo xtask test"]
fn alerts_are_raised_when_they_should_be_and_never_else() {
    let directory = tempfile::tempdir().unwrap();
    fs::write(directory.path().join("rules.yaml"), rules().to_string()).unwrap();
    fs::copy(Path::new(ROOT).join("tests/chart/alerts.yaml"), directory.path().join("alerts.yaml")).unwrap();
    let program = Checker::Promtool.find().unwrap_or_else(|error| panic!("{error}"));
    for arguments in [["check", "rules", "--lint-fatal", "rules.yaml"].as_slice(), &["test", "rules", "alerts.yaml"]] {
        let said = stdout(Command::new(&program).args(arguments).current_dir(directory.path()));
        assert!(said.is_ok(), "{}", said.unwrap_err());
    }
}

#[test]
#[ignore = "needs Helm: cargo xtask test"]
fn every_alert_has_a_test_and_a_severity_and_says_what_to_do() {
    let tested = fs::read_to_string(Path::new(ROOT).join("tests/chart/alerts.yaml")).unwrap();
    for alert in alerts(&rules()) {
        let name = alert["alert"].as_str().unwrap();
        assert!(tested.contains(&format!("alertname: {name}\n")), "{name}");
        let severity = alert["labels"]["severity"].as_str().unwrap();
        assert!(["warning", "critical"].contains(&severity), "{name}: {severity}");
        assert!(["summary", "description"].iter().all(|key| alert["annotations"][key].is_string()), "{alert}");
    }
}

#[test]
#[ignore = "needs Helm: cargo xtask test"]
fn every_metric_that_an_alert_names_exists() {
    let (rules, known) = (rules(), known_metrics());
    let named: BTreeSet<String> =
        alerts(&rules).flat_map(|alert| named_metrics(alert["expr"].as_str().unwrap()).collect::<Vec<_>>()).collect();
    assert!(named.len() > 8 && named.is_subset(&known), "{:?}", named.difference(&known));
}
