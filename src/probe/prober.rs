//! One probe from resolution to observation, under one deadline: where to look, and the look at each endpoint.

use std::{
    net::{IpAddr, SocketAddr},
    sync::Arc,
    time::Duration,
};

use futures::{FutureExt as _, StreamExt as _, stream::FuturesUnordered};
use jiff::Timestamp;
use rustls::pki_types::ServerName;
use tokio::time::Instant;

use super::{
    AddressPolicy, Addresses, Failure, FailureReason, Family, Host, MAX_ENDPOINTS, Means, NoProxy, Observation, Proxy,
    Stage, Target,
    endpoints::Sights,
    handshake::Handshaker,
    hello::Hellos,
    proxy,
    resolve::{Found, Names},
    revocation::Lists,
    route::{Company, End, Way, leaves_names},
    sight::{Search, fail},
    text,
    verify::PathCache,
};

/// A probe that is given longer than this has this long.
const MAX_TIMEOUT: Duration = Duration::from_hours(1);

/// What a prober may do, and whom it asks.
#[derive(Debug, Clone, Default)]
pub struct ProberSettings {
    /// Which addresses may be dialled.
    pub policy: AddressPolicy,
    /// The DNS server to ask; `None` for the system's configuration and hosts file.
    pub resolver: Option<SocketAddr>,
    /// The proxy of probes that bring none of their own. It is the operator's, so the policy does not deny its addresses.
    pub proxy: Option<Proxy>,
    /// Which hosts are reached without that proxy.
    pub no_proxy: NoProxy,
}

/// Why there is no prober.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ProberError {
    /// The resolver could not be set up.
    #[error("failed to set up the resolver: {0}")]
    Resolver(String),
    /// TLS could not be set up.
    #[error("failed to set up TLS: {0}")]
    Tls(String),
}

/// Makes probes. Cheap to clone; all clones share the resolver's cache, the memory of verified chains and what servers made of
/// large hellos.
#[derive(Clone)]
pub struct Prober(Arc<Parts>);

/// What all clones of a prober share.
pub(super) struct Parts {
    pub(super) policy: AddressPolicy,
    proxy: Option<Proxy>,
    no_proxy: NoProxy,
    pub(super) names: Names,
    pub(super) handshaker: Handshaker,
    pub(super) hellos: Hellos,
    pub(super) paths: PathCache,
    pub(super) lists: Lists,
}

// === impl Prober ===

impl Prober {
    /// A prober with these settings.
    ///
    /// # Errors
    /// [`ProberError`] when the resolver or TLS could not be set up.
    pub fn new(settings: ProberSettings) -> Result<Self, ProberError> {
        let ProberSettings { policy, resolver, proxy, no_proxy } = settings;
        let names = Names::new(resolver)?;
        let handshaker = Handshaker::new().map_err(|error| ProberError::Tls(error.to_string()))?;
        let (hellos, paths, lists) = (Hellos::new(), PathCache::default(), Lists::default());
        Ok(Self(Arc::new(Parts { policy, proxy, no_proxy, names, handshaker, hellos, paths, lists })))
    }

    /// Which addresses may be dialled.
    pub fn policy(&self) -> &AddressPolicy {
        &self.0.policy
    }

    /// What is amiss with the resolution of names, in one sentence: the system's configuration is not readable.
    pub fn warning(&self) -> Option<&str> {
        self.0.names.warning.as_deref()
    }

    /// The addresses of an absolute name, the preferred ones first, as those of targets are found; they are not vetted.
    ///
    /// # Errors
    /// The [`Failure`] when it has none, or nobody answers.
    pub async fn resolve(&self, name: &str, timeout: Duration) -> Result<Vec<IpAddr>, Failure> {
        let found = self.0.names.resolve(name, None, Instant::now() + timeout.min(MAX_TIMEOUT)).await?;
        Ok(found.in_turns().take(MAX_ENDPOINTS).collect())
    }

    /// Look at the certificate served at a target. `timeout` is the deadline of all stages together, `now` the clock of
    /// the verification. Whatever happens to the target is part of the observation.
    ///
    /// Of [`Addresses::All`] each gets one connection, all at once. One that does not let itself be connected to is waited for
    /// until the deadline, or, once another has answered, for half of the timeout and 5 s at most.
    pub async fn probe(&self, target: &Target, means: &Means, timeout: Duration, now: Timestamp) -> Observation {
        let start = Instant::now();
        let deadline = start + timeout.min(MAX_TIMEOUT);
        let mut resolve = None;
        let mut observation = match self.observe(target, means, deadline, now, &mut resolve).await {
            Ok(observation) => observation,
            Err(failure) => Observation { failure: Some(failure), ..Observation::default() },
        };
        observation.timings.resolve = resolve;
        observation.timings.total = start.elapsed();
        observation
    }

    async fn observe(
        &self,
        target: &Target,
        means: &Means,
        deadline: Instant,
        now: Timestamp,
        resolve: &mut Option<Duration>,
    ) -> Result<Observation, Failure> {
        let name = server_name(target.verified_name())?;
        let proxy = self.proxy(target, means);
        let named = match target.dialled_host() {
            Host::Name(name) if proxy.is_some_and(|proxy| leaves_names(proxy, target.dialled_host())) => Some(name),
            _ => None,
        };
        let places = match named {
            Some(_) => Places::default(),
            None => self.locate(target, deadline, resolve).await?,
        };
        let way = match proxy {
            Some(proxy) => Way::Proxy(proxy.clone(), self.locate_proxy(proxy, means, deadline).await?),
            None => Way::Direct,
        };
        let company = Company::new(deadline);
        let search = Search { parts: &self.0, target, means, name, way, company, deadline, now };
        let seen = match named {
            Some(name) => look_at_one(&search, End::Named(name, target.dialled_port())).await,
            None if target.addresses == Addresses::Any => look_at_one(&search, End::Any(&places.addresses)).await,
            None => look_at_all(&search, &places.addresses).await,
        };
        Ok(Observation { endpoint_count: places.count, ..seen })
    }

