//! Receivers on loopback that record what they get and answer as they are told.

use std::{
    net::{IpAddr, Ipv4Addr, SocketAddr},
    sync::{Arc, Mutex},
    time::Duration,
};

use base64::Engine as _;
use jiff::Timestamp;
use rustls::{RootCertStore, ServerConfig, crypto::aws_lc_rs, server::WebPkiClientVerifier};
use secrecy::SecretString;
use ssl_monitor_operator::notify::{
    Certificate, Channel, ChannelKind, Kind, Level, Message, Names, Outcome, Rules, Secrets, Sender, Settings, Subject,
};
use tokio::{
    io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    task::JoinHandle,
};
use tokio_rustls::TlsAcceptor;
use xtask::farm::{Authority, Issued};

/// What a receiver does once it has the request.
#[derive(Debug, Clone)]
pub(crate) enum Answer {
    /// Say this, and close.
    Say(Vec<u8>),
    /// Say this, and then the other again and again, until the client has enough.
    Endless(Vec<u8>, Vec<u8>),
    /// Say this, which may be nothing, and keep the connection.
    Stall(Vec<u8>),
    /// Reset the connection in the middle of the status line.
    Reset,
}

/// A receiver; it stops when it is dropped.
pub(crate) struct Receiver {
    address: SocketAddr,
    seen: Arc<Mutex<Seen>>,
    task: JoinHandle<()>,
}

/// What a receiver has seen.
#[derive(Debug, Clone, Default)]
pub(crate) struct Seen {
    pub(crate) connections: usize,
    /// Head and body of each request.
    pub(crate) requests: Vec<String>,
    /// How many bytes of answers the network took.
    pub(crate) sent: usize,
}

impl Answer {
    /// An answer with this status line's end, these header lines and this body.
    pub(crate) fn status(status: &str, headers: &str, body: &str) -> Self {
        let length = body.len();
        Self::Say(format!("HTTP/1.1 {status}\r\ncontent-length: {length}\r\n{headers}\r\n{body}").into_bytes())
    }
}

impl Receiver {
    pub(crate) async fn start(answer: Answer) -> Self {
        Self::run(answer, None).await
    }

    pub(crate) async fn start_tls(answer: Answer, issued: Issued) -> Self {
        let config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(issued.chain, issued.key)
            .unwrap();
        Self::run(answer, Some(TlsAcceptor::from(Arc::new(config)))).await
    }

    /// One that talks only to clients with a certificate of this authority.
    pub(crate) async fn start_mutual(answer: Answer, issued: Issued, clients: &Authority) -> Self {
        let provider = Arc::new(aws_lc_rs::default_provider());
        let mut roots = RootCertStore::empty();
        roots.add(clients.root()).unwrap();
        let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider)).build();
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_client_cert_verifier(verifier.unwrap())
            .with_single_cert(issued.chain, issued.key)
            .unwrap();
        Self::run(answer, Some(TlsAcceptor::from(Arc::new(config)))).await
    }

    async fn run(answer: Answer, acceptor: Option<TlsAcceptor>) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let seen = Arc::new(Mutex::new(Seen::default()));
        let shared = Arc::clone(&seen);
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                shared.lock().unwrap().connections += 1;
                let (answer, acceptor, seen) = (answer.clone(), acceptor.clone(), Arc::clone(&shared));
                tokio::spawn(async move {
                    match acceptor {
                        None => serve(stream, answer, &seen).await,
                        Some(acceptor) => {
                            if let Ok(stream) = acceptor.accept(stream).await {
                                serve(stream, answer, &seen).await;
                            }
                        }
                    }
                });
            }
        });
        Self { address, seen, task }
    }

    pub(crate) fn port(&self) -> u16 {
        self.address.port()
    }

    /// `http://127.0.0.1:PORT` and the path.
    pub(crate) fn http(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}{path}", self.port())
    }

    /// `https://127.0.0.1:PORT` and the path.
    pub(crate) fn https(&self, path: &str) -> String {
        format!("https://127.0.0.1:{}{path}", self.port())
    }

    pub(crate) fn seen(&self) -> Seen {
        self.seen.lock().unwrap().clone()
    }

    /// The only request there was.
    #[track_caller]
    pub(crate) fn only_request(&self) -> String {
        let seen = self.seen();
        assert_eq!((seen.connections, seen.requests.len()), (1, 1));
        seen.requests.into_iter().next().unwrap()
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn serve<S: AsyncRead + AsyncWrite + Unpin>(mut stream: S, answer: Answer, seen: &Mutex<Seen>) {
    if let Answer::Reset = answer {
        // What was sent is not read: closing then resets the connection.
        let _ = stream.read_u8().await;
        let _ = stream.write_all(b"HTTP/1.1 20").await;
        return;
    }
    let Some(request) = read_request(&mut stream).await else { return };
    seen.lock().unwrap().requests.push(request);
    match answer {
        Answer::Say(bytes) => {
            let _ = stream.write_all(&bytes).await;
            let _ = stream.shutdown().await;
        }
        Answer::Endless(head, chunk) => {
            let mut sent = stream.write(&head).await;
            while let Ok(bytes @ 1..) = sent {
                seen.lock().unwrap().sent += bytes;
                sent = stream.write(&chunk).await;
            }
        }
        Answer::Stall(bytes) => {
            let _ = stream.write_all(&bytes).await;
            let _ = stream.read_u8().await;
        }
        Answer::Reset => {}
    }
}

async fn read_request<S: AsyncRead + Unpin>(stream: &mut S) -> Option<String> {
    let mut bytes = Vec::new();
    loop {
        let text = String::from_utf8_lossy(&bytes).into_owned();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
            if body.len() >= length.map_or(0, |length| length.parse().unwrap()) {
                return Some(text);
            }
        }
        if stream.read_buf(&mut bytes).await.ok()? == 0 {
            return None;
        }
    }
}

