//! Names: resolved within bounds, every address vetted, exactly the vetted one dialled.

use std::{
    net::{IpAddr, SocketAddr},
    sync::{Arc, Mutex},
    time::Duration,
};

use futures::FutureExt as _;
use hickory_proto::{
    op::{Message, ResponseCode},
    rr::{Name, RData, Record, RecordType, rdata::CNAME},
};
use jiff::Timestamp;
use ssl_monitor_operator::probe::{
    AddressPolicy, FailureReason, Means, Observation, Prober, ProberSettings, Stage, Target, TrustStore,
};
use tokio::{
    net::{TcpListener, UdpSocket},
    task::JoinHandle,
};
use xtask::farm::{Authority, Leaf, ServerOptions, TlsServer};

use crate::{
    peers::{BlackHole, closed},
    support::{PATIENCE, faults, loopback, loopback_address, reason, trust},
};

/// What the DNS server says to a question.
pub(crate) enum Reply {
    Addresses(Vec<IpAddr>),
    Code(ResponseCode),
    Alias(&'static str),
    Garbage(Vec<u8>),
    Silence,
}

/// A DNS server on loopback that replies as told (by the kind of record, and how often it has been asked for) and remembers what it was asked.
pub(crate) struct Dns {
    address: SocketAddr,
    asked: Arc<Mutex<Vec<String>>>,
    task: JoinHandle<()>,
}

impl Dns {
    pub(crate) async fn start(reply: impl Fn(RecordType, usize) -> Reply + Send + 'static) -> Self {
        let socket = UdpSocket::bind(loopback_address()).await.unwrap();
        let address = socket.local_addr().unwrap();
        let asked = Arc::new(Mutex::new(Vec::new()));
        let memory = asked.clone();
        let task = tokio::spawn(async move {
            let mut buffer = [0; 4096];
            loop {
                let (read, peer) = socket.recv_from(&mut buffer).await.unwrap();
                let question = Message::from_vec(&buffer[..read]).unwrap();
                let (name, kind) = (question.queries[0].name().to_string(), question.queries[0].query_type());
                let times = {
                    let mut asked = memory.lock().unwrap();
                    asked.push(format!("{kind} {name}"));
                    asked.iter().filter(|line| **line == format!("{kind} {name}")).count()
                };
                if let Some(bytes) = answer(question, kind, reply(kind, times)) {
                    socket.send_to(&bytes, peer).await.unwrap();
                }
            }
        });
        Self { address, asked, task }
    }

    /// A server that knows `a.test` only, by these addresses.
    pub(crate) async fn knowing(addresses: &[&str]) -> Self {
        let addresses: Vec<IpAddr> = addresses.iter().map(|address| address.parse().unwrap()).collect();
        Self::start(move |_, _| Reply::Addresses(addresses.clone())).await
    }

    pub(crate) fn prober(&self, policy: AddressPolicy) -> Prober {
        Prober::new(ProberSettings { policy, resolver: Some(self.address), ..ProberSettings::default() }).unwrap()
    }

