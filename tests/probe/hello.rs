//! Large and small hellos: what is sent when, what is tried again, and what is remembered of it.

use std::{
    io,
    net::SocketAddr,
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use jiff::Timestamp;
use ssl_monitor_operator::probe::{FailureReason, FindingKind, Means, Observation, Prober, Target, TrustStore};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    task::{JoinHandle, JoinSet},
};
use xtask::farm::{Authority, Leaf, ServerOptions};

use crate::{
    peers::{alert, nobody, record, until_gone},
    support::{PATIENCE, faults, loopback_address, prober, reason, serve, serve_with, target, trust},
};

/// What a ClientHello record asks for (RFC 8446 §4.1.2).
#[derive(Debug, Clone, PartialEq, Eq)]
struct Hello {
    size: usize,
    extensions: Vec<(u16, Vec<u8>)>,
}

impl Hello {
    fn read(record: &[u8]) -> Self {
        let number = |bytes: &[u8]| usize::from(u16::from_be_bytes([bytes[0], bytes[1]]));
        // Record header 5, handshake header 4, version 2, random 32.
        let mut rest = &record[43..];
        rest = &rest[1 + usize::from(rest[0])..]; // session id
        rest = &rest[2 + number(rest)..]; // cipher suites
        rest = &rest[1 + usize::from(rest[0])..]; // compression methods
        rest = rest.get(2..).unwrap_or_default(); // length of the extensions, which SSL 3 has none of
        let mut extensions = Vec::new();
        while !rest.is_empty() {
            let end = 4 + number(&rest[2..]);
            extensions.push((u16::from_be_bytes([rest[0], rest[1]]), rest[4..end].to_vec()));
            rest = &rest[end..];
        }
        Self { size: record.len(), extensions }
    }

    fn extension(&self, wanted: u16) -> Option<&[u8]> {
        self.extensions.iter().find(|(number, _)| *number == wanted).map(|(_, data)| data.as_slice())
    }

    /// A list of two-byte numbers after its length.
    fn list(&self, wanted: u16) -> Vec<u16> {
        self.extension(wanted).unwrap()[2..].chunks(2).map(|pair| u16::from_be_bytes([pair[0], pair[1]])).collect()
    }

    fn is_large(&self) -> bool {
        self.size > 1200
    }

    /// The groups that key shares are sent for (RFC 8446 §4.2.8).
    fn shares(&self) -> Vec<u16> {
        let mut rest = &self.extension(51).unwrap()[2..];
        let mut groups = Vec::new();
        while !rest.is_empty() {
            groups.push(u16::from_be_bytes([rest[0], rest[1]]));
            rest = &rest[4 + usize::from(u16::from_be_bytes([rest[2], rest[3]]))..];
        }
        groups
    }
}

/// What a gate does with a connection, by the hello on it.
#[derive(Clone, Copy)]
enum Treat {
    Forward,
    Close,
    Reset,
    Silence,
    /// Say this, and close.
    Say(&'static [u8]),
    Alert(u8),
    /// A warning first, and then all that the server says.
    Warn(u8),
}

/// Stands before a server, and remembers the hellos.
struct Gate {
    address: SocketAddr,
    hellos: Arc<Mutex<Vec<Hello>>>,
    task: JoinHandle<()>,
}

impl Gate {
    async fn before(server: SocketAddr, mut treat: impl FnMut(&Hello) -> Treat + Send + 'static) -> Self {
        let listener = TcpListener::bind(loopback_address()).await.unwrap();
        let address = listener.local_addr().unwrap();
        let hellos = Arc::new(Mutex::new(Vec::new()));
        let memory = hellos.clone();
        let task = tokio::spawn(async move {
            let mut connections = JoinSet::new();
            loop {
                let (mut stream, _) = listener.accept().await.unwrap();
                let bytes = record(&mut stream).await.unwrap();
                let hello = Hello::read(&bytes);
                let treatment = treat(&hello);
                memory.lock().unwrap().push(hello);
                // A prober that leaves early is what some of these are for.
                connections.spawn(async move { drop(pass(stream, bytes, treatment, server).await) });
            }
        });
        Self { address, hellos, task }
    }

    /// A gate that lets only small hellos pass.
    async fn narrow(server: SocketAddr, instead: Treat) -> Self {
        Self::before(server, move |hello| if hello.is_large() { instead } else { Treat::Forward }).await
    }

