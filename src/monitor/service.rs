//! The one condition on a Service: the worst of all enabled monitors that name it.

use super::{
    ConditionStatus, ConditionType, Reason,
    conditions::{cut, find},
};
use crate::api::{SslMonitor, SslMonitorStatus};

/// The type of the condition on a Service.
pub const SERVICE_CONDITION: &str = "sslmonitor.io/CertificateValid";
/// The longest message of the condition, in bytes: every node's kube-proxy receives it.
const MAX_MESSAGE: usize = 1000;

/// What one monitor says about its Service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LinkedMonitor {
    /// The monitor's name.
    pub name: String,
    /// The status of its CertificateValid.
    pub status: ConditionStatus,
    /// The reason of its CertificateValid.
    pub reason: String,
    /// What is to be said although the certificate is valid: that it expires, that it is not the one that should be served, or that not
    /// all addresses show the same.
    pub notice: Option<Box<str>>,
}

/// What the Service's condition is to say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServiceVerdict {
    /// The worst status: False before Unknown before True.
    pub status: ConditionStatus,
    /// `AllValid`, the notice of the worst monitor (`ExpiringSoon`…), or the reason why its certificate is not valid.
    pub reason: String,
    /// Who says what: deterministic, and without times, so that it changes only when the result does.
    pub message: String,
}

/// The condition that these monitors make together, or none when there are none. The order of the monitors does not matter.
pub fn aggregate(mut monitors: Vec<LinkedMonitor>) -> Option<ServiceVerdict> {
    monitors.sort_by(|a, b| (a.severity(), &a.name).cmp(&(b.severity(), &b.name)));
    let worst = monitors.first()?;
    let reason = match (worst.status, &worst.notice) {
        (ConditionStatus::True, None) => "AllValid".to_owned(),
        (ConditionStatus::True, Some(notice)) => notice.to_string(),
        _ => worst.reason.clone(),
    };
    Some(ServiceVerdict { status: worst.status, reason, message: message(&monitors) })
}

fn message(monitors: &[LinkedMonitor]) -> String {
    let valid = monitors.iter().filter(|monitor| monitor.status == ConditionStatus::True).count();
    let notable: Vec<String> =
        monitors.iter().filter(|monitor| monitor.severity() < 3).map(LinkedMonitor::tell).collect();
    let names: Vec<String> = monitors.iter().map(|monitor| monitor.name.clone()).collect();
    let shown = if notable.is_empty() { names } else { notable };
    let plural = if monitors.len() == 1 { "SslMonitor" } else { "SslMonitors" };
    cut(format!("{valid} of {} {plural} valid: {}", monitors.len(), shown.join(", ")), MAX_MESSAGE)
}

// === impl LinkedMonitor ===

impl LinkedMonitor {
    /// What this monitor says by its newest status; `None` when it is disabled.
    pub fn of(monitor: &SslMonitor, status: Option<&SslMonitorStatus>) -> Option<Self> {
        let conditions = status.map(|status| status.conditions.as_slice()).unwrap_or_default();
        let valid = find(conditions, ConditionType::CertificateValid);
        let reason = |kind: ConditionType, status: &str| {
            find(conditions, kind)
                .filter(|condition| condition.status == status)
                .map(|condition| condition.reason.as_str())
        };
        let notice = reason(ConditionType::ServedCertificateMatches, "False")
            .or_else(|| reason(ConditionType::EndpointsConsistent, "False"))
            .or_else(|| reason(ConditionType::CertificateExpiring, "True").map(|_| Reason::ExpiringSoon.as_str()));
        monitor.spec.enabled.then(|| Self {
            name: monitor.metadata.name.clone().unwrap_or_default(),
            status: match valid.map(|valid| valid.status.as_str()) {
                Some("True") => ConditionStatus::True,
                Some("False") => ConditionStatus::False,
                _ => ConditionStatus::Unknown,
            },
            reason: valid.map_or("Progressing", |valid| valid.reason.as_str()).to_owned(),
            notice: notice.map(Into::into),
        })
    }

    /// 0 is the worst.
    fn severity(&self) -> u8 {
        match (self.status, &self.notice) {
            (ConditionStatus::False, _) => 0,
            (ConditionStatus::Unknown, _) => 1,
            (ConditionStatus::True, Some(_)) => 2,
            (ConditionStatus::True, None) => 3,
        }
    }

    fn tell(&self) -> String {
        let notice = self.notice.as_deref().filter(|_| self.status == ConditionStatus::True);
        let word = notice.unwrap_or(&self.reason);
        format!("{} {word}", self.name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn linked(name: &str, status: ConditionStatus, reason: &str, is_expiring: bool) -> LinkedMonitor {
        let notice = is_expiring.then(|| "ExpiringSoon".into());
        LinkedMonitor { name: name.to_owned(), status, reason: reason.to_owned(), notice }
    }

    fn verdict(status: ConditionStatus, reason: &str, message: &str) -> ServiceVerdict {
        ServiceVerdict { status, reason: reason.to_owned(), message: message.to_owned() }
    }

    #[test]
    fn without_monitors_there_is_no_condition() {
        assert_eq!(aggregate(Vec::new()), None);
    }

    #[test]
    fn the_worst_monitor_decides_whatever_the_order() {
        let good = linked("a", ConditionStatus::True, "Valid", false);
        let expiring = linked("b", ConditionStatus::True, "Valid", true);
        let unknown = linked("c", ConditionStatus::Unknown, "ProbeFailed", false);
        let bad = linked("d", ConditionStatus::False, "Expired", true);
        let steps = [
            (vec![good.clone()], verdict(ConditionStatus::True, "AllValid", "1 of 1 SslMonitor valid: a")),
            (
                vec![expiring.clone(), good.clone()],
                verdict(ConditionStatus::True, "ExpiringSoon", "2 of 2 SslMonitors valid: b ExpiringSoon"),
            ),
            (
                vec![good.clone(), unknown.clone(), expiring.clone()],
                verdict(
                    ConditionStatus::Unknown,
                    "ProbeFailed",
                    "2 of 3 SslMonitors valid: c ProbeFailed, b ExpiringSoon",
                ),
            ),
            (
                vec![unknown, good, bad, expiring],
                verdict(
                    ConditionStatus::False,
                    "Expired",
                    "2 of 4 SslMonitors valid: d Expired, c ProbeFailed, b ExpiringSoon",
                ),
            ),
        ];
        for (monitors, expected) in steps {
            let reversed: Vec<_> = monitors.iter().rev().cloned().collect();
            assert_eq!(aggregate(monitors), Some(expected.clone()));
            assert_eq!(aggregate(reversed), Some(expected));
        }
    }

    #[test]
    fn a_long_message_is_cut() {
        let many =
            (0..200).map(|n| linked(&format!("monitor-{n:03}"), ConditionStatus::False, "Expired", true)).collect();
        let message = aggregate(many).map(|verdict| verdict.message).unwrap_or_default();
        assert!(message.len() <= MAX_MESSAGE && message.ends_with('…'), "{}", message.len());
    }
}