    pub(crate) fn asked(&self) -> Vec<String> {
        let mut asked = self.asked.lock().unwrap().clone();
        asked.sort();
        asked
    }
}

impl Drop for Dns {
    fn drop(&mut self) {
        self.task.abort();
    }
}

fn answer(question: Message, kind: RecordType, reply: Reply) -> Option<Vec<u8>> {
    let name = question.queries[0].name().clone();
    let mut response = question.into_response();
    response.edns = None;
    match reply {
        Reply::Addresses(addresses) => {
            let wanted = addresses.into_iter().filter(|address| address.is_ipv4() == (kind == RecordType::A));
            response.add_answers(wanted.map(|address| {
                let data = match address {
                    IpAddr::V4(address) => RData::A(address.into()),
                    IpAddr::V6(address) => RData::AAAA(address.into()),
                };
                Record::from_rdata(name.clone(), 0, data)
            }));
        }
        Reply::Code(code) => response.metadata.response_code = code,
        Reply::Alias(to) => {
            let alias = RData::CNAME(CNAME(Name::from_ascii(to).unwrap()));
            response.add_answer(Record::from_rdata(name, 0, alias));
        }
        Reply::Garbage(bytes) => return Some([&response.metadata.id.to_be_bytes()[..], &bytes].concat()),
        Reply::Silence => return None,
    }
    Some(response.to_vec().unwrap())
}

fn a_test(port: u16) -> Target {
    Target::new("a.test".parse().unwrap(), port)
}

async fn look(prober: &Prober, port: u16, trust: &TrustStore) -> Observation {
    prober.probe(&a_test(port), &Means::trusting(trust.clone()), PATIENCE, Timestamp::now()).await
}

fn nobody() -> TrustStore {
    TrustStore::new(None, None).unwrap()
}

#[tokio::test]
async fn a_name_is_resolved_as_it_is_and_probed() {
    let authority = Authority::new("Farm");
    let issued = authority.issue(&Leaf::new(["a.test"]));
    let server = TlsServer::start(loopback_address(), issued, ServerOptions::default()).await.unwrap();
    let dns = Dns::knowing(&["127.0.0.1"]).await;
    let seen = look(&dns.prober(loopback()), server.address().port(), &trust(&authority)).await;
    assert_eq!((reason(&seen), faults(&seen), seen.address), (None, vec![], Some(server.address())));
    assert!(seen.timings.resolve.is_some());
    assert_eq!(dns.asked(), ["A a.test.", "AAAA a.test."], "an absolute name, once each kind");
}

#[tokio::test]
async fn denied_addresses_are_never_dialled_whatever_their_form() {
    let listener = TcpListener::bind(loopback_address()).await.unwrap();
    let port = listener.local_addr().unwrap().port();
    for address in [
        "127.0.0.1",
        "169.254.169.254",
        "::1",
        "fe80::1",
        "0.0.0.0",
        "::",
        "::ffff:169.254.169.254",
        "::ffff:127.0.0.1",
        "64:ff9b::a9fe:a9fe",
        "2002:a9fe:a9fe::",
    ] {
        let dns = Dns::knowing(&[address]).await;
        let seen = look(&dns.prober(AddressPolicy::default()), port, &nobody()).await;
        let failure = seen.failure.unwrap();
        assert_eq!((failure.reason, failure.stage), (FailureReason::TargetDenied, Stage::Policy), "{address}");
        let address: IpAddr = address.parse().unwrap();
        let start = format!("a.test may not be probed: {address} ");
        assert!(failure.detail.starts_with(&start), "{}", failure.detail);
        assert_eq!((seen.address, seen.timings.connect, seen.presented), (None, None, None));
    }
    let literal = Target::new("127.0.0.1".parse().unwrap(), port);
    let prober = Prober::new(ProberSettings::default()).unwrap();
    let seen = prober.probe(&literal, &Means::trusting(nobody()), PATIENCE, Timestamp::now()).await;
    let text = "127.0.0.1 may not be probed: 127.0.0.1 is a loopback address";
    assert_eq!(seen.failure.unwrap().detail, text);
    assert!(listener.accept().now_or_never().is_none(), "nothing has connected");
}

#[tokio::test]
async fn a_denied_address_among_others_is_passed_over() {
    let authority = Authority::new("Farm");
    let issued = authority.issue(&Leaf::new(["a.test"]));
    let server = TlsServer::start(loopback_address(), issued, ServerOptions::default()).await.unwrap();
    let port = server.address().port();
    let denied = TcpListener::bind(("127.0.0.2", port)).await.unwrap();
    let dns = Dns::knowing(&["::1", "169.254.169.254", "127.0.0.2", "127.0.0.1"]).await;
    let policy = AddressPolicy { allow: vec!["127.0.0.1/32".parse().unwrap()], ..AddressPolicy::default() };
    let seen = look(&dns.prober(policy), port, &trust(&authority)).await;
    assert_eq!((reason(&seen), faults(&seen), seen.address), (None, vec![], Some(server.address())));
    assert!(denied.accept().now_or_never().is_none(), "nothing has connected");
}

#[tokio::test]
async fn the_address_that_was_vetted_is_the_one_that_is_dialled() {
    let authority = Authority::new("Farm");
    let issued = authority.issue(&Leaf::new(["a.test"]));
    let server = TlsServer::start(loopback_address(), issued, ServerOptions::default()).await.unwrap();
    let port = server.address().port();
    let rebound = TcpListener::bind(("127.0.0.2", port)).await.unwrap();
    let dns = Dns::start(|_, times| {
        Reply::Addresses(vec![if times == 1 { [127, 0, 0, 1].into() } else { [127, 0, 0, 2].into() }])
    })
    .await;
    let policy = AddressPolicy { allow: vec!["127.0.0.1/32".parse().unwrap()], ..AddressPolicy::default() };
    let prober = dns.prober(policy);
    let seen = look(&prober, port, &trust(&authority)).await;
    assert_eq!((faults(&seen), seen.address), (vec![], Some(server.address())));
    assert_eq!(dns.asked(), ["A a.test.", "AAAA a.test."]);
    let seen = look(&prober, port, &trust(&authority)).await;
    assert_eq!(reason(&seen), Some(FailureReason::TargetDenied), "the next probe sees the new address, and vets it");
    assert!(rebound.accept().now_or_never().is_none(), "nothing has connected");
}

#[tokio::test]
async fn a_dead_address_does_not_keep_a_living_one_waiting() {
    let authority = Authority::new("Farm");
    let issued = authority.issue(&Leaf::new(["a.test"]));
    let server = TlsServer::start(loopback_address(), issued, ServerOptions::default()).await.unwrap();
    let port = server.address().port();
    let hole = BlackHole::dig(([127, 0, 0, 3], port).into()).await;
    // Of 127.0.0.2 nothing listens, which is told at once; the black hole says nothing at all.
    let dns = Dns::knowing(&["127.0.0.3", "127.0.0.2", "127.0.0.1"]).await;
    let seen = look(&dns.prober(loopback()), port, &trust(&authority)).await;
    assert_eq!((reason(&seen), faults(&seen), seen.address), (None, vec![], Some(server.address())));
    drop(hole);
}

#[tokio::test]
async fn many_addresses_are_cut_to_a_few() {
    // As many as one datagram holds; where nothing listens the connection is refused at once.
    let dns = Dns::start(|_, _| Reply::Addresses((1..=60).map(|last| [127, 9, 9, last].into()).collect())).await;
    let beyond = TcpListener::bind(("127.9.9.17", 0)).await.unwrap();
    let port = beyond.local_addr().unwrap().port();
    let seen = look(&dns.prober(loopback()), port, &nobody()).await;
    let failure = seen.failure.unwrap();
    assert_eq!(failure.detail, format!("127.9.9.1:{port}: the connection was refused"));
    assert_eq!(seen.address, Some(([127, 9, 9, 1], port).into()), "the address that the failure is about");
    assert!(beyond.accept().now_or_never().is_none(), "nothing has connected");

    let authority = Authority::new("Farm");
    let issued = authority.issue(&Leaf::new(["a.test"]));
    let last = TlsServer::start(([127, 9, 9, 16], port).into(), issued, ServerOptions::default()).await.unwrap();
    let seen = look(&dns.prober(loopback()), port, &trust(&authority)).await;
    assert_eq!((reason(&seen), seen.address), (None, Some(last.address())));
}

#[tokio::test]
async fn addresses_of_the_older_kind_are_awaited_longer_than_those_of_the_newer() {
    let authority = Authority::new("Farm");
    let issued = authority.issue(&Leaf::new(["a.test"]));
    let server = TlsServer::start(loopback_address(), issued, ServerOptions::default()).await.unwrap();
    let (v4, v6) = (IpAddr::from([127, 0, 0, 1]), "::1".parse().unwrap());
    // The first questions for an IPv4 address are lost, and nobody is at the IPv6 address.
    let dns = Dns::start(move |kind, times| match (kind, times) {
        (RecordType::A, 1..=3) => Reply::Silence,
        _ => Reply::Addresses(vec![v4, v6]),
    })
    .await;
    let seen = look(&dns.prober(loopback()), server.address().port(), &trust(&authority)).await;
    assert_eq!((reason(&seen), seen.address), (None, Some(server.address())));

    // IPv6 addresses are not awaited for long, and IPv4 addresses not so long that no time is left.
    for (silent, dialled) in [(RecordType::AAAA, v4), (RecordType::A, v6)] {
        let dns = Dns::start(move |kind, _| match kind {
            kind if kind == silent => Reply::Silence,
            _ => Reply::Addresses(vec![v4, v6]),
        })
        .await;
        let (_held, closed) = closed();
        let limit = Duration::from_secs(1);
        let seen = dns
            .prober(loopback())
            .probe(&a_test(closed.port()), &Means::trusting(nobody()), limit, Timestamp::now())
            .await;
        let address = Some(SocketAddr::new(dialled, closed.port()));
        assert_eq!((seen.address, seen.failure.unwrap().stage), (address, Stage::Connect));
    }
}

#[tokio::test]
async fn what_goes_wrong_with_a_name_is_told() {
    let nonsense = || Reply::Garbage(vec![0xff; 500]);
    for (reply, expected, says) in [
        (
            Box::new(|| Reply::Code(ResponseCode::NXDomain)) as Box<dyn Fn() -> Reply + Send>,
            FailureReason::NameNotFound,
            "no such name",
        ),
        (Box::new(|| Reply::Addresses(Vec::new())), FailureReason::NameNotFound, "the name has no address"),
        (
            Box::new(|| Reply::Code(ResponseCode::ServFail)),
            FailureReason::ResolveFailed,
            "the resolver answered SERVFAIL",
        ),
        (
            Box::new(|| Reply::Code(ResponseCode::Refused)),
            FailureReason::ResolveFailed,
            "the resolver answered REFUSED",
        ),
        (Box::new(|| Reply::Alias("a.test.")), FailureReason::NameNotFound, "the name has no address"),
        (Box::new(nonsense), FailureReason::ResolveFailed, "the resolver's answer is not readable"),
        (Box::new(|| Reply::Silence), FailureReason::ResolveTimedOut, "the resolver did not answer in time"),
    ] {
        let dns = Dns::start(move |_, _| reply()).await;
        // Where nothing comes, the deadline is the matter.
        let silent = expected == FailureReason::ResolveTimedOut;
        let timeout = if silent { Duration::from_millis(300) } else { PATIENCE };
        let prober = dns.prober(loopback());
        let seen = prober.probe(&a_test(443), &Means::trusting(nobody()), timeout, Timestamp::now()).await;
        let failure = seen.failure.unwrap();
        assert_eq!((failure.reason, failure.stage), (expected, Stage::Resolve), "{}", failure.detail);
        assert!(failure.detail.starts_with("a.test could not be resolved: ") && failure.detail.ends_with(says));
        assert_eq!((seen.address, seen.timings.resolve), (None, None));
    }
}
