//! TLS as a channel wants it: whom to trust, and what to show.

use std::sync::Arc;

use rustls::{
    ClientConfig, RootCertStore,
    crypto::aws_lc_rs,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject as _},
};
use secrecy::ExposeSecret as _;

use super::{ChannelError, settings::TlsFiles};

/// The most certificates of one PEM text.
const MAX: usize = 1000;

/// The system's trust anchors (blocking), or those compiled in when the system has none.
pub fn system_roots() -> Arc<RootCertStore> {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    if roots.is_empty() {
        roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
    }
    Arc::new(roots)
}

/// What a connection of this channel needs.
pub(super) fn config(files: &TlsFiles, system: &Arc<RootCertStore>) -> Result<Arc<ClientConfig>, ChannelError> {
    let roots = files.ca_pem.as_deref().map_or_else(|| Ok(system.clone()), anchors)?;
    let builder = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|_| error("tls", "it cannot be used with this TLS library", "report this"))?
        .with_root_certificates(roots);
    let config = match (&files.cert_pem, &files.key_pem) {
        (None, None) => builder.with_no_client_auth(),
        (Some(certificates), Some(key)) => builder
            .with_client_auth_cert(read(certificates, "tls.crt")?, private_key(key.expose_secret())?)
            .map_err(|_| error("tls.key", "it is not the key of tls.crt", "give the two of one certificate"))?,
        (Some(_), None) => return Err(error("tls.key", "it is missing", "give the key of tls.crt, or no tls.crt")),
        (None, Some(_)) => {
            return Err(error("tls.crt", "it is missing", "give the certificate of tls.key, or no tls.key"));
        }
    };
    Ok(Arc::new(config))
}

fn anchors(pem: &str) -> Result<Arc<RootCertStore>, ChannelError> {
    let mut roots = RootCertStore::empty();
    for certificate in read(pem, "ca.crt")? {
        let unusable = |_| error("ca.crt", "one of its certificates cannot be read", "give CA certificates as PEM");
        roots.add(certificate).map_err(unusable)?;
    }
    Ok(Arc::new(roots))
}

fn read(pem: &str, field: &'static str) -> Result<Vec<CertificateDer<'static>>, ChannelError> {
    let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem.as_bytes()).take(MAX).collect();
    match found {
        Ok(certificates) if !certificates.is_empty() => Ok(certificates),
        Ok(_) => Err(error(field, "it has no certificate", "give certificates as PEM")),
        Err(_) => Err(error(field, "it is no PEM", "give certificates as PEM")),
    }
}

fn private_key(pem: &str) -> Result<PrivateKeyDer<'static>, ChannelError> {
    let unusable = |_| error("tls.key", "it has no private key", "give one private key as PEM, not encrypted");
    PrivateKeyDer::from_pem_slice(pem.as_bytes()).map_err(unusable)
}

fn error(field: &'static str, found: &str, remedy: &'static str) -> ChannelError {
    ChannelError { field, found: found.to_owned(), remedy }
}
