//! Several addresses behind one name: each looked at once, all at the same time, and one word for all of them.

use std::{
    net::SocketAddr,
    time::{Duration, Instant},
};

use futures::FutureExt as _;
use jiff::Timestamp;
use ssl_monitor_operator::probe::{
    AddressPolicy, Addresses, FailureReason, Family, FaultKind, Means, Observation, Prober, Stage, Target, TrustStore,
};
use tokio::net::TcpListener;
use xtask::farm::{Authority, ClientAuth, Issued, Leaf, ServerOptions, TlsServer};

use crate::{
    names::Dns,
    peers::{BlackHole, nobody},
    support::{PATIENCE, faults, fingerprint, loopback, loopback_address, reason, trust},
};

async fn serve_at(address: SocketAddr, issued: &Issued) -> TlsServer {
    TlsServer::start(address, issued.clone(), ServerOptions::default()).await.unwrap()
}

fn at(address: &str, port: u16) -> SocketAddr {
    SocketAddr::new(address.parse().unwrap(), port)
}

fn any(port: u16) -> Target {
    Target { addresses: Addresses::Any, ..all(port) }
}

fn all(port: u16) -> Target {
    Target::new("a.test".parse().unwrap(), port)
}

async fn look(prober: &Prober, at: &Target, trust: &TrustStore) -> Observation {
    prober.probe(at, &Means::trusting(trust.clone()), PATIENCE, Timestamp::now()).await
}

/// The address of each endpoint, its failure and its fault.
fn endpoints(seen: &Observation) -> Vec<(SocketAddr, Option<FailureReason>, Option<FaultKind>)> {
    let row = |endpoint: &ssl_monitor_operator::probe::Endpoint| {
        let failure = endpoint.failure.as_ref().map(|failure| failure.reason);
        (endpoint.address, failure, endpoint.verdict.worst().map(|fault| fault.kind))
    };
    seen.endpoints.iter().map(row).collect()
}

#[tokio::test]
async fn every_address_of_both_families_is_looked_at_once() {
    let authority = Authority::new("Farm");
    let (new, old) = (Leaf::new(["a.test"]), Leaf::new(["a.test"]).expires_in_days(3));
    let (new_chain, old_chain) = (authority.issue(&new), authority.issue(&old));
    let first = serve_at(loopback_address(), &new_chain).await;
    let port = first.address().port();
    let second = serve_at(at("127.0.0.2", port), &old_chain).await;
    let third = serve_at(at("::1", port), &new_chain).await;
    let dns = Dns::knowing(&["::1", "127.0.0.2", "127.0.0.1", "127.0.0.2"]).await;
    let prober = dns.prober(loopback());

    let seen = look(&prober, &all(port), &trust(&authority)).await;
    let addresses = [first.address(), second.address(), third.address()];
    assert_eq!(endpoints(&seen), addresses.map(|address| (address, None, None)));
    assert_eq!(seen.endpoint_count, 3);
    let digests: Vec<_> = seen.endpoints.iter().map(|endpoint| endpoint.fingerprint.clone().unwrap()).collect();
    let expected = [&new_chain, &old_chain, &new_chain].map(|issued| fingerprint(&issued.chain[0]));
    assert_eq!(digests, expected);
    let keys: Vec<_> = seen.endpoints.iter().map(|endpoint| endpoint.public_key.as_deref().unwrap()).collect();
    let decides = seen.presented.as_ref().unwrap();
    assert_eq!(Some(keys[1]), decides.public_key.as_deref());
    assert!(keys[0] != keys[1] && keys[0] == keys[2], "{keys:?}");
    let issuer = decides.leaf.as_ref().unwrap().issued_by();
    assert_eq!((issuer.name.as_str(), issuer.dn.contains("CN=Farm")), ("Farm Intermediate", true));
    assert!(seen.endpoints.iter().all(|endpoint| endpoint.issuer.as_ref() == Some(&issuer)), "{seen:?}");
    let ends: Vec<_> = seen.endpoints.iter().map(|endpoint| endpoint.not_after.unwrap().as_second()).collect();
    assert_eq!(ends, [&new, &old, &new].map(|leaf| leaf.not_after.as_second()));
    // The one that ends first decides.
    assert_eq!((seen.address, reason(&seen), faults(&seen)), (Some(second.address()), None, vec![]));
    assert_eq!(seen.presented.unwrap().fingerprint, expected[1]);
    for server in [&first, &second, &third] {
        assert_eq!((server.accepted(), server.server_names()), (1, vec![Some("a.test".to_owned())]));
        server.idle().await;
    }

    for (family, expected) in [(Family::V4, &addresses[..2]), (Family::V6, &addresses[2..])] {
        let seen = look(&prober, &Target { family: Some(family), ..all(port) }, &trust(&authority)).await;
        let found: Vec<_> = seen.endpoints.iter().map(|endpoint| endpoint.address).collect();
        assert_eq!((found.as_slice(), seen.endpoint_count), (expected, expected.len()));
    }
    assert_eq!([first.accepted(), second.accepted(), third.accepted()], [2, 2, 2]);
}

