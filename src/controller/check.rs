//! Checks: gather → probe → decide → apply, for one monitor whose time has come.

use std::{sync::Arc, time::Duration};

use jiff::Timestamp;
use tokio::time::{sleep, timeout};

use super::{
    Context, Error, apply,
    context::{LONGEST_SLEEP, now, until},
    gather::{self, Referents},
    registry::{Entry, Source},
    watch::observe,
};
use crate::{
    api::{MIN_INTERVAL, SslMonitor},
    metrics::{MonitorKey, ProbeResult},
    monitor::{
        Due, ExpectedCertificate, Input, Outcome, Plan, ProblemKind, ReferentProblem, decide, due, is_ahead,
        is_introduced, is_reached, is_told, is_valid, next_look_for, requested_at, target, withholding,
    },
    probe::{Observation, Target},
    schedule::Next,
};

/// How often a status is decided anew because its monitor has changed in between (a label, an annotation, a delivery to one of its
/// channels).
const CONFLICTS: usize = 10;
/// The waits between attempts to write what a probe has seen.
const WRITE_WAITS: [Duration; 3] = [Duration::from_secs(1), Duration::from_secs(2), Duration::from_secs(4)];
/// How long the writing of what a probe has seen may take in all, waiting for a turn included.
const RECORD_LIMIT: Duration = Duration::from_mins(1);
/// How often in a row what a monitor names may not be readable for a passing reason before that is told.
const PASSING: u32 = 3;

/// What one check has seen, and all that was known before it.
struct Seen {
    /// What the probe saw; `None` when it was withheld.
    observation: Option<Observation>,
    problems: Vec<ReferentProblem>,
    expected: Option<ExpectedCertificate>,
    /// The request as it was before the probe: a later one asks for another.
    request: Option<String>,
}

/// The job: what fails at the API server is tried again with back-off, and not sooner than a check may be made anew.
pub(super) async fn check(context: Arc<Context>, key: MonitorKey) -> Next {
    let wait = context.check_errors.remaining(&key);
    if !wait.is_zero() {
        return Next::In(wait);
    }
    // On the heap, because the many that only wait should not each hold the room of a probe.
    match Box::pin(attempt(&context, &key)).await {
        Ok(next) => {
            context.check_errors.forget(&key);
            next
        }
        Err((error, at_least)) => context.retry(&key, &error, &context.check_errors, at_least),
    }
}

/// An error, and how long to wait at least.
type Failed = (Error, Duration);

async fn attempt(context: &Context, key: &MonitorKey) -> Result<Next, Failed> {
    match context.registry.get(key) {
        None => return Ok(Next::Never),
        Some(Entry { due: Due::At(time), last_checked, .. }) if is_to_come(time, last_checked) => {
            return Ok(sleep_until(time));
        }
        Some(_) => {}
    }
    let found = gather::monitor(context, key).await.map_err(soon)?;
    let Some(monitor) = found else { return Ok(context.next_without(key)) };
    let status = monitor.status.as_ref();
    if !is_introduced(&monitor, status) {
        // Its conditions come first; the review orders the check, and replaces this wait.
        context.review(key.clone());
        return Ok(Next::In(LONGEST_SLEEP));
    }
    match due(&monitor, status, now()) {
        Due::Never => Ok(Next::Never),
        Due::Now(_) => Box::pin(check_now(context, key, monitor)).await,
        Due::At(time) => Box::pin(look(context, key, monitor, time)).await,
    }
}

/// Whether a time is still to come, on a clock that was not stepped back since the last check.
fn is_to_come(time: Timestamp, last_checked: Option<Timestamp>) -> bool {
    let now = now();
    time > now && last_checked.is_none_or(|last| !is_ahead(last, now))
}

/// Not due, but something that it names is missing: only when that has changed is there a reason to probe.
async fn look(context: &Context, key: &MonitorKey, monitor: SslMonitor, time: Timestamp) -> Result<Next, Failed> {
    let next_look = monitor.status.as_ref().and_then(|status| next_look_for(status, now()));
    let (Some(status), Some(next_look)) = (&monitor.status, next_look) else { return Ok(sleep_until(time)) };
    let found = referents(context, key, &monitor).await?;
    if is_told(status, &found.problems) {
        Ok(sleep_until(time.min(next_look)))
    } else {
        probe(context, key, monitor, found).await
    }
}

/// What the monitor names; what cannot be read for a passing reason is tried again before anything is said.
async fn referents(context: &Context, key: &MonitorKey, monitor: &SslMonitor) -> Result<Referents, Failed> {
    let found = gather::referents(context, monitor).await;
    let passing = found.problems.iter().find(|problem| problem.kind == ProblemKind::Unavailable);
    match passing.filter(|_| context.check_errors.count(key) < PASSING) {
        Some(problem) => {
            let attempt = format!("read what {} names", problem.what.field());
            Err(soon(Error::Unreadable { attempt, why: problem.message.clone() }))
        }
        None => Ok(found),
    }
}

