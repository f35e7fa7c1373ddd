//! What the operator knows of every monitor between its jobs: a few numbers, not the object.

use std::{
    collections::{BTreeSet, HashMap, HashSet},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use jiff::Timestamp;
use kube::api::ObjectMeta;

use super::watch::Scope;
use crate::{
    metrics::MonitorKey,
    monitor::{Due, LinkedMonitor, ServiceLink},
    schedule::Group,
};

/// A Service.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ServiceKey {
    /// Its namespace.
    pub namespace: Arc<str>,
    /// Its name.
    pub name: Arc<str>,
}

/// What is known of one monitor.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Entry {
    /// Which object it is: a monitor of the same name may be another one.
    pub(super) uid: Box<str>,
    /// The resource version that this was read at; 0 when it is no number.
    pub(super) version: u64,
    /// Whether its conditions speak of its current spec.
    pub(super) is_introduced: bool,
    /// When it is to be checked.
    pub(super) due: Due,
    /// When its last check was.
    pub(super) last_checked: Option<Timestamp>,
    /// What it keeps busy while it is checked.
    pub(super) group: Group,
    /// The Service it names.
    pub(super) link: Option<Link>,
}

/// The link of a monitor to its Service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Link {
    pub(super) service: ServiceKey,
    /// The reason of its condition ServiceLinked.
    pub(super) said: Option<Box<str>>,
    /// What it contributes to the Service's condition; `None` when it is disabled.
    pub(super) verdict: Option<LinkedMonitor>,
}

/// Where a view of a monitor comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Source {
    /// A list: it is taken whatever was known, for an API server that was restored from a backup counts from further back.
    List,
    /// The watch: like a list, it says that a monitor exists.
    Watch,
    /// A job that has read or written it: the monitor may be gone by now, or be another one.
    Job,
}

/// Everything that is known, behind one lock that is never held across an await.
#[derive(Debug, Default)]
pub(super) struct Registry(Mutex<Known>);

#[derive(Debug, Default)]
struct Known {
    monitors: HashMap<MonitorKey, Entry>,
    /// Which monitors name a Service.
    linked: HashMap<ServiceKey, BTreeSet<Arc<str>>>,
    /// The Services that exist; `None` until they have been listed.
    services: Option<HashSet<ServiceKey>>,
    /// How the last job of a linked Service ended.
    outcomes: HashMap<ServiceKey, ServiceLink>,
}

// === impl Source ===

impl Source {
    /// Whether a view of an object is to be taken, where this uid and version are known of one of the same name: not a job's view of
    /// an object that is gone, nor a view that is older than what is known.
    pub(super) fn takes(self, known: Option<(&str, u64)>, uid: &str, version: u64) -> bool {
        let is_same = known.is_some_and(|(known, _)| known == uid);
        let is_older = known.is_some_and(|(_, known)| is_same && version != 0 && known > version);
        !((is_older && self != Self::List) || (self == Self::Job && !is_same))
    }
}

/// The resource version as a number: opaque to clients by the letter, and a number on every API server (and since Kubernetes 1.35 by
/// the letter, too). 0 when it is none.
pub(super) fn version_of(metadata: &ObjectMeta) -> u64 {
    metadata.resource_version.as_deref().and_then(|version| version.parse().ok()).unwrap_or(0)
}

// === impl Registry ===

impl Registry {
    /// Take a monitor in, or what is new about it; `None` when that is not to be taken ([`Source::takes`]). Otherwise the Services
    /// whose condition may now be another: the one that it names, and the one that it named before.
    pub(super) fn put(&self, key: &MonitorKey, entry: Entry, source: Source) -> Option<Vec<ServiceKey>> {
        let mut known = self.lock();
        let before = known.monitors.get(key);
        if !source.takes(before.map(|before| (&*before.uid, before.version)), &entry.uid, entry.version) {
            return None;
        }
        let before = before.and_then(|before| before.link.clone());
        let after = entry.link.clone();
        known.monitors.insert(key.clone(), entry);
        if before == after {
            return Some(Vec::new());
        }
        if let Some(link) = &after {
            known.linked.entry(link.service.clone()).or_default().insert(Arc::clone(&key.name));
        }
        // Only when it goes elsewhere: with its last monitor, what is known of the link to a Service goes too.
        let is_elsewhere = |before: &&Link| after.as_ref().is_none_or(|after| after.service != before.service);
        known.unlink(key, before.as_ref().filter(is_elsewhere));
        Some(services_of(before, after))
    }

    /// Forget a monitor. Returns the Service that it named.
    pub(super) fn remove(&self, key: &MonitorKey) -> Option<ServiceKey> {
        let mut known = self.lock();
        let link = known.monitors.remove(key)?.link;
        known.unlink(key, link.as_ref());
        link.map(|link| link.service)
    }