#[tokio::test]
async fn of_any_address_only_the_first_that_answers_is_looked_at() {
    let authority = Authority::new("Farm");
    let issued = authority.issue(&Leaf::new(["a.test"]));
    let first = serve_at(loopback_address(), &issued).await;
    let port = first.address().port();
    let second = serve_at(at("127.0.0.2", port), &issued).await;
    let dns = Dns::knowing(&["127.0.0.2", "127.0.0.1"]).await;
    let seen = look(&dns.prober(loopback()), &any(port), &trust(&authority)).await;
    assert_eq!((seen.address, seen.endpoint_count), (Some(second.address()), 2));
    assert_eq!(endpoints(&seen), [(second.address(), None, None)]);
    assert_eq!([first.accepted(), second.accepted()], [0, 1]);
}

#[tokio::test]
async fn one_dead_address_is_a_partial_failure_and_of_any_costs_little() {
    let authority = Authority::new("Farm");
    let issued = authority.issue(&Leaf::new(["a.test"]));
    let server = serve_at(loopback_address(), &issued).await;
    let port = server.address().port();
    let trust = trust(&authority);
    // Nobody listens at the IPv6 address, and the black hole says nothing at all.
    let hole = BlackHole::dig(at("127.0.0.9", port)).await;
    let dns = Dns::knowing(&["::1", "127.0.0.1"]).await;
    let seen = look(&dns.prober(loopback()), &all(port), &trust).await;
    let refused = (at("::1", port), Some(FailureReason::ConnectionRefused), None);
    assert_eq!((reason(&seen), faults(&seen), seen.address), (None, vec![], Some(server.address())));
    assert_eq!(endpoints(&seen), [(server.address(), None, None), refused]);

    let dns = Dns::knowing(&["127.0.0.9", "127.0.0.1"]).await;
    let timeout = Duration::from_secs(4);
    let prober = dns.prober(loopback());
    let start = Instant::now();
    let seen = prober.probe(&all(port), &Means::trusting(trust.clone()), timeout, Timestamp::now()).await;
    let took = start.elapsed();
    assert!(took >= timeout / 2 && took < timeout, "half of the time for the dead one: {took:?}");
    assert_eq!((reason(&seen), faults(&seen), seen.address), (None, vec![], Some(server.address())));
    let timed_out = (hole.address, Some(FailureReason::ConnectTimedOut), None);
    assert_eq!(endpoints(&seen), [(server.address(), None, None), timed_out]);
    // The half is of what the resolution of the name has left, and an endpoint's own time begins a moment later.
    let before = seen.timings.resolve.unwrap() + Duration::from_millis(100);
    assert!(seen.endpoints[0].took < timeout / 2 && seen.endpoints[1].took + before >= timeout / 2, "{seen:?}");

    let seen = prober.probe(&any(port), &Means::trusting(trust), timeout, Timestamp::now()).await;
    assert_eq!((reason(&seen), seen.address), (None, Some(server.address())));
    assert!(seen.timings.connect.unwrap() >= Duration::from_millis(250), "the first goes first");
    assert!(seen.timings.total < timeout / 2, "{:?}", seen.timings);
}

#[tokio::test]
async fn when_all_addresses_are_dead_the_deadline_ends_it() {
    let first = BlackHole::dig(loopback_address()).await;
    let second = BlackHole::dig(at("127.0.0.2", first.address.port())).await;
    let dns = Dns::knowing(&["127.0.0.1", "127.0.0.2"]).await;
    let timeout = Duration::from_millis(600);
    let prober = dns.prober(loopback());
    let target = all(first.address.port());
    let seen = prober.probe(&target, &Means::trusting(nobody()), timeout, Timestamp::now()).await;
    assert!(seen.timings.total >= timeout);
    let row = |address| (address, Some(FailureReason::ConnectTimedOut), None);
    assert_eq!(endpoints(&seen), [row(first.address), row(second.address)]);
    assert_eq!((seen.address, seen.failure.unwrap().stage), (Some(first.address), Stage::Connect));
}

