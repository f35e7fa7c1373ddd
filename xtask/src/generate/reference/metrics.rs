//! The metrics, from what `/metrics` says of them.

use ssl_monitor_operator::metrics::{Compat, Metrics, ScheduleNumbers};

use super::{cell, code, table};

const PROSE: &str = "
# Metrics

`/metrics` of the operator, in the OpenMetrics format. Series of a monitor have the labels `namespace`, `name`, `domain` and `port`, of which the first two are the
monitor's: scrape with `honorLabels: true`. They go with the object, and what is not known has no sample.

";
const OTHERS: &str = "
## By the names of others

With `--compat-metrics blackbox,ssl-exporter` (`operator.compatMetrics` of the chart) each monitor is told of by these names, too. `instance` is `domain:port`,
`namespace` and `name` are the monitor's, and `job` is that of the scrape. How to move: [from blackbox_exporter](../migrating-from-blackbox-exporter.md).

";

/// The page.
pub(super) fn page() -> String {
    let head = ["metric", "type", "meaning"];
    let all = families(&Compat::ALL);
    let (ours, others): (Vec<_>, Vec<_>) = all.into_iter().partition(|row| row[0].starts_with("`sslmonitor_"));
    format!("{PROSE}{}{OTHERS}{}", table("metrics", &head, ours), table("compat-metrics", &head, others))
}

/// Name, kind and meaning of each family, in the order in which they are told.
fn families(compat: &[Compat]) -> Vec<Vec<String>> {
    let metrics = Metrics::with_compat(compat);
    metrics.name_channels(&["webhook"]);
    let ready = ["new", "manual", "overdue", "periodic"].map(|lane| (lane, 0));
    metrics.watch_schedule(move || ScheduleNumbers { waiting: 0, ready, in_flight: 0 });
    let text = metrics.encode();
    let helps: Vec<(&str, &str)> =
        text.lines().filter_map(|line| line.strip_prefix("# HELP ")?.split_once(' ')).collect();
    let family = |line: &str| {
        let (name, kind) = line.strip_prefix("# TYPE ")?.split_once(' ')?;
        let help = helps.iter().find(|(known, _)| *known == name).map_or("", |(_, help)| help);
        let end = match kind {
            "counter" => "_total",
            "info" => "_info",
            _ => "",
        };
        Some(vec![code(&format!("{name}{end}")), kind.to_owned(), cell(help)])
    };
    text.lines().filter_map(family).collect()
}
