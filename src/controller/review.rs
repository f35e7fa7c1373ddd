//! Reviews: decide a status anew without a probe, when a spec is new or when something beside the target has changed.

use std::sync::Arc;

use super::{
    Context, Error, apply,
    context::now,
    gather,
    watch::{forget, observe},
};
use crate::{
    api::SslMonitor,
    metrics::MonitorKey,
    monitor::{Input, Outcome, Plan, decide, has_settled, target},
    schedule::Next,
};

/// The job: what fails at the API server is tried again with back-off.
pub(super) async fn review(context: Arc<Context>, key: MonitorKey) -> Next {
    match attempt(&context, &key).await {
        Ok(()) => {
            context.monitor_errors.forget(&key);
            Next::Never
        }
        // Someone was faster: look again at what it is now.
        Err(error) if error.is_conflict() => Next::In(context.monitor_errors.failed(&key)),
        Err(error) => context.retry(&key, &error),
    }
}

async fn attempt(context: &Context, key: &MonitorKey) -> Result<(), Error> {
    let Some(mut monitor) = gather::monitor(context, key).await? else {
        forget(context, key);
        return Ok(());
    };
    let plan = plan(context, &monitor).await;
    if monitor.status.as_ref() != Some(&plan.status) {
        apply::status(context, &monitor, &plan.status).await?;
        apply::announce(context, &monitor, &plan.announcements).await;
    }
    monitor.status = Some(plan.status);
    observe(context, &monitor);
    Ok(())
}

async fn plan(context: &Context, monitor: &SslMonitor) -> Plan {
    let status = monitor.status.as_ref();
    let stall = target(&monitor.spec, context.prober.policy()).err();
    // Before the first check nothing is said of the bundle; and nothing is to be waited for.
    let bundle = if has_settled(monitor, status) && monitor.spec.enabled {
        gather::trust(context, monitor).await.1
    } else {
        None
    };
    decide(Input {
        monitor,
        status,
        outcome: stall.as_ref().map_or(Outcome::NotProbed, Outcome::Stalled),
        bundle: bundle.as_ref(),
        service: &gather::service_link(context, monitor),
        now: now(),
    })
}
