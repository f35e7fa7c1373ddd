//! Connections: exactly to an address that was vetted, perhaps through a proxy, perhaps with TLS.

use std::{io, net::IpAddr, sync::Arc, time::Duration};

use base64::{Engine as _, prelude::BASE64_STANDARD};
use rustls::{ClientConfig, pki_types::ServerName};
use secrecy::ExposeSecret as _;
use tokio::{
    io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _},
    net::TcpStream,
    time::timeout,
};
use tokio_rustls::{TlsConnector, client::TlsStream};

use super::{Names, Outcome, Vet, Why, address::Endpoint};

/// How long one address may take where there may be another.
const PER_ADDRESS: Duration = Duration::from_secs(3);
/// The longest head of a proxy's answer, in bytes.
const MAX_HEAD: usize = 4096;

/// What bytes go over.
pub(super) trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}

/// A connection to the endpoint, or through the proxy to it.
pub(super) async fn connect(
    endpoint: &Endpoint,
    proxy: Option<&Endpoint>,
    names: &dyn Names,
    vet: &Vet,
) -> Result<TcpStream, Outcome> {
    let Some(proxy) = proxy else { return dial(endpoint, names, vet).await };
    // A name is for the proxy to resolve; an address must not get around the vetting by a detour.
    if let Some(address) = endpoint.ip() {
        allowed(vec![address], vet)?;
    }
    let mut stream = dial(proxy, names, vet).await?;
    tunnel(&mut stream, endpoint, proxy).await?;
    Ok(stream)
}

/// TLS over a stream, verified for the endpoint's host.
pub(super) async fn secure<S: Stream>(
    stream: S,
    host: &ServerName<'static>,
    config: Arc<ClientConfig>,
) -> Result<TlsStream<S>, Outcome> {
    TlsConnector::from(config).connect(host.clone(), stream).await.map_err(|error| {
        let cause = error.get_ref().and_then(|cause| cause.downcast_ref::<rustls::Error>());
        match cause {
            Some(rustls::Error::InvalidCertificate(_)) => Outcome::later(None, Why::NotTrusted),
            _ => Outcome::later(None, Why::TlsFailed),
        }
    })
}

async fn dial(endpoint: &Endpoint, names: &dyn Names, vet: &Vet) -> Result<TcpStream, Outcome> {
    let found = match endpoint.ip() {
        Some(address) => vec![address],
        None => names.addresses(&endpoint.host.to_str()).await.map_err(|_| Outcome::later(None, Why::NotResolved))?,
    };
    if found.is_empty() {
        return Err(Outcome::later(None, Why::NotResolved));
    }
    for address in allowed(found, vet)? {
        if let Ok(Ok(stream)) = timeout(PER_ADDRESS, TcpStream::connect((address, endpoint.port))).await {
            return Ok(stream);
        }
    }
    Err(Outcome::later(None, Why::ConnectFailed))
}

/// Those of the addresses that may be dialled, if there is one.
fn allowed(found: Vec<IpAddr>, vet: &Vet) -> Result<Vec<IpAddr>, Outcome> {
    let may = |address: &IpAddr| {
        let vetted = vet(*address);
        if let Err(objection) = &vetted {
            tracing::debug!(%address, objection, "an address of a receiver may not be dialled");
        }
        vetted.is_ok()
    };
    let allowed: Vec<IpAddr> = found.into_iter().filter(may).collect();
    if allowed.is_empty() { Err(Outcome::refused(None, Why::AddressDenied)) } else { Ok(allowed) }
}

/// Have the proxy connect the stream to the endpoint (RFC 9110 §9.3.6).
async fn tunnel(stream: &mut TcpStream, endpoint: &Endpoint, proxy: &Endpoint) -> Result<(), Outcome> {
    let authority = endpoint.authority();
    let login = proxy
        .login
        .as_ref()
        .map(|login| format!("Proxy-Authorization: Basic {}\r\n", BASE64_STANDARD.encode(login.expose_secret())));
    let request = format!("CONNECT {authority} HTTP/1.1\r\nHost: {authority}\r\n{}\r\n", login.unwrap_or_default());
    let lost = |_: io::Error| Outcome::later(None, Why::ProxyRefused);
    stream.write_all(request.as_bytes()).await.map_err(lost)?;
    let head = head(stream).await.map_err(lost)?;
    let status = head.strip_prefix("HTTP/1.").and_then(|rest| rest.get(2..5)).and_then(|code| code.parse::<u16>().ok());
    match status {
        Some(200..=299) => Ok(()),
        status => Err(Outcome::later(status, Why::ProxyRefused)),
    }
}

/// Everything up to and with the empty line. Byte by byte: what follows is the receiver's.
async fn head(stream: &mut TcpStream) -> io::Result<String> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        if head.len() == MAX_HEAD {
            return Err(io::ErrorKind::InvalidData.into());
        }
        head.push(stream.read_u8().await?);
    }
    Ok(String::from_utf8_lossy(&head).into_owned())
}
