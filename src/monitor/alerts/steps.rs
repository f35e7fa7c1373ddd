//! Steps on the way to the end of a certificate's validity, at which channels are alerted.

use std::fmt;

use jiff::{SignedDuration, Timestamp};

use crate::api::{AlertSeverity, AlertThreshold, CertificateStatus, SslMonitorSpec};

/// The longest time before the end at which certificates of any lifetime count as critical, in days.
const CRITICAL_DAYS: u16 = 7;
/// The part of `alertDays` at which they do.
const CRITICAL_PART: u16 = 4;
/// A threshold as long as the whole lifetime would alert from the first day: this part of the lifetime counts instead. Two thirds
/// of the way through is when ACME clients renew (<https://letsencrypt.org/docs/integration-guide/#when-to-renew>).
const CLAMPED_PART: i32 = 3;

/// A step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::monitor) struct Step {
    /// It is reached when less than this is left.
    pub(in crate::monitor) within: SignedDuration,
    pub(in crate::monitor) severity: AlertSeverity,
    measure: Measure,
    /// Whether it was longer than the certificate's lifetime, and was brought down to a part of that.
    pub(in crate::monitor) is_clamped: bool,
}

/// What a step is measured in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Measure {
    Days(u16),
    Percent(u8),
}

/// The whole lifetime of a certificate; `None` when it ends before it begins, or an end is not known.
pub(in crate::monitor) fn lifetime_of(certificate: Option<&CertificateStatus>) -> Option<SignedDuration> {
    let certificate = certificate?;
    let lifetime = certificate.valid_to.as_ref()?.0.duration_since(certificate.valid_from.as_ref()?.0);
    lifetime.is_positive().then_some(lifetime)
}

/// The step of `alertDays`, from which on a certificate counts as expiring.
pub(in crate::monitor) fn alert_step(alert_days: u16, lifetime: Option<SignedDuration>) -> Step {
    Step::of_days(alert_days, AlertSeverity::Warning, lifetime)
}

/// The first seconds at which a certificate that ends then counts as expiring, reaches a step, and has expired.
pub(in crate::monitor) fn crossings(
    spec: &SslMonitorSpec,
    lifetime: Option<SignedDuration>,
    end: Timestamp,
) -> impl Iterator<Item = Timestamp> {
    let expiring = alert_step(spec.alert_days, lifetime).within;
    let steps = steps(spec, lifetime).into_iter().map(|step| step.within);
    let before = steps.chain([expiring, SignedDuration::ZERO]);
    before.map(move |before| {
        let last = end.saturating_sub(before).unwrap_or(Timestamp::MIN);
        last.saturating_add(SignedDuration::from_secs(1)).unwrap_or(Timestamp::MAX)
    })
}

/// The step that a certificate with so much time left has reached: the last of them, as bad as the worst.
pub(super) fn reached(
    spec: &SslMonitorSpec,
    lifetime: Option<SignedDuration>,
    left: SignedDuration,
) -> Option<Reached> {
    let mut reached = steps(spec, lifetime);
    reached.retain(|step| left < step.within);
    let begin = reached.iter().map(|step| step.within).max()?;
    let severity = reached.iter().map(|step| step.severity).max()?;
    let last = reached.into_iter().min_by_key(|step| step.within)?;
    Some(Reached { step: Step { severity, ..last }, begin })
}

/// A step that was reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Reached {
    pub(super) step: Step,
    /// How long before the end the first step of all was reached.
    pub(super) begin: SignedDuration,
}

/// The steps of a spec for a certificate of this lifetime: `alertThresholds`, or those that `alertDays` comes to.
fn steps(spec: &SslMonitorSpec, lifetime: Option<SignedDuration>) -> Vec<Step> {
    if !spec.alert_thresholds.is_empty() {
        return spec.alert_thresholds.iter().filter_map(|threshold| Step::of(threshold, lifetime)).collect();
    }
    let warning = alert_step(spec.alert_days, lifetime);
    let days = (spec.alert_days / CRITICAL_PART).min(CRITICAL_DAYS);
    let critical = Step::of_days(days, AlertSeverity::Critical, lifetime);
    let within = if critical.within < warning.within { critical.within } else { warning.within / CRITICAL_PART.into() };
    vec![warning, Step { within, ..critical }]
}

// === impl Step ===

impl Step {
    fn of(threshold: &AlertThreshold, lifetime: Option<SignedDuration>) -> Option<Self> {
        match (threshold.days, threshold.percent_of_lifetime) {
            (Some(days), _) => Some(Self::of_days(days, threshold.severity, lifetime)),
            (None, Some(percent)) => Some(Self {
                within: lifetime? / 100 * percent.into(),
                severity: threshold.severity,
                measure: Measure::Percent(percent),
                is_clamped: false,
            }),
            (None, None) => None,
        }
    }

