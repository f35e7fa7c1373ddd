//! Alerts that stand: Alertmanager takes one for resolved that is not asserted again before it lapses.

use std::time::Duration;

use futures::{StreamExt as _, stream};
use jiff::Timestamp;
use tokio::time::{Instant, sleep};

use super::{AT_ONCE, Gate, PACE, circumstances, dispatch, idle, sooner};
use crate::{
    alerting::{digest, message, parts_at_once},
    api::SslMonitor,
    controller::{ChannelKey, Context, channel::Usable, gather},
    metrics::MonitorKey,
    monitor::standing,
    notify::{ChannelKind, Message, Outcome},
    schedule::Next,
};

/// After so many times the interval between two assertions an alert lapses: two may be missed.
const LAPSE: u32 = 3;

/// When an alert that is asserted now lapses.
pub(super) fn lapse(context: &Context) -> Timestamp {
    let lapse = context.settings.resend_interval.saturating_mul(LAPSE);
    Timestamp::now().saturating_add(lapse).unwrap_or(Timestamp::MAX)
}

/// Assert the alerts that stand, where the receiver wants that and it is time. Returns when the job is to run again.
pub(super) async fn assert(context: &Context, key: &ChannelKey, gate: &mut Gate, usable: &Usable) -> Next {
    let monitors = context.lines.standing(key);
    if usable.channel.kind() != ChannelKind::Alertmanager || monitors.is_empty() {
        gate.asserted = None;
        return idle(context, key);
    }
    if until_next(context, gate).is_zero() {
        assert_all(context, key, gate, usable, monitors).await;
    }
    let wait = until_next(context, gate).max(gate.remaining()).max(PACE);
    sooner(idle(context, key), wait)
}

fn until_next(context: &Context, gate: &Gate) -> Duration {
    let next = gate.asserted.map(|asserted| asserted + context.settings.resend_interval);
    next.map_or(Duration::ZERO, |next| next.saturating_duration_since(Instant::now()))
}

/// Assert all alerts, as many at once as one request takes. What fails is tried again as a whole.
async fn assert_all(context: &Context, key: &ChannelKey, gate: &mut Gate, usable: &Usable, monitors: Vec<MonitorKey>) {
    let read = stream::iter(monitors).map(|monitor| read(context, monitor));
    let read: Vec<Option<SslMonitor>> = read.buffered(AT_ONCE).collect().await;
    let circumstances = circumstances(context, usable);
    let messages = read.iter().flatten().flat_map(|monitor| {
        let notices = standing(monitor, &key.name);
        notices.into_iter().map(|notice| message(monitor, &notice, circumstances)).collect::<Vec<Message>>()
    });
    let messages: Vec<Message> = messages.collect();
    for (index, parts) in messages.chunks(parts_at_once(usable.channel.kind())).enumerate() {
        if index > 0 {
            sleep(PACE).await;
        }
        let Some(told) = digest(parts.to_vec()) else { continue };
        if dispatch(context, key, gate, usable, &told).await != Outcome::Delivered {
            return;
        }
    }
    gate.asserted = Some(Instant::now());
}

/// A monitor; what cannot be read now is asserted the next time.
async fn read(context: &Context, monitor: MonitorKey) -> Option<SslMonitor> {
    gather::monitor(context, &monitor).await.inspect_err(|error| tracing::warn!("{}", error.chain())).ok().flatten()
}
