//! Writes: a monitor's status, and the Events about it.

use jiff::Timestamp;
use k8s_openapi::{
    api::{core::v1::ObjectReference, events::v1::Event},
    apimachinery::pkg::apis::meta::v1::MicroTime,
};
use kube::{
    Api, Resource, ResourceExt,
    api::{ObjectMeta, PartialObjectMeta, Patch, PatchParams, PostParams},
};
use serde::Serialize;

use super::{Context, Error, api, lenient::Lenient};
use crate::{
    api::{GROUP, SslMonitor, SslMonitorStatus, VERSION},
    metrics::WriteOutcome,
    monitor::{Announcement, Severity},
};

/// Our name as a field manager, and as the reporter of Events.
const MANAGER: &str = "sslmonitor-operator";
/// The reporter of Events, in the form `domain/name` that `events.k8s.io` asks for.
const REPORTER: &str = "sslmonitor.io/operator";

/// What server-side apply is given: nothing but what is ours.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct StatusApply<'a> {
    api_version: String,
    kind: &'static str,
    metadata: Precondition<'a>,
    status: &'a SslMonitorStatus,
}

/// The object that was read: a status decided for another generation, or for another object of the same name, is refused.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Precondition<'a> {
    uid: Option<&'a str>,
    resource_version: Option<&'a str>,
}

/// Write a status, decided on just this monitor as it was read; the monitor then has it, and its new resource version. A conflict
/// means that the monitor has changed since.
pub(super) async fn status(context: &Context, monitor: &mut SslMonitor, status: SslMonitorStatus) -> Result<(), Error> {
    let (namespace, name) = (monitor.namespace().unwrap_or_default(), monitor.name_any());
    let monitors: Api<Lenient<PartialObjectMeta<SslMonitor>>> = Api::namespaced(context.client.clone(), &namespace);
    let body = StatusApply {
        api_version: format!("{GROUP}/{VERSION}"),
        kind: "SslMonitor",
        metadata: Precondition {
            uid: monitor.metadata.uid.as_deref(),
            resource_version: monitor.metadata.resource_version.as_deref(),
        },
        status: &status,
    };
    let _permit = context.writes.acquire().await.expect("the semaphore is never closed");
    let (params, patch) = (PatchParams::apply(MANAGER).force(), Patch::Apply(&body));
    let write = monitors.patch_status(&name, &params, &patch);
    let result = api::call(|| format!("write the status of SslMonitor {namespace}/{name}"), write).await;
    let outcome = if result.is_ok() { WriteOutcome::Ok } else { WriteOutcome::Error };
    context.metrics.count_status_write(outcome);
    monitor.metadata.resource_version.clone_from(&result?.meta().resource_version);
    monitor.status = Some(status);
    Ok(())
}

/// Tell what changed: one log line and one Event each. An Event that cannot be created is lost, and said to be in the log.
pub(super) async fn announce(context: &Context, monitor: &SslMonitor, announcements: &[Announcement]) {
    for announcement in announcements {
        log(monitor, announcement);
        let namespace = monitor.namespace().unwrap_or_default();
        let events: Api<Event> = Api::namespaced(context.client.clone(), &namespace);
        let event = event(context, monitor, announcement);
        let params = PostParams::default();
        let create = events.create(&params, &event);
        let attempt = || format!("create an Event on SslMonitor {namespace}/{}", monitor.name_any());
        if let Err(error) = api::call(attempt, create).await {
            tracing::warn!(reason = announcement.reason, "{}", error.chain());
        }
    }
}

fn log(monitor: &SslMonitor, announcement: &Announcement) {
    let (namespace, name) = (monitor.namespace().unwrap_or_default(), monitor.name_any());
    let Announcement { severity, reason, note } = announcement;
    let (domain, port) = (&monitor.spec.domain, monitor.spec.port());
    match severity {
        Severity::Normal => tracing::info!(namespace, name, domain, port, reason, "{note}"),
        Severity::Warning => tracing::warn!(namespace, name, domain, port, reason, "{note}"),
    }
}

fn event(context: &Context, monitor: &SslMonitor, announcement: &Announcement) -> Event {
    let reference: ObjectReference = monitor.object_ref(&());
    Event {
        metadata: ObjectMeta {
            generate_name: Some(format!("{}-", monitor.name_any())),
            namespace: monitor.namespace(),
            ..ObjectMeta::default()
        },
        action: Some("Check".to_owned()),
        event_time: Some(MicroTime(Timestamp::now())),
        note: Some(announcement.note.clone()),
        reason: Some(announcement.reason.clone()),
        regarding: Some(reference),
        reporting_controller: Some(REPORTER.to_owned()),
        reporting_instance: Some(context.settings.instance.clone()),
        type_: Some(announcement.severity.as_str().to_owned()),
        ..Event::default()
    }
}