    /// What is known of a monitor.
    pub(super) fn get(&self, key: &MonitorKey) -> Option<Entry> {
        self.lock().monitors.get(key).cloned()
    }

    /// The monitors of this scope that are known and not in `listed`: those that went while nobody was watching.
    pub(super) fn missing_from(&self, listed: &HashSet<MonitorKey>, scope: &Scope) -> Vec<MonitorKey> {
        let missing = |key: &&MonitorKey| scope.covers(&key.namespace) && !listed.contains(*key);
        self.lock().monitors.keys().filter(missing).cloned().collect()
    }

    /// Replace the set of Services that exist in these scopes. Returns all that are linked.
    pub(super) fn list_services(&self, lists: Vec<(Scope, HashSet<ServiceKey>)>) -> Vec<ServiceKey> {
        let mut known = self.lock();
        for (scope, listed) in lists {
            known.outcomes.retain(|service, _| !scope.covers(&service.namespace) || listed.contains(service));
            let services = known.services.get_or_insert_default();
            services.retain(|service| !scope.covers(&service.namespace));
            services.extend(listed);
        }
        known.linked.keys().cloned().collect()
    }

    /// A Service is there, or is no longer there.
    pub(super) fn set_service(&self, service: &ServiceKey, exists: bool) {
        let mut known = self.lock();
        if !exists {
            known.outcomes.remove(service);
        }
        if let Some(services) = &mut known.services {
            if exists {
                services.insert(service.clone())
            } else {
                services.remove(service)
            };
        }
    }

    /// Note how the job of a Service ended. Returns whether the link to it now stands otherwise.
    pub(super) fn set_outcome(&self, service: &ServiceKey, outcome: ServiceLink) -> bool {
        let mut known = self.lock();
        let before = known.link_to(service);
        if known.linked.contains_key(service) {
            known.outcomes.insert(service.clone(), outcome);
        } else {
            known.outcomes.remove(service);
        }
        before != known.link_to(service)
    }

    /// How the link to a Service stands.
    pub(super) fn link_to(&self, service: &ServiceKey) -> ServiceLink {
        self.lock().link_to(service)
    }

    /// The monitors that name a Service, with what they know of the link.
    pub(super) fn linked_to(&self, service: &ServiceKey) -> Vec<(MonitorKey, Link)> {
        let known = self.lock();
        let names = known.linked.get(service).into_iter().flatten();
        let keys = names.map(|name| MonitorKey { namespace: Arc::clone(&service.namespace), name: Arc::clone(name) });
        keys.filter_map(|key| known.monitors.get(&key)?.link.clone().map(|link| (key, link))).collect()
    }

    /// Nothing panics while the lock is held; if it did, the maps would still be whole.
    fn lock(&self) -> MutexGuard<'_, Known> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Known {
    fn unlink(&mut self, key: &MonitorKey, link: Option<&Link>) {
        let Some(service) = link.map(|link| &link.service) else { return };
        let Some(names) = self.linked.get_mut(service) else { return };
        names.remove(&key.name);
        if names.is_empty() {
            self.linked.remove(service);
            self.outcomes.remove(service);
        }
    }

    /// The list knows which Services do not exist; that one carries the condition, its job alone knows.
    fn link_to(&self, service: &ServiceKey) -> ServiceLink {
        let outcome = self.outcomes.get(service);
        match &self.services {
            Some(services) if !services.contains(service) => ServiceLink::Missing,
            // The job looked before the Service came: it will look again.
            Some(_) if outcome == Some(&ServiceLink::Missing) => ServiceLink::Unknown,
            _ => outcome.cloned().unwrap_or(ServiceLink::Unknown),
        }
    }
}

