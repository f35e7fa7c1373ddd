//! Reviews: decide a status anew without a probe, when a spec is new or when something beside the target has changed.

use std::{sync::Arc, time::Duration};

use super::{Context, Error, apply, check::sleep_until, gather, registry::Source, watch::observe};
use crate::{
    api::SslMonitor,
    metrics::MonitorKey,
    monitor::{Input, Outcome, Plan, decide, target, told_problem},
    schedule::Next,
};

/// The job: what fails at the API server is tried again with back-off.
pub(super) async fn review(context: Arc<Context>, key: MonitorKey) -> Next {
    match attempt(&context, &key).await {
        Ok(next) => {
            context.review_errors.forget(&key);
            next
        }
        // Someone was faster: look again at what it is now.
        Err(error) if error.is_conflict() => Next::In(context.review_errors.failed(&key, Duration::ZERO)),
        Err(error) => context.retry(&key, &error, &context.review_errors, Duration::ZERO),
    }
}

async fn attempt(context: &Context, key: &MonitorKey) -> Result<Next, Error> {
    let Some(mut monitor) = gather::monitor(context, key).await? else { return Ok(context.next_without(key)) };
    let Plan { status, announcements, tell, .. } = plan(context, &monitor);
    let is_news = monitor.status.as_ref() != Some(&status);
    if is_news {
        apply::status(context, &mut monitor, status).await?;
        // Statuses can be written again: what a check waits for may be over.
        context.check_errors.forget(key);
    }
    observe(context, &monitor, Source::Job);
    if is_news {
        apply::announce(context, &monitor, &announcements).await;
    }
    Ok(tell.map_or(Next::Never, sleep_until))
}

fn plan(context: &Context, monitor: &SslMonitor) -> Plan {
    let status = monitor.status.as_ref();
    let stall = target(&monitor.spec, context.prober.policy()).err();
    let problem = status.filter(|_| monitor.spec.enabled).and_then(told_problem);
    let beside = gather::beside(context, monitor);
    decide(Input {
        outcome: stall.as_ref().map_or(Outcome::NotProbed, Outcome::Stalled),
        problems: problem.as_slice(),
        ..beside.input(monitor)
    })
}
