//! `Ready`, and beside it `Reconciling` or `Stalled`.

use super::{
    super::{
        conditions::{ConditionStatus, ConditionType, Reason, Statement},
        decide::{Input, Outcome, ServiceLink},
        referents::tell,
    },
    is_progressing,
    linked::{service_link, service_missing},
    notified::missing,
};
use crate::api::format_duration;

pub(super) fn ready(input: &Input<'_>) -> Statement {
    let not_ready = |reason: Reason, message: &str| (ConditionStatus::False, reason, message.to_owned());
    let spec = &input.monitor.spec;
    let name = spec.service_ref.as_ref().map_or("", |reference| reference.name.as_str());
    let service = service_link(input);
    let (status, reason, message) = if !spec.enabled {
        (ConditionStatus::True, Reason::Disabled, "the monitor is disabled: nothing is checked".to_owned())
    } else if let Outcome::Stalled(stall) = input.outcome {
        not_ready(stall.reason.into(), &stall.message)
    } else if is_progressing(input) {
        (ConditionStatus::Unknown, Reason::Progressing, "the first check has not ended yet".to_owned())
    } else if let Some((reason, message)) = tell(input.problems) {
        not_ready(reason, &message)
    } else if service == ServiceLink::Missing {
        not_ready(Reason::ServiceNotFound, &service_missing(name))
    } else if let ServiceLink::Forbidden(why) = &service {
        not_ready(Reason::Forbidden, why)
    } else if let Some(why) = missing(input) {
        not_ready(Reason::ChannelNotFound, &why)
    } else {
        let (port, every) = (spec.port(), format_duration(spec.interval()));
        // As in a URL, an IPv6 address needs brackets before a port.
        let host = if spec.domain.contains(':') { format!("[{}]", spec.domain) } else { spec.domain.clone() };
        (ConditionStatus::True, Reason::Monitoring, format!("{host}:{port} is checked every {every}"))
    };
    Statement { kind: ConditionType::Ready, status, reason, message }
}

/// `Stalled` or `Reconciling`, which are there only while they are true, and never both (kstatus).
pub(super) fn exceptional(input: &Input<'_>, ready: &Statement) -> Option<Statement> {
    let kind = match (input.outcome, ready.status) {
        (_, ConditionStatus::True) => return None,
        (Outcome::Stalled(_), _) => ConditionType::Stalled,
        _ => ConditionType::Reconciling,
    };
    Some(Statement { kind, status: ConditionStatus::True, reason: ready.reason, message: ready.message.clone() })
}
