//! What a channel was told of and still stands, to be asserted again.

use crate::api::{NoticeKind, PendingNotice, SslMonitor, SslMonitorStatus, ToldProblem};

/// The problems that this channel has been told of and that have not ended, as notices that are never put into line. Of what
/// waits to be told of one of them that is left to its message.
pub fn standing(monitor: &SslMonitor, channel: &str) -> Vec<PendingNotice> {
    let Some(status) = &monitor.status else { return Vec::new() };
    let ledger = status.notifications.iter().find(|ledger| ledger.channel == channel);
    let Some(ledger) = ledger else { return Vec::new() };
    let waits = |problem: &ToldProblem| {
        let of_it = ledger.pending.iter().filter(|notice| notice.incident == problem.incident);
        of_it.into_iter().any(|notice| notice.refused_by.is_none())
    };
    let standing = ledger.problems.iter().filter(|problem| problem.taken && !waits(problem));
    standing.map(|problem| notice(status, problem)).collect()
}

fn notice(status: &SslMonitorStatus, problem: &ToldProblem) -> PendingNotice {
    let said = status.conditions.iter().find(|condition| condition.reason == problem.reason);
    PendingNotice {
        id: problem.incident.clone(),
        incident: problem.incident.clone(),
        kind: NoticeKind::Reminder,
        about: problem.about,
        reason: problem.reason.clone(),
        severity: problem.severity,
        since: problem.since.clone(),
        at: problem.told_at.clone(),
        message: said.map_or_else(String::new, |condition| condition.message.clone()),
        fingerprint: status.certificate.as_ref().and_then(|certificate| certificate.fingerprint.clone()),
        attempts: None,
        next_try_at: None,
        failure: None,
        code: None,
        refused_by: None,
    }
}
