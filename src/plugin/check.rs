//! `kubectl sslmonitor check`: have the operator look now, and wait for what it sees.

use std::time::Duration;

use futures::future::join_all;
use jiff::Timestamp;
use serde_json::json;
use tokio::time::{Instant, sleep};

use super::{FAILED, PluginError, care::condition, cluster::Cluster, failure::Failure, ls::OPERATOR};
use crate::{
    api::{REQUESTED_AT_ANNOTATION, SslMonitor},
    check::{Tally, exit_code},
    cli::{CheckArgs, ClusterArgs, DomainPort, Format, PluginCheckArgs, Selection},
    monitor::{ConditionType, has_settled, requested_at},
    output::{complain, spinner},
};

/// Beside the monitor's own timeout: how long its turn may take to come, and its status to be written.
const TURN: Duration = Duration::from_secs(30);
/// Pauses between two looks: they grow from the first to the last.
const FIRST_PAUSE: Duration = Duration::from_millis(200);
const LAST_PAUSE: Duration = Duration::from_secs(2);

/// What came of it in the cluster, and what is to be checked from here.
#[derive(Debug)]
pub(super) struct Checked {
    code: u8,
    domains: Vec<String>,
}

/// What a target is.
enum Target {
    /// Monitors of the namespace.
    Monitors(Vec<SslMonitor>),
    /// A domain that none of them watches.
    Domain,
}

/// Check what is a monitor, or watched by one.
pub(super) async fn check(args: &ClusterArgs, check: &PluginCheckArgs) -> Result<Checked, PluginError> {
    let cluster = Cluster::new(args).await?;
    let (mut monitors, mut domains) = (Vec::<SslMonitor>::new(), Vec::new());
    for target in &check.targets {
        match find(&cluster, target).await? {
            Target::Monitors(found) => {
                let new = |one: &SslMonitor| monitors.iter().all(|known| name(known) != name(one));
                let found: Vec<SslMonitor> = found.into_iter().filter(new).collect();
                monitors.extend(found);
            }
            Target::Domain => domains.push(target.clone()),
        }
    }
    if !monitors.is_empty() && !domains.is_empty() && !matches!(check.output, Format::Table | Format::Wide) {
        let text = "a report is either on monitors or on domains that are none: check them one after the other";
        return Err(PluginError::Usage(text.to_owned()));
    }
    let code = if monitors.is_empty() { 0 } else { check_all(&cluster, monitors, check).await? };
    if let [domain, ..] = &domains[..] {
        complain(format_args!(
            "no SslMonitor in namespace {} is called or watches {domain}: checked from here",
            cluster.namespace
        ));
    }
    Ok(Checked { code, domains })
}

// === impl Checked ===

impl Checked {
    /// Check the domains that are no monitors from here, as `sslmonitor check` does; returns the exit code for all.
    pub(super) fn and_then_here(self, output: Format) -> Result<u8, PluginError> {
        if self.domains.is_empty() {
            return Ok(self.code);
        }
        let args = CheckArgs::of(&self.domains, output).map_err(PluginError::Usage)?;
        Ok(self.code.max(exit_code(&args)))
    }
}

/// The monitor of this name; else those that watch this domain.
async fn find(cluster: &Cluster, target: &str) -> Result<Target, Failure> {
    let domain: Option<DomainPort> = target.parse().ok();
    let missing = match cluster.get(target).await {
        Ok(monitor) => return Ok(Target::Monitors(vec![monitor])),
        Err(failure) if failure.is_object_missing() => failure,
        Err(failure) => return Err(failure),
    };
    let Some(domain) = domain else { return Err(missing) };
    let mut monitors = cluster.list(&Selection::default()).await?.monitors;
    monitors.retain(|monitor| watches(monitor, &domain));
    Ok(if monitors.is_empty() { Target::Domain } else { Target::Monitors(monitors) })
}

fn watches(monitor: &SslMonitor, domain: &DomainPort) -> bool {
    let is_port = domain.port.is_none_or(|port| port == monitor.spec.port());
    is_port && monitor.spec.domain == domain.host.to_string()
}

async fn check_all(cluster: &Cluster, monitors: Vec<SslMonitor>, check: &PluginCheckArgs) -> Result<u8, PluginError> {
    let waiting = spinner(match &monitors[..] {
        [one] => format!("waiting for the operator to check {}", name(one)),
        all => format!("waiting for the operator to check {} monitors", all.len()),
    });
    let results = join_all(monitors.into_iter().map(|monitor| checked(cluster, monitor, check.timeout))).await;
    waiting.finish_and_clear();
    let good: Vec<&SslMonitor> = results.iter().flatten().collect();
    let mut tally = Tally::new(check.output, good.len());
    let mut code = 0;
    for result in results {
        match result {
            Ok(monitor) => tally.add(monitor)?,
            Err(error) => {
                complain(format_args!("error: {error}"));
                code = FAILED;
            }
        }
    }
    Ok(code.max(tally.finish()?))
}

