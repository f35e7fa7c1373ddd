//! The dashboard of the chart: that Grafana finds it, and Prometheus understands its queries.

use std::{fs, process::Command};

use serde_json::{Value, json};
use xtask::{checkers::Checker, helm::stdout};

use crate::{
    queries::{dashboard, queries},
    support::{documents, template},
};

#[test]
#[ignore = "needs Helm: cargo xtask test"]
fn grafana_finds_the_dashboard_as_it_is() {
    let all = documents(&template(&json!({"metrics": {"dashboard": {"enabled": true}}})));
    let map = all.into_iter().find(|object| object["kind"] == "ConfigMap").unwrap();
    let found: Value = serde_json::from_str(map["data"]["ssl-monitor-operator.json"].as_str().unwrap()).unwrap();
    assert_eq!(found, dashboard());
}

#[test]
#[ignore = "needs promtool: cargo xtask test"]
fn prometheus_understands_every_query() {
    let queries = queries();
    let rule = |(number, expression)| json!({"record": format!("panel:query:{number}"), "expr": expression});
    let rules: Vec<Value> = queries.iter().map(|query| &query.expression).enumerate().map(rule).collect();
    let directory = tempfile::tempdir().unwrap();
    let groups = json!({"groups": [{"name": "dashboard", "rules": rules}]});
    fs::write(directory.path().join("rules.yaml"), groups.to_string()).unwrap();
    let program = Checker::Promtool.find().unwrap_or_else(|error| panic!("{error}"));
    let said = stdout(Command::new(program).args(["check", "rules", "rules.yaml"]).current_dir(directory.path()));
    assert!(said.as_ref().is_ok_and(|said| said.contains(&format!("{} rules found", queries.len()))), "{said:?}");
}
