//! Name → addresses: absolute names only, within bounds.

use std::{
    collections::HashSet,
    net::{IpAddr, SocketAddr},
    time::Duration,
};

use futures::{FutureExt as _, StreamExt as _, stream::FuturesUnordered};
use hickory_resolver::{
    Hosts, Resolver, TokioResolver,
    config::{ConnectionConfig, NameServerConfig, ResolveHosts, ResolverConfig, ResolverOpts},
    net::{DnsError, NetError, runtime::TokioRuntimeProvider},
    proto::{
        op::{Query, ResponseCode},
        rr::{Name, RData, RecordType},
    },
    system_conf,
};
use tokio::time::{Instant, timeout_at};

use super::{Failure, FailureReason, Family, ProberError, Stage};

/// The share of a probe's time that resolution may take.
const LIMIT: Duration = Duration::from_secs(3);
/// How long IPv6 addresses are awaited after IPv4 addresses have come (compare RFC 8305 §3).
const GRACE: Duration = Duration::from_millis(500);
/// The most addresses of one name and kind that are looked through; a DNS message holds no more than about 4,000.
const MAX_ADDRESSES: usize = 1024;
/// Answers are kept for their TTL, within these: users repair names, and wait for it.
const MAX_POSITIVE: Duration = Duration::from_mins(1);
const MAX_NEGATIVE: Duration = Duration::from_secs(10);

/// Resolves names to addresses.
pub(super) struct Names {
    resolver: TokioResolver,
    /// The system's hosts file, which goes before DNS; empty with a resolver of the user's.
    hosts: Hosts,
    /// Why the system's configuration is not what is used.
    pub(super) warning: Option<String>,
}

/// The addresses of a name, by kind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Found {
    v4: Vec<IpAddr>,
    v6: Vec<IpAddr>,
}

// === impl Names ===

impl Names {
    /// Names by this resolver, or as the system is configured.
    pub(super) fn new(resolver: Option<SocketAddr>) -> Result<Self, ProberError> {
        let (config, options, warning) = match resolver {
            Some(address) => (only(address), ResolverOpts::default(), None),
            None => or_local(system_conf::read_system_conf()),
        };
        let hosts = if resolver.is_some() { Hosts::default() } else { Hosts::from_system().unwrap_or_default() };
        let mut builder = Resolver::builder_with_config(config, TokioRuntimeProvider::default());
        *builder.options_mut() = bounded(options);
        let resolver = builder.build().map_err(|error| ProberError::Resolver(error.to_string()))?;
        Ok(Self { resolver, hosts, warning })
    }

    /// The addresses of a name, IPv4 and IPv6, each in the order of the answer and once. Of the kinds, only the wanted one is
    /// asked for, and at least one address is found.
    pub(super) async fn resolve(
        &self,
        host: &str,
        family: Option<Family>,
        deadline: Instant,
    ) -> Result<Found, Failure> {
        let mut name =
            Name::from_ascii(host).map_err(|_| fail(FailureReason::ResolveFailed, host, "it is not a DNS name"))?;
        // An absolute name: no search list, whatever the system says.
        name.set_fqdn(true);
        let fixed = self.in_hosts_file(&name, family);
        Ok(if fixed.is_empty() { self.ask(host, name, family, deadline).await? } else { Found::of(fixed) })
    }

    fn in_hosts_file(&self, name: &Name, family: Option<Family>) -> Vec<IpAddr> {
        let of = |kind: &RecordType| {
            let found = self.hosts.lookup_static_host(&Query::query(name.clone(), *kind));
            found.map(|lookup| addresses(lookup.answers().iter().map(|record| &record.data))).unwrap_or_default()
        };
        kinds(family).iter().flat_map(of).collect()
    }

    /// Both kinds at once. What comes second is awaited, but not so long that the first is of no use.
    async fn ask(&self, host: &str, name: Name, family: Option<Family>, deadline: Instant) -> Result<Found, Failure> {
        let mut limit = deadline.min(Instant::now() + LIMIT);
        let mut lookups: FuturesUnordered<_> = kinds(family)
            .iter()
            .map(|&kind| self.resolver.lookup(name.clone(), kind).map(move |outcome| (kind, outcome)))
            .collect();
        let mut found = Vec::new();
        let mut errors = Vec::new();
        loop {
            match timeout_at(limit, lookups.next()).await {
                Ok(None) => break,
                Ok(Some((kind, Ok(lookup)))) => {
                    found.extend(addresses(lookup.answers().iter().map(|record| &record.data)));
                    limit = limit.min(end_of_patience(kind, deadline));
                }
                Ok(Some((_, Err(error)))) => errors.push(error),
                Err(_) => {
                    errors.push(NetError::Timeout);
                    break;
                }
            }
        }
        if found.is_empty() { Err(failure(host, family, &errors)) } else { Ok(Found::of(found)) }
    }
}

