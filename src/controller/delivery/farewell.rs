//! Monitors that are gone: their ledgers are gone, too, so that what is left to tell of them is kept in memory. It is lost with the
//! process: no finalizer holds a monitor back for it.

use super::{Gate, Message, circumstances_of, dispatch, parts_at_once};
use crate::{
    alerting::{digest, message},
    api::SslMonitor,
    controller::{ChannelKey, Context, channel::Usable, context::now, lines::links},
    metrics::MonitorKey,
    monitor::farewell,
    notify::Outcome,
};

/// A monitor is gone: have its channels told the end of what they were told of.
pub(in crate::controller) fn part(context: &Context, monitor: &SslMonitor, key: &MonitorKey) {
    let circumstances = circumstances_of(context);
    for channel in links(monitor, key).into_keys().filter(|channel| context.channels.get(channel).is_some()) {
        let notices = farewell(monitor, &channel.name, now());
        let messages: Vec<Message> = notices.iter().map(|notice| message(monitor, notice, circumstances)).collect();
        if !messages.is_empty() {
            context.deliveries.add_farewells(&channel, messages);
            context.deliveries.order(channel);
        }
    }
}

/// Tell what is left of monitors that are gone, as much as one message tells. Returns whether there was any.
pub(super) async fn tell(context: &Context, key: &ChannelKey, gate: &mut Gate, usable: &Usable) -> bool {
    let mut messages = context.deliveries.take_farewells(key);
    let rest = messages.split_off(parts_at_once(usable.channel.kind()).min(messages.len()));
    let Some(told) = digest(messages.clone()) else { return false };
    let outcome = dispatch(context, key, gate, usable, &told).await;
    if matches!(outcome, Outcome::Later { .. }) {
        context.deliveries.add_farewells(key, messages);
    }
    context.deliveries.add_farewells(key, rest);
    true
}
