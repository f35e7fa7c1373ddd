//! Deliveries: one channel at a time is told what waits for it in the ledgers of the monitors, and what came of it is written there.
//!
//! A message leaves its line only when the ledger says so, so that nothing is lost; and what was sent while the ledger could not be
//! written is remembered, so that nothing is sent twice while the process lives. A channel gets one message a second at most, many
//! problems at once as one; after a failure it is left alone for a while, whatever else comes. No channel waits for another.

mod farewell;
mod gate;
mod order;
mod record;
mod standing;

use std::{future::ready, sync::Arc, time::Duration};

use futures::{StreamExt as _, stream};
use jiff::Timestamp;

use self::gate::{Gate, Late, PACE};
pub(super) use self::{farewell::part, gate::Deliveries, order::order};
use super::{
    ChannelKey, Context,
    channel::{Unusable, Usable, usable},
    context::{LONGEST_SLEEP, now, until},
    gather,
};
use crate::{
    alerting::{Circumstances, digest, message, parts_at_once},
    api::{PendingNotice, SslMonitor},
    metrics::MonitorKey,
    monitor::{Receipt, due_notice},
    notify::{ChannelKind, Message, Outcome},
    schedule::Next,
};

/// Monitors that are read or written at once for one channel.
const AT_ONCE: usize = 8;
/// How long after a message was refused for good it is looked at whether the channel is another one.
const LOOK: Duration = Duration::from_mins(10);
/// When it is tried again to write down what came of a message.
const RECORD_AGAIN: Duration = Duration::from_secs(5);
/// When a channel is looked at again that cannot be used for a passing reason.
const PASSING_LOOK: Duration = Duration::from_secs(30);

/// A message that waits, and the monitor that it is about, as it was read.
struct Letter {
    key: MonitorKey,
    monitor: SslMonitor,
    notice: PendingNotice,
}

/// The job of one channel: one message, and when the next is to be sent.
pub(super) async fn deliver(context: Arc<Context>, key: ChannelKey) -> Next {
    let mut gate = context.deliveries.take(&key);
    let mut next = Box::pin(attempt(&context, &key, &mut gate)).await;
    if !gate.late.is_empty() {
        next = sooner(next, RECORD_AGAIN);
    }
    if context.channels.get(&key).is_some() {
        context.deliveries.keep(key, gate);
    }
    next
}

async fn attempt(context: &Context, key: &ChannelKey, gate: &mut Gate) -> Next {
    Box::pin(record::late(context, key, gate)).await;
    let wait = gate.remaining();
    if !wait.is_zero() {
        return Next::In(wait);
    }
    let usable = match usable(context, key).await {
        Ok(usable) => usable,
        // Whoever changes that orders this job.
        Err(Unusable::Unknown | Unusable::Suspended) => return Next::Never,
        Err(Unusable::Hindered(_)) => return Next::In(PASSING_LOOK),
    };
    let letters = letters(context, key, gate, &usable).await;
    if letters.is_empty() {
        gate.refused_by = Some(usable.revision.clone());
        if farewell::tell(context, key, gate, &usable).await {
            return Next::In(gate.remaining().max(PACE));
        }
        return standing::assert(context, key, gate, &usable).await;
    }
    send(context, key, gate, &usable, letters).await;
    Next::In(gate.remaining().max(PACE))
}

/// What is sent next: the first message of each monitor whose time has come, as many as one message of this kind can tell.
async fn letters(context: &Context, key: &ChannelKey, gate: &Gate, usable: &Usable) -> Vec<Letter> {
    let now = now();
    // Whoever refused something is told it at once when it is another channel.
    let is_another = gate.refused_by.as_ref().is_none_or(|revision| *revision != usable.revision);
    let due = context.lines.due(key).into_iter().filter(|due| due.at <= now || (due.was_refused && is_another));
    let due = due.map(|due| due.monitor).filter(|monitor| !gate.awaits(monitor));
    let read = stream::iter(due).map(|monitor| letter(context, key, usable, monitor, now));
    let most = if gate.is_wary { 1 } else { parts_at_once(usable.channel.kind()) };
    read.buffered(AT_ONCE).filter_map(ready).take(most).collect().await
}

