//! What the operator knows of every monitor between its jobs: a few numbers, not the object.

use std::{
    collections::{BTreeSet, HashMap, HashSet},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

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
    /// Whether its conditions speak of its current spec.
    pub(super) is_introduced: bool,
    /// When it is to be checked.
    pub(super) due: Due,
    /// What it keeps busy while it is checked.
    pub(super) group: Group,
    /// The Service it names, and whether its condition says that the Service is there.
    pub(super) link: Option<Link>,
}

/// The link of a monitor to its Service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Link {
    pub(super) service: ServiceKey,
    /// What its condition ServiceLinked says; `None` when it says nothing definite.
    pub(super) is_linked: Option<bool>,
    /// What it contributes to the Service's condition; `None` when it is disabled.
    pub(super) verdict: Option<LinkedMonitor>,
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
    /// Services whose status may not be written, with the reason.
    forbidden: HashMap<ServiceKey, String>,
}

// === impl Registry ===

impl Registry {
    /// Take a monitor in, or what is new about it. Returns the Services whose condition may now be another: the one that it
    /// names, and the one that it named before.
    pub(super) fn put(&self, key: &MonitorKey, entry: Entry) -> Vec<ServiceKey> {
        let mut known = self.lock();
        let before = known.monitors.get(key).and_then(|old| old.link.clone());
        let after = entry.link.clone();
        known.monitors.insert(key.clone(), entry);
        if before == after {
            return Vec::new();
        }
        known.unlink(key, before.as_ref());
        if let Some(link) = &after {
            known.linked.entry(link.service.clone()).or_default().insert(Arc::clone(&key.name));
        }
        services_of(before, after)
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

    /// The monitors that are known and not in `listed`: those that went while nobody was watching.
    pub(super) fn missing_from(&self, listed: &HashSet<MonitorKey>) -> Vec<MonitorKey> {
        self.lock().monitors.keys().filter(|key| !listed.contains(*key)).cloned().collect()
    }

    /// Replace the set of Services that exist. Returns all that are linked.
    pub(super) fn list_services(&self, listed: HashSet<ServiceKey>) -> Vec<ServiceKey> {
        let mut known = self.lock();
        known.services = Some(listed);
        known.linked.keys().cloned().collect()
    }

    /// A Service is there, or is no longer there.
    pub(super) fn set_service(&self, service: &ServiceKey, exists: bool) {
        let mut known = self.lock();
        known.forbidden.remove(service);
        if let Some(services) = &mut known.services {
            if exists {
                services.insert(service.clone())
            } else {
                services.remove(service)
            };
        }
    }

    /// How the link to a Service stands.
    pub(super) fn link_to(&self, service: &ServiceKey) -> ServiceLink {
        let known = self.lock();
        let Some(services) = &known.services else { return ServiceLink::Unknown };
        match known.forbidden.get(service) {
            _ if !services.contains(service) => ServiceLink::Missing,
            Some(why) => ServiceLink::Forbidden(why.clone()),
            None => ServiceLink::Found,
        }
    }

    /// Note why a Service's status may not be written, or that it may. Returns whether that is news.
    pub(super) fn set_forbidden(&self, service: &ServiceKey, why: Option<&str>) -> bool {
        let mut known = self.lock();
        let before = match why {
            Some(why) => known.forbidden.insert(service.clone(), why.to_owned()),
            None => known.forbidden.remove(service),
        };
        before.as_deref() != why
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

    fn entry(linked_to: Option<&str>) -> Entry {
        let link = |name| Link { service: service(name), is_linked: None, verdict: None };
        Entry { is_introduced: true, due: Due::Never, group: Group::of("a.test:443"), link: linked_to.map(link) }
    }

    fn linked(registry: &Registry, name: &str) -> Vec<MonitorKey> {
        registry.linked_to(&service(name)).into_iter().map(|(key, _)| key).collect()
    }

    #[test]
    fn a_link_concerns_the_service_it_comes_from_and_the_one_it_goes_to() {
        let registry = Registry::default();
        assert_eq!(registry.put(&key("m"), entry(None)), []);
        assert_eq!(registry.put(&key("m"), entry(Some("a"))), [service("a")]);
        assert_eq!(registry.put(&key("m"), entry(Some("a"))), [], "nothing new");
        assert_eq!(registry.put(&key("m"), entry(Some("b"))), [service("a"), service("b")]);
        assert_eq!((linked(&registry, "a"), linked(&registry, "b")), (vec![], vec![key("m")]));
        assert_eq!(registry.remove(&key("m")), Some(service("b")));
        assert_eq!((linked(&registry, "b"), registry.get(&key("m"))), (vec![], None));
        assert_eq!(registry.remove(&key("m")), None);
    }

    #[test]
    fn what_went_while_nobody_watched_is_found() {
        let registry = Registry::default();
        registry.put(&key("stays"), entry(None));
        registry.put(&key("went"), entry(None));
        assert_eq!(registry.missing_from(&[key("stays"), key("new")].into()), [key("went")]);
    }

    #[test]
    fn a_service_is_unknown_until_listed_then_missing_found_or_forbidden() {
        let (registry, web) = (Registry::default(), service("web"));
        registry.put(&key("m"), entry(Some("web")));
        registry.set_service(&web, true);
        assert_eq!(registry.link_to(&web), ServiceLink::Unknown);
        assert_eq!(registry.list_services(HashSet::new()), [service("web")], "all linked ones are told");
        assert_eq!(registry.link_to(&web), ServiceLink::Missing);
        registry.set_service(&web, true);
        assert_eq!(registry.link_to(&web), ServiceLink::Found);
        assert!(registry.set_forbidden(&web, Some("no")), "news");
        assert!(!registry.set_forbidden(&web, Some("no")), "no news");
        assert_eq!(registry.link_to(&web), ServiceLink::Forbidden("no".to_owned()));
        registry.set_service(&web, false);
        assert_eq!(registry.link_to(&web), ServiceLink::Missing);
    }
}
