//! Receivers on loopback that record what they get and answer as they are told.
#![allow(dead_code)] // each helper is for the tests that need it

use std::{
    net::{Ipv4Addr, SocketAddr},
    sync::{Arc, Mutex},
};

use rustls::{RootCertStore, ServerConfig, crypto::aws_lc_rs, server::WebPkiClientVerifier};
use tokio::{
    io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _},
    net::TcpListener,
    task::JoinHandle,
};
use tokio_rustls::TlsAcceptor;
use xtask::farm::{Authority, Issued, acceptor};

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
    answer: Arc<Mutex<Answer>>,
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
        Self::run(answer, Some(acceptor(issued).unwrap())).await
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
        let (answer, seen) = (Arc::new(Mutex::new(answer)), Arc::new(Mutex::new(Seen::default())));
        let (answers, shared) = (Arc::clone(&answer), Arc::clone(&seen));
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                shared.lock().unwrap().connections += 1;
                let (answer, acceptor, seen) = (answers.lock().unwrap().clone(), acceptor.clone(), Arc::clone(&shared));
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
        Self { address, answer, seen, task }
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

    /// Answer like this from the next connection on.
    pub(crate) fn set_answer(&self, answer: Answer) {
        *self.answer.lock().unwrap() = answer;
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
