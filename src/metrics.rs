//! The names and labels of everything that `/metrics` says, in one place.
//!
//! What is unknown has no sample: a number that was never measured would only lead to false alarms. The series of a
//! monitor are written from one small record each, because a table per gauge would cost a multiple at 10,000 monitors.

mod compat;
mod notifications;
mod series;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError},
};

use prometheus_client::{
    encoding::text,
    metrics::{counter::Counter, family::Family, gauge::Gauge, info::Info},
    registry::Registry,
};

pub use self::{
    compat::{CertificateDetails, Compat, Details, Staple},
    notifications::{NotificationNumbers, NotificationResult},
};
use self::{
    notifications::Notifications,
    series::{FindingGauge, GaugeOfAll, ScheduleSource},
};

/// The media type of what [`Metrics::encode`] and [`Metrics::pages`] write (`OpenMetrics` 1.0).
pub const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// Who the series of a monitor belong to.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MonitorKey {
    /// The monitor's namespace.
    pub namespace: Arc<str>,
    /// The monitor's name.
    pub name: Arc<str>,
}

/// What is known about a monitor, in the units of Prometheus; what is `None` has no series.
#[derive(Debug, Clone, PartialEq)]
pub struct Sample {
    /// The monitored host.
    pub domain: Arc<str>,
    /// The monitored TCP port.
    pub port: u16,
    /// Whether the last probe reached the server.
    pub up: Option<bool>,
    /// Whether the certificate was valid.
    pub valid: Option<bool>,
    /// Whether the certificate expires within the monitor's alert days.
    pub expiring: Option<bool>,
    /// End of the leaf's validity, Unix seconds.
    pub not_after: Option<i64>,
    /// Begin of the leaf's validity, Unix seconds.
    pub not_before: Option<i64>,
    /// Earliest end of validity in the verified chain, else in the presented one; Unix seconds.
    pub chain_not_after: Option<i64>,
    /// When the last probe ended, Unix seconds.
    pub last_check: Option<i64>,
    /// The time between two probes, seconds.
    pub interval: Option<f64>,
    /// How long the last probe took, seconds.
    pub probe_duration: Option<f64>,
    /// How many addresses are behind the name.
    pub endpoints: Option<u32>,
    /// Whether all of them show the same.
    pub consistent: Option<bool>,
    /// Whether the served certificate is the one that should be served.
    pub matches: Option<bool>,
    /// Whether the certificate has been revoked.
    pub revoked: Option<bool>,
    /// Which findings there are: the positions of their kinds in [`Metrics::name_findings`], as bits.
    pub findings: u64,
    /// What is told by the names of others alone; only where [`Metrics::wants_details`].
    pub details: Option<Box<Details>>,
}

/// What came out of a probe.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ProbeResult {
    /// The certificate is valid.
    Valid,
    /// There is a certificate, and it is not valid.
    Invalid,
    /// No certificate could be fetched.
    Unreachable,
}

/// How a write to a status ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WriteOutcome {
    /// The API server took it.
    Ok,
    /// It did not.
    Error,
}

