//! Which namespaces are watched, and what their lists hold until all of them are in.

use std::{collections::HashSet, fmt, hash::Hash, mem::take, sync::Arc};

use kube::{Api, Client, Resource, core::NamespaceResourceScope};

/// What one watch sees.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::controller) enum Scope {
    /// Every namespace.
    All,
    /// This namespace.
    Namespace(Arc<str>),
}

/// The first lists of one kind, by scope. What is said of what is missing waits until all are in.
#[derive(Debug)]
pub(super) struct Lists<K> {
    lists: Vec<List<K>>,
    is_complete: bool,
}

#[derive(Debug)]
struct List<K> {
    scope: Scope,
    keys: HashSet<K>,
    state: State,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Waiting,
    /// It may not be seen: a namespace that is gone, and its role with it, keeps nobody waiting.
    GivenUp,
    In,
}

// === impl Scope ===

impl Scope {
    /// The scopes of these namespaces; of every namespace where none is named.
    pub(in crate::controller) fn of(namespaces: &[String]) -> Vec<Self> {
        let mut scopes: Vec<Self> = Vec::new();
        for scope in namespaces.iter().map(|namespace| Self::Namespace(namespace.as_str().into())) {
            if !scopes.contains(&scope) {
                scopes.push(scope);
            }
        }
        if scopes.is_empty() { vec![Self::All] } else { scopes }
    }

    /// Whether it sees this namespace.
    pub(in crate::controller) fn covers(&self, namespace: &str) -> bool {
        match self {
            Self::All => true,
            Self::Namespace(own) => **own == *namespace,
        }
    }

    /// The API of a kind in it.
    pub(super) fn api<K>(&self, client: Client) -> Api<K>
    where
        K: Resource<DynamicType = (), Scope = NamespaceResourceScope>,
    {
        match self {
            Self::All => Api::all(client),
            Self::Namespace(namespace) => Api::namespaced(client, namespace),
        }
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::All => f.write_str("of all namespaces"),
            Self::Namespace(namespace) => write!(f, "of namespace {namespace}"),
        }
    }
}

// === impl Lists ===

impl<K: Eq + Hash> Lists<K> {
    /// No list is in yet.
    pub(super) fn new(scopes: &[Scope]) -> Self {
        let list = |scope: &Scope| List { scope: scope.clone(), keys: HashSet::new(), state: State::Waiting };
        Self { lists: scopes.iter().map(list).collect(), is_complete: false }
    }

    /// The list of the scope with this number begins.
    pub(super) fn begin(&mut self, scope: usize) {
        self.lists[scope].keys.clear();
    }

    /// Something is in that list.
    pub(super) fn add(&mut self, scope: usize, key: K) {
        self.lists[scope].keys.insert(key);
    }

    /// That list is in. Returns what is to be taken as the whole truth now, and of which scopes: nothing until all first lists are in.
    pub(super) fn finish(&mut self, scope: usize) -> Vec<(Scope, HashSet<K>)> {
        self.lists[scope].state = State::In;
        if self.is_complete { vec![self.lists[scope].take()] } else { self.complete() }
    }

    /// That scope may not be seen: the others no longer wait for its first list. Returns the same as [`Lists::finish`].
    pub(super) fn give_up(&mut self, scope: usize) -> Vec<(Scope, HashSet<K>)> {
        if self.lists[scope].state != State::Waiting {
            return Vec::new();
        }
        self.lists[scope].state = State::GivenUp;
        self.complete()
    }

    fn complete(&mut self) -> Vec<(Scope, HashSet<K>)> {
        let is_settled = self.lists.iter().all(|list| list.state != State::Waiting);
        self.is_complete = is_settled && self.lists.iter().any(|list| list.state == State::In);
        if self.is_complete { self.lists.iter_mut().map(List::take).collect() } else { Vec::new() }
    }
}

impl<K> List<K> {
    fn take(&mut self) -> (Scope, HashSet<K>) {
        (self.scope.clone(), take(&mut self.keys))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one(name: &str) -> Scope {
        Scope::Namespace(name.into())
    }

    #[test]
    fn every_namespace_is_watched_once_and_all_where_none_is_named() {
        assert_eq!(Scope::of(&[]), [Scope::All]);
        assert_eq!(Scope::of(&["b", "a", "b"].map(str::to_owned)), [one("b"), one("a")]);
        assert!(Scope::All.covers("a") && one("a").covers("a") && !one("a").covers("ab"));
    }

    #[test]
    fn nothing_is_known_to_be_missing_until_all_first_lists_are_in() {
        let mut lists = Lists::new(&[one("a"), one("b")]);
        lists.begin(0);
        lists.add(0, 1);
        assert_eq!(lists.finish(0), []);
        lists.begin(1);
        lists.begin(0);
        lists.add(0, 2);
        assert_eq!(lists.finish(0), [], "the other one has still to come");
        lists.add(1, 3);
        assert_eq!(lists.finish(1), [(one("a"), HashSet::from([2])), (one("b"), HashSet::from([3]))]);
        lists.begin(1);
        assert_eq!(lists.finish(1), [(one("b"), HashSet::new())], "and then each speaks for itself");
    }

    #[test]
    fn a_namespace_that_may_not_be_seen_keeps_no_other_waiting() {
        let mut lists: Lists<u8> = Lists::new(&[one("gone"), one("b")]);
        assert_eq!(lists.give_up(0), [], "the other one has still to come");
        lists.add(1, 3);
        assert_eq!(lists.finish(1), [(one("gone"), HashSet::new()), (one("b"), HashSet::from([3]))]);
        assert_eq!(lists.give_up(1), [], "what was seen before is not forgotten");
        lists.add(0, 4);
        assert_eq!(lists.finish(0), [(one("gone"), HashSet::from([4]))], "perhaps it comes back");

        let mut lists: Lists<u8> = Lists::new(&[one("gone"), one("gone, too")]);
        assert_eq!((lists.give_up(0), lists.give_up(1)), (vec![], vec![]), "nothing is known then");
        assert_eq!(lists.finish(1).len(), 2);
    }
}
