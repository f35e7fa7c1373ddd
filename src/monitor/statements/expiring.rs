//! `CertificateExpiring`: whether the certificate that ends first ends within `alertDays`.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;

use super::{
    super::{
        alerts::{Step, alert_step, lifetime_of},
        certificate::{days_text, days_until},
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
    let step = alert_step(input.monitor.spec.alert_days, lifetime_of(status.certificate.as_ref()));
    let measure = measure(input.monitor.spec.alert_days, step);
    let (status, reason, message) = match end {
        None if is_unreadable => {
            let reason = Reason::Fault(FaultKind::CertificateUnparsable);
            (ConditionStatus::Unknown, reason, "the end of validity cannot be read".to_owned())
        }
        None => (ConditionStatus::Unknown, Reason::ProbeFailed, "no certificate has been seen yet".to_owned()),
        Some((_, end)) if end < input.now => {
            (ConditionStatus::True, Reason::Fault(FaultKind::Expired), format!("{who}expired on {end}"))
        }
        Some((days, end)) if end.duration_since(input.now) < step.within => {
            let message = format!("{who}expires in {}, on {end} ({measure})", days_text(days));
            (ConditionStatus::True, Reason::ExpiringSoon, message)
        }
        Some((_, end)) => (ConditionStatus::False, Reason::NotExpiring, format!("{who}expires on {end} ({measure})")),
    };
    Statement { kind, status, reason, message }.condition(input)
}

/// What the end is measured by: `alertDays`, unless that is the certificate's whole lifetime.
fn measure(alert_days: u16, step: Step) -> String {
    if !step.is_clamped {
        return format!("alertDays: {alert_days}");
    }
    let within = match step.within.as_hours() {
        hours @ ..48 => format!("{hours} h"),
        hours => format!("{} days", hours / 24),
    };
    format!("alertDays: {alert_days}, which is no shorter than its whole lifetime; a third of that counts: {within}")
}
