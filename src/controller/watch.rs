//! Watches: what is new goes into the registry and becomes a job; objects are not kept.

mod channels;
mod scope;

use std::{
    collections::HashSet,
    fmt::Debug,
    hash::Hash,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Arc, PoisonError},
    time::Duration,
};

use futures::{
    StreamExt,
    stream::{BoxStream, select_all},
};
use jiff::Timestamp;
use k8s_openapi::api::core::v1::Service;
use kube::{
    Resource, ResourceExt,
    api::PartialObjectMeta,
    core::NamespaceResourceScope,
    runtime::{
        WatchStreamExt,
        utils::Backoff,
        watcher,
        watcher::{DefaultBackoff, Event},
    },
};
use serde::de::DeserializeOwned;

use self::scope::Lists;
pub(super) use self::{
    channels::{channels, observe_channel},
    scope::Scope,
};
use super::{
    Context, ServiceKey,
    context::{LONGEST_SLEEP, now, until},
    delivery::{order, part},
    gather::service_of,
    lenient::Lenient,
    registry::{Entry, Link, Source, version_of},
    sample::sample,
    service::is_ours,
};
use crate::{
    api::{SslMonitor, SslMonitorStatus},
    metrics::MonitorKey,
    monitor::{
        Cause, ConditionType, Due, LinkedMonitor, Reason, ServiceLink, due, find_condition, is_introduced,
        next_look_for, target,
    },
    schedule::{Group, Lane},
};

/// Objects per page of a list: a page is in memory at once.
const PAGE: u32 = 250;

/// The waits between attempts at a watch: from a second or so to half a minute, anew after two minutes without an error.
///
/// kube's own back-off starts anew with every event as well, and every attempt at a list begins with one: it would never grow.
#[derive(Default)]
struct WatchBackoff(DefaultBackoff);

/// What a watch brings.
enum News<K> {
    /// It is there, as a list says.
    Listed(K),
    /// It was created or changed.
    Changed(K),
    /// It is gone.
    Deleted(K),
}

/// Watch the monitors for ever. `synced` is called when the first lists are in.
pub(super) async fn monitors(context: Arc<Context>, synced: impl FnOnce() + Send) {
    let each = |news: News<Lenient<SslMonitor>>| match news {
        News::Listed(monitor) => take_in(&context, monitor, Source::List),
        News::Changed(monitor) => take_in(&context, monitor, Source::Watch),
        News::Deleted(monitor) => {
            let key = key_of(&monitor);
            forget(&context, &key);
            if let Ok(monitor) = &monitor.object {
                part(&context, monitor, &key);
            }
        }
    };
    let whole = |lists: Vec<(Scope, _)>| {
        for (scope, listed) in lists {
            context.registry.missing_from(&listed, &scope).iter().for_each(|key| forget(&context, key));
        }
    };
    follow(&context, "SslMonitors", key_of, each, whole, synced).await;
}

/// Watch the Services for ever, their metadata only. `synced` is called when the first lists are in.
pub(super) async fn services(context: Arc<Context>, synced: impl FnOnce() + Send) {
    let set = |service: &Lenient<PartialObjectMeta<Service>>, exists| {
        let key = service_key(service);
        context.registry.set_service(&key, exists);
        service_changed(&context, &key);
    };
    let each = |news: News<Lenient<PartialObjectMeta<Service>>>| match news {
        News::Listed(service) if is_ours(service.meta()) => context.look_after(service_key(&service)),
        News::Listed(_) => {}
        News::Changed(service) => set(&service, true),
        News::Deleted(service) => set(&service, false),
    };
    let whole =
        |lists| context.registry.list_services(lists).iter().for_each(|service| service_changed(&context, service));
    follow(&context, "Services", service_key, each, whole, synced).await;
}

/// Follow the objects of a kind for ever. `each` is told of every one, and `whole` of all that there are in a scope whenever that was
/// listed; for the first time when all were, and then `synced` is called.
async fn follow<K, Key: Eq + Hash>(
    context: &Context,
    kind: &str,
    key: impl Fn(&K) -> Key,
    each: impl Fn(News<K>),
    whole: impl Fn(Vec<(Scope, HashSet<Key>)>),
    synced: impl FnOnce() + Send,
) where
    K: Resource<DynamicType = (), Scope = NamespaceResourceScope> + Clone + DeserializeOwned + Debug + Send + 'static,
{
    let (mut events, mut lists, mut synced) = (stream::<K>(context), Lists::new(&context.scopes), Some(synced));
    while let Some((scope, event)) = events.next().await {
        let mut settled = Vec::new();
        match event {
            Ok(Event::Init) => lists.begin(scope),
            Ok(Event::InitApply(object)) => {
                lists.add(scope, key(&object));
                each(News::Listed(object));
            }
            Ok(Event::InitDone) => settled = lists.finish(scope),
            Ok(Event::Apply(object)) => each(News::Changed(object)),
            Ok(Event::Delete(object)) => each(News::Deleted(object)),
            Err(error) => {
                tell(kind, &context.scopes[scope], &error);
                if is_forbidden(&error) {
                    settled = lists.give_up(scope);
                }
            }
        }
        if !settled.is_empty() {
            whole(settled);
            if let Some(synced) = synced.take() {
                synced();
            }
        }
    }
}

