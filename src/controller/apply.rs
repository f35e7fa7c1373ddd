//! Writes: the status of a monitor or channel, and the Events about it.

use std::fmt::Debug;

use jiff::Timestamp;
use k8s_openapi::{
    NamespaceResourceScope,
    api::{core::v1::ObjectReference, events::v1::Event},
    apimachinery::pkg::apis::meta::v1::MicroTime,
};
use kube::{
    Api, Resource, ResourceExt,
    api::{ObjectMeta, PartialObjectMeta, Patch, PatchParams, PostParams},
    core::object::HasStatus,
};
use serde::Serialize;

use super::{Context, Error, api, lenient::Lenient};
use crate::{
    api::{GROUP, NotificationChannel, SslMonitor, VERSION},
    metrics::WriteOutcome,
    monitor::{Announcement, Severity},
};

/// Our name as a field manager, and as the reporter of Events.
const MANAGER: &str = "sslmonitor-operator";
/// The reporter of Events, in the form `domain/name` that `events.k8s.io` asks for.
const REPORTER: &str = "sslmonitor.io/operator";

/// A kind of ours: its status is written, and Events tell of it.
pub(super) trait Reported:
    Resource<DynamicType = (), Scope = NamespaceResourceScope> + HasStatus<Status: Serialize + Debug> + Clone + Debug
{
    /// What we do with it, in one word for Events.
    const ACTION: &str;

    /// One log line about it.
    fn log(&self, announcement: &Announcement);
}

/// What server-side apply is given: nothing but what is ours.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct StatusApply<'a, S> {
    api_version: String,
    kind: String,
    metadata: Precondition<'a>,
    status: &'a S,
}

/// The object that was read: a status decided for another generation, or for another object of the same name, is refused.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Precondition<'a> {
    uid: Option<&'a str>,
    resource_version: Option<&'a str>,
}

/// Write a status, decided on just this object as it was read; the object then has it, and its new resource version. A conflict
/// means that the object has changed since.
pub(super) async fn status<K: Reported>(context: &Context, object: &mut K, status: K::Status) -> Result<(), Error> {
    let (namespace, name) = (object.namespace().unwrap_or_default(), object.name_any());
    let objects: Api<Lenient<PartialObjectMeta<K>>> = Api::namespaced(context.client.clone(), &namespace);
    let body = StatusApply {
        api_version: format!("{GROUP}/{VERSION}"),
        kind: K::kind(&()).into_owned(),
        metadata: Precondition {
            uid: object.meta().uid.as_deref(),
            resource_version: object.meta().resource_version.as_deref(),
        },
        status: &status,
    };
    let _permit = context.writes.acquire().await.expect("the semaphore is never closed");
    let (params, patch) = (PatchParams::apply(MANAGER).force(), Patch::Apply(&body));
    let write = objects.patch_status(&name, &params, &patch);
    let call = api::call(|| format!("write the status of {} {namespace}/{name}", K::kind(&())), write);
    let result = context.acting(call).await;
    let outcome = if result.is_ok() { WriteOutcome::Ok } else { WriteOutcome::Error };
    context.metrics.count_status_write(outcome);
    object.meta_mut().resource_version.clone_from(&result?.meta().resource_version);
    *object.status_mut() = Some(status);
    Ok(())
}

/// Tell what changed: one log line and one Event each. An Event that cannot be created is lost, and said to be in the log.
pub(super) async fn announce<K: Reported>(context: &Context, object: &K, announcements: &[Announcement]) {
    for announcement in announcements {
        object.log(announcement);
        let namespace = object.namespace().unwrap_or_default();
        let events: Api<Event> = Api::namespaced(context.client.clone(), &namespace);
        let event = event(context, object, announcement);
        let params = PostParams::default();
        let create = events.create(&params, &event);
        let attempt = || format!("create an Event on {} {namespace}/{}", K::kind(&()), object.name_any());
        if let Err(error) = context.acting(api::call(attempt, create)).await {
            tracing::warn!(reason = announcement.reason, "{}", error.chain());
        }
    }
}

fn event<K: Reported>(context: &Context, object: &K, announcement: &Announcement) -> Event {
    let reference: ObjectReference = object.object_ref(&());
    Event {
        metadata: ObjectMeta {
            generate_name: Some(format!("{}-", object.name_any())),
            namespace: object.namespace(),
            ..ObjectMeta::default()
        },
        action: Some(K::ACTION.to_owned()),
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

impl Reported for SslMonitor {
    const ACTION: &str = "Check";

    fn log(&self, announcement: &Announcement) {
        let (namespace, name) = (self.namespace().unwrap_or_default(), self.name_any());
        let Announcement { severity, reason, note } = announcement;
        let (domain, port) = (&self.spec.domain, self.spec.port());
        match severity {
            Severity::Normal => tracing::info!(namespace, name, domain, port, reason, "{note}"),
            Severity::Warning => tracing::warn!(namespace, name, domain, port, reason, "{note}"),
        }
    }
}

impl Reported for NotificationChannel {
    const ACTION: &str = "Notify";

    fn log(&self, announcement: &Announcement) {
        let (namespace, channel, kind) =
            (self.namespace().unwrap_or_default(), self.name_any(), self.spec.type_.as_str());
        let Announcement { severity, reason, note } = announcement;
        match severity {
            Severity::Normal => tracing::info!(namespace, channel, kind, reason, "{note}"),
            Severity::Warning => tracing::warn!(namespace, channel, kind, reason, "{note}"),
        }
    }
}
