//! Through proxies: real ones on loopback, that open tunnels, refuse, stall and lie; and the PROXY protocol.

use std::{
    io,
    net::{IpAddr, SocketAddr},
    sync::{Arc, Mutex},
    time::Duration,
};

use futures::FutureExt as _;
use jiff::Timestamp;
use ssl_monitor_operator::probe::{
    AddressPolicy, Addresses, FailureReason, Host, Means, NoProxy, Observation, Prober, ProberSettings, Proxy,
    ProxyKind, ProxyProtocol, Stage, Target, TrustStore,
};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _, copy_bidirectional},
    net::{TcpListener, TcpStream},
    task::{JoinHandle, JoinSet},
};
use xtask::farm::{Authority, Leaf, ServerOptions, TlsServer};

use crate::{
    names::Dns,
    peers::{closed, nobody, peer, until_gone},
    support::{PATIENCE, faults, loopback, loopback_address, prober, reason, serve, target, trust},
};

/// A proxy that connects to one server, whatever it is asked for, and remembers what that was.
struct Middle {
    address: SocketAddr,
    asked: Arc<Mutex<Vec<String>>>,
    task: JoinHandle<()>,
}

impl Middle {
    async fn http(server: SocketAddr) -> Self {
        Self::start(server, Spoken::Http).await
    }

    async fn start(server: SocketAddr, spoken: Spoken) -> Self {
        let listener = TcpListener::bind(loopback_address()).await.unwrap();
        let address = listener.local_addr().unwrap();
        let asked = Arc::new(Mutex::new(Vec::new()));
        let memory = asked.clone();
        let task = tokio::spawn(async move {
            let mut connections = JoinSet::new();
            loop {
                let (mut stream, _) = listener.accept().await.unwrap();
                let memory = memory.clone();
                connections.spawn(async move {
                    let asked = match spoken {
                        Spoken::Http => http(&mut stream).await,
                        Spoken::Socks(credentials) => socks(&mut stream, credentials).await,
                    };
                    let Ok(asked) = asked else { return };
                    memory.lock().unwrap().push(asked);
                    let mut server = TcpStream::connect(server).await.unwrap();
                    // A prober that leaves early is what some of these are for.
                    let _ = copy_bidirectional(&mut stream, &mut server).await;
                });
            }
        });
        Self { address, asked, task }
    }

    fn proxy(&self, kind: ProxyKind) -> Proxy {
        proxy(kind, self.address)
    }

    fn asked(&self) -> Vec<String> {
        let mut asked = self.asked.lock().unwrap().clone();
        asked.sort();
        asked
    }
}

impl Drop for Middle {
    fn drop(&mut self) {
        self.task.abort();
    }
}

#[derive(Clone, Copy)]
enum Spoken {
    Http,
    /// Every client has to give this name and password, if any.
    Socks(Option<(&'static str, &'static str)>),
}

fn proxy(kind: ProxyKind, address: SocketAddr) -> Proxy {
    Proxy { kind, host: Host::Address(address.ip()), port: address.port(), credentials: None }
}

/// Read a request and agree to it, a byte at a time.
async fn http(stream: &mut TcpStream) -> io::Result<String> {
    let mut request = Vec::new();
    while !request.ends_with(b"\r\n\r\n") {
        request.push(stream.read_u8().await?);
    }
    stream.set_nodelay(true)?;
    for byte in b"HTTP/1.1 200 Connection established\r\nVia: here\r\n\r\n" {
        stream.write_u8(*byte).await?;
    }
    Ok(String::from_utf8(request).unwrap())
}

async fn socks(stream: &mut TcpStream, credentials: Option<(&str, &str)>) -> io::Result<String> {
    let mut hello = [0; 2];
    stream.read_exact(&mut hello).await?;
    let mut methods = vec![0; usize::from(hello[1])];
    stream.read_exact(&mut methods).await?;
    let method = if credentials.is_some() { 2 } else { 0 };
    if !methods.contains(&method) {
        stream.write_all(&[5, 0xff]).await?;
        until_gone(stream).await?;
        return Err(io::ErrorKind::PermissionDenied.into());
    }
    stream.write_all(&[5, method]).await?;
    if let Some((user, password)) = credentials {
        assert_eq!(stream.read_u8().await?, 1);
        let fits = read_text(stream).await? == user && read_text(stream).await? == password;
        stream.write_all(&[1, u8::from(!fits)]).await?;
    }
    let mut request = [0; 4];
    stream.read_exact(&mut request).await?;
    let host = match request {
        [5, 1, 0, 1] => IpAddr::from(<[u8; 4]>::try_from(read(stream, 4).await?).unwrap()).to_string(),
        [5, 1, 0, 4] => IpAddr::from(<[u8; 16]>::try_from(read(stream, 16).await?).unwrap()).to_string(),
        [5, 1, 0, 3] => format!("name {}", read_text(stream).await?),
        other => panic!("{other:?}"),
    };
    let port = stream.read_u16().await?;
    // The address that the proxy connects from is a name here: one may be.
    stream.write_all(&[&[5, 0, 0, 3, 4][..], b"here", &[0, 80]].concat()).await?;
    Ok(format!("{host}:{port}"))
}

