//! What every job needs, and the queues that the jobs are ordered in.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use jiff::Timestamp;
use kube::Client;
use tokio::{sync::Semaphore, time::Instant};

use super::{
    ChannelKey, Error, ServiceKey,
    backoff::Backoff,
    channels::Channels,
    delivery::Deliveries,
    lines::{Lines, Waiting},
    registry::Registry,
    watch::Scope,
};
use crate::{
    lease::Tenure,
    metrics::{Metrics, MonitorKey, NotificationNumbers},
    monitor::finding_kinds,
    notifier::Notifier,
    notify::ChannelKind,
    probe::{BundleError, Prober, SystemRoots, TrustStore},
    schedule::{Group, Lane, Next, Runner, Schedule, Settings as Slots},
};

/// The longest sleep between two looks at the clock: wall time may jump while the machine is suspended.
pub(super) const LONGEST_SLEEP: Duration = Duration::from_mins(10);
/// Reviews that are made at once: they wait for the API server only.
const REVIEWS: usize = 16;
/// Service conditions that are written at once.
const SERVICES: usize = 4;

/// How much is done at once, and as whom.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// Probes at once. An eighth of the slots is kept for new and changed monitors and for requested checks.
    pub concurrency: usize,
    /// Status writes in flight at once; beyond 16 or so the API server only queues them.
    pub status_writes: usize,
    /// Who reports Events: the pod's name.
    pub instance: String,
    /// The name of the cluster, which messages tell.
    pub cluster: Option<String>,
    /// How often alerts that stand are asserted where they lapse otherwise.
    pub resend_interval: Duration,
    /// The namespaces that are watched. Without any: all.
    pub namespaces: Vec<String>,
}

/// What every job needs.
pub struct Context {
    pub(super) client: Client,
    pub(super) prober: Prober,
    pub(super) notifier: Notifier,
    pub(super) metrics: Metrics,
    pub(super) settings: Settings,
    pub(super) scopes: Vec<Scope>,
    tenure: Tenure,
    pub(super) registry: Registry,
    pub(super) channels: Channels,
    pub(super) lines: Lines,
    pub(super) deliveries: Deliveries,
    pub(super) checks: Schedule<MonitorKey>,
    pub(super) reviews: Schedule<MonitorKey>,
    pub(super) services: Schedule<ServiceKey>,
    pub(super) check_errors: Backoff<MonitorKey>,
    pub(super) review_errors: Backoff<MonitorKey>,
    pub(super) service_errors: Backoff<ServiceKey>,
    pub(super) channel_errors: Backoff<ChannelKey>,
    pub(super) writes: Semaphore,
    /// Views of monitors are taken in one after the other, so that registry, metrics and queues agree.
    pub(super) intake: Mutex<()>,
    roots: SystemRoots,
    /// Made once: most monitors trust the system's roots and nothing else.
    system_trust: TrustStore,
}

/// The runners of the five queues, to be given to [`run`](super::run).
#[derive(Debug)]
pub struct Runners {
    pub(super) checks: Runner<MonitorKey>,
    pub(super) reviews: Runner<MonitorKey>,
    pub(super) services: Runner<ServiceKey>,
    pub(super) channels: Runner<ChannelKey>,
    pub(super) deliveries: Runner<ChannelKey>,
}

impl Context {
    /// A context and its runners. Nothing happens until they run; nothing is written or sent but during the tenure.
    ///
    /// # Errors
    /// [`BundleError`] when the system's roots make no trust store; they come parsed, so that they do.
    pub fn new(
        client: Client,
        prober: Prober,
        notifier: Notifier,
        roots: SystemRoots,
        metrics: Metrics,
        settings: Settings,
        tenure: Tenure,
    ) -> Result<(Arc<Self>, Runners), BundleError> {
        metrics.name_findings(finding_kinds());
        let reserved = settings.concurrency / 8;
        let (checks, checks_runner) = Schedule::new(Slots { concurrency: settings.concurrency, reserved });
        let (reviews, reviews_runner) = Schedule::new(Slots { concurrency: REVIEWS, reserved: 0 });
        let (services, services_runner) = Schedule::new(Slots { concurrency: SERVICES, reserved: 0 });
        let (channels, channels_runner) = Channels::new();
        let (deliveries, deliveries_runner) = Deliveries::new();
        let context = Self {
            client,
            prober,
            notifier,
            metrics,
            registry: Registry::default(),
            channels,
            lines: Lines::default(),
            deliveries,
            checks,
            reviews,
            services,
            check_errors: Backoff::default(),
            review_errors: Backoff::default(),
            service_errors: Backoff::default(),
            channel_errors: Backoff::default(),
            intake: Mutex::default(),
            writes: Semaphore::new(settings.status_writes.max(1)),
            system_trust: TrustStore::new(Some(&roots), None)?,
            roots,
            scopes: Scope::of(&settings.namespaces),
            settings,
            tenure,
        };
        let runners = Runners {
            checks: checks_runner,
            reviews: reviews_runner,
            services: services_runner,
            channels: channels_runner,
            deliveries: deliveries_runner,
        };
        let context = Arc::new(context);
        measure(&context);
        Ok((context, runners))
    }

