//! `CertificateValid`: whether nothing is wrong with the served certificate.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;

use super::{
    super::{
        conditions::{ConditionStatus, ConditionType, Reason, Statement},
        decide::Input,
        endpoints::{incomplete, is_outdated},
        referents::Referent,
    },
    about_target, unjudged,
};
use crate::{
    api::{CertificateStatus, SslMonitorStatus},
    probe::{Failure, Fault, FaultKind, Observation, Presented},
};

pub(super) fn valid(input: &Input<'_>, status: &SslMonitorStatus) -> Condition {
    let kind = ConditionType::CertificateValid;
    let observation = match about_target(input, kind) {
        Err(condition) => return *condition,
        Ok(observation) => observation,
    };
    let judged = observation.presented.as_ref().filter(|presented| {
        // Without a completed handshake possession of the key is unproven: only faults count then.
        incomplete(observation).is_none() || presented.verdict.is_faulty()
    });
    judged.map_or_else(
        || unjudged(input, kind, observation, status),
        |presented| judgement(input, observation, presented, status).condition(input),
    )
}

fn judgement(
    input: &Input<'_>,
    observation: &Observation,
    presented: &Presented,
    status: &SslMonitorStatus,
) -> Statement {
    let faults = &presented.verdict.faults;
    let bundle = input.problems.iter().find(|problem| problem.what == Referent::CaBundle);
    let outdated = observation.failure.as_ref().filter(|failure| is_outdated(failure.reason));
    let (status, reason, message) = match (outdated, faults.first(), bundle) {
        (Some(failure), ..) => (ConditionStatus::False, Reason::Failure(failure.reason), outdated_too(failure, faults)),
        (_, None, _) => (ConditionStatus::True, Reason::Valid, describe(status.certificate.as_ref())),
        // With a part of the trust anchors missing, an unknown issuer says nothing about the certificate.
        (_, Some(_), Some(problem)) if faults.iter().all(|fault| fault.kind.is_about_trust()) => {
            (ConditionStatus::Unknown, problem.reason(), problem.message.clone())
        }
        (_, Some(worst), _) => (ConditionStatus::False, Reason::Fault(worst.kind), sentence(faults.iter())),
    };
    Statement { kind: ConditionType::CertificateValid, status, reason, message }
}

/// What the server speaks, and what is wrong with its certificate besides. That it is unproven goes with the former.
fn outdated_too(failure: &Failure, faults: &[Fault]) -> String {
    let others = sentence(faults.iter().filter(|fault| fault.kind != FaultKind::Unproven));
    if others.is_empty() { failure.detail.clone() } else { format!("{}; {others}", failure.detail) }
}

fn describe(certificate: Option<&CertificateStatus>) -> String {
    let issuer = certificate.and_then(|certificate| certificate.issuer.as_deref()).unwrap_or("an unnamed issuer");
    let until = certificate
        .and_then(|certificate| certificate.valid_to.as_ref())
        .map_or(String::new(), |end| format!(" until {}", end.0));
    format!("valid{until}, issued by {issuer}")
}

fn sentence<'a>(faults: impl Iterator<Item = &'a Fault>) -> String {
    faults.map(|fault| fault.detail.as_str()).collect::<Vec<_>>().join("; ")
}
