//! What is shipped for Grafana is about metrics and labels that the operator exposes.
#![allow(clippy::unwrap_used, clippy::panic)]

mod names;
mod queries;

use std::collections::BTreeSet;

use regex::Regex;
use ssl_monitor_operator::metrics::Metrics;

use names::{Named, exposed, named, page, unknown};
use queries::{dashboard, panels, queries};

#[test]
fn the_names_in_an_expression_are_found() {
    let expression =
        r#"sum by (a, b) (rate(x_total{c="q", d=~"}"}[5m])) / on (a) group_left (e) y > 1e3 or vector(0) unless z"#;
    let selectors = [("x_total", vec!["c", "d"]), ("y", vec![]), ("z", vec![])];
    let owned = |names: &[&str]| names.iter().map(|&name| name.to_owned()).collect::<Vec<String>>();
    let selectors = selectors.map(|(name, labels)| (name.to_owned(), owned(&labels)));
    let found = named(expression);
    assert_eq!(found, Named { selectors: selectors.into(), labels: owned(&["a", "b", "e"]).into_iter().collect() });
}

#[test]
fn what_there_is_not_is_found_in_an_expression() {
    let exposed = exposed(&page(&Metrics::new()));
    for (expression, expected) in [
        (r#"sum by (namespace, job) (sslmonitor_up{instance="a", domain!="b"}) == 0"#, vec![]),
        ("sslmonitor_upp", vec!["sslmonitor_upp"]),
        (r#"sslmonitor_up{type="a"}"#, vec!["sslmonitor_up{type}"]),
        ("count by (type) (sslmonitor_up)", vec!["type"]),
        ("count by (type) (sslmonitor_finding) and on (lane) sslmonitor_up", vec!["lane"]),
        ("vector(1)", vec!["no metric"]),
    ] {
        assert_eq!(unknown(expression, &exposed), expected, "{expression}");
    }
}

#[test]
fn every_metric_has_a_sample_so_that_its_labels_are_known() {
    let exposed = exposed(&page(&Metrics::new()));
    let without: Vec<_> = exposed.iter().filter(|(_, labels)| labels.is_empty()).map(|(name, _)| name).collect();
    let expected = [
        "sslmonitor_leader",
        "sslmonitor_notifications_oldest_pending_age_seconds",
        "sslmonitor_notifications_pending",
        "sslmonitor_schedule_in_flight",
        "sslmonitor_schedule_waiting",
    ];
    assert_eq!(without, expected);
}

#[test]
fn every_query_of_the_dashboard_is_about_metrics_and_labels_that_there_are() {
    let exposed = exposed(&page(&Metrics::new()));
    let all = queries();
    for query in &all {
        assert_eq!(unknown(&query.expression, &exposed), [""; 0], "{query:?}");
        assert!(!query.expression.contains('$'), "{query:?}");
    }
    let shown: BTreeSet<String> =
        all.iter().flat_map(|query| named(&query.expression).selectors).map(|(metric, _)| metric).collect();
    let hidden: Vec<_> = exposed.keys().filter(|metric| !shown.contains(*metric)).collect();
    assert_eq!(hidden, ["sslmonitor_certificate_not_before_timestamp_seconds"], "what is exposed is shown");
}

#[test]
fn a_legend_names_labels_that_the_query_leaves() {
    let label = Regex::new(r"\{\{(\w+)\}\}").unwrap();
    for query in queries() {
        let kept = named(&query.expression).labels;
        for name in label.captures_iter(&query.legend) {
            assert!(kept.contains(&name[1]), "{query:?}");
        }
    }
}

#[test]
fn the_variables_of_the_dashboard_are_about_metrics_and_labels_that_there_are() {
    let exposed = exposed(&page(&Metrics::new()));
    let values = Regex::new(r"^label_values\((.*), (\w+)\)$").unwrap();
    let dashboard = dashboard();
    let variables = dashboard["templating"]["list"].as_array().unwrap();
    let names: Vec<_> = variables.iter().map(|variable| variable["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["datasource", "job", "namespace"]);
    for variable in &variables[1..] {
        let query = variable["query"]["query"].as_str().unwrap();
        let parts = values.captures(query).unwrap_or_else(|| panic!("{query}"));
        assert_eq!(unknown(&format!("count by ({}) ({})", &parts[2], &parts[1]), &exposed), [""; 0], "{query}");
    }
}

#[test]
fn panels_say_what_they_show_have_ids_of_their_own_and_do_not_lie_over_each_other() {
    let all = dashboard()["panels"].as_array().unwrap().clone();
    let ids: BTreeSet<u64> = all.iter().map(|panel| panel["id"].as_u64().unwrap()).collect();
    assert_eq!(ids.len(), all.len());
    let mut taken = BTreeSet::new();
    for panel in &all {
        let place = |side: &str| panel["gridPos"][side].as_u64().unwrap();
        assert!(place("x") + place("w") <= 24, "{panel}");
        for x in place("x")..place("x") + place("w") {
            for y in place("y")..place("y") + place("h") {
                assert!(taken.insert((x, y)), "{} lies over another panel", panel["title"]);
            }
        }
    }
    for panel in panels() {
        assert!(panel["description"].as_str().unwrap().ends_with('.'), "{}", panel["title"]);
        let targets = panel["targets"].as_array().unwrap();
        let references: BTreeSet<&str> = targets.iter().map(|target| target["refId"].as_str().unwrap()).collect();
        assert_eq!(references.len(), targets.len(), "{}", panel["title"]);
        let sources = targets.iter().chain([&panel]).map(|part| &part["datasource"]["uid"]);
        assert!(sources.into_iter().all(|uid| uid == "${datasource}"), "{}", panel["title"]);
    }
}