    /// The queue of checks, for metrics and liveness.
    pub fn checks(&self) -> &Schedule<MonitorKey> {
        &self.checks
    }

    /// When each queue last made progress, by name.
    pub fn progress(&self) -> [(&'static str, Instant); 5] {
        [
            ("queue of checks", self.checks.stats().last_progress),
            ("queue of reviews", self.reviews.stats().last_progress),
            ("queue of Services", self.services.stats().last_progress),
            ("queue of NotificationChannels", self.channels.last_progress()),
            ("queue of deliveries", self.deliveries.last_progress()),
        ]
    }

    /// Do what changes something outside of this process, while it may act: see [`Tenure::guard`].
    pub(super) fn acting<'a, T: 'a>(&'a self, work: impl Future<Output = T> + 'a) -> impl Future<Output = T> + 'a {
        // In a box: what waits for an answer would double the size of every job.
        self.tenure.guard(Box::pin(work))
    }

    /// The trust anchors of a monitor.
    pub(super) fn trust(&self, use_system_roots: bool, bundle: Option<&[u8]>) -> Result<TrustStore, BundleError> {
        match (use_system_roots, bundle) {
            (true, None) => Ok(self.system_trust.clone()),
            (true, Some(bundle)) => TrustStore::new(Some(&self.roots), Some(bundle)),
            (false, bundle) => TrustStore::new(None, bundle),
        }
    }

    /// Have a monitor's status decided anew without a probe.
    pub(super) fn review(&self, key: MonitorKey) {
        let group = Group::of(&key);
        self.reviews.upsert(key, group, Lane::New, Duration::ZERO);
    }

    /// The same, at a later time.
    pub(super) fn review_at(&self, key: MonitorKey, time: Timestamp) {
        let group = Group::of(&key);
        self.reviews.upsert(key, group, Lane::Periodic, until(time).min(LONGEST_SLEEP));
    }

    /// A job of this monitor failed at the API server: say so, and try again after the back-off, and at least this time.
    pub(super) fn retry(
        &self,
        key: &MonitorKey,
        error: &Error,
        errors: &Backoff<MonitorKey>,
        at_least: Duration,
    ) -> Next {
        if error.is_not_found() || self.registry.get(key).is_none() {
            errors.forget(key);
            return self.next_without(key);
        }
        let wait = errors.failed(key, at_least);
        let (namespace, name) = (&*key.namespace, &*key.name);
        tracing::warn!(namespace, name, retry_in_s = wait.as_secs(), "{}", error.chain());
        Next::In(wait)
    }

    /// What becomes of a job whose monitor was not found. That it is gone the watch alone knows: another replica of the API server may
    /// not have it yet, and by now there may be another of the same name.
    pub(super) fn next_without(&self, key: &MonitorKey) -> Next {
        self.registry.get(key).map_or(Next::Never, |_| Next::In(LONGEST_SLEEP))
    }

    /// The first list of NotificationChannels is in: what a monitor names and is not known does not exist.
    pub(super) fn channels_listed(&self) {
        self.lines.all_monitors().into_iter().for_each(|monitor| self.review(monitor));
    }

    /// A NotificationChannel is there, is another one, has become ready or unready, or is gone: whoever sends to it looks again.
    pub(super) fn channel_changed(&self, key: &ChannelKey) {
        match self.channels.get(key) {
            Some(_) => self.deliveries.order(key.clone()),
            None => self.deliveries.forget(key),
        }
        self.lines.monitors(key).into_iter().for_each(|monitor| self.review(monitor));
    }

    /// Have a Service's condition looked after.
    pub(super) fn look_after(&self, service: ServiceKey) {
        let group = Group::of(&service);
        self.services.upsert(service, group, Lane::New, Duration::ZERO);
    }
}

/// Have the metrics say what is waiting to be delivered. A channel that is suspended is not waited for.
fn measure(context: &Arc<Context>) {
    context.metrics.name_channels(&ChannelKind::ALL.map(ChannelKind::name));
    let shared = Arc::downgrade(context);
    context.metrics.watch_notifications(move || {
        let Some(context) = shared.upgrade() else { return NotificationNumbers::default() };
        let is_suspended = |key: &ChannelKey| context.channels.get(key).is_some_and(|known| known.spec.suspend);
        let Waiting { messages, oldest } = context.lines.waiting(|key| !is_suspended(key));
        let age = oldest.map_or(0.0, |oldest| Timestamp::now().duration_since(oldest).as_secs_f64());
        NotificationNumbers { pending: messages, oldest_age: age.max(0.0) }
    });
}

/// The time in whole seconds, as the API stores it: what is compared later must be cut the same way.
pub(super) fn now() -> Timestamp {
    whole(Timestamp::now())
}

/// A time cut to whole seconds.
pub(super) fn whole(time: Timestamp) -> Timestamp {
    Timestamp::from_second(time.as_second()).unwrap_or(time)
}

/// How long from now until then; zero when it has passed.
pub(super) fn until(then: Timestamp) -> Duration {
    then.duration_since(Timestamp::now()).try_into().unwrap_or(Duration::ZERO)
}
