//! The conditions: what each type says in each situation.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;

use super::{
    certificate::days_until,
    conditions::{ConditionStatus, ConditionType, Reason, Statement, find, state},
    decide::{Input, Outcome, ServiceLink},
    due::has_settled,
};
use crate::{
    api::{CertificateStatus, SslMonitorStatus, format_duration},
    probe::{Failure, FailureReason, Fault, FaultKind, Observation, Presented},
};

/// After this many failed checks in a row the validity of the certificate counts as unknown: fewer are a hiccup.
pub const FAILURES_BEFORE_UNKNOWN: i32 = 3;

/// What kept the handshake from completing. A server that demands a client certificate has shown its own: it was reached.
pub(super) fn broken(observation: &Observation) -> Option<&Failure> {
    let failure = observation.failure.as_ref()?;
    let has_shown = observation.presented.is_some() && failure.reason == FailureReason::ClientCertificateRequired;
    (!has_shown).then_some(failure)
}

/// The list of conditions, in the order of their types.
pub(super) fn conditions(input: &Input<'_>, status: &SslMonitorStatus) -> Vec<Condition> {
    let ready = ready(input);
    let exceptional = exceptional(input, &ready);
    let mut all = vec![ready.condition(input)];
    all.extend(exceptional.map(|statement| statement.condition(input)));
    all.push(reachable(input));
    all.push(valid(input, status));
    all.push(expiring(input, status));
    all.extend(linked(input));
    all
}

fn ready(input: &Input<'_>) -> Statement {
    let not_ready = |reason: Reason, message: &str| (ConditionStatus::False, reason, message.to_owned());
    let spec = &input.monitor.spec;
    let name = spec.service_ref.as_ref().map_or("", |reference| reference.name.as_str());
    let service = service_link(input);
    let (status, reason, message) = if !spec.enabled {
        (ConditionStatus::True, Reason::Disabled, "the monitor is disabled: nothing is checked".to_owned())
    } else if let Outcome::Stalled(stall) = input.outcome {
        not_ready(stall.reason.into(), &stall.message)
    } else if is_progressing(input) {
        (ConditionStatus::Unknown, Reason::Progressing, "the first check has not ended yet".to_owned())
    } else if let Some(problem) = input.bundle {
        not_ready(problem.kind.into(), &problem.message)
    } else if service == ServiceLink::Missing {
        not_ready(Reason::ServiceNotFound, &service_missing(name))
    } else if let ServiceLink::Forbidden(why) = &service {
        not_ready(Reason::Forbidden, why)
    } else {
        let every = format_duration(spec.interval());
        (ConditionStatus::True, Reason::Monitoring, format!("{}:{} is checked every {every}", spec.domain, spec.port()))
    };
    Statement { kind: ConditionType::Ready, status, reason, message }
}

/// `Stalled` or `Reconciling`, which are there only while they are true, and never both (kstatus).
fn exceptional(input: &Input<'_>, ready: &Statement) -> Option<Statement> {
    let kind = match (input.outcome, ready.status) {
        (_, ConditionStatus::True) => return None,
        (Outcome::Stalled(_), _) => ConditionType::Stalled,
        _ => ConditionType::Reconciling,
    };
    Some(Statement { kind, status: ConditionStatus::True, reason: ready.reason, message: ready.message.clone() })
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

fn reachable(input: &Input<'_>) -> Condition {
    let observation = match about_target(input, ConditionType::Reachable) {
        Err(condition) => return *condition,
        Ok(observation) => observation,
    };
    let (status, reason, message) = match (broken(observation), &observation.failure) {
        (Some(failure), _) => (ConditionStatus::False, Reason::Failure(failure.reason), failure.detail.clone()),
        (None, Some(failure)) => (ConditionStatus::True, Reason::Failure(failure.reason), failure.detail.clone()),
        (None, None) => (ConditionStatus::True, Reason::Connected, "the TLS handshake completed".to_owned()),
    };
    Statement { kind: ConditionType::Reachable, status, reason, message }.condition(input)
}

fn valid(input: &Input<'_>, status: &SslMonitorStatus) -> Condition {
    let kind = ConditionType::CertificateValid;
    let observation = match about_target(input, kind) {
        Err(condition) => return *condition,
        Ok(observation) => observation,
    };
    let judged = observation.presented.as_ref().filter(|presented| {
        // Without a completed handshake possession of the key is unproven: only faults count then.
        broken(observation).is_none() || presented.verdict.is_faulty()
    });
    judged.map_or_else(
        || unjudged(input, observation, status),
        |presented| judgement(input, presented, status).condition(input),
    )
}

fn judgement(input: &Input<'_>, presented: &Presented, status: &SslMonitorStatus) -> Statement {
    let faults = &presented.verdict.faults;
    let (status, reason, message) = match (faults.first(), input.bundle) {
        (None, _) => (ConditionStatus::True, Reason::Valid, describe(status.certificate.as_ref())),
        // With a part of the trust anchors missing, an unknown issuer says nothing about the certificate.
        (Some(_), Some(problem)) if faults.iter().all(|fault| fault.kind.is_about_trust()) => {
            (ConditionStatus::Unknown, problem.kind.into(), problem.message.clone())
        }
        (Some(worst), _) => (ConditionStatus::False, Reason::Fault(worst.kind), sentence(faults)),
    };
    Statement { kind: ConditionType::CertificateValid, status, reason, message }
}

/// `CertificateValid` after a check that saw no certificate to judge: the last word stands for a while, then it is unknown.
fn unjudged(input: &Input<'_>, observation: &Observation, status: &SslMonitorStatus) -> Condition {
    let failures = status.consecutive_failures.unwrap_or(0);
    let old = find(old_conditions(input), ConditionType::CertificateValid);
    let is_current = |old: &&Condition| old.observed_generation == input.monitor.metadata.generation;
    let has_word = |old: &&Condition| old.status != ConditionStatus::Unknown.as_str();
    if let Some(old) = old.filter(is_current).filter(has_word).filter(|_| failures < FAILURES_BEFORE_UNKNOWN) {
        return old.clone();
    }
    let why = broken(observation).map_or("no certificate was seen", |failure| &failure.detail);
    let message = match failures {
        1 => format!("no certificate was seen: {why}"),
        many => format!("{many} checks in a row saw no certificate; the last one: {why}"),
    };
    let status = ConditionStatus::Unknown;
    Statement { kind: ConditionType::CertificateValid, status, reason: Reason::ProbeFailed, message }.condition(input)
}

fn expiring(input: &Input<'_>, status: &SslMonitorStatus) -> Condition {
    let kind = ConditionType::CertificateExpiring;
    let observation = match about_target(input, kind) {
        Err(condition) => return *condition,
        Ok(observation) => observation,
    };
    let alert_days = input.monitor.spec.alert_days;
    // Also of a certificate that was seen earlier: its end comes nearer all the same.
    let end = status.certificate.as_ref().and_then(|certificate| certificate.valid_to.as_ref());
    let end = end.map(|end| (days_until(end.0, input.now), end.0));
    let (status, reason, message) = match end {
        None if observation.presented.is_some() => {
            let reason = Reason::Fault(FaultKind::CertificateUnparsable);
            (ConditionStatus::Unknown, reason, "the end of validity cannot be read".to_owned())
        }
        None => (ConditionStatus::Unknown, Reason::ProbeFailed, "no certificate has been seen yet".to_owned()),
        Some((_, end)) if end < input.now => {
            (ConditionStatus::True, Reason::Fault(FaultKind::Expired), format!("expired on {end}"))
        }
        Some((days, end)) if days <= i32::from(alert_days) => {
            let message = format!("expires in {}, on {end} (alertDays: {alert_days})", days_text(days));
            (ConditionStatus::True, Reason::ExpiringSoon, message)
        }
        Some((_, end)) => {
            (ConditionStatus::False, Reason::NotExpiring, format!("expires on {end} (alertDays: {alert_days})"))
        }
    };
    Statement { kind, status, reason, message }.condition(input)
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
        Outcome::Stalled(stall) => unknown(stall.reason.into(), &stall.message),
        // What was seen stays, with the generation that it was seen for, so that nobody takes it for the new spec's.
        Outcome::NotProbed => match find(old_conditions(input), kind).filter(|_| !was_off(input)) {
            Some(old) => Err(Box::new(old.clone())),
            None => unknown(Reason::Progressing, "the first check has not ended yet"),
        },
    }
}