/// How many jobs the schedule holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ScheduleNumbers {
    /// Jobs whose time has not come.
    pub waiting: usize,
    /// Jobs that could start, by the name of their lane.
    pub ready: [(&'static str, usize); 4],
    /// Jobs that are running.
    pub in_flight: usize,
}

/// Everything that is measured. Cloning is cheap and gives another handle on the same numbers.
#[derive(Debug, Clone)]
pub struct Metrics {
    probes: Family<Label, Counter>,
    status_writes: Family<Label, Counter>,
    notifications: Notifications,
    leader: Gauge,
    schedule: Arc<ScheduleSource>,
    finding_kinds: Arc<OnceLock<Vec<FindingKind>>>,
    monitors: Monitors,
    wants_details: bool,
    /// One for each page of [`Metrics::pages`].
    registries: Arc<[Registry]>,
}

/// A label whose name and values are known at compile time.
type Label = [(&'static str, &'static str); 1];

type Monitors = Arc<Mutex<BTreeMap<MonitorKey, Sample>>>;

/// Type and severity of a kind of findings.
type FindingKind = (&'static str, &'static str);

/// One series per monitor: name, help, and where its value is.
type MonitorGauge = (&'static str, &'static str, fn(&Sample) -> Option<Number>);

/// A number that keeps its kind: counts and times are written without decimal point.
enum Number {
    Whole(i64),
    Real(f64),
}

/// Every gauge has the labels `namespace`, `name`, `domain` and `port`. `namespace` is the monitor's: a scrape
/// configuration must keep it (`honor_labels`), or it becomes `exported_namespace`.
const MONITOR_GAUGES: [MonitorGauge; 13] = [
    ("sslmonitor_up", "Whether the last probe reached the server (1) or not (0).", |s| truth(s.up)),
    (
        "sslmonitor_certificate_valid",
        "Whether the served certificate is valid (1) or not (0); no sample while this is unknown.",
        |s| truth(s.valid),
    ),
    (
        "sslmonitor_certificate_expiring",
        "Whether a served certificate expires within the monitor's alertDays (1) or not (0).",
        |s| truth(s.expiring),
    ),
    ("sslmonitor_certificate_not_after_timestamp_seconds", "When the served certificate expires, as Unix time.", |s| {
        s.not_after.map(Number::Whole)
    }),
    (
        "sslmonitor_certificate_not_before_timestamp_seconds",
        "When the validity of the served certificate begins, as Unix time.",
        |s| s.not_before.map(Number::Whole),
    ),
    (
        "sslmonitor_chain_not_after_timestamp_seconds",
        "When the first certificate of the chain expires, as Unix time: of the verified chain if there is one, \
         else of the presented one.",
        |s| s.chain_not_after.map(Number::Whole),
    ),
    ("sslmonitor_last_check_timestamp_seconds", "When the last probe ended, as Unix time.", |s| {
        s.last_check.map(Number::Whole)
    }),
    ("sslmonitor_interval_seconds", "The monitor's interval; no sample while the monitor is disabled.", |s| {
        s.interval.map(Number::Real)
    }),
    (
        "sslmonitor_probe_duration_seconds",
        "How long the last probe took, from resolving the name to the verdict.",
        |s| s.probe_duration.map(Number::Real),
    ),
    ("sslmonitor_endpoints", "How many addresses are behind the name.", |s| {
        s.endpoints.map(|count| Number::Whole(count.into()))
    }),
    (
        "sslmonitor_endpoints_consistent",
        "Whether all addresses behind the name show the same (1) or not (0); no sample for a single address.",
        |s| truth(s.consistent),
    ),
    (
        "sslmonitor_served_certificate_matches",
        "Whether the served certificate is the one that should be served (1) or not (0); no sample without an expectation.",
        |s| truth(s.matches),
    ),
    (
        "sslmonitor_certificate_revoked",
        "Whether the served certificate has been revoked (1) or not (0); no sample while this is unknown.",
        |s| truth(s.revoked),
    ),
];

// === impl Metrics ===

impl Metrics {
    /// Nothing measured yet: all counters are zero, and there is no monitor.
    pub fn new() -> Self {
        Self::with_compat(&[])
    }

    /// The same, and monitors are told of by these names, too; [`Sample::details`] is for them.
    pub fn with_compat(compat: &[Compat]) -> Self {
        let (probes, status_writes) = (Family::default(), Family::default());
        let schedule = Arc::new(ScheduleSource::default());
        let monitors = Monitors::default();
        let notifications = Notifications::default();
        let leader = Gauge::default();
        let mut operator = operator_registry(&probes, &status_writes, &leader, &schedule);
        notifications.register(&mut operator);
        let gauges = MONITOR_GAUGES.map(|gauge| {
            let mut registry = Registry::default();
            registry.register_collector(Box::new(GaugeOfAll { gauge, monitors: Arc::clone(&monitors) }));
            registry
        });
        let finding_kinds = Arc::default();
        let mut findings = Registry::default();
        let gauge = FindingGauge { kinds: Arc::clone(&finding_kinds), monitors: Arc::clone(&monitors) };
        findings.register_collector(Box::new(gauge));
        let compat: BTreeSet<Compat> = compat.iter().copied().collect();
        let others = compat.iter().flat_map(|compat| compat.collectors(&monitors)).map(|gauge| {
            let mut registry = Registry::default();
            registry.register_collector(Box::new(gauge));
            registry
        });
        let registries = std::iter::once(operator).chain(gauges).chain([findings]).chain(others).collect();
        let wants_details = !compat.is_empty();
        let metrics = Self {
            probes,
            status_writes,
            notifications,
            leader,
            schedule,
            finding_kinds,
            monitors,
            wants_details,
            registries,
        };
        metrics.start_at_zero();
        metrics
    }

    /// Say what is now known about a monitor; what was said before is forgotten.
    pub fn set(&self, key: MonitorKey, sample: Sample) {
        lock(&self.monitors).insert(key, sample);
    }

    /// The monitor is gone, and its series with it.
    pub fn remove(&self, key: &MonitorKey) {
        lock(&self.monitors).remove(key);
    }

    /// Whether anything is told of the details of a monitor.
    pub fn wants_details(&self) -> bool {
        self.wants_details
    }

    /// This replica acts from now on.
    pub fn set_leader(&self) {
        self.leader.set(1);
    }

    /// Count a probe that has ended.
    pub fn count_probe(&self, result: ProbeResult) {
        self.probes.get_or_create(&result.label()).inc();
    }

    /// Count an attempt to write a status.
    pub fn count_status_write(&self, outcome: WriteOutcome) {
        self.status_writes.get_or_create(&outcome.label()).inc();
    }

    /// Count an attempt to deliver a message to a channel of this type.
    pub fn count_notification(&self, kind: &'static str, result: NotificationResult) {
        self.notifications.count(kind, result);
    }

    /// The types of channels that there may be.
    pub fn name_channels(&self, kinds: &[&'static str]) {
        self.notifications.start_at_zero(kinds);
    }

    /// Where the numbers of what is waiting to be delivered come from; asked at every scrape. Only the first call counts.
    pub fn watch_notifications(&self, numbers: impl Fn() -> NotificationNumbers + Send + Sync + 'static) {
        self.notifications.watch(numbers);
    }

    /// Where the numbers of the schedule come from; asked at every scrape. Only the first call counts.
    pub fn watch_schedule(&self, numbers: impl Fn() -> ScheduleNumbers + Send + Sync + 'static) {
        let _first = self.schedule.numbers.set(Box::new(numbers));
    }

    /// Type and severity of the findings that the bits of [`Sample::findings`] stand for; the first 64. Only the first call counts.
    pub fn name_findings(&self, kinds: Vec<(&'static str, &'static str)>) {
        let _first = self.finding_kinds.set(kinds);
    }

    /// The whole text, in the `OpenMetrics` text format.
    pub fn encode(&self) -> String {
        self.pages().collect()
    }

    /// The same text as [`Metrics::encode`] in pages of one gauge each, written when they are asked for: a scrape of
    /// many monitors need not be in memory as a whole.
    #[allow(clippy::missing_panics_doc)] // see the expect
    pub fn pages(&self) -> impl Iterator<Item = String> + Send + 'static + use<> {
        let registries = Arc::clone(&self.registries);
        let page = move |index: usize| {
            let mut text = String::new();
            let written = match registries.get(index) {
                Some(registry) => text::encode_registry(&mut text, registry),
                None => text::encode_eof(&mut text),
            };
            written.expect("writing to a String does not fail");
            text
        };
        (0..=self.registries.len()).map(page)
    }

    /// A counter that appears with its first increment hides that increment from `rate()`.
    fn start_at_zero(&self) {
        for result in [ProbeResult::Valid, ProbeResult::Invalid, ProbeResult::Unreachable] {
            drop(self.probes.get_or_create(&result.label()));
        }
        for outcome in [WriteOutcome::Ok, WriteOutcome::Error] {
            drop(self.status_writes.get_or_create(&outcome.label()));
        }
    }
}

impl Default for Metrics {
    fn default() -> Self {
        Self::new()
    }
}

fn operator_registry(
    probes: &Family<Label, Counter>,
    status_writes: &Family<Label, Counter>,
    leader: &Gauge,
    schedule: &Arc<ScheduleSource>,
) -> Registry {
    let mut registry = Registry::default();
    let version = Info::new([("version", env!("CARGO_PKG_VERSION"))]);
    registry.register("sslmonitor_build", "The version of the operator", version);
    registry.register("sslmonitor_probes", "Probes that have ended, by what came out", probes.clone());
    registry.register(
        "sslmonitor_leader",
        "Whether this replica acts (1), or stands by for the one that does (0)",
        leader.clone(),
    );
    registry.register(
        "sslmonitor_status_writes",
        "Attempts to write the status of a monitor, by how they ended",
        status_writes.clone(),
    );
    registry.register_collector(Box::new(Arc::clone(schedule)));
    registry
}

fn lock(monitors: &Monitors) -> MutexGuard<'_, BTreeMap<MonitorKey, Sample>> {
    // Nothing panics while the lock is held; if it did, the map would still be whole.
    monitors.lock().unwrap_or_else(PoisonError::into_inner)
}

fn truth(value: Option<bool>) -> Option<Number> {
    value.map(|value| Number::Whole(value.into()))
}

// === impl ProbeResult, WriteOutcome ===

impl ProbeResult {
    fn label(self) -> Label {
        let value = match self {
            Self::Valid => "valid",
            Self::Invalid => "invalid",
            Self::Unreachable => "unreachable",
        };
        [("result", value)]
    }
}

impl WriteOutcome {
    fn label(self) -> Label {
        let value = match self {
            Self::Ok => "ok",
            Self::Error => "error",
        };
        [("outcome", value)]
    }
}

#[cfg(test)]
mod tests;
