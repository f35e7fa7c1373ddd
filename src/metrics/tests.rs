#![allow(clippy::unwrap_used, clippy::panic)]

use super::*;

pub(super) fn key(namespace: &str, name: &str) -> MonitorKey {
    MonitorKey { namespace: namespace.into(), name: name.into() }
}

pub(super) fn unknown(domain: &str, port: u16) -> Sample {
    Sample {
        domain: domain.into(),
        port,
        up: None,
        valid: None,
        expiring: None,
        not_after: None,
        not_before: None,
        chain_not_after: None,
        last_check: None,
        interval: None,
        probe_duration: None,
        endpoints: None,
        consistent: None,
        matches: None,
        revoked: None,
        findings: 0,
        details: None,
    }
}

pub(super) fn complete(domain: &str, port: u16) -> Sample {
    Sample {
        up: Some(true),
        valid: Some(true),
        expiring: Some(false),
        not_after: Some(1_790_000_000),
        not_before: Some(1_780_000_000),
        chain_not_after: Some(1_785_000_000),
        last_check: Some(1_782_000_000),
        interval: Some(3600.0),
        probe_duration: Some(0.125),
        endpoints: Some(3),
        consistent: Some(true),
        matches: Some(false),
        revoked: Some(false),
        findings: 0b101,
        ..unknown(domain, port)
    }
}

/// The lines that are samples of a monitor.
fn series(metrics: &Metrics) -> Vec<String> {
    metrics.encode().lines().filter(|line| line.contains("name=")).map(str::to_owned).collect()
}

#[test]
fn everything_is_written_with_names_labels_and_help() {
    let metrics = Metrics::new();
    metrics.set(key("shop", "web"), complete("web.example.com", 443));
    metrics.set(
        key("shop", "down"),
        Sample { up: Some(false), last_check: Some(1_782_000_000), ..unknown("192.0.2.1", 8443) },
    );
    for result in [ProbeResult::Valid, ProbeResult::Valid, ProbeResult::Unreachable] {
        metrics.count_probe(result);
    }
    metrics.set_leader();
    metrics.count_status_write(WriteOutcome::Ok);
    metrics.count_notification("webhook", NotificationResult::Delivered);
    metrics.watch_notifications(|| NotificationNumbers { pending: 2, oldest_age: 7.5 });
    metrics.name_findings(vec![("Expired", "critical"), ("ChainOrder", "warning"), ("PinnedLeaf", "info")]);
    let ready = [("new", 1), ("manual", 0), ("overdue", 0), ("periodic", 7)];
    metrics.watch_schedule(move || ScheduleNumbers { waiting: 12, ready, in_flight: 3 });

    let version = format!("{{version=\"{}\"}}", env!("CARGO_PKG_VERSION"));
    assert_eq!(without_order(&metrics.encode()), without_order(&GOLDEN.replace("{version}", &version)));
    assert!(metrics.encode().ends_with("\n# EOF\n"));
}

/// The counters of a family come in the order of a hash table, so the lines are compared sorted.
fn without_order(text: &str) -> Vec<&str> {
    let mut lines: Vec<&str> = text.lines().collect();
    lines.sort_unstable();
    lines
}

#[test]
fn what_is_unknown_has_no_sample() {
    let metrics = Metrics::new();
    metrics.set(key("shop", "web"), unknown("web.example.com", 443));
    assert_eq!(series(&metrics), [""; 0]);
}

#[test]
fn the_series_of_a_monitor_are_replaced_and_vanish_with_it() {
    let metrics = Metrics::new();
    metrics.set(key("shop", "web"), complete("old.example.com", 443));
    metrics.set(key("shop", "web"), Sample { up: Some(true), ..unknown("new.example.com", 443) });
    metrics.set(key("other", "web"), Sample { up: Some(true), ..unknown("other.example.com", 443) });
    let new = r#"sslmonitor_up{namespace="shop",name="web",domain="new.example.com",port="443"} 1"#;
    let other = r#"sslmonitor_up{namespace="other",name="web",domain="other.example.com",port="443"} 1"#;
    assert_eq!(series(&metrics), [other, new]);
    metrics.remove(&key("shop", "web"));
    assert_eq!(series(&metrics), [other]);
}

