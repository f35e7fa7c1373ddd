//! The dashboard of the chart: that Prometheus understands its queries, and that they are about metrics which exist.

use std::{collections::BTreeSet, fs, process::Command};

use serde_json::{Value, json};
use xtask::{checkers::Checker, helm::stdout};

use crate::support::{documents, known_metrics, named_metrics, template};

/// The dashboard as Grafana's sidecar finds it.
fn dashboard() -> Value {
    let all = documents(&template(&json!({"metrics": {"dashboard": {"enabled": true}}})));
    let map = all.into_iter().find(|object| object["kind"] == "ConfigMap").unwrap();
    serde_json::from_str(map["data"]["ssl-monitor-operator.json"].as_str().unwrap()).unwrap()
}

fn panels(dashboard: &Value) -> &[Value] {
    dashboard["panels"].as_array().unwrap()
}

/// The queries, with what Grafana puts in for its variables.
fn queries(dashboard: &Value) -> Vec<String> {
    let targets = panels(dashboard).iter().flat_map(|panel| panel["targets"].as_array().unwrap());
    let texts = targets.map(|target| target["expr"].as_str().unwrap());
    texts.map(|text| text.replace("$namespace", ".*").replace("$__rate_interval", "5m")).collect()
}

#[test]
#[ignore = "needs Helm and promtool: cargo xtask test"]
fn prometheus_understands_every_query_and_every_metric_exists() {
    let (queries, known) = (queries(&dashboard()), known_metrics());
    assert!(queries.len() > 10 && !queries.iter().any(|query| query.contains('$')), "{queries:?}");
    let named: BTreeSet<String> = queries.iter().flat_map(|query| named_metrics(query)).collect();
    assert!(named.is_subset(&known), "{:?}", named.difference(&known));
    let rule = |(number, query)| json!({"record": format!("panel:query:{number}"), "expr": query});
    let rules: Vec<Value> = queries.iter().enumerate().map(rule).collect();
    let directory = tempfile::tempdir().unwrap();
    let groups = json!({"groups": [{"name": "dashboard", "rules": rules}]});
    fs::write(directory.path().join("rules.yaml"), groups.to_string()).unwrap();
    let program = Checker::Promtool.find().unwrap_or_else(|error| panic!("{error}"));
    let said = stdout(Command::new(program).args(["check", "rules", "rules.yaml"]).current_dir(directory.path()));
    assert!(said.as_ref().is_ok_and(|said| said.contains(&format!("{} rules found", queries.len()))), "{said:?}");
}

#[test]
#[ignore = "needs Helm: cargo xtask test"]
fn every_panel_says_what_it_shows_has_a_place_of_its_own_and_asks_the_chosen_data_source() {
    let dashboard = dashboard();
    let mut taken = BTreeSet::new();
    for panel in panels(&dashboard) {
        let place = |key: &str| panel["gridPos"][key].as_u64().unwrap();
        assert!(place("x") + place("w") <= 24, "{}", panel["title"]);
        for x in place("x")..place("x") + place("w") {
            for y in place("y")..place("y") + place("h") {
                assert!(taken.insert((x, y)), "{} covers another panel", panel["title"]);
            }
        }
        assert!(
            ["title", "description"].iter().all(|key| panel[key].as_str().is_some_and(|text| !text.is_empty())),
            "{panel}"
        );
        let asked = panel["targets"].as_array().unwrap().iter().chain([panel]);
        assert!(asked.into_iter().all(|it| it["datasource"]["uid"] == "${datasource}"), "{}", panel["title"]);
    }
    let ids: BTreeSet<u64> = panels(&dashboard).iter().map(|panel| panel["id"].as_u64().unwrap()).collect();
    assert_eq!(ids.len(), panels(&dashboard).len());
}