/// The kinds of records that hold addresses of the wanted family.
fn kinds(family: Option<Family>) -> &'static [RecordType] {
    match family {
        None => &[RecordType::A, RecordType::AAAA],
        Some(Family::V4) => &[RecordType::A],
        Some(Family::V6) => &[RecordType::AAAA],
    }
}

// === impl Found ===

impl Found {
    /// Sort out the kinds, and leave out what comes twice.
    pub(super) fn of(addresses: impl IntoIterator<Item = IpAddr>) -> Self {
        let mut seen = HashSet::new();
        let (v4, v6) = addresses.into_iter().filter(|address| seen.insert(*address)).partition(IpAddr::is_ipv4);
        Self { v4, v6 }
    }

    /// How many addresses there are.
    pub(super) fn len(&self) -> usize {
        self.v4.len() + self.v6.len()
    }

    /// Each kind in the order of its addresses: name servers change theirs with each answer.
    pub(super) fn sorted(mut self) -> Self {
        self.v4.sort_unstable();
        self.v6.sort_unstable();
        self
    }

    /// All addresses, the preferred first: IPv6 and IPv4 in turns (RFC 8305 §4).
    pub(super) fn in_turns(&self) -> impl Iterator<Item = IpAddr> {
        let longest = self.v4.len().max(self.v6.len());
        (0..longest).flat_map(|position| [self.v6.get(position), self.v4.get(position)]).flatten().copied()
    }
}

/// Until when the other kind is awaited now that this one has come. With IPv4 alone nearly everything is reached; IPv6 alone
/// is of no use on many machines, so that IPv4 may take all the time but what connecting needs.
fn end_of_patience(come: RecordType, deadline: Instant) -> Instant {
    let now = Instant::now();
    now + if come == RecordType::A { GRACE } else { deadline.saturating_duration_since(now) / 2 }
}

/// A resolver of the user's: no hosts file, no search list.
fn only(address: SocketAddr) -> ResolverConfig {
    let connections = [ConnectionConfig::udp(), ConnectionConfig::tcp()].map(|mut connection| {
        connection.port = address.port();
        connection
    });
    ResolverConfig::from_name_servers(vec![NameServerConfig::new(address.ip(), true, connections.into())])
}

/// The system's configuration. Where there is none, the resolver of this machine is asked (resolv.conf(5)), and a warning says
/// so.
fn or_local(
    system: Result<(ResolverConfig, ResolverOpts), NetError>,
) -> (ResolverConfig, ResolverOpts, Option<String>) {
    match system {
        Ok((config, options)) => (config, options, None),
        Err(error) => {
            let error = super::text::clean(&error.to_string());
            let warning = format!("the system's resolver configuration is not readable, asking 127.0.0.1: {error}");
            (only(SocketAddr::from(([127, 0, 0, 1], 53))), ResolverOpts::default(), Some(warning))
        }
    }
}

fn bounded(mut options: ResolverOpts) -> ResolverOpts {
    options.timeout = Duration::from_secs(1);
    options.attempts = 2;
    options.cache_size = 1024;
    options.positive_max_ttl = Some(MAX_POSITIVE);
    options.negative_max_ttl = Some(MAX_NEGATIVE);
    options.use_hosts_file = ResolveHosts::Never;
    options
}

/// The addresses among the records of an answer.
pub(super) fn addresses<'a>(records: impl Iterator<Item = &'a RData>) -> Vec<IpAddr> {
    let address = |data: &RData| match data {
        RData::A(address) => Some(IpAddr::V4(address.0)),
        RData::AAAA(address) => Some(IpAddr::V6(address.0)),
        _ => None,
    };
    records.filter_map(address).take(MAX_ADDRESSES).collect()
}

