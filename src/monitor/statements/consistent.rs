//! `EndpointsConsistent`: whether all addresses behind the name show the same.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;

use super::{
    super::{
        conditions::{ConditionStatus, ConditionType, Reason, Statement, find},
        decide::{Input, Outcome},
        endpoints::{answered, broken, detail, grouped, names, result, short, telling},
    },
    about_target, old_conditions, unjudged, was_off,
};
use crate::{
    api::{AddressSelection, SslMonitorStatus},
    probe::{Endpoint, Observation},
};

/// The condition, where several addresses were looked at; or where they were, and now nothing can be said of them.
pub(super) fn consistent(input: &Input<'_>, status: &SslMonitorStatus) -> Option<Condition> {
    let kind = ConditionType::EndpointsConsistent;
    let old = find(old_conditions(input), kind);
    let observation = match about_target(input, kind) {
        // Nothing is begun that may never come to be said.
        Err(condition) => {
            let is_over = matches!(input.outcome, Outcome::Stalled(_)) || was_off(input);
            let is_over = is_over && input.monitor.spec.enabled;
            return old.filter(|_| !is_over).map(|_| *condition);
        }
        Ok(observation) => observation,
    };
    if input.monitor.spec.addresses == AddressSelection::Any {
        return None;
    }
    let endpoints = telling(observation);
    match (endpoints.len(), broken(observation)) {
        (0, Some(_)) => old.map(|_| unjudged(input, kind, observation, status)),
        (0 | 1, _) => None,
        (_, Some(_)) => Some(unjudged(input, kind, observation, status)),
        (_, None) => Some(judgement(observation, &endpoints).condition(input)),
    }
}

fn judgement(observation: &Observation, endpoints: &[&Endpoint]) -> Statement {
    let (mut reached, mut missed) = (endpoints.to_vec(), endpoints.to_vec());
    reached.retain(|endpoint| answered(endpoint));
    missed.retain(|endpoint| !answered(endpoint));
    let certificates = grouped(&reached, |endpoint| endpoint.fingerprint.as_deref());
    let verdicts = grouped(&reached, result);
    let (status, reason, told) = if certificates.len() > 1 {
        (ConditionStatus::False, Reason::CertificatesDiffer, who_serves_what(&certificates))
    } else if verdicts.len() > 1 {
        (ConditionStatus::False, Reason::VerdictsDiffer, who_is_what(&verdicts))
    } else if !missed.is_empty() {
        (ConditionStatus::False, Reason::SomeUnreachable, format!("{} answered", names(&reached)))
    } else {
        (ConditionStatus::True, Reason::Consistent, what_all_serve(observation, endpoints))
    };
    let message = if missed.is_empty() { told } else { format!("{told}; {}", failures(&missed)) };
    Statement { kind: ConditionType::EndpointsConsistent, status, reason, message }
}

/// `all 2 addresses serve SHA256:AB…`; of very many not all were looked at.
fn what_all_serve(observation: &Observation, endpoints: &[&Endpoint]) -> String {
    let fingerprint = endpoints.first().and_then(|endpoint| endpoint.fingerprint.as_deref());
    let what = fingerprint.map_or_else(|| "nothing".to_owned(), short);
    let (told, count) = (endpoints.len(), observation.endpoint_count);
    if count > observation.endpoints.len() {
        return format!("all {told} addresses that were looked at serve {what}; there are {count}");
    }
    format!("all {told} addresses serve {what}")
}

/// `192.0.2.1 and 192.0.2.2 serve SHA256:AB…, valid until …; 192.0.2.3 serves …`.
fn who_serves_what(groups: &[(Option<&str>, Vec<&Endpoint>)]) -> String {
    let tell = |(fingerprint, group): &(Option<&str>, Vec<&Endpoint>)| {
        let verb = if group.len() == 1 { "serves" } else { "serve" };
        let what = fingerprint.map_or_else(|| "no certificate".to_owned(), short);
        let end = group.first().and_then(|endpoint| endpoint.not_after);
        let until = end.map_or(String::new(), |end| format!(", valid until {end}"));
        format!("{} {verb} {what}{until}", names(group))
    };
    groups.iter().map(tell).collect::<Vec<_>>().join("; ")
}

/// `192.0.2.1: valid; 192.0.2.2: the intermediate certificate is not sent`.
fn who_is_what(groups: &[(&'static str, Vec<&Endpoint>)]) -> String {
    let tell = |(_, group): &(&str, Vec<&Endpoint>)| {
        format!("{}: {}", names(group), group.first().map_or("", |endpoint| detail(endpoint)))
    };
    groups.iter().map(tell).collect::<Vec<_>>().join("; ")
}

/// Which addresses were not reached, and why.
pub(super) fn failures(missed: &[&Endpoint]) -> String {
    let groups = grouped(missed, result);
    let tell = |(reason, group): &(&str, Vec<&Endpoint>)| match group.as_slice() {
        [one] => format!("{} did not: {}", names(&[one]), detail(one)),
        many => format!("{} did not: {reason}", names(many)),
    };
    groups.iter().map(tell).collect::<Vec<_>>().join("; ")
}

/// The addresses that are compared: none where the first that answers is enough.
pub(super) fn compared<'a>(input: &Input<'_>, observation: &'a Observation) -> Vec<&'a Endpoint> {
    match input.monitor.spec.addresses {
        AddressSelection::All => telling(observation),
        AddressSelection::Any => Vec::new(),
    }
}