fn linked(input: &Input<'_>) -> Option<Condition> {
    let kind = ConditionType::ServiceLinked;
    let name = &input.monitor.spec.service_ref.as_ref()?.name;
    let (status, reason, message) = match service_link(input) {
        ServiceLink::None => return None,
        _ if !input.monitor.spec.enabled => {
            let message = format!("the monitor is disabled: it does not count on Service {name}");
            (ConditionStatus::Unknown, Reason::Disabled, message)
        }
        ServiceLink::Unknown => {
            (ConditionStatus::Unknown, Reason::Progressing, format!("Service {name} has not been looked up yet"))
        }
        ServiceLink::Found => (ConditionStatus::True, Reason::Linked, format!("Service {name} carries the result")),
        ServiceLink::Missing => (ConditionStatus::False, Reason::ServiceNotFound, service_missing(name)),
        ServiceLink::Forbidden(why) => (ConditionStatus::False, Reason::Forbidden, why),
    };
    Some(Statement { kind, status, reason, message }.condition(input))
}

/// How the link to the Service stands; where that is not known at the moment, what was told of it for this spec still holds.
fn service_link(input: &Input<'_>) -> ServiceLink {
    if *input.service != ServiceLink::Unknown {
        return input.service.clone();
    }
    let told = find(old_conditions(input), ConditionType::ServiceLinked);
    let told = told.filter(|told| told.observed_generation == input.monitor.metadata.generation);
    told.map_or(ServiceLink::Unknown, |told| match told.reason.as_str() {
        "Linked" => ServiceLink::Found,
        "ServiceNotFound" => ServiceLink::Missing,
        "Forbidden" => ServiceLink::Forbidden(told.message.clone()),
        _ => ServiceLink::Unknown,
    })
}

fn old_conditions<'a>(input: &Input<'a>) -> &'a [Condition] {
    input.status.map(|status| status.conditions.as_slice()).unwrap_or_default()
}

fn service_missing(name: &str) -> String {
    format!("Service {name} does not exist in this namespace: create it, or correct serviceRef")
}

fn describe(certificate: Option<&CertificateStatus>) -> String {
    let issuer = certificate.and_then(|certificate| certificate.issuer.as_deref()).unwrap_or("an unnamed issuer");
    let until = certificate
        .and_then(|certificate| certificate.valid_to.as_ref())
        .map_or(String::new(), |end| format!(" until {}", end.0));
    format!("valid{until}, issued by {issuer}")
}

fn sentence(faults: &[Fault]) -> String {
    faults.iter().map(|fault| fault.detail.as_str()).collect::<Vec<_>>().join("; ")
}

fn days_text(days: i32) -> String {
    match days {
        0 => "less than a day".to_owned(),
        1 => "1 day".to_owned(),
        days => format!("{days} days"),
    }
}

// === impl Statement ===

impl Statement {
    fn condition(self, input: &Input<'_>) -> Condition {
        state(self, old_conditions(input), input.monitor.metadata.generation, input.now)
    }
}