/// What becomes of the objects of a kind in the namespaces that are watched, with the number of the scope.
fn stream<K>(context: &Context) -> BoxStream<'static, (usize, watcher::Result<Event<K>>)>
where
    K: Resource<DynamicType = (), Scope = NamespaceResourceScope> + Clone + DeserializeOwned + Debug + Send + 'static,
{
    let streams = context.scopes.iter().enumerate().map(|(number, scope)| {
        let config = watcher::Config::default().page_size(PAGE);
        let events = watcher(scope.api(context.client.clone()), config).backoff(WatchBackoff::default());
        events.map(move |event| (number, event)).boxed()
    });
    select_all(streams).boxed()
}

/// Take in what the watch brings. Neither an object that cannot be read nor a fault of ours over one harms the others.
fn take_in(context: &Context, monitor: Lenient<SslMonitor>, source: Source) {
    let key = key_of(&monitor);
    let (namespace, name) = (&*key.namespace, &*key.name);
    match monitor.object {
        Err(why) => tracing::error!(namespace, name, "this SslMonitor cannot be read and is left alone: {why}"),
        Ok(monitor) => {
            let observed = catch_unwind(AssertUnwindSafe(|| observe(context, &monitor, source)));
            if observed.is_err() {
                tracing::error!(namespace, name, "taking in this SslMonitor panicked; it is left alone");
            }
        }
    }
}

/// Take in what is new about a monitor, and order what it needs.
pub(super) fn observe(context: &Context, monitor: &SslMonitor, source: Source) {
    let _turn = context.intake.lock().unwrap_or_else(PoisonError::into_inner);
    let (key, now) = (key_of(monitor), now());
    let known = context.registry.get(&key);
    let entry = entry(context, monitor, known.as_ref(), now);
    if known.is_some_and(|known| known.uid != entry.uid) {
        // Another monitor of the same name: what failed was not it.
        context.check_errors.forget(&key);
        context.review_errors.forget(&key);
    }
    let needs_review = !entry.is_introduced || has_stale_link(context, entry.link.as_ref());
    let (due, group, is_introduced) = (entry.due, entry.group, entry.is_introduced);
    let Some(services) = context.registry.put(&key, entry, source) else { return };
    context.metrics.set(key.clone(), sample(monitor, context.metrics.wants_details()));
    for service in services {
        context.look_after(service);
    }
    if needs_review {
        context.review(key.clone());
    }
    order(context, monitor, &key, source);
    match due {
        // The review comes first, and orders the check.
        _ if !is_introduced => {}
        Due::Never => context.checks.remove(&key),
        Due::Now(cause) => context.checks.upsert(key, group, lane(cause), Duration::ZERO),
        Due::At(time) => context.checks.upsert(key, group, Lane::Periodic, until(time).min(LONGEST_SLEEP)),
    }
}

/// A monitor is gone: so are its jobs, its series and its part in a Service's condition.
fn forget(context: &Context, key: &MonitorKey) {
    let _turn = context.intake.lock().unwrap_or_else(PoisonError::into_inner);
    context.checks.remove(key);
    context.reviews.remove(key);
    context.check_errors.forget(key);
    context.review_errors.forget(key);
    context.metrics.remove(key);
    context.lines.remove(key);
    context.registry.remove(key).into_iter().for_each(|service| context.look_after(service));
}

fn entry(context: &Context, monitor: &SslMonitor, known: Option<&Entry>, now: Timestamp) -> Entry {
    let status = monitor.status.as_ref();
    let target = target(&monitor.spec, context.prober.policy());
    let is_stalled = status.is_some_and(|status| find_condition(&status.conditions, ConditionType::Stalled).is_some());
    let group =
        target.as_ref().map_or_else(|_| String::new(), |t| format!("{}:{}", t.dialled_host(), t.dialled_port()));
    let look = status.and_then(|status| next_look_for(status, now));
    let due = match (due(monitor, status, now), look) {
        (Due::At(time), Some(look)) => {
            // Whoever touches the monitor does not put the next look off.
            let ordered = known.and_then(|known| if let Due::At(time) = known.due { Some(time) } else { None });
            let look = ordered.filter(|ordered| *ordered > now).map_or(look, |ordered| look.min(ordered));
            Due::At(time.min(look))
        }
        (due, _) => due,
    };
    let metadata = &monitor.metadata;
    Entry {
        uid: metadata.uid.as_deref().unwrap_or_default().into(),
        version: version_of(metadata),
        last_checked: status.and_then(|status| status.last_checked_at.as_ref()).map(|last| last.0),
        // Stalled by settings that the operator no longer has, or the other way round: its conditions are out of date.
        is_introduced: is_introduced(monitor, status) && (!monitor.spec.enabled || is_stalled == target.is_err()),
        due,
        group: Group::of(group.as_str()),
        link: link(monitor, status),
    }
}

