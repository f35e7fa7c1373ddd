//! The least that a verified TLS handshake costs: rustls with its own verifier and nothing around it.

use std::{net::SocketAddr, sync::Arc};

use rustls::{
    ClientConfig, NamedGroup, RootCertStore,
    client::Resumption,
    crypto::aws_lc_rs,
    pki_types::{CertificateDer, ServerName, pem::PemObject},
};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use super::Failure;

/// A rustls client that verifies chain and name, and never resumes.
#[derive(Clone)]
pub(super) struct BareClient(Arc<ClientConfig>);

impl BareClient {
    /// A client that trusts these roots (PEM), and sends a key share of this group.
    pub(super) fn new(roots: &str, group: NamedGroup) -> Result<Self, Failure> {
        let mut store = RootCertStore::empty();
        for certificate in CertificateDer::pem_slice_iter(roots.as_bytes()) {
            store.add(certificate?)?;
        }
        let mut provider = aws_lc_rs::default_provider();
        provider.kx_groups.sort_by_key(|it| it.name() != group);
        let config = ClientConfig::builder_with_provider(Arc::new(provider)).with_safe_default_protocol_versions()?;
        let mut config = config.with_root_certificates(store).with_no_client_auth();
        config.resumption = Resumption::disabled();
        Ok(Self(Arc::new(config)))
    }

    /// Connect, shake hands, hang up.
    pub(super) async fn handshake(self, name: String, address: SocketAddr) -> Result<(), Failure> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        TlsConnector::from(self.0).connect(ServerName::try_from(name)?, stream).await?;
        Ok(())
    }
}
