//! Writing into the ledgers what came of messages.

use super::{Gate, Late};
use crate::{
    api::SslMonitor,
    controller::{ChannelKey, Context, Error, apply, gather, registry::Source, watch::observe},
    monitor::{Receipt, settle},
};

/// How often a ledger is written anew because its monitor has changed in between.
const CONFLICTS: usize = 8;

/// Write down what could not be written before.
pub(super) async fn late(context: &Context, channel: &ChannelKey, gate: &mut Gate) {
    for late in std::mem::take(&mut gate.late) {
        gate.late.extend(Box::pin(record(context, channel, None, late)).await);
    }
}

/// Write down what came of a message; `monitor` as it was read, if it was. Returns it when that has to be tried again.
pub(super) async fn record(
    context: &Context,
    channel: &ChannelKey,
    monitor: Option<SslMonitor>,
    late: Late,
) -> Option<Late> {
    match attempt(context, channel, monitor, &late).await {
        Ok(()) => None,
        Err(error) => {
            let (namespace, monitor) = (&*late.monitor.namespace, &*late.monitor.name);
            tracing::warn!(namespace, monitor, channel = &*channel.name, "{}", error.chain());
            // What is to be tried again is found in the ledger as it was.
            let is_final = !matches!(late.receipt, Receipt::Later { .. });
            is_final.then_some(late)
        }
    }
}

async fn attempt(
    context: &Context,
    channel: &ChannelKey,
    mut monitor: Option<SslMonitor>,
    late: &Late,
) -> Result<(), Error> {
    for attempts_left in (0..CONFLICTS).rev() {
        let read = match monitor.take() {
            Some(monitor) => Some(monitor),
            None => gather::monitor(context, &late.monitor).await?,
        };
        let Some(mut monitor) = read else { return Ok(()) };
        let beside = gather::beside(context, &monitor);
        let settled = settle(&beside.input(&monitor), &channel.name, &late.id, &late.receipt);
        let Some(settled) = settled else { return Ok(()) };
        match apply::status(context, &mut monitor, settled.status).await {
            Ok(()) => {
                observe(context, &monitor, Source::Job);
                apply::announce(context, &monitor, &settled.announcements).await;
                return Ok(());
            }
            Err(error) if error.is_conflict() && attempts_left > 0 => {}
            Err(error) if error.is_not_found() => return Ok(()),
            Err(error) => return Err(error),
        }
    }
    Ok(())
}