async fn letter(
    context: &Context,
    channel: &ChannelKey,
    usable: &Usable,
    key: MonitorKey,
    now: Timestamp,
) -> Option<Letter> {
    let monitor =
        gather::monitor(context, &key).await.inspect_err(|error| tracing::warn!("{}", error.chain())).ok()??;
    let ledgers = &monitor.status.as_ref()?.notifications;
    let ledger = ledgers.iter().find(|ledger| *ledger.channel == *channel.name)?;
    let notice = due_notice(ledger, &usable.revision, now)?.clone();
    Some(Letter { key, monitor, notice })
}

/// Send what is in these letters, and write down what came of it.
async fn send(context: &Context, key: &ChannelKey, gate: &mut Gate, usable: &Usable, letters: Vec<Letter>) {
    let circumstances = circumstances(context, usable);
    let parts: Vec<Message> =
        letters.iter().map(|letter| message(&letter.monitor, &letter.notice, circumstances)).collect();
    let is_digest = parts.len() > 1;
    let Some(told) = digest(parts) else { return };
    let outcome = dispatch(context, key, gate, usable, &told).await;
    if is_digest && matches!(outcome, Outcome::Refused { .. }) {
        // It may be one of them that is refused: each is tried by itself.
        gate.is_wary = true;
        return;
    }
    let receipt = receipt(&outcome, gate, usable);
    let recorded = stream::iter(letters).map(|letter| {
        let late = Late { monitor: letter.key, id: letter.notice.id, receipt: receipt.clone() };
        Box::pin(record::record(context, key, Some(letter.monitor), late))
    });
    let late: Vec<Option<Late>> = recorded.buffered(AT_ONCE).collect().await;
    gate.late.extend(late.into_iter().flatten());
}

/// Send one message to a channel, and note how that went: in its gate, its status and the metrics.
async fn dispatch(context: &Context, key: &ChannelKey, gate: &mut Gate, usable: &Usable, told: &Message) -> Outcome {
    let outcome = usable.tell(context, told).await;
    gate.note(&outcome);
    context.channels.note(key, &outcome, Timestamp::now());
    let (namespace, channel, kind, id) = (&*key.namespace, &*key.name, usable.channel.kind().name(), &told.id);
    match outcome {
        Outcome::Delivered => {
            tracing::info!(namespace, channel, kind, id, messages = told.parts.len().max(1), "a message was delivered");
        }
        Outcome::Refused { code, why } | Outcome::Later { code, why, .. } => {
            let retry_in_s = gate.remaining().as_secs();
            tracing::warn!(namespace, channel, kind, id, code, retry_in_s, "a message was not delivered: {why}");
        }
    }
    outcome
}

fn receipt(outcome: &Outcome, gate: &Gate, usable: &Usable) -> Receipt {
    let in_a = |wait: Duration| now().saturating_add(wait).unwrap_or(Timestamp::MAX);
    match *outcome {
        Outcome::Delivered => Receipt::Delivered,
        Outcome::Refused { code, why } => Receipt::Refused {
            reason: why.category().into(),
            code,
            revision: usable.revision.clone(),
            next_look: in_a(LOOK),
        },
        Outcome::Later { code, why, .. } => {
            Receipt::Later { reason: why.category().into(), code, next_try: in_a(gate.remaining()) }
        }
    }
}

fn circumstances<'a>(context: &'a Context, usable: &Usable) -> Circumstances<'a> {
    let lapses = (usable.channel.kind() == ChannelKind::Alertmanager).then(|| standing::lapse(context));
    Circumstances { lapses, ..circumstances_of(context) }
}

/// What all messages of this operator say.
fn circumstances_of(context: &Context) -> Circumstances<'_> {
    Circumstances { cluster: context.settings.cluster.as_deref(), lapses: None }
}

fn sooner(next: Next, wait: Duration) -> Next {
    match next {
        Next::In(other) => Next::In(other.min(wait)),
        Next::Never => Next::In(wait),
    }
}

/// When the job is to run again if nothing happens: when the next message is due. Those whose time has come were left because the
/// channel has refused them.
fn idle(context: &Context, key: &ChannelKey) -> Next {
    let now = now();
    let (past, future): (Vec<_>, Vec<_>) = context.lines.due(key).into_iter().partition(|due| due.at <= now);
    let next = future.first().map(|due| until(due.at).min(LONGEST_SLEEP));
    let look = (!past.is_empty()).then_some(LOOK);
    next.into_iter().chain(look).min().map_or(Next::Never, Next::In)
}
