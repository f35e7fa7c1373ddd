//! The verifier that never decides: it records what the server shows, and lets every handshake go on.
//!
//! This accepts any certificate. It is sound only because nothing is ever sent over these connections: the chain is judged
//! afterwards, and the connection is closed. It is therefore private to the handshake, and must stay so.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rustls::{
    ClientConfig, DigitallySignedStruct, Error, SignatureScheme,
    client::{
        ResolvesClientCert,
        danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
    },
    crypto::{CryptoProvider, WebPkiSupportedAlgorithms, verify_tls12_signature, verify_tls13_signature},
    pki_types::{CertificateDer, ServerName, UnixTime},
    sign::CertifiedKey,
};

/// What a server has shown.
#[derive(Debug, Default)]
pub(in crate::probe) struct Record {
    /// The chain as it was presented, leaf first; empty when none was.
    pub chain: Vec<CertificateDer<'static>>,
    /// Whether the server's signature over the handshake verifies by the leaf's key; `None` when none came.
    pub proof: Option<Result<(), Error>>,
    /// The OCSP answer that the server stapled; never empty.
    pub staple: Option<Vec<u8>>,
    /// Whether the server asked for a client certificate.
    pub client_certificate_requested: bool,
}

/// Keeps a [`Record`] of one handshake.
#[derive(Debug)]
pub(super) struct Recorder {
    algorithms: WebPkiSupportedAlgorithms,
    /// What is shown to servers that ask for a client certificate.
    identity: Option<Arc<CertifiedKey>>,
    /// Whether signatures are asked for that cannot be verified, too.
    all_signatures: bool,
    record: Mutex<Record>,
}

/// Signatures that cannot be verified here (RFC 8446 §4.2.3): rsa_pss_pss_sha256, 384 and 512, and ed448. A server with such a
/// key shows its certificate only to those who claim that they can.
const UNVERIFIABLE: [SignatureScheme; 4] = [
    SignatureScheme::Unknown(0x0809),
    SignatureScheme::Unknown(0x080a),
    SignatureScheme::Unknown(0x080b),
    SignatureScheme::ED448,
];

/// A configuration whose handshakes verify nothing; give it a recorder by [`attach`] before use.
pub(super) fn config(provider: Arc<CryptoProvider>) -> Result<ClientConfig, Error> {
    let recorder = Arc::new(Recorder::new(provider.signature_verification_algorithms, None, false));
    let builder = ClientConfig::builder_with_provider(provider).with_protocol_versions(rustls::ALL_VERSIONS)?;
    Ok(builder.dangerous().with_custom_certificate_verifier(recorder).with_no_client_auth())
}

/// Let one handshake be recorded.
pub(super) fn attach(mut config: ClientConfig, recorder: &Arc<Recorder>) -> ClientConfig {
    config.dangerous().set_certificate_verifier(recorder.clone());
    config.client_auth_cert_resolver = recorder.clone();
    config
}

// === impl Recorder ===

impl Recorder {
    pub(super) fn new(
        algorithms: WebPkiSupportedAlgorithms,
        identity: Option<Arc<CertifiedKey>>,
        all_signatures: bool,
    ) -> Self {
        Self { algorithms, identity, all_signatures, record: Mutex::default() }
    }

    /// Whether a server that asks for a client certificate is shown one.
    pub(super) fn shows_identity(&self) -> bool {
        self.identity.is_some()
    }

    pub(super) fn client_certificate_requested(&self) -> bool {
        self.record().client_certificate_requested
    }

    /// What was recorded; nothing is left.
    pub(super) fn take(&self) -> Record {
        std::mem::take(&mut *self.record())
    }

    fn record(&self) -> MutexGuard<'_, Record> {
        self.record.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn note(&self, proof: Result<HandshakeSignatureValid, Error>) -> HandshakeSignatureValid {
        self.record().proof = Some(proof.map(|_| ()));
        HandshakeSignatureValid::assertion()
    }
}

impl ServerCertVerifier for Recorder {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        ocsp_response: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let chain = std::iter::once(end_entity).chain(intermediates);
        let mut record = self.record();
        record.chain = chain.map(|certificate| certificate.clone().into_owned()).collect();
        record.staple = (!ocsp_response.is_empty()).then(|| ocsp_response.to_vec());
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Ok(self.note(verify_tls12_signature(message, certificate, signed, &self.algorithms)))
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Ok(self.note(verify_tls13_signature(message, certificate, signed, &self.algorithms)))
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        let mut schemes = self.algorithms.supported_schemes();
        if self.all_signatures {
            schemes.extend(UNVERIFIABLE);
        }
        schemes
    }
}

impl ResolvesClientCert for Recorder {
    fn resolve(&self, _: &[&[u8]], _: &[SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        self.record().client_certificate_requested = true;
        self.identity.clone()
    }

    /// Without this being true, rustls would not ask.
    fn has_certs(&self) -> bool {
        true
    }
}
