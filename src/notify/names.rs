//! Names of receivers to addresses: absolute names only.

use std::{fmt::Debug, io, net::IpAddr, time::Duration};

use futures::future::BoxFuture;
use hickory_resolver::{Resolver, TokioResolver, net::runtime::TokioRuntimeProvider, proto::rr::Name};

/// The most addresses of one name that are tried.
const MAX_ADDRESSES: usize = 4;
/// How long a name server may take, so that the next one can be asked within the timeout of a channel.
const ATTEMPT: Duration = Duration::from_secs(2);

/// Resolves the names of receivers and proxies.
pub trait Names: Debug + Send + Sync {
    /// The addresses of an absolute name, the preferred ones first.
    ///
    /// # Errors
    /// When it has none, or nobody answers.
    fn addresses<'a>(&'a self, name: &'a str) -> BoxFuture<'a, io::Result<Vec<IpAddr>>>;
}

/// [`Names`] as the system is configured (`/etc/hosts`, `/etc/resolv.conf`), but without its search list: in a cluster, that would
/// let any namespace called `com` answer for `example.com`.
#[derive(Clone)]
pub struct SystemNames(TokioResolver);

// === impl SystemNames ===

impl SystemNames {
    /// Read the system's configuration (blocking).
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn load() -> io::Result<Self> {
        let (config, options) = hickory_resolver::system_conf::read_system_conf().map_err(io::Error::other)?;
        let mut builder = Resolver::builder_with_config(config, TokioRuntimeProvider::default());
        *builder.options_mut() = options;
        builder.options_mut().timeout = ATTEMPT;
        builder.build().map(Self).map_err(io::Error::other)
    }
}

impl Debug for SystemNames {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SystemNames")
    }
}

impl Names for SystemNames {
    fn addresses<'a>(&'a self, name: &'a str) -> BoxFuture<'a, io::Result<Vec<IpAddr>>> {
        Box::pin(async move {
            let mut absolute = Name::from_ascii(name).map_err(io::Error::other)?;
            absolute.set_fqdn(true);
            let found = self.0.lookup_ip(absolute).await.map_err(io::Error::other)?;
            Ok(found.iter().take(MAX_ADDRESSES).collect())
        })
    }
}
