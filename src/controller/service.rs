//! Services: keep one condition on each linked Service, the worst of all monitors that name it; and take it away when none does.

use std::{sync::Arc, time::Duration};

use k8s_openapi::{
    api::core::v1::Service,
    apimachinery::pkg::apis::meta::v1::{ObjectMeta, Time},
};
use kube::{
    Api,
    api::{ApiResource, DynamicObject, PartialObjectMeta, Patch, PatchParams},
};
use serde_json::{Value, json};

use super::{Context, Error, ServiceKey, api, context::now, gather::readable, lenient::Lenient, watch::review_stale};
use crate::{
    monitor::{LinkedMonitor, SERVICE_CONDITION, ServiceLink, ServiceVerdict, aggregate},
    schedule::Next,
};

/// Our name as the field manager of the condition. It is the same for all monitors: two managers of one condition would conflict,
/// and could lose its removal.
const MANAGER: &str = "sslmonitor-service";
/// How soon what was refused is tried again: RBAC and policies change seldom.
const REFUSED_RETRY: Duration = Duration::from_mins(1);

/// Whether our condition stands, or once stood, on this Service.
pub(super) fn is_ours(metadata: &ObjectMeta) -> bool {
    metadata.managed_fields.iter().flatten().any(|entry| entry.manager.as_deref() == Some(MANAGER))
}

/// The job: what fails at the API server is tried again with back-off.
pub(super) async fn service(context: Arc<Context>, key: ServiceKey) -> Next {
    match attempt(&context, &key).await {
        Ok(link) => {
            context.service_errors.forget(&key);
            tell_monitors(&context, &key, link);
            Next::Never
        }
        Err(error) => {
            let wait = if error.is_refused() {
                tell_monitors(&context, &key, ServiceLink::Forbidden(error.chain()));
                REFUSED_RETRY
            } else {
                context.service_errors.failed(&key, Duration::ZERO)
            };
            let (namespace, service) = (&*key.namespace, &*key.name);
            tracing::warn!(namespace, service, retry_in_s = wait.as_secs(), "{}", error.chain());
            Next::In(wait)
        }
    }
}

/// Bring the condition to what it should be. Returns how the link to the Service stands.
async fn attempt(context: &Context, key: &ServiceKey) -> Result<ServiceLink, Error> {
    // Read as loose JSON: stored Services have conditions without transition time, on which a typed read would fail.
    let resource = ApiResource::erase::<Service>(&());
    let services: Api<Lenient<DynamicObject>> = Api::namespaced_with(context.client.clone(), &key.namespace, &resource);
    let attempt = || format!("read Service {}/{}", key.namespace, key.name);
    let Some(found) = api::find(attempt, services.get(&key.name)).await? else { return Ok(ServiceLink::Missing) };
    let object = readable(found, attempt)?;
    let current = condition_of(&object.data);
    let verdict = aggregate(verdicts(context, key));
    match (&verdict, current) {
        (None, None) if !is_ours(&object.metadata) => {}
        (None, _) => apply(context, key, &json!({})).await?,
        (Some(verdict), Some(current)) if says(current, verdict) => {}
        (Some(verdict), current) => apply(context, key, &status(verdict, current)).await?,
    }
    Ok(ServiceLink::Found)
}

fn verdicts(context: &Context, key: &ServiceKey) -> Vec<LinkedMonitor> {
    context.registry.linked_to(key).into_iter().filter_map(|(_, link)| link.verdict).collect()
}

async fn apply(context: &Context, key: &ServiceKey, status: &Value) -> Result<(), Error> {
    let services: Api<Lenient<PartialObjectMeta<Service>>> = Api::namespaced(context.client.clone(), &key.namespace);
    let body = json!({"apiVersion": "v1", "kind": "Service", "status": status});
    let (params, patch) = (PatchParams::apply(MANAGER).force(), Patch::Apply(&body));
    let attempt = || format!("write the condition {SERVICE_CONDITION} of Service {}/{}", key.namespace, key.name);
    context.acting(api::call(attempt, services.patch_status(&key.name, &params, &patch))).await.map(|_| ())
}

fn condition_of(object: &Value) -> Option<&Value> {
    let conditions = object.get("status")?.get("conditions")?.as_array()?;
    conditions.iter().find(|condition| condition["type"] == SERVICE_CONDITION)
}

fn says(condition: &Value, verdict: &ServiceVerdict) -> bool {
    condition["status"] == verdict.status.as_str()
        && condition["reason"] == verdict.reason.as_str()
        && condition["message"] == verdict.message.as_str()
}

/// The status to apply: its transition time moves only when the status does. A Service has no generation to refer to.
fn status(verdict: &ServiceVerdict, current: Option<&Value>) -> Value {
    let since = current.filter(|current| current["status"] == verdict.status.as_str());
    let since = since.map(|current| &current["lastTransitionTime"]).filter(|since| since.is_string());
    let since = since.cloned().unwrap_or_else(|| json!(Time(now())));
    json!({"conditions": [{
        "type": SERVICE_CONDITION,
        "status": verdict.status.as_str(),
        "reason": verdict.reason,
        "message": verdict.message,
        "lastTransitionTime": since,
    }]})
}

/// Have the linked monitors say how the link stands, where that is news.
fn tell_monitors(context: &Context, key: &ServiceKey, link: ServiceLink) {
    if context.registry.set_outcome(key, link) {
        review_stale(context, key);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::monitor::ConditionStatus;

    fn verdict(reason: &str) -> ServiceVerdict {
        let (reason, message) = (reason.to_owned(), "1 of 1".to_owned());
        ServiceVerdict { status: ConditionStatus::True, reason, message }
    }

    #[test]
    fn the_transition_time_is_kept_while_the_status_is_the_same() {
        let current = json!({"status": "True", "lastTransitionTime": "2026-01-01T00:00:00Z"});
        let time = |current: &Value| {
            status(&verdict("AllValid"), Some(current))["conditions"][0]["lastTransitionTime"].clone()
        };
        assert_eq!(time(&current), "2026-01-01T00:00:00Z");
        for other in [
            json!({"status": "False", "lastTransitionTime": "2026-01-01T00:00:00Z"}),
            json!({"status": "True", "lastTransitionTime": null}),
        ] {
            assert_ne!(time(&other), "2026-01-01T00:00:00Z");
            assert!(time(&other).is_string());
        }
    }

    #[test]
    fn foreign_conditions_without_transition_time_are_passed_over() {
        let object = json!({"status": {"conditions": [
            {"type": "LoadBalancerPortsError", "status": "False", "lastTransitionTime": null},
            {"type": SERVICE_CONDITION, "status": "True", "reason": "AllValid", "message": "1 of 1"}
        ]}});
        assert!(condition_of(&object).is_some_and(|condition| says(condition, &verdict("AllValid"))));
        assert!(condition_of(&object).is_some_and(|condition| !says(condition, &verdict("ExpiringSoon"))));
        assert_eq!(condition_of(&json!({"status": {"loadBalancer": {}}})), None);
    }
}
