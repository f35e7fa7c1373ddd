//! Ordering: what is new in a monitor's ledger is sent, and what may have to be told is looked at.

use crate::{
    api::SslMonitor,
    controller::{Context, gather, lines::links, registry::Source},
    metrics::MonitorKey,
    monitor::{Outlook, outlook},
};

/// Have the channels of a monitor told what waits for them, and the monitor reviewed when there is more to tell than its status says.
pub(in crate::controller) fn order(context: &Context, monitor: &SslMonitor, key: &MonitorKey, source: Source) {
    let links = links(monitor, key);
    let has_channels = !links.is_empty();
    context.lines.put(key, links).into_iter().for_each(|channel| context.deliveries.order(channel));
    // A job has just decided what there is to tell. Whatever the watch brings may be from before a channel was there.
    if !has_channels || source == Source::Job {
        return;
    }
    let beside = gather::beside(context, monitor);
    match outlook(&beside.input(monitor)) {
        Outlook::News => context.review(key.clone()),
        Outlook::From(time) => context.review_at(key.clone(), time),
        Outlook::Nothing => {}
    }
}