fn link(monitor: &SslMonitor, status: Option<&SslMonitorStatus>) -> Option<Link> {
    let conditions = status.map(|status| status.conditions.as_slice()).unwrap_or_default();
    let linked = find_condition(conditions, ConditionType::ServiceLinked);
    Some(Link {
        service: service_of(monitor)?,
        said: linked.map(|linked| linked.reason.as_str().into()),
        verdict: LinkedMonitor::of(monitor, status),
    })
}

/// Whether an enabled monitor says something of its link that is no longer so.
fn has_stale_link(context: &Context, link: Option<&Link>) -> bool {
    let Some(link) = link.filter(|link| link.verdict.is_some()) else { return false };
    let reason = match context.registry.link_to(&link.service) {
        ServiceLink::None | ServiceLink::Unknown => return false,
        ServiceLink::Found => Reason::Linked,
        ServiceLink::Missing => Reason::ServiceNotFound,
        ServiceLink::Forbidden(_) => Reason::Forbidden,
    };
    link.said.as_deref() != Some(reason.as_str())
}

fn service_changed(context: &Context, service: &ServiceKey) {
    if !context.registry.linked_to(service).is_empty() {
        context.look_after(service.clone());
    }
    review_stale(context, service);
}

/// Have those monitors reviewed that say something of a Service that is no longer so.
pub(super) fn review_stale(context: &Context, service: &ServiceKey) {
    let linked = context.registry.linked_to(service).into_iter();
    let stale = linked.filter(|(_, link)| has_stale_link(context, Some(link)));
    stale.for_each(|(monitor, _)| context.review(monitor));
}

fn lane(cause: Cause) -> Lane {
    match cause {
        Cause::NewGeneration => Lane::New,
        Cause::Requested => Lane::Manual,
        Cause::Overdue => Lane::Overdue,
    }
}

fn key_of(monitor: &impl Resource) -> MonitorKey {
    let metadata = monitor.meta();
    let namespace = metadata.namespace.as_deref().unwrap_or_default().into();
    MonitorKey { namespace, name: metadata.name.as_deref().unwrap_or_default().into() }
}

fn service_key(service: &impl ResourceExt) -> ServiceKey {
    ServiceKey { namespace: service.namespace().unwrap_or_default().into(), name: service.name_any().into() }
}

/// A watch that fails is taken up again by itself, with back-off.
fn tell(kind: &str, scope: &Scope, error: &watcher::Error) {
    let hint = match answer(error).map(|status| status.code) {
        Some(403) => " (does the operator have its role there?)",
        Some(404) => " (is the custom resource definition installed?)",
        _ => "",
    };
    // Of an answer of the API server only the message is told: all of it would fill a page.
    let said = answer(error).map(|status| &status.message).filter(|message| !message.is_empty());
    let said = said.cloned().unwrap_or_else(|| error.to_string());
    tracing::warn!("failed to watch {kind} {scope}: {said}{hint}");
}

/// What the API server answered, if that is what failed.
fn answer(error: &watcher::Error) -> Option<&kube::core::Status> {
    match error {
        watcher::Error::InitialListFailed(kube::Error::Api(status))
        | watcher::Error::WatchStartFailed(kube::Error::Api(status))
        | watcher::Error::WatchFailed(kube::Error::Api(status))
        | watcher::Error::WatchError(status) => Some(status),
        _ => None,
    }
}

fn is_forbidden(error: &watcher::Error) -> bool {
    answer(error).is_some_and(kube::core::Status::is_forbidden)
}

// === impl WatchBackoff ===

impl Iterator for WatchBackoff {
    type Item = Duration;

    fn next(&mut self) -> Option<Duration> {
        self.0.next()
    }
}

impl Backoff for WatchBackoff {
    fn reset(&mut self) {}
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_waits_grow_although_every_attempt_begins_with_an_event() {
        let mut backoff = WatchBackoff::default();
        let waits: Vec<_> = std::iter::from_fn(|| {
            backoff.reset();
            backoff.next()
        })
        .take(8)
        .collect();
        assert!(waits[0] < Duration::from_secs(2) && waits[7] > Duration::from_secs(20), "{waits:?}");
    }
}
