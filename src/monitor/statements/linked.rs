//! `ServiceLinked`: whether the Service of `serviceRef` carries the result.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;

use super::{
    super::{
        conditions::{ConditionStatus, ConditionType, Reason, Statement, find},
        decide::{Input, ServiceLink},
    },
    old_conditions,
};

pub(super) fn linked(input: &Input<'_>) -> Option<Condition> {
    let kind = ConditionType::ServiceLinked;
    let name = &input.monitor.spec.service_ref.as_ref()?.name;
    let (status, reason, message) = match service_link(input) {
        ServiceLink::None => return None,
        _ if !input.monitor.spec.enabled => {
            let message = format!("the monitor is disabled: it does not count on Service {name}");
            (ConditionStatus::Unknown, Reason::Disabled, message)
        }
        ServiceLink::Unknown => {
            (ConditionStatus::Unknown, Reason::Progressing, format!("Service {name} has not been looked up yet"))
        }
        ServiceLink::Found => (ConditionStatus::True, Reason::Linked, format!("Service {name} carries the result")),
        ServiceLink::Missing => (ConditionStatus::False, Reason::ServiceNotFound, service_missing(name)),
        ServiceLink::Forbidden(why) => (ConditionStatus::False, Reason::Forbidden, why),
    };
    Some(Statement { kind, status, reason, message }.condition(input))
}

/// How the link to the Service stands; where that is not known at the moment, what was told of it for this spec still holds.
pub(super) fn service_link(input: &Input<'_>) -> ServiceLink {
    if *input.service != ServiceLink::Unknown {
        return input.service.clone();
    }
    let told = find(old_conditions(input), ConditionType::ServiceLinked);
    let told = told.filter(|told| told.observed_generation == input.monitor.metadata.generation);
    told.map_or(ServiceLink::Unknown, |told| match told.reason.as_str() {
        "Linked" => ServiceLink::Found,
        "ServiceNotFound" => ServiceLink::Missing,
        "Forbidden" => ServiceLink::Forbidden(told.message.clone()),
        _ => ServiceLink::Unknown,
    })
}

pub(super) fn service_missing(name: &str) -> String {
    format!("Service {name} does not exist in this namespace: create it, or correct serviceRef")
}