async fn read(stream: &mut TcpStream, length: usize) -> io::Result<Vec<u8>> {
    let mut bytes = vec![0; length];
    stream.read_exact(&mut bytes).await?;
    Ok(bytes)
}

async fn read_text(stream: &mut TcpStream) -> io::Result<String> {
    let length = stream.read_u8().await?;
    Ok(String::from_utf8(read(stream, length.into()).await?).unwrap())
}

fn means(trust: TrustStore, proxy: Proxy) -> Means {
    Means { proxy: Some(proxy), ..Means::trusting(trust) }
}

async fn look(prober: &Prober, at: &Target, means: &Means) -> Observation {
    prober.probe(at, means, PATIENCE, Timestamp::now()).await
}

fn a_test() -> Target {
    Target::new("a.test".parse().unwrap(), 8443)
}

/// The detail of a failure of the proxy, after its name.
fn says(seen: &Observation, proxy: SocketAddr) -> String {
    let failure = seen.failure.as_ref().unwrap_or_else(|| panic!("no failure: {seen:?}"));
    assert_eq!((failure.reason, failure.stage, &seen.presented), (FailureReason::ProxyFailed, Stage::Proxy, &None));
    let detail = failure.detail.strip_prefix(&format!("the proxy {proxy} "));
    detail.unwrap_or_else(|| panic!("{}", failure.detail)).to_owned()
}

#[tokio::test]
async fn proxies_that_resolve_names_are_given_the_name() {
    let authority = Authority::new("Farm");
    let server = serve(authority.issue(&Leaf::new(["a.test"]))).await;
    let dns = Dns::knowing(&["127.0.0.1"]).await;
    let request = "CONNECT a.test:8443 HTTP/1.1\r\nHost: a.test:8443\r\n\r\n";
    for (kind, spoken, expected) in
        [(ProxyKind::Http, Spoken::Http, request), (ProxyKind::Socks5h, Spoken::Socks(None), "name a.test:8443")]
    {
        let middle = Middle::start(server.address(), spoken).await;
        let seen = look(&dns.prober(loopback()), &a_test(), &means(trust(&authority), middle.proxy(kind))).await;
        assert_eq!((reason(&seen), faults(&seen)), (None, vec![]), "{seen:?}");
        assert_eq!((seen.address, seen.endpoints, seen.endpoint_count), (None, vec![], 0));
        assert!(seen.timings.resolve.is_none() && seen.timings.connect.is_some());
        assert_eq!(middle.asked(), [expected]);
    }
    assert_eq!(dns.asked(), [""; 0], "nothing is resolved here");
    assert_eq!(server.server_names(), [Some("a.test".to_owned()), Some("a.test".to_owned())]);
}

#[tokio::test]
async fn names_are_resolved_and_vetted_here_and_every_address_is_asked_for() {
    let authority = Authority::new("Farm");
    let server = serve(authority.issue(&Leaf::new(["a.test"]))).await;
    let middle = Middle::start(server.address(), Spoken::Socks(None)).await;
    let dns = Dns::knowing(&["127.0.0.2", "127.0.0.1", "::1", "169.254.169.254"]).await;
    let means = means(trust(&authority), middle.proxy(ProxyKind::Socks5));
    let prober = dns.prober(loopback());
    let seen = look(&prober, &a_test(), &means).await;
    assert_eq!((reason(&seen), faults(&seen), seen.endpoint_count), (None, vec![], 4));
    let addresses: Vec<String> = seen.endpoints.iter().map(|endpoint| endpoint.address.to_string()).collect();
    assert_eq!(addresses, ["127.0.0.1:8443", "127.0.0.2:8443", "[::1]:8443"]);
    assert_eq!(middle.asked(), ["127.0.0.1:8443", "127.0.0.2:8443", "::1:8443"]);

    let seen = look(&prober, &Target { addresses: Addresses::Any, ..a_test() }, &means).await;
    assert_eq!((reason(&seen), faults(&seen), seen.endpoints.len()), (None, vec![], 1));
    assert_eq!(middle.asked().len(), 4);
}

