//! Checks: gather → probe → decide → apply, for one monitor whose time has come.

use std::{sync::Arc, time::Duration};

use jiff::Timestamp;

use super::{
    Context, Error, apply,
    context::{now, until},
    gather,
    watch::{forget, observe},
};
use crate::{
    api::SslMonitor,
    metrics::{MonitorKey, ProbeResult},
    monitor::{
        BundleProblem, ConditionType, Due, Input, Outcome, decide, due, find_condition, is_introduced,
        next_bundle_look, target,
    },
    probe::Observation,
    schedule::Next,
};

/// The longest sleep between two looks at the clock: wall time may jump while the machine is suspended.
const LONGEST_SLEEP: Duration = Duration::from_mins(10);
/// How often a status is decided anew because its monitor has changed in between (a label, an annotation).
const CONFLICTS: usize = 3;

/// The job: what fails at the API server is tried again with back-off.
pub(super) async fn check(context: Arc<Context>, key: MonitorKey) -> Next {
    match attempt(&context, &key).await {
        Ok(next) => {
            context.monitor_errors.forget(&key);
            next
        }
        Err(error) => context.retry(&key, &error),
    }
}

async fn attempt(context: &Context, key: &MonitorKey) -> Result<Next, Error> {
    match context.registry.get(key).map(|entry| entry.due) {
        None => return Ok(Next::Never),
        Some(Due::At(time)) if time > now() => return Ok(sleep_until(time)),
        Some(_) => {}
    }
    let Some(monitor) = gather::monitor(context, key).await? else {
        forget(context, key);
        return Ok(Next::Never);
    };
    let status = monitor.status.as_ref();
    if !is_introduced(&monitor, status) {
        // Its conditions come first; the review orders the check.
        context.review(key.clone());
        return Ok(Next::Never);
    }
    match due(&monitor, status, now()) {
        Due::Never => Ok(Next::Never),
        Due::Now(_) => probe(context, key, monitor).await,
        Due::At(time) => look(context, key, monitor, time).await,
    }
}

/// Not due, but a CA bundle is missing: only when that has changed is there a reason to probe.
async fn look(context: &Context, key: &MonitorKey, monitor: SslMonitor, time: Timestamp) -> Result<Next, Error> {
    let Some(next_look) = monitor.status.as_ref().and_then(|status| next_bundle_look(status, now())) else {
        return Ok(sleep_until(time));
    };
    let (_, problem) = gather::trust(context, &monitor).await;
    let conditions = monitor.status.as_ref().map(|status| status.conditions.as_slice()).unwrap_or_default();
    let told = find_condition(conditions, ConditionType::Ready).map(|ready| ready.message.as_str());
    if problem.as_ref().map(|problem| problem.message.as_str()) == told {
        return Ok(sleep_until(time.min(next_look)));
    }
    probe(context, key, monitor).await
}

async fn probe(context: &Context, key: &MonitorKey, monitor: SslMonitor) -> Result<Next, Error> {
    let Ok(target) = target(&monitor.spec, context.prober.policy()) else {
        context.review(key.clone());
        return Ok(Next::Never);
    };
    let (trust, problem) = gather::trust(context, &monitor).await;
    let observation = context.prober.probe(&target, &trust, monitor.spec.timeout(), now()).await;
    context.metrics.count_probe(result_of(&observation));
    tracing::debug!(namespace = &*key.namespace, name = &*key.name, %target, ?observation, "probed");
    record(context, key, monitor, &observation, problem.as_ref()).await
}

/// Decide and write. When the monitor has changed since it was read, its newest state is decided on, unless the spec has
/// changed too: then the observation is of something else, and is discarded.
async fn record(
    context: &Context,
    key: &MonitorKey,
    mut monitor: SslMonitor,
    observation: &Observation,
    problem: Option<&BundleProblem>,
) -> Result<Next, Error> {
    for conflicts in 0.. {
        let plan = decide(Input {
            monitor: &monitor,
            status: monitor.status.as_ref(),
            outcome: Outcome::Probed(observation),
            bundle: problem,
            service: &gather::service_link(context, &monitor),
            now: now(),
        });
        match apply::status(context, &monitor, &plan.status).await {
            Ok(()) => {
                apply::announce(context, &monitor, &plan.announcements).await;
                monitor.status = Some(plan.status);
                observe(context, &monitor);
                return Ok(plan.wake.map_or(Next::Never, sleep_until));
            }
            Err(error) if error.is_conflict() && conflicts < CONFLICTS => {}
            Err(error) => return Err(error),
        }
        let Some(newer) = gather::monitor(context, key).await? else { return Ok(Next::Never) };
        if (&newer.metadata.uid, newer.metadata.generation) != (&monitor.metadata.uid, monitor.metadata.generation) {
            observe(context, &newer);
            return Ok(Next::Never);
        }
        monitor = newer;
    }
    Ok(Next::Never)
}

fn sleep_until(time: Timestamp) -> Next {
    Next::In(until(time).min(LONGEST_SLEEP))
}

fn result_of(observation: &Observation) -> ProbeResult {
    match &observation.presented {
        None => ProbeResult::Unreachable,
        Some(presented) if presented.verdict.is_valid() => ProbeResult::Valid,
        Some(_) => ProbeResult::Invalid,
    }
}