    fn sizes(&self) -> Vec<&'static str> {
        let hellos = self.hellos.lock().unwrap();
        hellos.iter().map(|hello| if hello.is_large() { "large" } else { "small" }).collect()
    }
}

impl Drop for Gate {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn pass(mut stream: TcpStream, hello: Vec<u8>, treat: Treat, server: SocketAddr) -> io::Result<()> {
    match treat {
        Treat::Close => stream.shutdown().await?,
        Treat::Reset => return stream.set_zero_linger(),
        Treat::Silence => {}
        Treat::Say(bytes) => {
            stream.write_all(bytes).await?;
            stream.shutdown().await?;
        }
        Treat::Alert(number) => stream.write_all(&alert(2, number)).await?,
        Treat::Warn(_) | Treat::Forward => {
            if let Treat::Warn(number) = treat {
                stream.write_all(&alert(1, number)).await?;
            }
            let mut server = TcpStream::connect(server).await?;
            server.write_all(&hello).await?;
            tokio::io::copy_bidirectional(&mut stream, &mut server).await?;
        }
    }
    until_gone(&mut stream).await
}

async fn look(prober: &Prober, at: &Target, trust: &TrustStore, timeout: Duration) -> Observation {
    prober.probe(at, &Means::trusting(trust.clone()), timeout, Timestamp::now()).await
}

fn kinds(seen: &Observation) -> Vec<FindingKind> {
    seen.findings.iter().map(|finding| finding.kind).collect()
}

fn group(seen: &Observation) -> Option<&str> {
    seen.session.as_ref()?.group.as_deref()
}

#[tokio::test]
async fn the_first_hello_has_a_post_quantum_share_and_the_next_fit_one_packet() {
    let authority = Authority::new("Farm");
    let server = serve(authority.issue(&Leaf::new(["a.test"]))).await;
    let gate = Gate::before(server.address(), |_| Treat::Forward).await;
    let (prober, trust) = (prober(), trust(&authority));
    for expected in ["X25519MLKEM768"; 3] {
        let seen = look(&prober, &target("a.test", gate.address), &trust, PATIENCE).await;
        assert_eq!((reason(&seen), faults(&seen), kinds(&seen)), (None, vec![], vec![]));
        assert_eq!(group(&seen), Some(expected));
    }
    assert_eq!(gate.sizes(), ["large", "small", "small"]);
    // Another name at the same address is another server.
    look(&prober, &target("b.test", gate.address), &trust, PATIENCE).await;
    assert_eq!(gate.sizes(), ["large", "small", "small", "large"]);
    let hellos = gate.hellos.lock().unwrap().clone();
    assert_eq!(hellos[0].shares(), [0x11ec, 0x001d], "X25519MLKEM768 and X25519");
    assert_eq!(hellos[1].shares(), [0x001d], "X25519");
    assert!(hellos[1].size < 600, "{}", hellos[1].size);
    for hello in hellos {
        assert!(hello.list(10).contains(&0x11ec), "X25519MLKEM768 on offer");
        assert!(!hello.list(13).contains(&0x0808), "no signature is asked for that cannot be verified");
    }
}

#[tokio::test]
async fn a_server_that_drops_or_refuses_large_hellos_is_seen_by_a_small_one_which_is_told_and_remembered() {
    let authority = Authority::new("Farm");
    let server = serve(authority.issue(&Leaf::new(["a.test"]))).await;
    let trust = trust(&authority);
    let alerts = [40, 47, 50, 70, 80, 90, 112, 255].map(|number| (Treat::Alert(number), PATIENCE));
    let ends = [(Treat::Close, PATIENCE), (Treat::Reset, PATIENCE), (Treat::Silence, Duration::from_secs(4))];
    for (instead, timeout) in alerts.into_iter().chain(ends) {
        let gate = Gate::narrow(server.address(), instead).await;
        let (prober, at) = (prober(), target("a.test", gate.address));
        // Before it is told, the large one is tried once more.
        for hellos in [&["large", "small", "large"][..], &["large", "small", "large", "small"]] {
            let start = Instant::now();
            let seen = look(&prober, &at, &trust, timeout).await;
            assert_eq!((reason(&seen), faults(&seen)), (None, vec![]));
            assert_eq!(kinds(&seen), [FindingKind::LargeHelloIntolerant]);
            assert_eq!(gate.sizes(), hellos);
            assert!(start.elapsed() < timeout);
        }
    }
}

#[tokio::test]
async fn one_broken_connection_is_no_intolerance() {
    let authority = Authority::new("Farm");
    let server = serve(authority.issue(&Leaf::new(["a.test"]))).await;
    let trust = trust(&authority);
    let ends = [Treat::Close, Treat::Reset, Treat::Silence, Treat::Alert(80)];
    for instead in ends {
        let mut left = 1;
        let first = move |_: &Hello| if std::mem::take(&mut left) > 0 { instead } else { Treat::Forward };
        let gate = Gate::before(server.address(), first).await;
        let (prober, at) = (prober(), target("a.test", gate.address));
        for hellos in [&["large", "small", "large"][..], &["large", "small", "large", "small"]] {
            let seen = look(&prober, &at, &trust, Duration::from_secs(4)).await;
            assert_eq!((reason(&seen), faults(&seen), kinds(&seen)), (None, vec![], vec![]));
            assert_eq!((group(&seen), gate.sizes().as_slice()), (Some("X25519MLKEM768"), hellos));
        }
    }
}

#[tokio::test]
async fn a_server_that_answers_neither_hello_fails_as_it_did_first_and_is_asked_once_the_next_time() {
    let nobody = nobody();
    for (treat, expected) in [
        (Treat::Close, FailureReason::ConnectionClosed),
        (Treat::Reset, FailureReason::ConnectionReset),
        (Treat::Silence, FailureReason::HandshakeTimedOut),
    ] {
        let gate = Gate::before(loopback_address(), move |_| treat).await;
        let (prober, at) = (prober(), target("a.test", gate.address));
        let seen = look(&prober, &at, &nobody, Duration::from_millis(500)).await;
        assert_eq!((reason(&seen), seen.presented, seen.findings), (Some(expected), None, vec![]));
        let before = gate.sizes();
        assert_eq!(before[..2], ["large", "small"]);
        look(&prober, &at, &nobody, Duration::from_millis(500)).await;
        assert!(gate.sizes()[before.len()..].iter().all(|size| *size == "small"));
    }
}

#[tokio::test]
async fn a_server_that_refuses_both_hellos_is_asked_for_neither_again() {
    let gate = Gate::before(loopback_address(), |_| Treat::Alert(90)).await;
    let seen = look(&prober(), &target("a.test", gate.address), &nobody(), PATIENCE).await;
    assert_eq!((reason(&seen), seen.findings), (Some(FailureReason::HandshakeRefused), vec![]));
    assert_eq!(gate.sizes(), ["large", "small"]);
}

#[tokio::test]
async fn a_handshake_that_breaks_later_is_no_reason_to_try_a_small_hello() {
    // The beginning of a ServerHello: the hello was read.
    for begun in [Treat::Say(&[22, 3, 3, 0, 4, 2, 0, 0, 70]), Treat::Say(b"HTTP/1.1 400 Bad Request\r\n\r\n")] {
        let gate = Gate::before(loopback_address(), move |_| begun).await;
        let seen = look(&prober(), &target("a.test", gate.address), &nobody(), PATIENCE).await;
        assert_eq!((seen.presented, seen.findings, &gate.sizes()[..1]), (None, vec![], &["large"][..]));
        let hellos = gate.hellos.lock().unwrap();
        assert!(hellos.iter().skip(1).all(|hello| hello.extension(43).is_none()), "only older ones: {hellos:?}");
    }
}

#[tokio::test]
async fn a_classical_key_exchange_is_told_at_every_probe() {
    let authority = Authority::new("Farm");
    let server = serve_with(authority.issue(&Leaf::new(["a.test"])), ServerOptions::default().tls12()).await;
    let (prober, trust) = (prober(), trust(&authority));
    for _ in 0..3 {
        let seen = look(&prober, &target("a.test", server.address()), &trust, PATIENCE).await;
        assert_eq!((reason(&seen), faults(&seen), group(&seen)), (None, vec![], Some("X25519")));
        assert_eq!(kinds(&seen), [FindingKind::ClassicalKeyExchange]);
    }
    assert_eq!(server.accepted(), 3, "one connection each");
}

#[tokio::test]
async fn tls_1_2_fails_where_1_3_is_asked_for_and_its_certificate_is_judged() {
    let authority = Authority::new("Farm");
    let trust = trust(&authority);
    let issued = authority.issue(&Leaf::new(["a.test"]));
    let old = serve_with(issued.clone(), ServerOptions::default().tls12()).await;
    let at = Target { needs_tls13: true, ..target("a.test", old.address()) };
    let seen = look(&prober(), &at, &trust, PATIENCE).await;
    assert_eq!(faults(&seen), []);
    assert_eq!(seen.session.as_ref().unwrap().version, "TLS1.2");
    let failure = seen.failure.unwrap();
    let text = "the server chose TLS 1.2; TLS 1.3 is asked for";
    assert_eq!((failure.reason, failure.detail.as_str()), (FailureReason::ProtocolTooOld, text));

    let new = serve(issued).await;
    let at = Target { needs_tls13: true, ..target("a.test", new.address()) };
    assert_eq!(look(&prober(), &at, &trust, PATIENCE).await.failure, None);
}

#[tokio::test]
async fn a_server_that_rejects_the_name_shows_its_default_certificate_without_one() {
    let authority = Authority::new("Farm");
    let server = serve(authority.issue(&Leaf::new(["default.test"]))).await;
    let named = |hello: &Hello| hello.extension(0).is_some();
    let gate =
        Gate::before(server.address(), move |hello| if named(hello) { Treat::Alert(112) } else { Treat::Forward })
            .await;
    let seen = look(&prober(), &target("a.test", gate.address), &trust(&authority), PATIENCE).await;
    assert_eq!(reason(&seen), Some(FailureReason::ServerNameRejected));
    assert_eq!(faults(&seen), [ssl_monitor_operator::probe::FaultKind::HostnameMismatch]);
    let presented = seen.presented.unwrap();
    assert!(presented.proven);
    assert_eq!(presented.leaf.unwrap().subject, "default.test");
    assert_eq!(gate.sizes(), ["large", "small", "small"]);
    assert_eq!(server.server_names(), [None]);
}

#[tokio::test]
async fn a_name_that_is_only_warned_of_is_a_finding() {
    let authority = Authority::new("Farm");
    let server = serve_with(authority.issue(&Leaf::new(["a.test"])), ServerOptions::default().tls12()).await;
    let gate = Gate::before(server.address(), |_| Treat::Warn(112)).await;
    let seen = look(&prober(), &target("a.test", gate.address), &trust(&authority), PATIENCE).await;
    assert_eq!((reason(&seen), faults(&seen)), (None, vec![]));
    assert_eq!(kinds(&seen), [FindingKind::NameNotRecognized, FindingKind::ClassicalKeyExchange]);
}

#[tokio::test]
async fn signatures_that_cannot_be_verified_are_asked_for_only_when_nothing_else_is_accepted() {
    let gate = Gate::before(loopback_address(), |_| Treat::Alert(40)).await;
    let seen = look(&prober(), &target("a.test", gate.address), &nobody(), PATIENCE).await;
    assert_eq!((reason(&seen), seen.presented), (Some(FailureReason::NoCommonCipher), None));
    let hellos = gate.hellos.lock().unwrap().clone();
    let unverifiable = [0x0809, 0x080a, 0x080b, 0x0808];
    let asked = |hello: &Hello| unverifiable.iter().filter(|scheme| hello.list(13).contains(scheme)).count();
    assert_eq!((asked(&hellos[0]), asked(hellos.last().unwrap())), (0, 4));
}

#[tokio::test]
async fn what_follows_the_handshake_is_not_listened_to() {
    let authority = Authority::new("Farm");
    let trust = trust(&authority);
    let options = ServerOptions { tickets: 500, ..ServerOptions::default() };
    let server = serve_with(authority.issue(&Leaf::new(["a.test"])), options).await;
    let seen = look(&prober(), &target("a.test", server.address()), &trust, PATIENCE).await;
    assert_eq!((reason(&seen), faults(&seen)), (None, vec![]));
    server.idle().await;

    // Nor is a probe that is broken off leaving a connection behind.
    let (mut stream, listener) = {
        let listener = TcpListener::bind(loopback_address()).await.unwrap();
        let at = target("a.test", listener.local_addr().unwrap());
        let probe = tokio::spawn(async move { look(&prober(), &at, &nobody(), PATIENCE).await });
        let (mut stream, _) = listener.accept().await.unwrap();
        record(&mut stream).await.unwrap();
        probe.abort();
        (stream, listener)
    };
    assert!(matches!(stream.read(&mut [0; 16]).await, Ok(0) | Err(_)), "the socket is closed");
    drop(listener);
}