#[test]
fn label_values_are_escaped() {
    let metrics = Metrics::new();
    metrics.set(key("a\"b", "c\\d"), Sample { up: Some(true), ..unknown("e\nf", 443) });
    let expected = r#"sslmonitor_up{namespace="a\"b",name="c\\d",domain="e\nf",port="443"} 1"#;
    assert_eq!(series(&metrics), [expected]);
}

#[test]
fn without_a_schedule_there_are_no_gauges_of_it() {
    assert!(!Metrics::new().encode().contains("schedule"));
}

#[test]
fn a_page_holds_one_gauge_so_that_a_scrape_need_not_be_in_memory_as_a_whole() {
    let metrics = Metrics::new();
    for i in 0..100 {
        metrics.set(key("shop", &i.to_string()), complete("web.example.com", 443));
    }
    let names_per_page = metrics.pages().skip(1).map(|page| page.matches("# TYPE").count());
    assert_eq!(names_per_page.collect::<Vec<_>>(), [[1; 14].as_slice(), &[0]].concat());
}

const GOLDEN: &str = r#"# HELP sslmonitor_build The version of the operator.
# TYPE sslmonitor_build info
sslmonitor_build_info{version} 1
# HELP sslmonitor_probes Probes that have ended, by what came out.
# TYPE sslmonitor_probes counter
sslmonitor_probes_total{result="valid"} 2
sslmonitor_probes_total{result="invalid"} 0
sslmonitor_probes_total{result="unreachable"} 1
# HELP sslmonitor_leader Whether this replica acts (1), or stands by for the one that does (0).
# TYPE sslmonitor_leader gauge
sslmonitor_leader 1
# HELP sslmonitor_status_writes Attempts to write the status of a monitor, by how they ended.
# TYPE sslmonitor_status_writes counter
sslmonitor_status_writes_total{outcome="ok"} 1
sslmonitor_status_writes_total{outcome="error"} 0
# HELP sslmonitor_notifications_pending Messages that are waiting to be delivered, but for those to suspended channels.
# TYPE sslmonitor_notifications_pending gauge
sslmonitor_notifications_pending 2
# HELP sslmonitor_notifications_oldest_pending_age_seconds For how long the oldest message has been waiting to be delivered; 0 when there is none.
# TYPE sslmonitor_notifications_oldest_pending_age_seconds gauge
sslmonitor_notifications_oldest_pending_age_seconds 7.5
# HELP sslmonitor_notifications Attempts to deliver a message, by type of channel and how they ended.
# TYPE sslmonitor_notifications counter
sslmonitor_notifications_total{type="webhook",result="delivered"} 1
# HELP sslmonitor_schedule_waiting Probes whose time has not come.
# TYPE sslmonitor_schedule_waiting gauge
sslmonitor_schedule_waiting 12
# HELP sslmonitor_schedule_in_flight Probes that are running.
# TYPE sslmonitor_schedule_in_flight gauge
sslmonitor_schedule_in_flight 3
# HELP sslmonitor_schedule_ready Probes that are due and wait for a slot, by lane.
# TYPE sslmonitor_schedule_ready gauge
sslmonitor_schedule_ready{lane="new"} 1
sslmonitor_schedule_ready{lane="manual"} 0
sslmonitor_schedule_ready{lane="overdue"} 0
sslmonitor_schedule_ready{lane="periodic"} 7
# HELP sslmonitor_up Whether the last probe reached the server (1) or not (0).
# TYPE sslmonitor_up gauge
sslmonitor_up{namespace="shop",name="down",domain="192.0.2.1",port="8443"} 0
sslmonitor_up{namespace="shop",name="web",domain="web.example.com",port="443"} 1
# HELP sslmonitor_certificate_valid Whether the served certificate is valid (1) or not (0); no sample while this is unknown.
# TYPE sslmonitor_certificate_valid gauge
sslmonitor_certificate_valid{namespace="shop",name="web",domain="web.example.com",port="443"} 1
# HELP sslmonitor_certificate_expiring Whether a served certificate expires within the monitor's alertDays (1) or not (0).
# TYPE sslmonitor_certificate_expiring gauge
sslmonitor_certificate_expiring{namespace="shop",name="web",domain="web.example.com",port="443"} 0
# HELP sslmonitor_certificate_not_after_timestamp_seconds When the served certificate expires, as Unix time.
# TYPE sslmonitor_certificate_not_after_timestamp_seconds gauge
sslmonitor_certificate_not_after_timestamp_seconds{namespace="shop",name="web",domain="web.example.com",port="443"} 1790000000
# HELP sslmonitor_certificate_not_before_timestamp_seconds When the validity of the served certificate begins, as Unix time.
# TYPE sslmonitor_certificate_not_before_timestamp_seconds gauge
sslmonitor_certificate_not_before_timestamp_seconds{namespace="shop",name="web",domain="web.example.com",port="443"} 1780000000
# HELP sslmonitor_chain_not_after_timestamp_seconds When the first certificate of the chain expires, as Unix time: of the verified chain if there is one, else of the presented one.
# TYPE sslmonitor_chain_not_after_timestamp_seconds gauge
sslmonitor_chain_not_after_timestamp_seconds{namespace="shop",name="web",domain="web.example.com",port="443"} 1785000000
# HELP sslmonitor_last_check_timestamp_seconds When the last probe ended, as Unix time.
# TYPE sslmonitor_last_check_timestamp_seconds gauge
sslmonitor_last_check_timestamp_seconds{namespace="shop",name="down",domain="192.0.2.1",port="8443"} 1782000000
sslmonitor_last_check_timestamp_seconds{namespace="shop",name="web",domain="web.example.com",port="443"} 1782000000
# HELP sslmonitor_interval_seconds The monitor's interval; no sample while the monitor is disabled.
# TYPE sslmonitor_interval_seconds gauge
sslmonitor_interval_seconds{namespace="shop",name="web",domain="web.example.com",port="443"} 3600.0
# HELP sslmonitor_probe_duration_seconds How long the last probe took, from resolving the name to the verdict.
# TYPE sslmonitor_probe_duration_seconds gauge
sslmonitor_probe_duration_seconds{namespace="shop",name="web",domain="web.example.com",port="443"} 0.125
# HELP sslmonitor_endpoints How many addresses are behind the name.
# TYPE sslmonitor_endpoints gauge
sslmonitor_endpoints{namespace="shop",name="web",domain="web.example.com",port="443"} 3
# HELP sslmonitor_endpoints_consistent Whether all addresses behind the name show the same (1) or not (0); no sample for a single address.
# TYPE sslmonitor_endpoints_consistent gauge
sslmonitor_endpoints_consistent{namespace="shop",name="web",domain="web.example.com",port="443"} 1
# HELP sslmonitor_served_certificate_matches Whether the served certificate is the one that should be served (1) or not (0); no sample without an expectation.
# TYPE sslmonitor_served_certificate_matches gauge
sslmonitor_served_certificate_matches{namespace="shop",name="web",domain="web.example.com",port="443"} 0
# HELP sslmonitor_certificate_revoked Whether the served certificate has been revoked (1) or not (0); no sample while this is unknown.
# TYPE sslmonitor_certificate_revoked gauge
sslmonitor_certificate_revoked{namespace="shop",name="web",domain="web.example.com",port="443"} 0
# HELP sslmonitor_finding Something that was found at the last check beside the verdict (1); gone when it is mended.
# TYPE sslmonitor_finding gauge
sslmonitor_finding{namespace="shop",name="web",domain="web.example.com",port="443",type="Expired",severity="critical"} 1
sslmonitor_finding{namespace="shop",name="web",domain="web.example.com",port="443",type="PinnedLeaf",severity="info"} 1
# EOF
"#;
