//! What a channel was told of and still stands: to be asserted again, or taken back when the monitor goes.

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

use super::{ids::id, notice::notice};
use crate::api::{ChannelLedger, NoticeKind, PendingNotice, SslMonitor, SslMonitorStatus, ToldProblem};

/// The problems that this channel has been told of and that have not ended, as notices that are never put into line. What waits to be
/// told of one of them says it instead.
pub fn standing(monitor: &SslMonitor, channel: &str) -> Vec<PendingNotice> {
    let Some((status, ledger)) = ledger(monitor, channel) else { return Vec::new() };
    let waits = |problem: &ToldProblem| {
        ledger.pending.iter().any(|notice| notice.incident == problem.incident && notice.refused_by.is_none())
    };
    let standing = ledger.problems.iter().filter(|problem| problem.taken && !waits(problem));
    standing.map(|problem| as_told(status, problem)).collect()
}

/// What is to be told to this channel once the monitor is gone, and its ledger with it: the ends that still wait, and the ends of what
/// the channel was told of.
pub fn farewell(monitor: &SslMonitor, channel: &str, now: Timestamp) -> Vec<PendingNotice> {
    let Some((status, ledger)) = ledger(monitor, channel) else { return Vec::new() };
    let waiting = ledger.pending.iter().filter(|notice| notice.kind == NoticeKind::Recovery).cloned();
    let taken = ledger.problems.iter().filter(|problem| problem.taken);
    let ended = taken.map(|problem| PendingNotice {
        id: id(&[&problem.incident, "the monitor is gone"]),
        kind: NoticeKind::Recovery,
        at: Time(now),
        message: "the monitor was deleted: nothing is checked".to_owned(),
        ..as_told(status, problem)
    });
    waiting.chain(ended).collect()
}

fn ledger<'a>(monitor: &'a SslMonitor, channel: &str) -> Option<(&'a SslMonitorStatus, &'a ChannelLedger)> {
    let status = monitor.status.as_ref()?;
    Some((status, status.notifications.iter().find(|ledger| ledger.channel == channel)?))
}

fn as_told(status: &SslMonitorStatus, problem: &ToldProblem) -> PendingNotice {
    let said = status.conditions.iter().find(|condition| condition.reason == problem.reason);
    let fingerprint = status.certificate.as_ref().and_then(|certificate| certificate.fingerprint.clone());
    PendingNotice {
        message: said.map_or_else(String::new, |condition| condition.message.clone()),
        ..notice(problem, NoticeKind::Reminder, fingerprint)
    }
}