#[tokio::test]
async fn the_worst_certificate_decides_and_a_demand_for_ones_own_is_partial_too() {
    let authority = Authority::new("Farm");
    let good = serve_at(loopback_address(), &authority.issue(&Leaf::new(["a.test"]))).await;
    let port = good.address().port();
    let wrong = serve_at(at("127.0.0.2", port), &authority.issue(&Leaf::new(["b.test"]))).await;
    let options = ServerOptions::default().client_auth(ClientAuth::Required);
    let demanding = TlsServer::start(at("127.0.0.3", port), authority.issue(&Leaf::new(["a.test"]).expired()), options)
        .await
        .unwrap();
    let dns = Dns::knowing(&["127.0.0.3", "127.0.0.2", "127.0.0.1"]).await;
    let seen = look(&dns.prober(loopback()), &all(port), &trust(&authority)).await;
    assert_eq!((reason(&seen), faults(&seen)), (None, vec![FaultKind::Expired]));
    assert_eq!(seen.address, Some(demanding.address()));
    let expected = [
        (good.address(), None, None),
        (wrong.address(), None, Some(FaultKind::HostnameMismatch)),
        (demanding.address(), Some(FailureReason::ClientCertificateRequired), Some(FaultKind::Expired)),
    ];
    assert_eq!(endpoints(&seen), expected);
}

#[tokio::test]
async fn denied_addresses_are_counted_and_never_dialled() {
    let authority = Authority::new("Farm");
    let issued = authority.issue(&Leaf::new(["a.test"]));
    let server = serve_at(loopback_address(), &issued).await;
    let port = server.address().port();
    let denied = TcpListener::bind(("127.0.0.2", port)).await.unwrap();
    let dns = Dns::knowing(&["127.0.0.2", "127.0.0.1", "169.254.169.254", "fe80::1"]).await;
    let policy = AddressPolicy { allow: vec!["127.0.0.1/32".parse().unwrap()], ..AddressPolicy::default() };
    let seen = look(&dns.prober(policy), &all(port), &trust(&authority)).await;
    assert_eq!((endpoints(&seen), seen.endpoint_count), (vec![(server.address(), None, None)], 4));
    assert!(denied.accept().now_or_never().is_none(), "nothing has connected");

    let seen = look(&dns.prober(AddressPolicy::default()), &all(port), &nobody()).await;
    assert_eq!((reason(&seen), seen.endpoints), (Some(FailureReason::TargetDenied), vec![]));
    assert_eq!(server.accepted(), 1);
}

#[tokio::test]
async fn an_address_without_a_way_to_it_is_an_endpoint_with_that_failure() {
    let authority = Authority::new("Farm");
    let server = serve_at(loopback_address(), &authority.issue(&Leaf::new(["a.test"]))).await;
    let port = server.address().port();
    // A link-local address without its link: on no machine is there a way to it.
    let dns = Dns::knowing(&["fe80::1", "127.0.0.1"]).await;
    let mut policy = loopback();
    policy.allow.push("fe80::/10".parse().unwrap());
    let seen = look(&dns.prober(policy), &all(port), &trust(&authority)).await;
    let nowhere = (at("fe80::1", port), Some(FailureReason::HostUnreachable), None);
    assert_eq!(endpoints(&seen), [(server.address(), None, None), nowhere]);
    assert_eq!(seen.endpoints[1].failure.as_ref().unwrap().stage, Stage::Route);
    assert_eq!((reason(&seen), seen.address), (None, Some(server.address())));
}

#[tokio::test]
async fn a_name_or_an_address_of_the_other_family_is_no_target() {
    let dns = Dns::knowing(&["127.0.0.1"]).await;
    let prober = dns.prober(loopback());
    let v6 = |host: &str| Target { family: Some(Family::V6), ..Target::new(host.parse().unwrap(), 443) };
    for (host, expected) in [
        ("a.test", "a.test could not be resolved: the name has no IPv6 address"),
        ("127.0.0.1", "127.0.0.1 is not an IPv6 address"),
    ] {
        let seen = look(&prober, &v6(host), &nobody()).await;
        let failure = seen.failure.unwrap();
        assert_eq!((failure.reason, failure.stage), (FailureReason::NameNotFound, Stage::Resolve));
        assert_eq!(failure.detail, expected);
    }
    assert_eq!(dns.asked(), ["AAAA a.test."]);
}