/// Reads up to an empty line, as a proxy does.
pub(crate) async fn read_head(stream: &mut TcpStream) -> String {
    let mut bytes = Vec::new();
    while !bytes.ends_with(b"\r\n\r\n") {
        bytes.push(stream.read_u8().await.unwrap());
    }
    String::from_utf8(bytes).unwrap()
}

/// Names that have these addresses, whatever they are.
#[derive(Debug)]
pub(crate) struct Fixed(pub(crate) Vec<IpAddr>);

impl Names for Fixed {
    fn addresses<'a>(&'a self, _: &'a str) -> futures::future::BoxFuture<'a, std::io::Result<Vec<IpAddr>>> {
        Box::pin(async { Ok(self.0.clone()) })
    }
}

/// A sender for which every name is 127.0.0.1, and that dials everything.
pub(crate) fn sender() -> Sender {
    Sender::new(Arc::new(Fixed(vec![Ipv4Addr::LOCALHOST.into()])), Arc::new(|_| Ok(())))
}

/// What tests allow: clear text, and no authority.
pub(crate) fn rules() -> Rules {
    Rules { allow_http: true, roots: Arc::new(RootCertStore::empty()) }
}

/// As [`Secrets`] has them.
#[allow(clippy::unnecessary_wraps)]
pub(crate) fn secret(text: &str) -> Option<SecretString> {
    Some(SecretString::from(text))
}

/// A channel of this kind with this address, and a second to answer.
pub(crate) fn settings(kind: ChannelKind, address: &str) -> Settings {
    let needs_token = !matches!(kind, ChannelKind::Webhook | ChannelKind::CloudEvents);
    Settings {
        address: Some(address.to_owned()),
        channel: Some(if kind == ChannelKind::Email { "ops@example.com" } else { "ops" }.to_owned()),
        username: (kind == ChannelKind::Email).then(|| "ssl@example.com".to_owned()),
        secret: Secrets { token: secret("token").filter(|_| needs_token), ..Secrets::default() },
        timeout: Some(Duration::from_secs(5)),
        ..Settings::new(kind)
    }
}

pub(crate) fn channel(settings: &Settings) -> Channel {
    Channel::new(settings, &rules()).unwrap()
}

/// What comes of telling a webhook at this address.
pub(crate) async fn told(address: &str) -> Outcome {
    sender().send(&channel(&settings(ChannelKind::Webhook, address)), &message()).await
}

pub(crate) fn message() -> Message {
    let since: Timestamp = "2026-01-02T03:04:05Z".parse().unwrap();
    Message {
        id: "m-1".to_owned(),
        incident: "i-1".to_owned(),
        kind: Kind::Problem,
        level: Level::Critical,
        subject: Subject {
            namespace: "shop".to_owned(),
            name: "web".to_owned(),
            uid: "u-1".to_owned(),
            domain: "shop.example.com".to_owned(),
            port: 443,
            cluster: None,
        },
        reason: "Expired".to_owned(),
        title: "the certificate of shop.example.com has expired".to_owned(),
        detail: "It was valid until 2026-01-02 03:04 UTC.".to_owned(),
        advice: "Renew it.".to_owned(),
        since,
        at: since,
        lapses: None,
        certificate: Some(Certificate {
            subject: "shop.example.com".to_owned(),
            issuer: "Example CA".to_owned(),
            fingerprint: "SHA256:00".to_owned(),
            valid_to: since,
            days: 0,
        }),
        parts: Vec::new(),
    }
}

/// A private key as PEM text.
pub(crate) fn key_pem(issued: &Issued) -> String {
    let text = base64::prelude::BASE64_STANDARD.encode(issued.key.secret_der());
    format!("-----BEGIN PRIVATE KEY-----\n{text}\n-----END PRIVATE KEY-----\n")
}
