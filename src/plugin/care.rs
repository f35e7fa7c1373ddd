//! What needs care: how urgent a monitor is, by what its status says and by the clock.

use std::{cmp::Reverse, time::Duration};

use jiff::{SignedDuration, Timestamp};

use crate::{
    api::{SslMonitor, SslMonitorStatus},
    monitor::{ConditionType, Reason, days_until, find_condition},
    probe::FaultKind,
};

/// A check that is due for longer than this has been forgotten: the operator looks at what is due at once.
const FORGOTTEN: SignedDuration = SignedDuration::from_mins(10);

/// How urgent a monitor is, the most urgent first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Care {
    /// Clients refuse the certificate, or will have since the last check.
    Invalid,
    /// Nothing answers as it should.
    Unreachable,
    /// Nobody looks: the monitor can never work as it is configured.
    Stalled,
    /// Something that the monitor names is missing.
    Unready,
    /// Another certificate is served than should be.
    Unexpected,
    /// The addresses do not show the same.
    Inconsistent,
    /// The certificate ends soon.
    Expiring,
    /// There is something to tell that a channel does not take.
    Untold,
    /// It is not known yet.
    Pending,
    /// All is well.
    Well,
    /// Nobody looks, on purpose.
    Off,
}

/// How urgent this monitor is.
pub(super) fn care(monitor: &SslMonitor, now: Timestamp) -> Care {
    use ConditionType::{
        CertificateExpiring, CertificateValid, EndpointsConsistent, NotificationsDelivered, Reachable, Ready,
        ServedCertificateMatches, Stalled,
    };
    let is = |kind, wanted: &str| condition(monitor, kind).is_some_and(|(status, _)| status == wanted);
    let has_ended = end(monitor).is_some_and(|end| end < now);
    match monitor {
        _ if !monitor.spec.enabled => Care::Off,
        _ if is(CertificateValid, "False") || has_ended => Care::Invalid,
        _ if is(Reachable, "False") => Care::Unreachable,
        _ if is(Stalled, "True") => Care::Stalled,
        _ if is(Ready, "False") => Care::Unready,
        _ if is(ServedCertificateMatches, "False") => Care::Unexpected,
        _ if is(EndpointsConsistent, "False") => Care::Inconsistent,
        _ if is(CertificateExpiring, "True") => Care::Expiring,
        _ if is(NotificationsDelivered, "False") => Care::Untold,
        _ if is(CertificateValid, "True") => Care::Well,
        _ => Care::Pending,
    }
}

/// The worst first; of equals the one whose certificate ends first, and then by name.
pub(super) fn sort(monitors: &mut [SslMonitor], now: Timestamp) {
    monitors.sort_by_cached_key(|monitor| {
        let metadata = &monitor.metadata;
        // Those of which no end is known come last of their like.
        let end = Reverse(end(monitor).map(Reverse));
        (care(monitor, now), end, metadata.namespace.clone(), metadata.name.clone())
    });
}

/// Whether a certificate of it ends within this time, or has ended.
pub(super) fn is_expiring(monitor: &SslMonitor, within: Duration, now: Timestamp) -> bool {
    let limit = now.saturating_add(SignedDuration::try_from(within).unwrap_or(SignedDuration::MAX));
    end(monitor).is_some_and(|end| limit.is_ok_and(|limit| end <= limit))
}

/// When the certificate that ends first ends, of those that its addresses serve.
pub(super) fn end(monitor: &SslMonitor) -> Option<Timestamp> {
    let status = monitor.status.as_ref()?;
    let shown = status.certificate.as_ref().and_then(|certificate| certificate.valid_to.as_ref());
    let earliest = status.earliest_expiry.as_ref().map(|earliest| &earliest.valid_to);
    shown.into_iter().chain(earliest).map(|end| end.0).min()
}

/// Whole days until then; negative once it has passed.
pub(super) fn days_left(monitor: &SslMonitor, now: Timestamp) -> Option<i32> {
    end(monitor).map(|end| days_until(end, now))
}

/// For how long a check has been due that the operator should have made; `None` where it is not late.
pub(super) fn overdue(monitor: &SslMonitor, now: Timestamp) -> Option<SignedDuration> {
    if !monitor.spec.enabled || care(monitor, now) == Care::Stalled {
        return None;
    }
    let created = monitor.metadata.creation_timestamp.as_ref();
    // The API server gives a status to what the operator has not seen, too, but no conditions.
    let seen = monitor.status.as_ref().filter(|status| !status.conditions.is_empty());
    let due = seen.map_or(created, |status: &SslMonitorStatus| status.next_check_at.as_ref());
    due.map(|due| now.duration_since(due.0)).filter(|late| *late > FORGOTTEN)
}

/// Status and reason of one of its conditions.
pub(super) fn condition(monitor: &SslMonitor, kind: ConditionType) -> Option<(&str, &str)> {
    let conditions = &monitor.status.as_ref()?.conditions;
    find_condition(conditions, kind).map(|condition| (condition.status.as_str(), condition.reason.as_str()))
}

