//! The alerts of the chart: that Prometheus raises them when it should, and that they are about metrics which exist.

use std::{collections::BTreeSet, fs, path::Path, process::Command};

use serde_json::{Value, json};
use ssl_monitor_operator::metrics::Metrics;
use tempfile::TempDir;
use xtask::{checkers::Checker, helm::stdout};

use crate::{
    names::{exposed, page, unknown},
    support::{ROOT, documents, template},
};

/// The rule file that Prometheus gets of the Prometheus Operator.
fn rules() -> Value {
    let all = documents(&template(&json!({"metrics": {"prometheusRule": {"enabled": true}}})));
    all.into_iter().find(|object| object["kind"] == "PrometheusRule").unwrap()["spec"].clone()
}

fn alerts(rules: &Value) -> impl Iterator<Item = &Value> {
    rules["groups"][0]["rules"].as_array().into_iter().flatten()
}

/// A directory with the rules, and beside them these tests of promtool's.
fn with_tests(tests: &str) -> TempDir {
    let directory = tempfile::tempdir().unwrap();
    fs::write(directory.path().join("rules.yaml"), rules().to_string()).unwrap();
    fs::write(directory.path().join("alerts.yaml"), tests).unwrap();
    directory
}

/// What promtool says, if it is content; else the test fails with it.
fn promtool(directory: &Path, arguments: &[&str]) {
    let program = Checker::Promtool.find().unwrap_or_else(|error| panic!("{error}"));
    let said = stdout(Command::new(&program).args(arguments).current_dir(directory));
    assert!(said.is_ok(), "{}", said.unwrap_err());
}

#[test]
#[ignore = "needs Helm and promtool: cargo xtask test"]
fn alerts_are_raised_when_they_should_be_and_never_else() {
    let tests = fs::read_to_string(Path::new(ROOT).join("tests/chart/alerts.yaml")).unwrap();
    let directory = with_tests(&tests);
    promtool(directory.path(), &["check", "rules", "--lint-fatal", "rules.yaml"]);
    promtool(directory.path(), &["test", "rules", "alerts.yaml"]);
}

#[test]
#[ignore = "needs Helm and promtool: cargo xtask test"]
fn nothing_is_raised_while_all_is_well() {
    let metrics = Metrics::new();
    metrics.set_leader();
    let page = page(&metrics);
    let samples = page.lines().filter(|line| !line.starts_with('#')).map(|line| line.rsplit_once(' ').unwrap());
    // A day in which the monitor is checked every hour, and its checks and messages are counted.
    let values = |series: &str, value: &str| match series.split('{').next().unwrap() {
        "sslmonitor_last_check_timestamp_seconds" => {
            (0..24).map(|hour| format!("{}x59", hour * 3600)).collect::<Vec<_>>().join(" ")
        }
        name if name.ends_with("_total") && !["error", "refused"].iter().any(|it| series.contains(it)) => {
            format!("{value}+1x1440")
        }
        _ => format!("{value}x1440"),
    };
    let input: Vec<Value> =
        samples.map(|(series, value)| json!({"series": series, "values": values(series, value)})).collect();
    assert!(input.len() > 20, "{input:?}");
    let rules = rules();
    let names: BTreeSet<&str> = alerts(&rules).map(|alert| alert["alert"].as_str().unwrap()).collect();
    let at = |time: &'static str| {
        names.iter().map(move |name| json!({"alertname": name, "eval_time": time, "exp_alerts": []}))
    };
    let nothing: Vec<Value> = ["6h", "12h30m", "23h50m"].into_iter().flat_map(at).collect();
    let tests = json!({
        "rule_files": ["rules.yaml"], "evaluation_interval": "1m",
        "tests": [{"interval": "1m", "input_series": input, "alert_rule_test": nothing}],
    });
    let directory = with_tests(&tests.to_string());
    promtool(directory.path(), &["test", "rules", "alerts.yaml"]);
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
        assert!(
            ["summary", "description", "runbook"].iter().all(|key| alert["annotations"][key].is_string()),
            "{alert}"
        );
    }
}

#[test]
#[ignore = "needs Helm: cargo xtask test"]
fn every_alert_is_about_metrics_and_labels_that_there_are() {
    let (exposed, rules) = (exposed(&page(&Metrics::new())), rules());
    for alert in alerts(&rules) {
        let expression = alert["expr"].as_str().unwrap();
        assert_eq!(unknown(expression, &exposed), [""; 0], "{expression}");
    }
}
