//! The conditions: what each type says in each situation.

mod consistent;
mod expiring;
mod linked;
mod matches;
pub(super) mod notified;
mod reachable;
mod ready;
mod valid;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;

use super::{
    conditions::{ConditionStatus, ConditionType, Reason, Statement, find, state},
    decide::{Input, Outcome},
    due::has_settled,
    endpoints::incomplete,
};
use crate::{api::SslMonitorStatus, probe::Observation};

/// After this many failed checks in a row what was last said of the certificate counts as unknown: fewer are a hiccup.
pub const FAILURES_BEFORE_UNKNOWN: i32 = 3;

/// The list of conditions, in the order of their types.
pub(super) fn conditions(input: &Input<'_>, status: &SslMonitorStatus) -> Vec<Condition> {
    let ready = ready::ready(input);
    let exceptional = ready::exceptional(input, &ready);
    let mut all = vec![ready.condition(input)];
    all.extend(exceptional.map(|statement| statement.condition(input)));
    all.push(reachable::reachable(input));
    all.push(valid::valid(input, status));
    all.push(expiring::expiring(input, status));
    all.extend(consistent::consistent(input, status));
    all.extend(matches::matches(input, status));
    all.extend(linked::linked(input));
    // What is still to be told is not known yet: see `decide::plan`.
    all
}

/// Whether the first check of this generation is still to come.
fn is_progressing(input: &Input<'_>) -> bool {
    matches!(input.outcome, Outcome::NotProbed) && (!has_settled(input.monitor, input.status) || was_off(input))
}

/// Whether the status comes from a time when nothing was checked, so that it says nothing about the target.
fn was_off(input: &Input<'_>) -> bool {
    let old = old_conditions(input);
    find(old, ConditionType::Stalled).is_some()
        || find(old, ConditionType::Ready).is_some_and(|ready| ready.reason == Reason::Disabled.as_str())
}

/// The observation that a condition about the target is made from; or, where there is none, the condition as it then is.
fn about_target<'a>(input: &Input<'a>, kind: ConditionType) -> Result<&'a Observation, Box<Condition>> {
    let unknown = |reason: Reason, message: &str| {
        let statement = Statement { kind, status: ConditionStatus::Unknown, reason, message: message.to_owned() };
        Err(Box::new(statement.condition(input)))
    };
    if !input.monitor.spec.enabled {
        return unknown(Reason::Disabled, "the monitor is disabled");
    }
    match input.outcome {
        Outcome::Probed(observation) => Ok(observation),
        Outcome::Withheld(problem) => unknown(problem.reason(), &problem.message),
        Outcome::Stalled(stall) => unknown(stall.reason.into(), &stall.message),
        // What was seen stays, with the generation that it was seen for, so that nobody takes it for the new spec's.
        Outcome::NotProbed => match find(old_conditions(input), kind).filter(|_| !was_off(input)) {
            Some(old) => Err(Box::new(old.clone())),
            None => unknown(Reason::Progressing, "the first check has not ended yet"),
        },
    }
}

/// A condition after a check that saw no certificate to judge: the last word stands for a while, then it is unknown.
fn unjudged(input: &Input<'_>, kind: ConditionType, observation: &Observation, status: &SslMonitorStatus) -> Condition {
    let failures = status.consecutive_failures.unwrap_or(0);
    let old = find(old_conditions(input), kind);
    let is_current = |old: &&Condition| old.observed_generation == input.monitor.metadata.generation;
    let has_word = |old: &&Condition| old.status != ConditionStatus::Unknown.as_str();
    if let Some(old) = old.filter(is_current).filter(has_word).filter(|_| failures < FAILURES_BEFORE_UNKNOWN) {
        return old.clone();
    }
    let why = incomplete(observation).map_or("the server sent none", |failure| &failure.detail);
    let message = match failures {
        0 | 1 => format!("no certificate was seen: {why}"),
        many => format!("{many} checks in a row saw no certificate; the last one: {why}"),
    };
    Statement { kind, status: ConditionStatus::Unknown, reason: Reason::ProbeFailed, message }.condition(input)
}

fn old_conditions<'a>(input: &Input<'a>) -> &'a [Condition] {
    input.status.map(|status| status.conditions.as_slice()).unwrap_or_default()
}

// === impl Statement ===

impl Statement {
    fn condition(self, input: &Input<'_>) -> Condition {
        state(self, old_conditions(input), input.monitor.metadata.generation, input.now)
    }
}
