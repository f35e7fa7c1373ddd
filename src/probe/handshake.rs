//! TLS: complete the handshake with whoever answers, and keep what was shown on the way.

mod failure;
mod greeting;
mod meter;
mod recorder;

use std::{io, pin::pin, sync::Arc, time::Duration};

use rustls::{
    CipherSuite, ClientConfig, NamedGroup,
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

use super::{ClientCertificate, Failure, FailureReason, Identity, Session, Stage, hello::Hello, route::share};
use meter::{Meter, Metered};
use recorder::Recorder;

pub(super) use greeting::protocol as greeting;
pub(super) use recorder::Record;

/// How long a TLS 1.3 server that asked for a client certificate has to object, at least: it does so after the handshake.
/// Only such servers are waited for; a busy one that is given too little would seem to change its mind.
const OBJECTION: Duration = Duration::from_millis(500);
/// The type of a record with an alert.
pub(super) const ALERT: u8 = 21;
/// How long a polite goodbye may take.
pub(super) const GOODBYE: Duration = Duration::from_millis(100);

/// The suites that are preferred.
const FIRST_SUITES: [CipherSuite; 3] = [
    CipherSuite::TLS13_AES_128_GCM_SHA256,
    CipherSuite::TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256,
    CipherSuite::TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,
];

/// Makes handshakes.
pub(super) struct Handshaker {
    small: ClientConfig,
    large: ClientConfig,
    provider: Arc<CryptoProvider>,
}

/// How a handshake is tried.
#[derive(Debug, Clone, Copy)]
pub(super) struct Attempt {
    hello: Hello,
    /// Whether the name is sent (SNI).
    named: bool,
    /// Whether signatures are asked for, too, that cannot be verified.
    all_signatures: bool,
    /// How long complete silence is borne, where that is not a matter of the deadline alone.
    patience: Option<Duration>,
}

/// What a server made of a hello, the less first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Reception {
    /// It sent not a single byte, and the connection ended, or the time did.
    Unanswered,
    /// It sent an alert and nothing else.
    Refused,
    /// It went on from there, or does not speak TLS.
    Taken,
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
        let provider = Arc::new(provider(Hello::Small));
        let small = config(provider.clone())?;
        let large = config(Arc::new(self::provider(Hello::Large)))?;
        Ok(Self { small, large, provider })
    }

    /// Shake hands on this connection until the deadline; a large hello is given up at half of the time, or when the attempt says, if
    /// nothing at all has come back. `round_trip` is how long the peer needs to answer.
    pub(super) async fn shake(
        &self,
        stream: TcpStream,
        name: ServerName<'static>,
        attempt: Attempt,
        identity: Option<&Identity>,
        round_trip: Duration,
        deadline: Instant,
    ) -> Shaken {
        let start = Instant::now();
        let recorder = self.recorder(attempt, identity);
        let meter = Arc::new(Meter::default());
        let connector = TlsConnector::from(Arc::new(self.config(attempt, &recorder)));
        let mut handshake = pin!(connector.connect(name, Metered::new(stream, meter.clone())));
        let mut outcome = timeout_at(attempt.patience(start, deadline), &mut handshake).await;
        if outcome.is_err() && meter.read() > 0 {
            outcome = timeout_at(deadline, handshake).await;
        }
        let mut shaken = match outcome {
            Err(_) => Shaken::failed(timed_out(&meter)),
            Ok(Err(error)) => {
                let received = meter.received();
                let failure = objection(&error, &received, meter.read(), &recorder);
                let may_be_older = failure::is_of_language(&error, &failure);
                Shaken { received, may_be_older, ..Shaken::failed(failure) }
            }
            Ok(Ok(stream)) => {
                let took = start.elapsed();
                let patience = deadline.min(Instant::now() + OBJECTION.max(round_trip * 2));
                Shaken { took: Some(took), ..conclude(stream, &recorder, &meter, patience).await }
            }
        };
        shaken.client_certificate = client_certificate(shaken.failure.as_ref(), &recorder);
        shaken.record = recorder.take();
        if shaken.received.is_empty() {
            shaken.received = meter.received();
        }
        shaken
    }

    fn recorder(&self, attempt: Attempt, identity: Option<&Identity>) -> Arc<Recorder> {
        let algorithms = self.provider.signature_verification_algorithms;
        Arc::new(Recorder::new(algorithms, identity.map(Identity::certified_key), attempt.all_signatures))
    }

    fn config(&self, attempt: Attempt, recorder: &Arc<Recorder>) -> ClientConfig {
        let config = match attempt.hello {
            Hello::Small => &self.small,
            Hello::Large => &self.large,
        };
        let mut config = recorder::attach(config.clone(), recorder);
        config.enable_sni = attempt.named;
        config
    }
}

// === impl Attempt ===

impl Attempt {
    pub(super) fn new(hello: Hello) -> Self {
        Self { hello, named: true, all_signatures: false, patience: None }
    }

