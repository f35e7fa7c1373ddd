//! What a channel is to be told of a problem.

use crate::api::{NoticeKind, PendingNotice, ToldProblem};

/// A notice of a problem as it was told last, under the id of its incident, without words, and never tried to send.
pub(super) fn notice(problem: &ToldProblem, kind: NoticeKind, fingerprint: Option<String>) -> PendingNotice {
    PendingNotice {
        id: problem.incident.clone(),
        incident: problem.incident.clone(),
        kind,
        about: problem.about,
        reason: problem.reason.clone(),
        severity: problem.severity,
        since: problem.since.clone(),
        at: problem.told_at.clone(),
        message: String::new(),
        fingerprint,
        attempts: None,
        next_try_at: None,
        failure: None,
        code: None,
        refused_by: None,
    }
}
