//! A TLS server on loopback that completes handshakes and says nothing.

use std::{
    io,
    net::SocketAddr,
    sync::{
        Arc, Mutex, PoisonError, RwLock,
        atomic::{AtomicUsize, Ordering},
    },
};

use rustls::{
    RootCertStore, ServerConfig, SupportedProtocolVersion,
    crypto::{CryptoProvider, aws_lc_rs},
    server::{ClientHello, ResolvesServerCert, WebPkiClientVerifier},
    sign::CertifiedKey,
};
use tokio::{
    io::AsyncReadExt as _,
    net::{TcpListener, TcpStream},
    sync::watch,
    task::{JoinHandle, JoinSet},
};
use tokio_rustls::TlsAcceptor;

use super::{Authority, Issued};

/// How a server behaves; the default accepts TLS 1.2 and 1.3 from anyone.
#[derive(Clone)]
pub struct ServerOptions {
    /// Protocol versions that are accepted.
    pub versions: &'static [&'static SupportedProtocolVersion],
    /// Whether clients must show a certificate.
    pub client_auth: ClientAuth,
    /// How many session tickets are sent after a TLS 1.3 handshake.
    pub tickets: usize,
}

/// Whether a server asks for client certificates; the authority it asks for exists nowhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ClientAuth {
    /// Does not ask.
    None,
    /// Asks, and goes on without.
    Optional,
    /// Asks, and refuses to go on without.
    Required,
}

/// A server in a task of its own; it stops, and closes all its connections, when this is dropped.
pub struct TlsServer {
    address: SocketAddr,
    accepted: Arc<AtomicUsize>,
    open: watch::Receiver<usize>,
    served: Arc<Served>,
    task: JoinHandle<()>,
}

/// The certificate that is served now.
#[derive(Debug)]
struct Served {
    provider: Arc<CryptoProvider>,
    current: RwLock<Option<Arc<CertifiedKey>>>,
    wanted: Mutex<Vec<Option<String>>>,
}

impl Default for ServerOptions {
    fn default() -> Self {
        Self { versions: rustls::ALL_VERSIONS, client_auth: ClientAuth::None, tickets: 2 }
    }
}

// === impl ServerOptions ===

static TLS12: [&SupportedProtocolVersion; 1] = [&rustls::version::TLS12];
static TLS13: [&SupportedProtocolVersion; 1] = [&rustls::version::TLS13];

impl ServerOptions {
    /// TLS 1.2 only.
    #[must_use]
    pub fn tls12(self) -> Self {
        Self { versions: &TLS12, ..self }
    }

    /// TLS 1.3 only.
    #[must_use]
    pub fn tls13(self) -> Self {
        Self { versions: &TLS13, ..self }
    }

    /// Ask clients for a certificate, or not.
    #[must_use]
    pub fn client_auth(self, client_auth: ClientAuth) -> Self {
        Self { client_auth, ..self }
    }
}

// === impl TlsServer ===