#[tokio::test]
async fn a_denied_target_is_refused_and_the_proxy_not_asked() {
    let listener = TcpListener::bind(loopback_address()).await.unwrap();
    let policy = AddressPolicy { allow: vec!["127.0.0.1/32".parse().unwrap()], ..AddressPolicy::default() };
    let prober = Prober::new(ProberSettings { policy, ..ProberSettings::default() }).unwrap();
    for kind in [ProxyKind::Http, ProxyKind::Socks5, ProxyKind::Socks5h] {
        let means = means(nobody(), proxy(kind, listener.local_addr().unwrap()));
        let seen = look(&prober, &Target::new("169.254.169.254".parse().unwrap(), 80), &means).await;
        assert_eq!(reason(&seen), Some(FailureReason::TargetDenied));
    }
    assert!(listener.accept().now_or_never().is_none(), "nothing has connected");
}

#[tokio::test]
async fn a_literal_address_is_an_endpoint_also_through_a_proxy() {
    let authority = Authority::new("Farm");
    let server = serve(authority.issue(&Leaf::new(["::1"]))).await;
    let middle = Middle::http(server.address()).await;
    let means = means(trust(&authority), middle.proxy(ProxyKind::Http));
    let seen = look(&prober(), &Target::new("::1".parse().unwrap(), 8443), &means).await;
    let address: SocketAddr = "[::1]:8443".parse().unwrap();
    assert_eq!((reason(&seen), faults(&seen), seen.address), (None, vec![], Some(address)));
    assert_eq!((seen.endpoints.len(), seen.endpoint_count), (1, 1));
    assert_eq!(middle.asked(), ["CONNECT [::1]:8443 HTTP/1.1\r\nHost: [::1]:8443\r\n\r\n"]);
}

#[tokio::test]
async fn credentials_are_sent_where_they_are_asked_for() {
    let authority = Authority::new("Farm");
    let server = serve(authority.issue(&Leaf::new(["a.test"]))).await;
    let known = Some(("user".to_owned(), "pass:word".to_owned()));
    let http = Middle::http(server.address()).await;
    let with = |kind, address, credentials| means(trust(&authority), Proxy { credentials, ..proxy(kind, address) });
    let seen = look(&prober(), &a_test(), &with(ProxyKind::Http, http.address, known.clone())).await;
    assert_eq!((reason(&seen), faults(&seen)), (None, vec![]));
    // base64 of user:pass:word
    let header = "Proxy-Authorization: Basic dXNlcjpwYXNzOndvcmQ=";
    assert_eq!(http.asked(), [format!("CONNECT a.test:8443 HTTP/1.1\r\nHost: a.test:8443\r\n{header}\r\n\r\n")]);

    let socks = Middle::start(server.address(), Spoken::Socks(Some(("user", "pass:word")))).await;
    let seen = look(&prober(), &a_test(), &with(ProxyKind::Socks5h, socks.address, known)).await;
    assert_eq!((reason(&seen), faults(&seen)), (None, vec![]));
    assert_eq!(socks.asked(), ["name a.test:8443"]);
    for (credentials, expected) in [
        (None, "asks for credentials"),
        (Some(("user".to_owned(), "wrong".to_owned())), "does not take the credentials"),
        (Some(("user".to_owned(), "x".repeat(256))), "takes user names and passwords of at most 255 bytes"),
    ] {
        let seen = look(&prober(), &a_test(), &with(ProxyKind::Socks5h, socks.address, credentials)).await;
        assert_eq!(says(&seen, socks.address), expected);
    }
}

