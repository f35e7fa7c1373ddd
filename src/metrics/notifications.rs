//! What is measured of notifications.

use std::{
    fmt::{self, Debug},
    sync::{Arc, OnceLock},
};

use prometheus_client::{
    collector::Collector,
    encoding::{DescriptorEncoder, EncodeMetric as _},
    metrics::{counter::Counter, family::Family, gauge::ConstGauge},
    registry::Registry,
};

/// How an attempt to deliver a message ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NotificationResult {
    /// The receiver has taken it.
    Delivered,
    /// It failed, and is tried again.
    Failed,
    /// The receiver has refused it for good.
    Refused,
}

/// What is waiting to be delivered.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct NotificationNumbers {
    /// How many messages.
    pub pending: usize,
    /// For how long the oldest of them has been waiting, in seconds; 0 when there is none.
    pub oldest_age: f64,
}

/// All that is measured of notifications.
#[derive(Debug, Clone, Default)]
pub(super) struct Notifications {
    attempts: Family<[(&'static str, &'static str); 2], Counter>,
    waiting: Arc<WaitingSource>,
}

/// The gauges of what is waiting, once someone has said where to find them.
#[derive(Default)]
struct WaitingSource {
    numbers: OnceLock<Box<dyn Fn() -> NotificationNumbers + Send + Sync>>,
}

// === impl Notifications ===

impl Notifications {
    pub(super) fn register(&self, registry: &mut Registry) {
        let help = "Attempts to deliver a message, by type of channel and how they ended";
        registry.register("sslmonitor_notifications", help, self.attempts.clone());
        registry.register_collector(Box::new(Arc::clone(&self.waiting)));
    }

    pub(super) fn count(&self, kind: &'static str, result: NotificationResult) {
        self.attempts.get_or_create(&[("type", kind), ("result", result.as_str())]).inc();
    }

    /// A counter that appears with its first increment hides that increment from `rate()`.
    pub(super) fn start_at_zero(&self, kinds: &[&'static str]) {
        for kind in kinds {
            for result in NotificationResult::ALL {
                drop(self.attempts.get_or_create(&[("type", kind), ("result", result.as_str())]));
            }
        }
    }

    pub(super) fn watch(&self, numbers: impl Fn() -> NotificationNumbers + Send + Sync + 'static) {
        let _first = self.waiting.numbers.set(Box::new(numbers));
    }
}

// === impl WaitingSource ===

impl Collector for WaitingSource {
    fn encode(&self, mut encoder: DescriptorEncoder) -> fmt::Result {
        let NotificationNumbers { pending, oldest_age } =
            self.numbers.get().map_or_else(NotificationNumbers::default, |numbers| numbers());
        let gauge = ConstGauge::new(pending as u64);
        let help = "Messages that are waiting to be delivered, but for those to suspended channels.";
        let name = "sslmonitor_notifications_pending";
        gauge.encode(encoder.encode_descriptor(name, help, None, gauge.metric_type())?)?;
        let gauge = ConstGauge::new(oldest_age);
        let help = "For how long the oldest message has been waiting to be delivered; 0 when there is none.";
        let name = "sslmonitor_notifications_oldest_pending_age_seconds";
        gauge.encode(encoder.encode_descriptor(name, help, None, gauge.metric_type())?)
    }
}

impl Debug for WaitingSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WaitingSource").field("watched", &self.numbers.get().is_some()).finish()
    }
}

// === impl NotificationResult ===

impl NotificationResult {
    const ALL: [Self; 3] = [Self::Delivered, Self::Failed, Self::Refused];

    fn as_str(self) -> &'static str {
        match self {
            Self::Delivered => "delivered",
            Self::Failed => "failed",
            Self::Refused => "refused",
        }
    }
}