/// Whether its certificate is not valid.
pub(super) fn is_invalid(monitor: &SslMonitor, now: Timestamp) -> bool {
    care(monitor, now) == Care::Invalid
}

/// The result in one word, also of a certificate that has ended since the last check, and of a monitor that has no status yet.
pub(super) fn word(monitor: &SslMonitor, now: Timestamp) -> String {
    let summary = monitor.status.as_ref().and_then(|status| status.summary.clone());
    let is_outdated = monitor.spec.enabled && end(monitor).is_some_and(|end| end < now);
    match summary {
        Some(summary) if !(is_outdated && is_well(&summary)) => summary,
        None if !is_outdated => Reason::Progressing.as_str().to_owned(),
        _ => Reason::Fault(FaultKind::Expired).as_str().to_owned(),
    }
}

fn is_well(summary: &str) -> bool {
    [Reason::Valid, Reason::ExpiringSoon].iter().any(|reason| reason.as_str() == summary)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use serde_json::json;

    use super::*;
    use crate::plugin::samples::{monitor, now};

    #[test]
    fn the_worst_comes_first_and_of_equals_the_one_that_ends_first() {
        let conditions = [
            ("off", json!({"CertificateValid": "True"}), 90),
            ("well-later", json!({"CertificateValid": "True"}), 90),
            ("well", json!({"CertificateValid": "True"}), 60),
            ("new", json!({}), 0),
            ("untold", json!({"CertificateValid": "True", "NotificationsDelivered": "False"}), 90),
            ("expiring", json!({"CertificateValid": "True", "CertificateExpiring": "True"}), 10),
            ("inconsistent", json!({"CertificateValid": "True", "EndpointsConsistent": "False"}), 90),
            ("unexpected", json!({"CertificateValid": "True", "ServedCertificateMatches": "False"}), 90),
            ("unready", json!({"CertificateValid": "True", "Ready": "False"}), 90),
            ("stalled", json!({"Stalled": "True", "Ready": "False"}), 0),
            ("unreachable-unseen", json!({"Reachable": "False", "CertificateValid": "Unknown"}), 0),
            ("unreachable", json!({"Reachable": "False", "CertificateValid": "True"}), 90),
            ("invalid", json!({"CertificateValid": "False"}), 90),
            ("expired", json!({"CertificateValid": "False", "Reachable": "False"}), -2),
        ];
        let mut monitors: Vec<SslMonitor> =
            conditions.iter().map(|(name, of, days)| monitor(name, of, *days)).collect();
        monitors[0].spec.enabled = false;
        let mut expected: Vec<&str> = conditions.iter().map(|(name, ..)| *name).collect();
        expected.reverse();
        sort(&mut monitors, now());
        let names: Vec<&str> = monitors.iter().map(|monitor| monitor.metadata.name.as_deref().unwrap()).collect();
        assert_eq!(names, expected);
    }

    #[test]
    fn a_certificate_that_has_ended_since_the_last_check_is_invalid() {
        let mut late = monitor("late", &json!({"CertificateValid": "True", "CertificateExpiring": "True"}), 1);
        late.status.as_mut().unwrap().summary = Some("ExpiringSoon".to_owned());
        assert_eq!((care(&late, now()), word(&late, now()).as_str()), (Care::Expiring, "ExpiringSoon"));
        let later = now() + SignedDuration::from_hours(48);
        assert_eq!((care(&late, later), word(&late, later).as_str()), (Care::Invalid, "Expired"));
    }

    #[test]
    fn another_address_may_serve_the_certificate_that_ends_first() {
        let mut two = monitor("two", &json!({"CertificateValid": "True"}), 90);
        let earliest = json!({"address": "192.0.2.2:443", "validTo": now() + SignedDuration::from_hours(49)});
        two.status.as_mut().unwrap().earliest_expiry = Some(serde_json::from_value(earliest).unwrap());
        assert_eq!(days_left(&two, now()), Some(2));
        let within = |days: u64| is_expiring(&two, Duration::from_hours(24 * days), now());
        assert_eq!([within(2), within(3), within(u64::MAX / 86_400)], [false, true, true]);
    }

    #[test]
    fn a_check_is_overdue_when_the_operator_should_long_have_made_it() {
        let after = |minutes| now() + SignedDuration::from_mins(minutes);
        let watched = monitor("watched", &json!({"CertificateValid": "True"}), 90);
        // Its next check is in an hour.
        let late: Vec<Option<i64>> =
            [0, 69, 71].iter().map(|minutes| overdue(&watched, after(*minutes)).map(|late| late.as_mins())).collect();
        assert_eq!(late, [None, None, Some(11)]);
        let off = SslMonitor {
            spec: crate::api::SslMonitorSpec { enabled: false, ..watched.spec.clone() },
            ..watched.clone()
        };
        assert_eq!(overdue(&off, after(500)), None);
        let unseen = SslMonitorStatus { observed_generation: Some(0), ..SslMonitorStatus::default() };
        for status in [None, Some(unseen)] {
            let unseen = SslMonitor { status, ..watched.clone() };
            assert_eq!(overdue(&unseen, after(11)).map(|late| late.as_mins()), Some(11), "since its creation");
        }
    }
}
