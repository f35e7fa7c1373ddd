//! Servers that can do more than they are asked for: compress certificates, show raw public keys, and change keys without end.

use std::{
    io::{Read as _, Write as _},
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use flate2::{Compression, read::ZlibDecoder, write::ZlibEncoder};
use rustls::{
    CertificateCompressionAlgorithm, ClientConfig, RootCertStore, ServerConfig,
    compress::{CertCompressor, CertDecompressor, CompressionFailed, CompressionLevel, DecompressionFailed},
    crypto::aws_lc_rs,
    pki_types::ServerName,
    server::{ClientHello, ResolvesServerCert, WebPkiClientVerifier},
    sign::CertifiedKey,
};
use ssl_monitor_operator::probe::{FailureReason, FindingKind};
use tokio::{
    io::AsyncWriteExt as _,
    net::{TcpListener, TcpStream},
};
use tokio_rustls::{TlsAcceptor, TlsConnector, server::TlsStream};
use xtask::farm::{Authority, Issued, Leaf};

use crate::{
    peers::{bare_failure, until_gone},
    support::{faults, look, loopback_address, reason, trust},
};

/// Serve by this configuration, and do this after each handshake.
async fn serve_by<F: Future<Output = ()> + Send>(
    config: ServerConfig,
    then: impl Fn(TlsStream<TcpStream>) -> F + Send + 'static,
) -> SocketAddr {
    let listener = TcpListener::bind(loopback_address()).await.unwrap();
    let address = listener.local_addr().unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            if let Ok(stream) = acceptor.accept(stream).await {
                then(stream).await;
            }
        }
    });
    address
}

async fn listen(mut stream: TlsStream<TcpStream>) {
    // A prober that leaves has seen enough.
    drop(until_gone(stream.get_mut().0).await);
}

fn config(issued: Issued) -> ServerConfig {
    ServerConfig::builder().with_no_client_auth().with_single_cert(issued.chain, issued.key).unwrap()
}

/// Compresses by zlib (RFC 8879 §3), and counts.
#[derive(Debug)]
struct Zlib(AtomicUsize);

impl CertCompressor for Zlib {
    fn compress(&self, input: Vec<u8>, _: CompressionLevel) -> Result<Vec<u8>, CompressionFailed> {
        self.0.fetch_add(1, Ordering::SeqCst);
        let mut encoder = ZlibEncoder::new(Vec::new(), Compression::fast());
        encoder.write_all(&input).and_then(|()| encoder.finish()).map_err(|_| CompressionFailed)
    }

    fn algorithm(&self) -> CertificateCompressionAlgorithm {
        CertificateCompressionAlgorithm::Zlib
    }
}

impl CertDecompressor for Zlib {
    fn decompress(&self, input: &[u8], output: &mut [u8]) -> Result<(), DecompressionFailed> {
        ZlibDecoder::new(input).read_exact(output).map_err(|_| DecompressionFailed)
    }

    fn algorithm(&self) -> CertificateCompressionAlgorithm {
        CertificateCompressionAlgorithm::Zlib
    }
}

#[tokio::test]
async fn a_server_that_compresses_certificates_shows_them_as_they_are_to_those_who_do_not_ask() {
    static ZLIB: Zlib = Zlib(AtomicUsize::new(0));
    let authority = Authority::new("Farm");
    let mut config = config(authority.issue(&Leaf::new(["a.test"])));
    config.cert_compressors = vec![&ZLIB];
    let address = serve_by(config, listen).await;
    let seen = look(address, &trust(&authority)).await;
    assert_eq!((reason(&seen), faults(&seen), ZLIB.0.load(Ordering::SeqCst)), (None, vec![], 0));

    let mut roots = RootCertStore::empty();
    roots.add(authority.root()).unwrap();
    let mut client = ClientConfig::builder().with_root_certificates(roots).with_no_client_auth();
    client.cert_decompressors = vec![&ZLIB];
    let stream = TcpStream::connect(address).await.unwrap();
    let connected = TlsConnector::from(Arc::new(client)).connect(ServerName::try_from("a.test").unwrap(), stream).await;
    assert!(connected.is_ok() && ZLIB.0.load(Ordering::SeqCst) == 1, "those who ask get it compressed: {connected:?}");
}

/// Has no certificate, but a raw public key (RFC 7250).
#[derive(Debug)]
struct RawKey(Arc<CertifiedKey>);

impl ResolvesServerCert for RawKey {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.0.clone())
    }

    fn only_raw_public_keys(&self) -> bool {
        true
    }
}

#[tokio::test]
async fn a_server_with_a_raw_public_key_and_no_certificate_shows_none() {
    let issued = Authority::new("Farm").issue(&Leaf::new(["a.test"]));
    let key = aws_lc_rs::default_provider().key_provider.load_private_key(issued.key).unwrap();
    let public_key = key.public_key().unwrap().to_vec().into();
    let resolver = Arc::new(RawKey(Arc::new(CertifiedKey::new(vec![public_key], key))));
    let config = ServerConfig::builder().with_no_client_auth().with_cert_resolver(resolver);
    let seen = look(serve_by(config, listen).await, &trust(&Authority::new("Farm"))).await;
    // Such keys are not asked for, so that the server has nothing to show.
    assert_eq!(bare_failure(&seen).0, FailureReason::NoCommonCipher);
}

#[tokio::test]
async fn a_flood_of_new_keys_changes_nothing() {
    let authority = Authority::new("Farm");
    let issued = authority.issue(&Leaf::new(["a.test"]));
    // Whoever asks for a client certificate is listened to after the handshake: it may object.
    let mut roots = RootCertStore::empty();
    roots.add(Authority::new("Clients").root()).unwrap();
    let verifier = WebPkiClientVerifier::builder(Arc::new(roots)).allow_unauthenticated().build().unwrap();
    let config =
        ServerConfig::builder().with_client_cert_verifier(verifier).with_single_cert(issued.chain, issued.key).unwrap();
    let address = serve_by(config, |mut stream| async move {
        while stream.get_mut().1.refresh_traffic_keys().is_ok() && stream.flush().await.is_ok() {
            tokio::task::yield_now().await;
        }
    })
    .await;
    let seen = look(address, &trust(&authority)).await;
    assert_eq!((reason(&seen), faults(&seen)), (None, vec![]));
    let kinds: Vec<_> = seen.findings.iter().map(|finding| finding.kind).collect();
    assert_eq!(kinds, [FindingKind::ClientCertificateRequested]);
}