#[tokio::test]
async fn what_a_proxy_does_instead_of_opening_a_tunnel_is_told() {
    let http = |text: &str| text.as_bytes().to_vec();
    let long = format!("HTTP/1.1 200 OK\r\n{}", "X: y\r\n".repeat(2000));
    for (kind, bytes, expected) in [
        (ProxyKind::Http, http("HTTP/1.1 407 Who?\r\n\r\n"), "asks for credentials: HTTP/1.1 407 Who?"),
        (
            ProxyKind::Http,
            http("HTTP/1.1 502 Bad\u{1b} Gateway\r\n\r\n"),
            "refused to connect: HTTP/1.1 502 Bad\\u{1b} Gateway",
        ),
        (ProxyKind::Http, http("SSH-2.0-x\r\n"), "does not speak HTTP: SSH-2.0-x"),
        (ProxyKind::Http, http(&long), "answered with more than 8 KiB"),
        (ProxyKind::Http, http("HTTP/1.1 200"), "closed the connection before the tunnel was open"),
        (ProxyKind::Http, Vec::new(), "closed the connection before the tunnel was open"),
        (ProxyKind::Socks5h, http("HTTP/1.1 400 Bad Request\r\n\r\n"), "does not speak SOCKS 5"),
        (ProxyKind::Socks5h, vec![5, 0xff], "asks for credentials"),
        (ProxyKind::Socks5h, vec![5, 0, 5, 5, 0, 1], "refused to connect: the connection was refused"),
        (ProxyKind::Socks5h, vec![5, 0, 5, 99, 0, 1], "refused to connect: reply 99"),
        (ProxyKind::Socks5h, vec![5, 0, 4, 0, 0, 1], "does not speak SOCKS 5"),
        (
            ProxyKind::Socks5h,
            vec![5, 0, 5, 0, 0, 9],
            "does not speak SOCKS 5: its answer holds an address of an unknown kind",
        ),
        (ProxyKind::Socks5h, vec![5, 0, 5, 0, 0, 3, 200, 1], "closed the connection before the tunnel was open"),
    ] {
        let (address, task) = peer(move |mut stream| async move {
            stream.write_all(&bytes).await?;
            stream.shutdown().await?;
            until_gone(&mut stream).await
        })
        .await;
        let seen = look(&prober(), &a_test(), &means(nobody(), proxy(kind, address))).await;
        assert_eq!(says(&seen, address), expected);
        task.await.unwrap();
    }
}

#[tokio::test]
async fn a_proxy_that_is_not_there_or_silent_is_told() {
    let (_held, closed) = closed();
    let seen = look(&prober(), &a_test(), &means(nobody(), proxy(ProxyKind::Http, closed))).await;
    assert_eq!(says(&seen, closed), format!("could not be reached: {closed}: the connection was refused"));

    let silent = TcpListener::bind(loopback_address()).await.unwrap();
    let address = silent.local_addr().unwrap();
    let soon = Duration::from_millis(300);
    let means = means(nobody(), proxy(ProxyKind::Http, address));
    let seen = prober().probe(&a_test(), &means, soon, Timestamp::now()).await;
    assert_eq!(says(&seen, address), "did not answer in time");
    assert!(seen.timings.total >= soon);
}

#[tokio::test]
async fn what_the_target_says_right_behind_the_proxy_is_not_lost() {
    let (address, task) = peer(|mut stream| async move {
        // All in one: the answer of the proxy, and what the server behind it says first.
        stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n220 mail.test ESMTP\r\n").await?;
        until_gone(&mut stream).await
    })
    .await;
    let seen = look(&prober(), &a_test(), &means(nobody(), proxy(ProxyKind::Http, address))).await;
    let failure = seen.failure.unwrap();
    assert_eq!(
        failure.detail,
        "what answered is not TLS but SMTP, which is to be asked for TLS (tls.startTLS: smtp): 220 mail.test ESMTP"
    );
    task.await.unwrap();
}

#[tokio::test]
async fn a_proxy_of_a_probe_is_vetted_and_one_of_the_operator_is_not() {
    let authority = Authority::new("Farm");
    let server = serve(authority.issue(&Leaf::new(["a.test"]))).await;
    let middle = Middle::http(server.address()).await;
    let own = Prober::new(ProberSettings::default()).unwrap();
    let seen = look(&own, &a_test(), &means(nobody(), middle.proxy(ProxyKind::Http))).await;
    let denied = "is denied: 127.0.0.1 may not be probed: 127.0.0.1 is a loopback address";
    assert_eq!(says(&seen, middle.address), denied);
    assert_eq!(middle.asked(), [""; 0]);

    let settings = ProberSettings { proxy: Some(middle.proxy(ProxyKind::Http)), ..ProberSettings::default() };
    let operator = Prober::new(settings).unwrap();
    let seen = look(&operator, &a_test(), &Means::trusting(trust(&authority))).await;
    assert_eq!((reason(&seen), faults(&seen)), (None, vec![]));
    assert_eq!(middle.asked().len(), 1);
}

