//! TLS: complete the handshake with whoever answers, and keep what was shown on the way.

mod failure;
mod greeting;
mod meter;
mod recorder;

use std::{sync::Arc, time::Duration};

use rustls::{
    ClientConfig, NamedGroup,
    client::Resumption,
    crypto::{CryptoProvider, aws_lc_rs},
    pki_types::ServerName,
};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    time::{Instant, timeout, timeout_at},
};
use tokio_rustls::{TlsConnector, client::TlsStream};

use super::{ClientCertificate, Failure, FailureReason, Identity, Session, Stage};
use meter::{Meter, Metered};
use recorder::Recorder;

pub(super) use recorder::Record;

/// How long a TLS 1.3 server that asked for a client certificate has to object, at least: it does so after the handshake.
/// Only such servers are waited for; a busy one that is given too little would seem to change its mind.
const OBJECTION: Duration = Duration::from_millis(500);
/// How long a polite goodbye may take.
const GOODBYE: Duration = Duration::from_millis(100);

/// Makes handshakes.
pub(super) struct Handshaker {
    config: ClientConfig,
    provider: Arc<CryptoProvider>,
}

/// What came of a handshake.
#[derive(Default)]
pub(super) struct Shaken {
    pub session: Option<Session>,
    pub client_certificate: ClientCertificate,
    pub record: Record,
    /// How long the handshake took; `None` when it was not completed.
    pub took: Option<Duration>,
    pub failure: Option<Failure>,
    /// The first bytes that were received, up to 64 KiB.
    pub received: Vec<u8>,
    /// Whether the server may understand the hello of an older version.
    pub may_be_older: bool,
}

// === impl Handshaker ===

impl Handshaker {
    pub(super) fn new() -> Result<Self, rustls::Error> {
        let provider = Arc::new(provider());
        let mut config = recorder::config(provider.clone())?;
        // A resumed session shows no certificate.
        config.resumption = Resumption::disabled();
        Ok(Self { config, provider })
    }

    /// Shake hands on this connection until the deadline. `round_trip` is how long the peer needs to answer.
    pub(super) async fn shake(
        &self,
        stream: TcpStream,
        name: ServerName<'static>,
        identity: Option<&Identity>,
        round_trip: Duration,
        deadline: Instant,
    ) -> Shaken {
        let start = Instant::now();
        let recorder = Arc::new(Recorder::new(
            self.provider.signature_verification_algorithms,
            identity.map(Identity::certified_key),
        ));
        let meter = Arc::new(Meter::default());
        let connector = TlsConnector::from(Arc::new(recorder::attach(self.config.clone(), &recorder)));
        let handshake = connector.connect(name, Metered::new(stream, meter.clone()));
        let mut shaken = match timeout_at(deadline, handshake).await {
            Err(_) => Shaken::failed(timed_out(&meter)),
            Ok(Err(error)) => {
                let received = meter.received();
                let failure = failure::of(&error, &received, meter.read(), recorder.client_certificate_requested());
                let may_be_older = failure::is_of_language(&error, &failure);
                Shaken { received, may_be_older, ..Shaken::failed(failure) }
            }
            Ok(Ok(stream)) => {
                let took = start.elapsed();
                let patience = deadline.min(Instant::now() + OBJECTION.max(round_trip * 2));
                Shaken { took: Some(took), ..conclude(stream, &recorder, &meter, patience).await }
            }
        };
        shaken.record = recorder.take();
        if shaken.received.is_empty() {
            shaken.received = meter.received();
        }
        if shaken.record.client_certificate_requested && shaken.client_certificate == ClientCertificate::NotRequested {
            let refused = shaken.failure.as_ref().map(|failure| failure.reason);
            let required = refused == Some(FailureReason::ClientCertificateRequired);
            shaken.client_certificate =
                if required { ClientCertificate::Required } else { ClientCertificate::Optional };
        }
        shaken
    }
}

// === impl Shaken ===

impl Shaken {
    fn failed(failure: Failure) -> Self {
        let required = failure.reason == FailureReason::ClientCertificateRequired;
        let client_certificate = if required { ClientCertificate::Required } else { ClientCertificate::default() };
        Self { client_certificate, failure: Some(failure), ..Self::default() }
    }
}

/// After the handshake: hear an objection if there may be one, and say goodbye.
async fn conclude(
    mut stream: TlsStream<Metered<TcpStream>>,
    recorder: &Recorder,
    meter: &Meter,
    patience: Instant,
) -> Shaken {
    let session = session(&stream);
    let mut failure = None;
    if recorder.client_certificate_requested()
        && let Ok(Err(error)) = timeout_at(patience, stream.read(&mut [0; 64])).await
    {
        failure = Some(failure::of(&error, &[], meter.read(), true))
            .filter(|f| f.reason == FailureReason::ClientCertificateRequired);
    }
    // The peer has been seen: whether it hears the goodbye changes nothing.
    let _ = timeout(GOODBYE, stream.shutdown()).await;
    Shaken { session, failure, ..Shaken::default() }
}

fn session<T>(stream: &TlsStream<T>) -> Option<Session> {
    let (_, connection) = stream.get_ref();
    let version = match connection.protocol_version()? {
        rustls::ProtocolVersion::TLSv1_2 => "TLS1.2",
        rustls::ProtocolVersion::TLSv1_3 => "TLS1.3",
        _ => return None,
    };
    let suite = format!("{:?}", connection.negotiated_cipher_suite()?.suite());
    // rustls writes TLS13_… where IANA writes TLS_….
    let group = connection.negotiated_key_exchange_group().map(|group| format!("{:?}", group.name()));
    Some(Session { version, cipher_suite: suite.replacen("TLS13_", "TLS_", 1), group })
}

fn timed_out(meter: &Meter) -> Failure {
    let detail = match meter.read() {
        0 => "the server accepted the connection, and sent nothing in time".to_owned(),
        bytes => format!("the handshake was not completed in time; the server sent {bytes} bytes"),
    };
    Failure { reason: FailureReason::HandshakeTimedOut, stage: Stage::Handshake, detail }
}

/// X25519 goes first: its hello fits one packet and costs the least. The post-quantum hybrid stays on offer.
fn provider() -> CryptoProvider {
    let mut provider = aws_lc_rs::default_provider();
    provider.kx_groups.sort_by_key(|group| group.name() != NamedGroup::X25519);
    provider
}
