//! The queries of the dashboard that is shipped.
#![allow(dead_code)] // each is for the tests that need it

use std::{fs, path::Path};

use serde_json::Value;

/// The dashboard, relative to the repository.
const DASHBOARD: &str = "charts/ssl-monitor-operator/files/dashboard.json";
/// What Grafana's variables stand for where there is no Grafana.
const VARIABLES: [(&str, &str); 4] =
    [("$__rate_interval", "1m"), ("$__range", "5m"), ("$job", ".*"), ("$namespace", ".*")];

/// A query of a panel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Query {
    pub(crate) panel: String,
    pub(crate) expression: String,
    pub(crate) legend: String,
}

pub(crate) fn dashboard() -> Value {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(DASHBOARD);
    serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap()
}

/// The panels with queries, in their order.
pub(crate) fn panels() -> Vec<Value> {
    let panels = dashboard()["panels"].as_array().unwrap().clone();
    panels.into_iter().filter(|panel| panel["type"] != "row").collect()
}

/// Every query of every panel, with Grafana's variables filled in.
pub(crate) fn queries() -> Vec<Query> {
    let of_panel = |panel: Value| {
        let title = panel["title"].as_str().unwrap().to_owned();
        let targets = panel["targets"].as_array().unwrap().clone();
        targets.into_iter().map(move |target| Query {
            panel: title.clone(),
            expression: filled(target["expr"].as_str().unwrap()),
            legend: target["legendFormat"].as_str().unwrap_or_default().to_owned(),
        })
    };
    panels().into_iter().flat_map(of_panel).collect()
}

fn filled(expression: &str) -> String {
    VARIABLES.iter().fold(expression.to_owned(), |text, (variable, value)| text.replace(variable, value))
}
