//! Client certificates: shown to real servers that ask for one, in both versions of TLS.

use std::{net::SocketAddr, sync::Arc};

use jiff::Timestamp;
use rustls::{
    RootCertStore, ServerConfig, SupportedProtocolVersion, crypto::aws_lc_rs, pki_types::PrivateKeyDer,
    server::WebPkiClientVerifier,
};
use ssl_monitor_operator::probe::{
    ClientCertificate, FailureReason, FindingKind, Identity, IdentityError, Means, Observation, TrustStore,
};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpListener,
    sync::mpsc::{UnboundedReceiver, unbounded_channel},
};
use tokio_rustls::TlsAcceptor;
use xtask::farm::{Authority, Issued, Leaf};

use crate::support::{PATIENCE, faults, loopback_address, prober, reason, target, trust};

static TLS12: [&SupportedProtocolVersion; 1] = [&rustls::version::TLS12];
static TLS13: [&SupportedProtocolVersion; 1] = [&rustls::version::TLS13];

/// A server that asks clients for a certificate of this authority, and tells which each of them showed.
struct Guarded {
    address: SocketAddr,
    shown: UnboundedReceiver<Option<Vec<u8>>>,
}

impl Guarded {
    async fn start(
        issued: Issued,
        clients: &Authority,
        optional: bool,
        versions: &'static [&'static SupportedProtocolVersion],
    ) -> Self {
        let provider = Arc::new(aws_lc_rs::default_provider());
        let mut roots = RootCertStore::empty();
        roots.add(clients.root()).unwrap();
        let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider.clone());
        let verifier = if optional { verifier.allow_unauthenticated() } else { verifier };
        let config = ServerConfig::builder_with_provider(provider)
            .with_protocol_versions(versions)
            .unwrap()
            .with_client_cert_verifier(verifier.build().unwrap())
            .with_single_cert(issued.chain, issued.key)
            .unwrap();
        let acceptor = TlsAcceptor::from(Arc::new(config));
        let listener = TcpListener::bind(loopback_address()).await.unwrap();
        let address = listener.local_addr().unwrap();
        let (tell, shown) = unbounded_channel();
        tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                let Ok(mut stream) = acceptor.accept(stream).await else { continue };
                let leaf = stream.get_ref().1.peer_certificates().map(|chain| chain[0].to_vec());
                tell.send(leaf).unwrap();
                while matches!(stream.read(&mut [0; 64]).await, Ok(1..)) {}
                let _ = stream.shutdown().await;
            }
        });
        Self { address, shown }
    }

    async fn look(&self, trust: &TrustStore, identity: Option<&Issued>) -> Observation {
        let means = Means { identity: identity.map(self::identity), ..Means::trusting(trust.clone()) };
        prober().probe(&target("a.test", self.address), &means, PATIENCE, Timestamp::now()).await
    }
}

fn key_pem(key: &PrivateKeyDer<'_>) -> String {
    use base64::{Engine as _, prelude::BASE64_STANDARD};
    let text = BASE64_STANDARD.encode(key.secret_der());
    format!("-----BEGIN PRIVATE KEY-----\n{text}\n-----END PRIVATE KEY-----\n")
}

fn identity(issued: &Issued) -> Identity {
    Identity::from_pem(issued.chain_pem().as_bytes(), key_pem(&issued.key).as_bytes()).unwrap()
}

fn client(authority: &Authority) -> Issued {
    authority.issue(&Leaf::new(["client.test"]).for_clients_only())
}

fn is_asked_for(seen: &Observation) -> bool {
    seen.findings.iter().any(|finding| finding.kind == FindingKind::ClientCertificateRequested)
}

#[tokio::test]
async fn a_server_that_demands_a_client_certificate_goes_on_with_the_right_one() {
    let (authority, clients) = (Authority::new("Farm"), Authority::new("Clients"));
    let trust = trust(&authority);
    for versions in [&TLS12, &TLS13] {
        let issued = authority.issue(&Leaf::new(["a.test"]));
        let mut server = Guarded::start(issued, &clients, false, versions).await;
        let own = client(&clients);
        let seen = server.look(&trust, Some(&own)).await;
        assert_eq!((reason(&seen), faults(&seen)), (None, vec![]));
        assert_eq!((seen.client_certificate, is_asked_for(&seen)), (ClientCertificate::Shown, false));
        assert_eq!(server.shown.recv().await.unwrap(), Some(own.chain[0].to_vec()));
    }
}

#[tokio::test]
async fn a_server_that_demands_one_shows_its_own_to_those_without_and_those_with_another() {
    let (authority, clients) = (Authority::new("Farm"), Authority::new("Clients"));
    let trust = trust(&authority);
    let foreign = client(&Authority::new("Others"));
    for versions in [&TLS12, &TLS13] {
        let issued = authority.issue(&Leaf::new(["a.test"]));
        let server = Guarded::start(issued, &clients, false, versions).await;
        for (identity, expected) in [
            (None, "the server refused to go on without a client certificate (alert "),
            (Some(&foreign), "the server does not take the client certificate that it was shown (alert "),
        ] {
            let seen = server.look(&trust, identity).await;
            assert_eq!(faults(&seen), [], "the certificate is judged all the same");
            assert_eq!((seen.client_certificate, is_asked_for(&seen)), (ClientCertificate::Required, false));
            let failure = seen.failure.unwrap();
            assert_eq!(failure.reason, FailureReason::ClientCertificateRequired);
            assert!(failure.detail.starts_with(expected), "{}", failure.detail);
        }
    }
}

#[tokio::test]
async fn a_server_that_only_asks_is_a_finding_as_long_as_it_is_shown_none() {
    let (authority, clients) = (Authority::new("Farm"), Authority::new("Clients"));
    let trust = trust(&authority);
    for versions in [&TLS12, &TLS13] {
        let issued = authority.issue(&Leaf::new(["a.test"]));
        let mut server = Guarded::start(issued, &clients, true, versions).await;
        let seen = server.look(&trust, None).await;
        assert_eq!((reason(&seen), faults(&seen)), (None, vec![]));
        assert_eq!((seen.client_certificate, is_asked_for(&seen)), (ClientCertificate::Optional, true));
        assert_eq!(server.shown.recv().await.unwrap(), None);

        let own = client(&clients);
        let seen = server.look(&trust, Some(&own)).await;
        assert_eq!((reason(&seen), seen.client_certificate), (None, ClientCertificate::Shown));
        assert!(!is_asked_for(&seen));
        assert_eq!(server.shown.recv().await.unwrap(), Some(own.chain[0].to_vec()));
    }
}

#[test]
fn certificate_and_key_must_be_readable_and_belong_together() {
    let authority = Authority::new("Clients");
    let (one, other) = (client(&authority), client(&authority));
    let read = |certificates: &str, key: &str| Identity::from_pem(certificates.as_bytes(), key.as_bytes());
    assert_eq!(read(&one.chain_pem(), &key_pem(&other.key)).unwrap_err(), IdentityError::Mismatch);
    assert_eq!(read(&one.chain_pem(), "no key").unwrap_err(), IdentityError::Key);
    assert!(matches!(read("no certificate", &key_pem(&one.key)).unwrap_err(), IdentityError::Certificate(_)));
    let shown = format!("{:?}", read(&one.chain_pem(), &key_pem(&one.key)).unwrap());
    assert_eq!(shown, "Identity { certificates: 2, .. }");
}
