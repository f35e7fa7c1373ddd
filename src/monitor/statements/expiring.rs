//! `CertificateExpiring`: whether the certificate that ends first ends within `alertDays`.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;

use super::{
    super::{
        certificate::days_until,
        conditions::{ConditionStatus, ConditionType, Reason, Statement},
        decide::{Input, Outcome},
    },
    about_target,
};
use crate::{api::SslMonitorStatus, probe::FaultKind};

pub(super) fn expiring(input: &Input<'_>, status: &SslMonitorStatus) -> Condition {
    let kind = ConditionType::CertificateExpiring;
    // Also of a certificate that was seen earlier: its end comes nearer all the same.
    let shown = status.certificate.as_ref().and_then(|certificate| certificate.valid_to.as_ref());
    let end = status.earliest_expiry.as_ref().map(|earliest| &earliest.valid_to).or(shown);
    let end = end.map(|end| (days_until(end.0, input.now), end.0));
    let who = status
        .earliest_expiry
        .as_ref()
        .map_or_else(String::new, |earliest| format!("the certificate at {} ", earliest.address));
    let is_withheld = input.monitor.spec.enabled && matches!(input.outcome, Outcome::Withheld(_));
    let is_unreadable = match about_target(input, kind) {
        Err(_) if is_withheld && end.is_some() => false,
        Err(condition) => return *condition,
        Ok(observation) => observation.presented.is_some(),
    };
    let alert_days = input.monitor.spec.alert_days;
    let (status, reason, message) = match end {
        None if is_unreadable => {
            let reason = Reason::Fault(FaultKind::CertificateUnparsable);
            (ConditionStatus::Unknown, reason, "the end of validity cannot be read".to_owned())
        }
        None => (ConditionStatus::Unknown, Reason::ProbeFailed, "no certificate has been seen yet".to_owned()),
        Some((_, end)) if end < input.now => {
            (ConditionStatus::True, Reason::Fault(FaultKind::Expired), format!("{who}expired on {end}"))
        }
        Some((days, end)) if days <= i32::from(alert_days) => {
            let message = format!("{who}expires in {}, on {end} (alertDays: {alert_days})", days_text(days));
            (ConditionStatus::True, Reason::ExpiringSoon, message)
        }
        Some((_, end)) => {
            (ConditionStatus::False, Reason::NotExpiring, format!("{who}expires on {end} (alertDays: {alert_days})"))
        }
    };
    Statement { kind, status, reason, message }.condition(input)
}

fn days_text(days: i32) -> String {
    match days {
        0 => "less than a day".to_owned(),
        1 => "1 day".to_owned(),
        days => format!("{days} days"),
    }
}
