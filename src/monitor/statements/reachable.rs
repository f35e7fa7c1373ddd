//! `Reachable`: whether a TLS handshake came about.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;

use super::{
    super::{
        conditions::{ConditionStatus, ConditionType, Reason, Statement},
        decide::Input,
        endpoints::{answered, broken},
    },
    about_target,
    consistent::{compared, failures},
};

pub(super) fn reachable(input: &Input<'_>) -> Condition {
    let observation = match about_target(input, ConditionType::Reachable) {
        Err(condition) => return *condition,
        Ok(observation) => observation,
    };
    let (mut reached, mut missed) = (compared(input, observation), compared(input, observation));
    reached.retain(|endpoint| answered(endpoint));
    missed.retain(|endpoint| !answered(endpoint));
    let (status, reason, message) = match (broken(observation), &observation.failure) {
        (Some(failure), _) => (ConditionStatus::False, Reason::Failure(failure.reason), failure.detail.clone()),
        (None, _) if !missed.is_empty() && !reached.is_empty() => {
            let all = reached.len() + missed.len();
            let message = format!("{} of {all} addresses answered; {}", reached.len(), failures(&missed));
            (ConditionStatus::True, Reason::PartlyReachable, message)
        }
        (None, Some(failure)) => (ConditionStatus::True, Reason::Failure(failure.reason), failure.detail.clone()),
        (None, None) => (ConditionStatus::True, Reason::Connected, "the TLS handshake completed".to_owned()),
    };
    Statement { kind: ConditionType::Reachable, status, reason, message }.condition(input)
}
