//! What a probe uses beside the target itself: whom it trusts, what it shows, and the way it takes.

use std::{fmt, sync::Arc};

use rustls::{
    crypto::aws_lc_rs,
    pki_types::{PrivateKeyDer, pem::PemObject as _},
    sign::CertifiedKey,
};

use super::{Host, TrustStore, pem};

/// What a probe uses beside the target itself. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Means {
    /// The trust anchors.
    pub trust: TrustStore,
    /// What is shown to servers that ask for a client certificate.
    pub identity: Option<Identity>,
    /// The proxy to go through.
    pub proxy: Option<Proxy>,
}

/// A client certificate with its key. Cheap to clone; the key is never shown.
#[derive(Clone)]
pub struct Identity(Arc<CertifiedKey>);

/// Why a client certificate cannot be used; the display text continues "the client certificate …".
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum IdentityError {
    /// The certificates are not readable.
    #[error("is not readable: it {0}")]
    Certificate(pem::BundleError),
    /// The key is not readable, or of no kind that is supported.
    #[error("has no usable private key: PEM with an RSA, ECDSA (P-256, P-384, P-521) or Ed25519 key is needed")]
    Key,
    /// The key is another certificate's.
    #[error("does not belong to the private key beside it")]
    Mismatch,
}

/// A proxy to go through.
#[derive(Clone, PartialEq, Eq)]
pub struct Proxy {
    /// What it speaks, and who resolves names.
    pub kind: ProxyKind,
    /// Where it is.
    pub host: Host,
    /// Its TCP port.
    pub port: u16,
    /// User name and password, where it asks for them.
    pub credentials: Option<(String, String)>,
}

/// What a proxy speaks, and who resolves names (the words are curl's).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ProxyKind {
    /// HTTP CONNECT (RFC 9110 §9.3.6); the proxy resolves names.
    Http,
    /// SOCKS 5 (RFC 1928); names are resolved here.
    Socks5,
    /// SOCKS 5; the proxy resolves names.
    Socks5h,
}

// === impl Means ===

impl Means {
    /// Nothing but these trust anchors.
    pub fn trusting(trust: TrustStore) -> Self {
        Self { trust, identity: None, proxy: None }
    }
}

// === impl Identity ===

impl Identity {
    /// Read a certificate with its chain, leaf first, and its private key, both in PEM.
    ///
    /// # Errors
    /// [`IdentityError`] when one of them is not readable, or they do not belong together.
    pub fn from_pem(certificates: &[u8], key: &[u8]) -> Result<Self, IdentityError> {
        let chain = pem::certificates(certificates).map_err(IdentityError::Certificate)?;
        let key = PrivateKeyDer::from_pem_slice(key).map_err(|_| IdentityError::Key)?;
        let key = aws_lc_rs::sign::any_supported_type(&key).map_err(|_| IdentityError::Key)?;
        let certified = CertifiedKey::new(chain, key);
        certified.keys_match().map_err(|_| IdentityError::Mismatch)?;
        Ok(Self(Arc::new(certified)))
    }

    /// The certificate and the key in the form that a handshake takes.
    pub(super) fn certified_key(&self) -> Arc<CertifiedKey> {
        self.0.clone()
    }
}

impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Identity").field("certificates", &self.0.cert.len()).finish_non_exhaustive()
    }
}

// === impl Proxy ===

impl fmt::Debug for Proxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { kind, host, port, credentials } = self;
        write!(f, "Proxy {{ {kind:?} {host}:{port}, credentials: {} }}", credentials.is_some())
    }
}