async fn check_now(context: &Context, key: &MonitorKey, monitor: SslMonitor) -> Result<Next, Failed> {
    let found = referents(context, key, &monitor).await?;
    probe(context, key, monitor, found).await
}

async fn probe(context: &Context, key: &MonitorKey, monitor: SslMonitor, found: Referents) -> Result<Next, Failed> {
    let Ok(target) = target(&monitor.spec, context.prober.policy()) else {
        context.review(key.clone());
        return Ok(Next::Never);
    };
    let request = requested_at(&monitor).map(ToOwned::to_owned);
    let observation = observation(context, key, &monitor, &target, &found).await;
    let Referents { problems, expected, .. } = found;
    let seen = Seen { observation, problems, expected, request };
    // The target is not probed again at once because the API server did not take what was seen.
    let recorded = timeout(RECORD_LIMIT, record(context, key, monitor, &seen)).await.unwrap_or_else(|_| {
        let attempt = format!("write what was seen to SslMonitor {}/{}", key.namespace, key.name);
        Err(Error::TimedOut { attempt, limit: RECORD_LIMIT })
    });
    recorded.map_err(|error| (error, MIN_INTERVAL))
}

/// What the probe sees, unless it is withheld.
async fn observation(
    context: &Context,
    key: &MonitorKey,
    monitor: &SslMonitor,
    target: &Target,
    found: &Referents,
) -> Option<Observation> {
    if withholding(&found.problems).is_some() {
        return None;
    }
    let observation = context.prober.probe(target, &found.means, monitor.spec.timeout(), now()).await;
    context.metrics.count_probe(result_of(&observation, now()));
    tracing::debug!(namespace = &*key.namespace, name = &*key.name, %target, ?observation, "probed");
    Some(observation)
}

/// Decide and write. When the monitor has changed since it was read, its newest state is decided on, unless the spec has
/// changed too: then the observation is of something else, and is discarded.
async fn record(context: &Context, key: &MonitorKey, mut monitor: SslMonitor, seen: &Seen) -> Result<Next, Error> {
    let (mut conflicts, mut waits) = (0, WRITE_WAITS.into_iter());
    loop {
        let plan = plan(context, &monitor, seen);
        match apply::status(context, &mut monitor, plan.status.clone()).await {
            Ok(()) => return Ok(conclude(context, key, &monitor, &plan).await),
            Err(error) if error.is_conflict() && conflicts < CONFLICTS => conflicts += 1,
            Err(error) if error.is_conflict() || error.is_not_found() || error.is_refused() => return Err(error),
            Err(error) => match waits.next() {
                Some(wait) => sleep(wait).await,
                None => return Err(error),
            },
        }
        let Some(newer) = gather::monitor(context, key).await? else { return Ok(context.next_without(key)) };
        if (&newer.metadata.uid, newer.metadata.generation) != (&monitor.metadata.uid, monitor.metadata.generation) {
            observe(context, &newer, Source::Job);
            return Ok(context.next_without(key));
        }
        let is_written = newer.status.as_ref() == Some(&plan.status);
        monitor = newer;
        if is_written {
            // Only the answer was lost. To decide again would count the same check twice, and announce nothing.
            return Ok(conclude(context, key, &monitor, &plan).await);
        }
    }
}

fn plan(context: &Context, monitor: &SslMonitor, seen: &Seen) -> Plan {
    let beside = gather::beside(context, monitor);
    decide(Input {
        outcome: match (&seen.observation, withholding(&seen.problems)) {
            (Some(observation), _) => Outcome::Probed(observation),
            (None, Some(problem)) => Outcome::Withheld(problem),
            (None, None) => Outcome::NotProbed,
        },
        problems: &seen.problems,
        expected: seen.expected.as_ref(),
        request: seen.request.as_deref(),
        ..beside.input(monitor)
    })
}

/// After the status was written.
async fn conclude(context: &Context, key: &MonitorKey, monitor: &SslMonitor, plan: &Plan) -> Next {
    // Before the Events, which may take long: what is seen of the monitor meanwhile is newer than this.
    observe(context, monitor, Source::Job);
    if let Some(time) = plan.tell {
        context.review_at(key.clone(), time);
    }
    apply::announce(context, monitor, &plan.announcements).await;
    plan.wake.map_or(Next::Never, sleep_until)
}

/// To be woken at this time, or earlier to look at the clock.
pub(super) fn sleep_until(time: Timestamp) -> Next {
    Next::In(until(time).min(LONGEST_SLEEP))
}

fn soon(error: Error) -> Failed {
    (error, Duration::ZERO)
}

fn result_of(observation: &Observation, now: Timestamp) -> ProbeResult {
    if !is_reached(observation) || observation.presented.is_none() {
        ProbeResult::Unreachable
    } else if is_valid(observation, now) {
        ProbeResult::Valid
    } else {
        ProbeResult::Invalid
    }
}