#[tokio::test]
async fn the_probes_own_proxy_goes_first_and_exceptions_are_reached_directly() {
    let authority = Authority::new("Farm");
    let server = serve(authority.issue(&Leaf::new(["a.test"]))).await;
    let (default, own) = (Middle::http(server.address()).await, Middle::http(server.address()).await);
    let settings = |no_proxy: &str| ProberSettings {
        policy: loopback(),
        proxy: Some(default.proxy(ProxyKind::Http)),
        no_proxy: no_proxy.parse::<NoProxy>().unwrap(),
        ..ProberSettings::default()
    };
    let trust = trust(&authority);
    let excepting = Prober::new(settings("127.0.0.0/8")).unwrap();
    let at = target("a.test", server.address());
    let asked = || (default.asked().len(), own.asked().len());

    assert_eq!(reason(&look(&excepting, &at, &Means::trusting(trust.clone())).await), None);
    assert_eq!(asked(), (0, 0), "directly");
    assert_eq!(reason(&look(&excepting, &at, &means(trust.clone(), own.proxy(ProxyKind::Http))).await), None);
    assert_eq!(asked(), (0, 1));
    let other = Prober::new(settings("b.test")).unwrap();
    assert_eq!(reason(&look(&other, &at, &Means::trusting(trust)).await), None);
    assert_eq!(asked(), (1, 1));
}

#[tokio::test]
async fn a_name_of_a_proxy_is_resolved() {
    let authority = Authority::new("Farm");
    let server = serve(authority.issue(&Leaf::new(["b.test"]))).await;
    let middle = Middle::http(server.address()).await;
    let dns = Dns::knowing(&["127.0.0.1"]).await;
    let by_name = Proxy { host: "proxy.test".parse().unwrap(), ..middle.proxy(ProxyKind::Http) };
    let at = Target::new("b.test".parse().unwrap(), 443);
    let seen = look(&dns.prober(loopback()), &at, &means(trust(&authority), by_name.clone())).await;
    assert_eq!((reason(&seen), faults(&seen)), (None, vec![]));
    assert_eq!(dns.asked(), ["A proxy.test.", "AAAA proxy.test."]);

    let empty = Dns::knowing(&[]).await;
    let seen = look(&empty.prober(loopback()), &at, &means(nobody(), by_name)).await;
    let failure = seen.failure.unwrap();
    let port = middle.address.port();
    let text = format!(
        "the proxy proxy.test:{port} could not be found: proxy.test could not be resolved: the name has no address"
    );
    assert_eq!((failure.reason, failure.detail), (FailureReason::ProxyFailed, text));
}

/// A server that takes connections only with this header before the first record.
async fn behind_header(header: &'static [u8], server: SocketAddr) -> (SocketAddr, JoinHandle<()>) {
    let listener = TcpListener::bind(loopback_address()).await.unwrap();
    let address = listener.local_addr().unwrap();
    let task = tokio::spawn(async move {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            let begins = read(&mut stream, header.len()).await;
            if begins.is_ok_and(|bytes| bytes == header) {
                let mut server = TcpStream::connect(server).await.unwrap();
                let _ = copy_bidirectional(&mut stream, &mut server).await;
            }
        }
    });
    (address, task)
}

#[tokio::test]
async fn a_server_behind_a_load_balancer_is_seen_with_the_header_that_it_waits_for() {
    let authority = Authority::new("Farm");
    let issued = authority.issue(&Leaf::new(["a.test"]));
    let server = TlsServer::start(loopback_address(), issued, ServerOptions::default()).await.unwrap();
    let means = Means::trusting(trust(&authority));
    for (version, header) in
        [(ProxyProtocol::V1, &b"PROXY UNKNOWN\r\n"[..]), (ProxyProtocol::V2, &b"\r\n\r\n\0\r\nQUIT\n\x20\0\0\0"[..])]
    {
        let (address, task) = behind_header(header, server.address()).await;
        let with = Target { proxy_protocol: Some(version), ..target("a.test", address) };
        let seen = look(&prober(), &with, &means).await;
        assert_eq!((reason(&seen), faults(&seen)), (None, vec![]), "{version:?}");
        let seen = look(&prober(), &target("a.test", address), &means).await;
        let expected = [FailureReason::ConnectionReset, FailureReason::ConnectionClosed];
        assert!(expected.contains(&reason(&seen).unwrap()), "{seen:?}");
        task.abort();
    }
}
