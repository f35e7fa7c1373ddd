//! Which metrics and labels a PromQL expression names, and which there are.
#![allow(dead_code)] // each is for the tests that need it

use std::collections::{BTreeMap, BTreeSet};

use regex::Regex;
use ssl_monitor_operator::metrics::{
    Metrics, MonitorKey, NotificationResult, ProbeResult, Sample, ScheduleNumbers, WriteOutcome,
};

/// The labels of each metric.
pub(crate) type Exposed = BTreeMap<String, BTreeSet<String>>;

/// Labels that Prometheus gives every series of a target.
const OF_TARGETS: [&str; 2] = ["job", "instance"];
/// The words of PromQL that stand where a metric may stand.
const WORDS: [&str; 6] = ["and", "or", "unless", "bool", "offset", "atan2"];

/// What an expression names.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Named {
    /// Each selector: the metric, and the labels that it is selected by.
    pub(crate) selectors: Vec<(String, Vec<String>)>,
    /// The labels by which is grouped, joined or aggregated.
    pub(crate) labels: BTreeSet<String>,
}

/// A page on which every metric has a sample: a monitor of which everything is known, and an operator that has done everything.
pub(crate) fn page(metrics: &Metrics) -> String {
    metrics.name_findings(vec![("Expired", "critical")]);
    let ready = [("new", 0), ("manual", 0), ("overdue", 0), ("periodic", 0)];
    metrics.watch_schedule(move || ScheduleNumbers { waiting: 1, ready, in_flight: 0 });
    metrics.count_probe(ProbeResult::Valid);
    metrics.count_status_write(WriteOutcome::Ok);
    metrics.count_notification("webhook", NotificationResult::Delivered);
    metrics.set(MonitorKey { namespace: "shop".into(), name: "web".into() }, healthy());
    metrics.encode()
}

/// A monitor with which nothing is wrong at all but a finding, in the seconds after it was checked at 0.
pub(crate) fn healthy() -> Sample {
    Sample {
        domain: "web.test".into(),
        port: 443,
        up: Some(true),
        valid: Some(true),
        expiring: Some(false),
        not_after: Some(7_776_000),
        not_before: Some(-86_400),
        chain_not_after: Some(7_776_000),
        last_check: Some(0),
        interval: Some(3600.0),
        probe_duration: Some(0.125),
        endpoints: Some(2),
        consistent: Some(true),
        matches: Some(true),
        revoked: Some(false),
        findings: 1,
        details: None,
    }
}

/// The labels of every metric of a page. A metric without a sample is there without labels.
pub(crate) fn exposed(page: &str) -> Exposed {
    let family = Regex::new(r"^# TYPE (\S+) (\S+)$").unwrap();
    let sample = Regex::new(r"^([a-z_0-9]+)(?:\{(.*)\})? \S+$").unwrap();
    let mut found = Exposed::new();
    for line in page.lines() {
        if let Some(family) = family.captures(line) {
            let end = match &family[2] {
                "counter" => "_total",
                "info" => "_info",
                _ => "",
            };
            found.entry(format!("{}{end}", &family[1])).or_default();
        } else if let Some(sample) = sample.captures(line) {
            let labels = sample.get(2).map_or("", |labels| labels.as_str());
            found.get_mut(&sample[1]).unwrap_or_else(|| panic!("{line}")).extend(matched(labels));
        }
    }
    found
}

/// The names of the labels in `a="b", c=~"d"`.
fn matched(labels: &str) -> Vec<String> {
    let label = Regex::new(r#"([a-zA-Z_][a-zA-Z0-9_]*)\s*(?:=~|!~|!=|=)\s*"(?:[^"\\]|\\.)*""#).unwrap();
    label.captures_iter(labels).map(|label| label[1].to_owned()).collect()
}

/// What an expression names. It need not be good PromQL: that is for Prometheus to say.
pub(crate) fn named(expression: &str) -> Named {
    let lists = Regex::new(r"\b(by|without|on|ignoring|group_left|group_right)\s*\(([^)]*)\)").unwrap();
    let mut named = Named::default();
    for list in lists.captures_iter(expression) {
        named.labels.extend(list[2].split(',').map(|label| label.trim().to_owned()).filter(|label| !label.is_empty()));
    }
    let rest = lists.replace_all(expression, "");
    let rest = Regex::new(r"\[[^\]]*\]").unwrap().replace_all(&rest, "").into_owned();
    let selector =
        Regex::new(r#"([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\s*\{((?:[^}"]|"(?:[^"\\]|\\.)*")*)\})?(\s*\()?|"(?:[^"\\]|\\.)*"|[0-9][0-9a-zA-Z.]*"#)
            .unwrap();
    for found in selector.captures_iter(&rest) {
        let (Some(name), None) = (found.get(1), found.get(3)) else { continue };
        let matchers = found.get(2).map_or("", |matchers| matchers.as_str());
        if !WORDS.contains(&name.as_str()) {
            named.selectors.push((name.as_str().to_owned(), matched(matchers)));
        }
    }
    named
}

/// What an expression names that there is not.
pub(crate) fn unknown(expression: &str, exposed: &Exposed) -> Vec<String> {
    let named = named(expression);
    let mut all: BTreeSet<&str> = OF_TARGETS.into();
    let mut unknown = Vec::new();
    for (metric, labels) in &named.selectors {
        let Some(known) = exposed.get(metric) else {
            unknown.push(metric.clone());
            continue;
        };
        all.extend(known.iter().map(String::as_str));
        let is_known = |label: &&String| known.contains(*label) || OF_TARGETS.contains(&label.as_str());
        unknown.extend(labels.iter().filter(|label| !is_known(label)).map(|label| format!("{metric}{{{label}}}")));
    }
    unknown.extend(named.labels.iter().filter(|label| !all.contains(label.as_str())).cloned());
    if named.selectors.is_empty() {
        unknown.push("no metric".to_owned());
    }
    unknown
}