    /// Without the name, for the certificate that a server shows to those who ask for none.
    pub(super) fn nameless() -> Self {
        Self { named: false, ..Self::new(Hello::Small) }
    }

    /// Also for certificates with keys whose signatures cannot be verified here.
    pub(super) fn with_all_signatures() -> Self {
        Self { all_signatures: true, ..Self::new(Hello::Small) }
    }

    /// Bear complete silence for this long only.
    pub(super) fn patient_for(self, patience: Duration) -> Self {
        Self { patience: Some(patience), ..self }
    }

    /// Until when complete silence is borne.
    fn patience(self, start: Instant, deadline: Instant) -> Instant {
        let patience = self.patience.map_or(deadline, |patience| start + patience);
        match self.hello {
            Hello::Small => deadline.min(patience),
            Hello::Large => share(start, deadline, 2).min(patience),
        }
    }
}

/// What a server made of a client certificate.
fn client_certificate(failure: Option<&Failure>, recorder: &Recorder) -> ClientCertificate {
    let refused = failure.is_some_and(|failure| failure.reason == FailureReason::ClientCertificateRequired);
    match (recorder.client_certificate_requested(), recorder.shows_identity()) {
        _ if refused => ClientCertificate::Required,
        (false, _) => ClientCertificate::NotRequested,
        (true, true) => ClientCertificate::Shown,
        (true, false) => ClientCertificate::Optional,
    }
}

/// The failure behind an error. Where a client certificate was shown, an alert about certificates is about that one: this
/// client makes no other complaint to be had.
fn objection(error: &io::Error, received: &[u8], read: usize, recorder: &Recorder) -> Failure {
    use rustls::AlertDescription as Alert;
    let requested = recorder.client_certificate_requested();
    let failure = failure::of(error, received, read, requested);
    let inner = error.get_ref().and_then(|error| error.downcast_ref::<rustls::Error>());
    let Some(rustls::Error::AlertReceived(alert)) = inner.filter(|_| requested && recorder.shows_identity()) else {
        return failure;
    };
    match alert {
        Alert::HandshakeFailure
        | Alert::BadCertificate
        | Alert::UnsupportedCertificate
        | Alert::CertificateRevoked
        | Alert::CertificateExpired
        | Alert::CertificateUnknown
        | Alert::UnknownCA
        | Alert::AccessDenied
        | Alert::CertificateRequired => {
            let name = failure::alert_name(*alert);
            let detail = format!("the server does not take the client certificate that it was shown (alert {name})");
            Failure { reason: FailureReason::ClientCertificateRequired, stage: Stage::Handshake, detail }
        }
        _ => failure,
    }
}

// === impl Shaken ===

impl Shaken {
    fn failed(failure: Failure) -> Self {
        Self { failure: Some(failure), ..Self::default() }
    }

    /// What the server made of the hello.
    pub(super) fn reception(&self) -> Reception {
        use FailureReason::{ConnectionClosed, ConnectionReset, HandshakeTimedOut};
        match self.failure.as_ref().map(|failure| failure.reason) {
            Some(ConnectionClosed | ConnectionReset | HandshakeTimedOut) if self.received.is_empty() => {
                Reception::Unanswered
            }
            Some(_) if are_alerts(&self.received) => Reception::Refused,
            _ => Reception::Taken,
        }
    }
}

/// Whether these bytes are records with alerts (RFC 8446 §5.1), and nothing else.
fn are_alerts(received: &[u8]) -> bool {
    let mut rest = received;
    while let [ALERT, _, _, high, low, more @ ..] = rest {
        rest = more.get(usize::from(u16::from_be_bytes([*high, *low]))..).unwrap_or_default();
    }
    rest.is_empty() && !received.is_empty()
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
        failure = Some(objection(&error, &[], meter.read(), recorder))
            .filter(|failure| failure.reason == FailureReason::ClientCertificateRequired);
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

fn config(provider: Arc<CryptoProvider>) -> Result<ClientConfig, rustls::Error> {
    let mut config = recorder::config(provider)?;
    // A resumed session shows no certificate.
    config.resumption = Resumption::disabled();
    Ok(config)
}

/// The first group is the one that a key share is sent for, and X25519 that of the hybrid's classical half, for nothing. With
/// X25519 alone the hello fits one packet and costs the least; the hybrid stays on offer. As with browsers, the first suites are
/// those with SHA-256, for which processors have instructions of their own.
fn provider(hello: Hello) -> CryptoProvider {
    let first = match hello {
        Hello::Small => NamedGroup::X25519,
        Hello::Large => NamedGroup::X25519MLKEM768,
    };
    let mut provider = aws_lc_rs::default_provider();
    provider.kx_groups.sort_by_key(|group| group.name() != first);
    provider.cipher_suites.sort_by_key(|suite| !FIRST_SUITES.contains(&suite.suite()));
    provider
}
