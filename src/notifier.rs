//! NOTIFIER: the senders, with the resolver and the address policy of the engine.

use std::{fmt, io, net::IpAddr, sync::Arc, time::Duration};

use futures::future::BoxFuture;

use crate::{
    notify::{Names, Rules, Sender},
    probe::{AddressPolicy, Prober},
};

/// How long it may take: within it the prober's resolver asks more than once.
const LIMIT: Duration = Duration::from_secs(5);

/// How messages are sent.
#[derive(Debug, Clone)]
pub struct Notifier {
    /// Sends them.
    pub sender: Sender,
    /// What holds for all channels.
    pub rules: Rules,
}

/// Names of receivers, resolved as those of targets are, by the same resolver.
struct ProberNames(Prober);

// === impl Notifier ===

impl Notifier {
    /// Messages go only where this policy lets them; names are resolved by the prober's resolver.
    pub fn new(prober: Prober, policy: AddressPolicy, rules: Rules) -> Self {
        let vet = Arc::new(move |address| policy.check(address).map_err(|denied| denied.to_string()));
        Self { sender: Sender::new(Arc::new(ProberNames(prober)), vet), rules }
    }
}

// === impl ProberNames ===

impl fmt::Debug for ProberNames {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ProberNames")
    }
}

impl Names for ProberNames {
    fn addresses<'a>(&'a self, name: &'a str) -> BoxFuture<'a, io::Result<Vec<IpAddr>>> {
        Box::pin(async move { self.0.resolve(name, LIMIT).await.map_err(|failure| io::Error::other(failure.detail)) })
    }
}
