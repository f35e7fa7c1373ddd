//! The one condition on a Service: the worst of all enabled monitors that name it.

use super::{
    ConditionStatus, ConditionType,
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
    /// Whether its certificate is expiring.
    pub is_expiring: bool,
}

/// What the Service's condition is to say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServiceVerdict {
    /// The worst status: False before Unknown before True.
    pub status: ConditionStatus,
    /// `AllValid`, `ExpiringSoon`, or the reason of the worst monitor.
    pub reason: String,
    /// Who says what: deterministic, and without times, so that it changes only when the result does.
    pub message: String,
}

/// The condition that these monitors make together, or none when there are none. The order of the monitors does not matter.
pub fn aggregate(mut monitors: Vec<LinkedMonitor>) -> Option<ServiceVerdict> {
    monitors.sort_by(|a, b| (a.severity(), &a.name).cmp(&(b.severity(), &b.name)));
    let worst = monitors.first()?;
    let reason = match (worst.status, worst.is_expiring) {
        (ConditionStatus::True, false) => "AllValid".to_owned(),
        (ConditionStatus::True, true) => "ExpiringSoon".to_owned(),
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
        let expiring = find(conditions, ConditionType::CertificateExpiring);
        monitor.spec.enabled.then(|| Self {
            name: monitor.metadata.name.clone().unwrap_or_default(),
            status: match valid.map(|valid| valid.status.as_str()) {
                Some("True") => ConditionStatus::True,
                Some("False") => ConditionStatus::False,
                _ => ConditionStatus::Unknown,
            },
            reason: valid.map_or("Progressing", |valid| valid.reason.as_str()).to_owned(),
            is_expiring: expiring.is_some_and(|expiring| expiring.status == "True"),
        })
    }

    /// 0 is the worst.
    fn severity(&self) -> u8 {
        match (self.status, self.is_expiring) {
            (ConditionStatus::False, _) => 0,
            (ConditionStatus::Unknown, _) => 1,
            (ConditionStatus::True, true) => 2,
            (ConditionStatus::True, false) => 3,
        }
    }

    fn tell(&self) -> String {
        let word = if self.severity() == 2 { "ExpiringSoon" } else { &self.reason };
        format!("{} {word}", self.name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn linked(name: &str, status: ConditionStatus, reason: &str, is_expiring: bool) -> LinkedMonitor {
        LinkedMonitor { name: name.to_owned(), status, reason: reason.to_owned(), is_expiring }
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
