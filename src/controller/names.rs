//! Names of receivers: resolved as those of targets are, by the same resolver.

use std::{fmt, io, net::IpAddr, time::Duration};

use futures::future::BoxFuture;

use crate::{notify::Names, probe::Prober};

/// How long it may take: within it the prober's resolver asks more than once.
const LIMIT: Duration = Duration::from_secs(5);

/// [`Names`] by a prober's resolver.
#[derive(Clone)]
pub struct ProberNames(Prober);

// === impl ProberNames ===

impl ProberNames {
    /// Names by this prober's resolver.
    pub fn new(prober: Prober) -> Self {
        Self(prober)
    }
}

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