    /// So many whole days are left, as `daysUntilExpiry` counts them: less than one day more.
    fn of_days(days: u16, severity: AlertSeverity, lifetime: Option<SignedDuration>) -> Self {
        let wanted = SignedDuration::from_hours(24 * (i64::from(days) + 1));
        let clamped = lifetime.filter(|lifetime| wanted >= *lifetime).map(|lifetime| lifetime / CLAMPED_PART);
        Self {
            within: clamped.unwrap_or(wanted),
            severity,
            measure: Measure::Days(days),
            is_clamped: clamped.is_some(),
        }
    }
}

impl fmt::Display for Step {
    /// The step as the spec measures it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.measure {
            Measure::Days(1) => f.write_str("1 day"),
            Measure::Days(days) => write!(f, "{days} days"),
            Measure::Percent(percent) => write!(f, "{percent} % of lifetime"),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn hours(hours: i64) -> SignedDuration {
        SignedDuration::from_hours(hours)
    }

    fn spec(alert_days: u16, thresholds: &[(Option<u16>, Option<u8>, AlertSeverity)]) -> SslMonitorSpec {
        let threshold = |(days, percent_of_lifetime, severity): &(Option<u16>, Option<u8>, AlertSeverity)| {
            AlertThreshold { days: *days, percent_of_lifetime: *percent_of_lifetime, severity: *severity }
        };
        let alert_thresholds = thresholds.iter().map(threshold).collect();
        SslMonitorSpec { alert_days, alert_thresholds, ..SslMonitorSpec::new("a.test") }
    }

    /// Step and severity with so many hours left of a lifetime of so many days.
    fn found(spec: &SslMonitorSpec, lifetime: i64, left: i64) -> Option<String> {
        let reached = reached(spec, Some(hours(24 * lifetime)), hours(left))?;
        Some(format!("{} {}", reached.step.severity.as_str(), reached.step))
    }

    #[test]
    fn alert_days_alone_are_a_warning_and_a_critical_step() {
        for (alert_days, left, expected) in [
            (30, 24 * 31, None),
            (30, 24 * 31 - 1, Some("warning 30 days")),
            (30, 24 * 8, Some("warning 30 days")),
            (30, 24 * 8 - 1, Some("critical 7 days")),
            (30, 0, Some("critical 7 days")),
            (30, -100, Some("critical 7 days")),
            (14, 24 * 4, Some("warning 14 days")),
            (14, 24 * 4 - 1, Some("critical 3 days")),
            (365, 24 * 8 - 1, Some("critical 7 days")),
            (1, 24, Some("warning 1 day")),
            (1, 23, Some("critical 0 days")),
        ] {
            assert_eq!(found(&spec(alert_days, &[]), 400, left).as_deref(), expected, "{alert_days} {left}");
        }
    }

    #[test]
    fn thresholds_replace_them_and_the_last_that_was_reached_counts() {
        use AlertSeverity::{Critical, Info, Warning};
        let spec = spec(30, &[(None, Some(33), Info), (Some(14), None, Critical), (Some(3), None, Warning)]);
        for (left, expected) in [
            (24 * 30, None),
            (24 * 29, Some("info 33 % of lifetime")),
            (24 * 14, Some("critical 14 days")),
            (24 * 3, Some("critical 3 days")),
        ] {
            assert_eq!(found(&spec, 90, left).as_deref(), expected, "{left}");
        }
        let begin = reached(&spec, Some(hours(24 * 90)), hours(1)).unwrap().begin;
        assert_eq!(begin, hours(24 * 90) / 100 * 33, "since the first");
    }

    #[test]
    fn a_threshold_as_long_as_the_lifetime_becomes_a_third_of_it() {
        let spec = spec(30, &[]);
        for (left, expected) in [
            (24 * 6 - 1, None),
            (48, None),
            (47, Some("warning 30 days")),
            (12, Some("warning 30 days")),
            (11, Some("critical 7 days")),
        ] {
            assert_eq!(found(&spec, 6, left).as_deref(), expected, "{left}");
        }
        assert!(alert_step(30, Some(hours(24 * 31))).is_clamped);
        assert!(!alert_step(30, Some(hours(24 * 31 + 1))).is_clamped);
        assert!(!alert_step(30, None).is_clamped);
    }

    #[test]
    fn every_step_and_the_end_are_moments_to_look_at() {
        let end: Timestamp = "2026-03-01T00:00:00Z".parse().unwrap();
        let found: Vec<String> =
            crossings(&spec(30, &[]), Some(hours(24 * 90)), end).map(|moment| moment.to_string()).collect();
        let (warning, critical) = ("2026-01-29T00:00:01Z", "2026-02-21T00:00:01Z");
        assert_eq!(found, [warning, critical, warning, "2026-03-01T00:00:01Z"]);
    }
}