fn services_of(before: Option<Link>, after: Option<Link>) -> Vec<ServiceKey> {
    let services: BTreeSet<ServiceKey> = before.into_iter().chain(after).map(|link| link.service).collect();
    services.into_iter().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(name: &str) -> MonitorKey {
        MonitorKey { namespace: "shop".into(), name: name.into() }
    }

    fn service(name: &str) -> ServiceKey {
        ServiceKey { namespace: "shop".into(), name: name.into() }
    }

    fn entry(uid: &str, version: u64, linked_to: Option<&str>) -> Entry {
        let link = |name| Link { service: service(name), said: None, verdict: None };
        let link = linked_to.map(link);
        let (due, group) = (Due::Never, Group::of("a.test:443"));
        Entry { uid: uid.into(), version, is_introduced: true, due, last_checked: None, group, link }
    }

    fn watched(registry: &Registry, name: &str, version: u64, linked_to: Option<&str>) -> Option<Vec<ServiceKey>> {
        registry.put(&key(name), entry("uid", version, linked_to), Source::Watch)
    }

    fn linked(registry: &Registry, name: &str) -> Vec<MonitorKey> {
        registry.linked_to(&service(name)).into_iter().map(|(key, _)| key).collect()
    }

    #[test]
    fn a_link_concerns_the_service_it_comes_from_and_the_one_it_goes_to() {
        let registry = Registry::default();
        assert_eq!(watched(&registry, "m", 1, None), Some(vec![]));
        assert_eq!(watched(&registry, "m", 2, Some("a")), Some(vec![service("a")]));
        assert_eq!(watched(&registry, "m", 3, Some("a")), Some(vec![]), "nothing new");
        assert_eq!(watched(&registry, "m", 4, Some("b")), Some(vec![service("a"), service("b")]));
        assert_eq!((linked(&registry, "a"), linked(&registry, "b")), (vec![], vec![key("m")]));
        assert_eq!(registry.remove(&key("m")), Some(service("b")));
        assert_eq!((linked(&registry, "b"), registry.get(&key("m"))), (vec![], None));
        assert_eq!(registry.remove(&key("m")), None);
    }

    #[test]
    fn a_job_brings_no_monitor_back_and_nothing_older_is_taken() {
        let registry = Registry::default();
        assert_eq!(registry.put(&key("m"), entry("uid", 5, None), Source::Job), None, "it is gone");
        watched(&registry, "m", 5, None);
        assert_eq!(registry.put(&key("m"), entry("other", 9, None), Source::Job), None, "it is another one");
        assert_eq!(registry.put(&key("m"), entry("uid", 6, None), Source::Job), Some(vec![]));
        assert_eq!(watched(&registry, "m", 5, Some("a")), None, "the watch lags behind the job");
        assert_eq!(watched(&registry, "m", 6, Some("a")), Some(vec![service("a")]));
        let listed = registry.put(&key("m"), entry("uid", 2, None), Source::List);
        assert_eq!(listed, Some(vec![service("a")]), "a list is taken whatever was known");
        assert_eq!(watched(&registry, "m", 3, Some("a")), Some(vec![service("a")]), "and counts from there");
        assert_eq!(registry.put(&key("m"), entry("recreated", 3, None), Source::Watch), Some(vec![service("a")]));
    }

    #[test]
    fn what_went_while_nobody_watched_is_found() {
        let registry = Registry::default();
        watched(&registry, "stays", 1, None);
        watched(&registry, "went", 1, None);
        assert_eq!(registry.missing_from(&[key("stays"), key("new")].into(), &Scope::All), [key("went")]);
    }

    #[test]
    fn a_service_is_unknown_until_listed_then_missing_found_or_forbidden() {
        let (registry, web) = (Registry::default(), service("web"));
        watched(&registry, "m", 1, Some("web"));
        registry.set_service(&web, true);
        assert_eq!(registry.link_to(&web), ServiceLink::Unknown);
        let empty = vec![(Scope::All, HashSet::new())];
        assert_eq!(registry.list_services(empty), [service("web")], "all linked ones are told");
        assert_eq!(registry.link_to(&web), ServiceLink::Missing);
        registry.set_service(&web, true);
        assert_eq!(registry.link_to(&web), ServiceLink::Unknown, "nothing has been written yet");
        assert!(registry.set_outcome(&web, ServiceLink::Found));
        let forbidden = ServiceLink::Forbidden("no".to_owned());
        assert!(registry.set_outcome(&web, forbidden.clone()), "news");
        assert!(!registry.set_outcome(&web, forbidden.clone()), "no news");
        registry.set_service(&web, true);
        assert_eq!(registry.link_to(&web), forbidden, "a change of the Service changes no permission");
        let mut said = entry("uid", 2, Some("web"));
        said.link = said.link.map(|link| Link { said: Some("Forbidden".into()), ..link });
        assert_eq!(registry.put(&key("m"), said, Source::Watch), Some(vec![web.clone()]));
        assert_eq!(registry.link_to(&web), forbidden, "nor does what its monitor says of it");
        registry.set_service(&web, false);
        assert_eq!(registry.link_to(&web), ServiceLink::Missing);
    }

    #[test]
    fn where_services_may_not_be_listed_their_jobs_say_how_the_link_stands() {
        let (registry, web) = (Registry::default(), service("web"));
        watched(&registry, "m", 1, Some("web"));
        for outcome in [ServiceLink::Forbidden("no".to_owned()), ServiceLink::Missing, ServiceLink::Found] {
            assert!(registry.set_outcome(&web, outcome.clone()));
            assert_eq!(registry.link_to(&web), outcome);
        }
        registry.remove(&key("m"));
        assert_eq!(registry.link_to(&web), ServiceLink::Unknown, "nothing is kept of what nobody names");
    }
}