    /// The proxy to go through: the probe's own, else the operator's, but for its exceptions.
    fn proxy<'a>(&'a self, target: &Target, means: &'a Means) -> Option<&'a Proxy> {
        let default = self.0.proxy.as_ref().filter(|_| !self.0.no_proxy.contains(target.dialled_host()));
        means.proxy.as_ref().or(default)
    }

    /// The vetted addresses of a target, in an order that does not change from probe to probe where all are looked at.
    async fn locate(
        &self,
        target: &Target,
        deadline: Instant,
        resolve: &mut Option<Duration>,
    ) -> Result<Places, Failure> {
        let found = match target.dialled_host() {
            Host::Address(address) => literal(*address, target.family)?,
            Host::Name(name) => {
                let start = Instant::now();
                let found = self.0.names.resolve(name, target.family, deadline).await?;
                *resolve = Some(start.elapsed());
                found
            }
        };
        let count = found.len();
        let all = target.addresses == Addresses::All;
        let found = if all { found.sorted() } else { found };
        let mut addresses = vet(&self.0.policy, target.dialled_host(), target.dialled_port(), found.in_turns())
            .map_err(|detail| Failure { reason: FailureReason::TargetDenied, stage: Stage::Policy, detail })?;
        if all {
            addresses.sort_unstable();
        }
        Ok(Places { addresses, count })
    }

    /// The addresses of a proxy. Those of a proxy that is not the operator's own are vetted.
    async fn locate_proxy(&self, proxy: &Proxy, means: &Means, deadline: Instant) -> Result<Vec<SocketAddr>, Failure> {
        let found = match &proxy.host {
            Host::Address(address) => Found::of([*address]),
            Host::Name(name) => self
                .0
                .names
                .resolve(name, None, deadline)
                .await
                .map_err(|failure| proxy::failure(proxy, &format!("could not be found: {}", failure.detail)))?,
        };
        if means.proxy.is_none() {
            return Ok(found.in_turns().take(MAX_ENDPOINTS).map(|ip| SocketAddr::new(ip, proxy.port)).collect());
        }
        vet(&self.0.policy, &proxy.host, proxy.port, found.in_turns())
            .map_err(|detail| proxy::failure(proxy, &format!("is denied: {detail}")))
    }
}

/// An address that is not resolved, if it is of the wanted family.
fn literal(address: IpAddr, family: Option<Family>) -> Result<Found, Failure> {
    let (fits, wanted) = match family {
        None => (true, ""),
        Some(Family::V4) => (address.is_ipv4(), "IPv4"),
        Some(Family::V6) => (address.is_ipv6(), "IPv6"),
    };
    let detail = || format!("{address} is not an {wanted} address");
    let failure = || Failure { reason: FailureReason::NameNotFound, stage: Stage::Resolve, detail: detail() };
    if fits { Ok(Found::of([address])) } else { Err(failure()) }
}

/// The addresses of a target.
#[derive(Debug, Default)]
struct Places {
    /// Those that are to be looked at.
    addresses: Vec<SocketAddr>,
    /// How many there are, also denied ones.
    count: usize,
}

async fn look_at_one(search: &Search<'_>, end: End<'_>) -> Observation {
    let mut sights = Sights::default();
    sights.add(0, search.look(end).await);
    sights.conclude()
}

async fn look_at_all(search: &Search<'_>, addresses: &[SocketAddr]) -> Observation {
    if let [address] = addresses {
        return look_at_one(search, End::At(*address)).await;
    }
    let mut sights = Sights::default();
    let looks = addresses.iter().enumerate();
    let mut looks: FuturesUnordered<_> =
        looks.map(|(position, address)| search.look(End::At(*address)).map(move |sight| (position, sight))).collect();
    while let Some((position, sight)) = looks.next().await {
        sights.add(position, sight);
    }
    sights.conclude()
}

/// The addresses that may be dialled, as many as are looked at; what denies them when all are denied.
pub(super) fn vet(
    policy: &AddressPolicy,
    host: &Host,
    port: u16,
    found: impl Iterator<Item = IpAddr>,
) -> Result<Vec<SocketAddr>, String> {
    let (vetted, denied) = policy.sift(found, port);
    if !vetted.is_empty() {
        return Ok(vetted);
    }
    let causes: Vec<String> = denied.iter().take(3).map(ToString::to_string).collect();
    Err(format!("{} may not be probed: {}", text::clean(&host.to_string()), causes.join("; ")))
}

fn server_name(host: &Host) -> Result<ServerName<'static>, Failure> {
    match host {
        Host::Address(address) => Ok(ServerName::IpAddress((*address).into())),
        Host::Name(name) => ServerName::try_from(name.clone()).map_err(|_| {
            fail(FailureReason::ProbeError, format!("{} cannot be sent as a server name", text::clean(name)))
        }),
    }
}