/// Ask for a check of this monitor, and wait until it has ended.
async fn checked(cluster: &Cluster, monitor: SslMonitor, limit: Option<Duration>) -> Result<SslMonitor, PluginError> {
    let name = name(&monitor).to_owned();
    let limit = limit.unwrap_or_else(|| monitor.spec.timeout() + TURN);
    if let Some(result) = without_check(&monitor) {
        return result.map(|()| monitor);
    }
    let before = monitor.status.as_ref().and_then(|status| status.last_handled_request_at.clone());
    let request = Timestamp::now().to_string();
    let patch = json!({"metadata": {"annotations": {REQUESTED_AT_ANNOTATION: request}}});
    cluster.patch(&name, "ask for a check of", &patch).await?;
    let deadline = Instant::now() + limit;
    let mut pause = FIRST_PAUSE;
    while Instant::now() < deadline {
        let monitor = cluster.get(&name).await?;
        if is_handled(&monitor, &request, before.as_deref()) {
            return Ok(monitor);
        }
        if let Some(result) = without_check(&monitor) {
            return result.map(|()| monitor);
        }
        sleep(pause.min(deadline.saturating_duration_since(Instant::now()))).await;
        pause = (pause * 3 / 2).min(LAST_PAUSE);
    }
    Err(PluginError::Usage(format!(
        "the operator has not checked sslmonitor {}/{name} within {} s: see whether it runs ({OPERATOR}), or wait longer with --timeout",
        cluster.namespace,
        limit.as_secs()
    )))
}

/// Whether a request has been acted on: ours, or one that came in its place. What was handled before ours is neither, also where
/// somebody has put its annotation back.
fn is_handled(monitor: &SslMonitor, ours: &str, before: Option<&str>) -> bool {
    let status = monitor.status.as_ref();
    let handled = status.and_then(|status| status.last_handled_request_at.as_deref());
    let is_ours_or_later = handled == Some(ours) || handled == requested_at(monitor);
    handled.is_some() && handled != before && is_ours_or_later && has_settled(monitor, status)
}

/// What is to be said of a monitor that the operator will not check, whoever asks.
fn without_check(monitor: &SslMonitor) -> Option<Result<(), PluginError>> {
    let name = name(monitor);
    if !monitor.spec.enabled {
        let text = format!("sslmonitor {name} is disabled: switch it on first with kubectl sslmonitor enable {name}");
        return Some(Err(PluginError::Usage(text)));
    }
    // It can never work as it is: its status says why.
    let is_stalled = condition(monitor, ConditionType::Stalled).is_some_and(|(status, _)| status == "True");
    (is_stalled && has_settled(monitor, monitor.status.as_ref())).then_some(Ok(()))
}

fn name(monitor: &SslMonitor) -> &str {
    monitor.metadata.name.as_deref().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plugin::samples::monitor;

    /// A monitor with this annotation, whose operator has acted on this request.
    fn requested(annotation: &str, handled: Option<&str>) -> SslMonitor {
        let statuses =
            json!({"Ready": "True", "Reachable": "True", "CertificateValid": "True", "CertificateExpiring": "False"});
        let mut monitor = monitor("web", &statuses, 90);
        let annotations = [(REQUESTED_AT_ANNOTATION.to_owned(), annotation.to_owned())];
        monitor.metadata.annotations = Some(annotations.into());
        if let Some(status) = &mut monitor.status {
            status.last_handled_request_at = handled.map(ToOwned::to_owned);
        }
        monitor
    }

    #[test]
    fn a_request_is_handled_when_it_or_a_later_one_is() {
        let table = [
            ("ours", None, false),
            ("ours", Some("before"), false),
            ("ours", Some("ours"), true),
            ("later", Some("before"), false),
            ("later", Some("ours"), true),
            ("later", Some("later"), true),
            // Asked for before ours, and handled after we asked.
            ("ours", Some("between"), false),
            // Somebody has put back what was there.
            ("before", Some("before"), false),
        ];
        for (annotation, handled, expected) in table {
            let is = is_handled(&requested(annotation, handled), "ours", Some("before"));
            assert_eq!(is, expected, "{annotation} {handled:?}");
        }
        let mut unseen = requested("ours", Some("ours"));
        unseen.metadata.generation = Some(2);
        assert!(!is_handled(&unseen, "ours", None), "its status speaks of another spec");
    }

    #[test]
    fn a_domain_is_watched_at_a_port() {
        let monitor = monitor("web", &json!({}), 0);
        let is_it = |text: &str| text.parse().is_ok_and(|domain| watches(&monitor, &domain));
        assert_eq!(["web.test", "web.test:443", "web.test:8443", "other.test"].map(is_it), [true, true, false, false]);
    }

    #[test]
    fn who_is_switched_off_is_not_waited_for() {
        let mut off = monitor("web", &json!({}), 0);
        assert!(without_check(&off).is_none());
        off.spec.enabled = false;
        let said = without_check(&off).map(|result| result.map_err(|error| error.to_string()));
        let expected = "sslmonitor web is disabled: switch it on first with kubectl sslmonitor enable web";
        assert_eq!(said, Some(Err(expected.to_owned())));
        let mut stalled = monitor(
            "web",
            &json!({"Ready": "False", "Reachable": "Unknown", "Stalled": "True", "CertificateValid": "Unknown", "CertificateExpiring": "Unknown"}),
            0,
        );
        assert!(matches!(without_check(&stalled), Some(Ok(()))));
        stalled.metadata.generation = Some(2);
        assert!(without_check(&stalled).is_none(), "that was another spec");
    }
}