impl TlsServer {
    /// Listen on `address` (port 0: any free one) and serve `issued`. The key need not belong to the leaf.
    ///
    /// # Errors
    /// When the address cannot be bound, or the key is of no kind that can sign.
    pub async fn start(address: SocketAddr, issued: Issued, options: ServerOptions) -> io::Result<Self> {
        let provider = Arc::new(aws_lc_rs::default_provider());
        let served =
            Arc::new(Served { provider: provider.clone(), current: RwLock::default(), wanted: Mutex::default() });
        served.put(issued)?;
        let mut config = server_config(provider, &options)?.with_cert_resolver(served.clone());
        config.send_tls13_tickets = options.tickets;
        let listener = TcpListener::bind(address).await?;
        let address = listener.local_addr()?;
        let accepted = Arc::new(AtomicUsize::new(0));
        let (count, open) = watch::channel(0);
        let task = tokio::spawn(accept(listener, TlsAcceptor::from(Arc::new(config)), accepted.clone(), count));
        Ok(Self { address, accepted, open, served, task })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Connections accepted so far.
    pub fn accepted(&self) -> usize {
        self.accepted.load(Ordering::SeqCst)
    }

    /// The server names (SNI) that clients have sent so far, in order; `None` for a hello without.
    pub fn server_names(&self) -> Vec<Option<String>> {
        self.served.wanted.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Serve something else from now on: a renewal.
    ///
    /// # Panics
    /// When the key is of no kind that can sign.
    pub fn serve(&self, issued: Issued) {
        self.served.put(issued).expect("a key that can sign");
    }

    /// Wait until no connection is open.
    pub async fn idle(&self) {
        // An error means that the server has ended, and with it its connections.
        let _ = self.open.clone().wait_for(|open| *open == 0).await;
    }
}

impl Drop for TlsServer {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// What speaks TLS with a stream that somebody else has accepted, showing this certificate.
///
/// # Errors
/// When the key does not belong to the certificate, or is of no kind that can sign.
pub fn acceptor(issued: Issued) -> io::Result<TlsAcceptor> {
    let config = server_config(Arc::new(aws_lc_rs::default_provider()), &ServerOptions::default())?;
    let config = config.with_single_cert(issued.chain, issued.key).map_err(io::Error::other)?;
    Ok(TlsAcceptor::from(Arc::new(config)))
}

async fn accept(listener: TcpListener, tls: TlsAcceptor, accepted: Arc<AtomicUsize>, open: watch::Sender<usize>) {
    let mut connections = JoinSet::new();
    while let Ok((stream, _)) = listener.accept().await {
        accepted.fetch_add(1, Ordering::SeqCst);
        open.send_modify(|open| *open += 1);
        connections.spawn(converse(stream, tls.clone(), open.clone()));
        while connections.try_join_next().is_some() {}
    }
}

/// Complete the handshake and listen until the client has had enough.
async fn converse(stream: TcpStream, tls: TlsAcceptor, open: watch::Sender<usize>) {
    if let Ok(mut stream) = tls.accept(stream).await {
        let mut ignored = [0; 1024];
        while matches!(stream.read(&mut ignored).await, Ok(1..)) {}
    }
    open.send_modify(|open| *open -= 1);
}

fn server_config(
    provider: Arc<CryptoProvider>,
    options: &ServerOptions,
) -> io::Result<rustls::ConfigBuilder<ServerConfig, rustls::server::WantsServerCert>> {
    let builder = ServerConfig::builder_with_provider(provider.clone())
        .with_protocol_versions(options.versions)
        .map_err(io::Error::other)?;
    if options.client_auth == ClientAuth::None {
        return Ok(builder.with_no_client_auth());
    }
    let mut roots = RootCertStore::empty();
    roots.add(Authority::new("Clients").root()).map_err(io::Error::other)?;
    let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider);
    let verifier = match options.client_auth {
        ClientAuth::Optional => verifier.allow_unauthenticated(),
        ClientAuth::None | ClientAuth::Required => verifier,
    };
    Ok(builder.with_client_cert_verifier(verifier.build().map_err(io::Error::other)?))
}

// === impl Served ===

impl Served {
    fn put(&self, issued: Issued) -> io::Result<()> {
        let key = self.provider.key_provider.load_private_key(issued.key).map_err(io::Error::other)?;
        let mut certified = CertifiedKey::new(issued.chain, key);
        certified.ocsp = issued.staple;
        *self.current.write().unwrap_or_else(PoisonError::into_inner) = Some(Arc::new(certified));
        Ok(())
    }
}

impl ResolvesServerCert for Served {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let name = hello.server_name().map(str::to_owned);
        self.wanted.lock().unwrap_or_else(PoisonError::into_inner).push(name);
        self.current.read().unwrap_or_else(PoisonError::into_inner).clone()
    }
}