/// The failure behind the errors of both lookups, the most telling first.
fn failure(host: &str, family: Option<Family>, errors: &[NetError]) -> Failure {
    let missing = |error: &&NetError| matches!(error, NetError::Dns(DnsError::NoRecordsFound(_)));
    let Some(broken) = errors.iter().find(|error| !missing(error)) else {
        let what = match family {
            _ if errors.iter().any(NetError::is_nx_domain) => "no such name",
            None => "the name has no address",
            Some(Family::V4) => "the name has no IPv4 address",
            Some(Family::V6) => "the name has no IPv6 address",
        };
        return fail(FailureReason::NameNotFound, host, what);
    };
    match broken {
        NetError::Timeout => fail(FailureReason::ResolveTimedOut, host, "the resolver did not answer in time"),
        NetError::Dns(DnsError::ResponseCode(code)) => {
            let code = match code {
                ResponseCode::ServFail => "SERVFAIL".to_owned(),
                ResponseCode::Refused => "REFUSED".to_owned(),
                code => code.to_string(),
            };
            fail(FailureReason::ResolveFailed, host, &format!("the resolver answered {code}"))
        }
        NetError::NoConnections => fail(FailureReason::ResolveFailed, host, "the resolver is not reachable"),
        NetError::Proto(_) => fail(FailureReason::ResolveFailed, host, "the resolver's answer is not readable"),
        // The text is the library's, but may quote names from an answer.
        error => fail(FailureReason::ResolveFailed, host, &super::text::clean(&error.to_string())),
    }
}

fn fail(reason: FailureReason, host: &str, cause: &str) -> Failure {
    let host = super::text::clean(host);
    Failure { reason, stage: Stage::Resolve, detail: format!("{host} could not be resolved: {cause}") }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    /// Names by a resolver that nobody runs, after this hosts file.
    fn names(hosts_file: &str) -> Names {
        let mut names = Names::new(Some(SocketAddr::from(([127, 0, 0, 1], 1)))).unwrap();
        names.hosts.read_hosts_conf(hosts_file.as_bytes()).unwrap();
        names
    }

    #[test]
    fn names_are_made_without_a_runtime() {
        assert!(Names::new(None).is_ok());
    }

    #[test]
    fn without_a_configuration_the_machine_itself_is_asked_and_that_is_said() {
        let missing = std::io::Error::from(std::io::ErrorKind::NotFound);
        let (config, _, warning) = or_local(Err(missing.into()));
        let servers: Vec<IpAddr> = config.name_servers().iter().map(|server| server.ip).collect();
        assert_eq!(servers, [IpAddr::from([127, 0, 0, 1])]);
        let expected =
            "the system's resolver configuration is not readable, asking 127.0.0.1: io error: entity not found";
        assert_eq!(warning.as_deref(), Some(expected));
        let readable = (only(SocketAddr::from(([192, 0, 2, 1], 53))), ResolverOpts::default());
        assert_eq!(or_local(Ok(readable)).2, None);
    }

    #[tokio::test]
    async fn the_hosts_file_goes_before_dns_and_both_kinds_take_turns() {
        let names = names("192.0.2.1 a.test b.test\n192.0.2.2 a.test\n2001:db8::1 a.test\n");
        let deadline = Instant::now() + Duration::from_secs(20);
        let found = async |name, family| {
            let found = names.resolve(name, family, deadline).await.unwrap();
            found.in_turns().map(|address| address.to_string()).collect::<Vec<_>>()
        };
        assert_eq!(found("a.test", None).await, ["2001:db8::1", "192.0.2.1", "192.0.2.2"]);
        assert_eq!(found("a.test", Some(Family::V4)).await, ["192.0.2.1", "192.0.2.2"]);
        assert_eq!(found("a.test", Some(Family::V6)).await, ["2001:db8::1"]);
        assert_eq!(found("b.test", None).await, ["192.0.2.1"]);
    }

    #[test]
    fn addresses_are_sorted_within_their_kind_and_counted_once() {
        let parse = |text: &str| text.parse::<IpAddr>().unwrap();
        let found = Found::of(["192.0.2.9", "2001:db8::2", "192.0.2.10", "192.0.2.9", "2001:db8::1"].map(parse));
        assert_eq!(found.len(), 4);
        let turns: Vec<String> = found.sorted().in_turns().map(|address| address.to_string()).collect();
        assert_eq!(turns, ["2001:db8::1", "192.0.2.9", "2001:db8::2", "192.0.2.10"]);
    }
}
