//! HTTP: a bounded GET of what a certificate points at. The same addresses may be dialled as for probes, redirects are not
//! followed, and nothing is sent that the URL does not say.

mod room;

use std::net::SocketAddr;

use http_body_util::{BodyExt as _, Empty};
use hyper::{
    Request, Response, StatusCode, Uri,
    body::{Body as _, Bytes, Incoming},
    client::conn::http1,
    header::{CONNECTION, HOST, USER_AGENT},
};
use hyper_util::rt::TokioIo;
use tokio::{net::TcpStream, time::Instant};
use tokio_util::task::AbortOnDropHandle;

pub(super) use room::{Room, Share};

use super::{AddressPolicy, Failure, connect::connect, resolve::Names, spacious::spacious, text};

/// The longest head of an answer.
const MAX_HEAD: usize = 16 * 1024;
const MIB: usize = 1024 * 1024;
const AGENT: &str = concat!("sslmonitor/", env!("CARGO_PKG_VERSION"));

/// The web as far as this prober may go.
#[derive(Clone, Copy)]
pub(super) struct Web<'a> {
    pub(super) names: &'a Names,
    pub(super) policy: &'a AddressPolicy,
}

/// What was fetched; it takes room as long as it is held.
#[derive(Debug)]
pub(super) struct Fetched {
    pub(super) bytes: Vec<u8>,
    share: Share,
}

/// Why nothing was fetched; the display text continues "the list at … ".
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum FetchError {
    #[error("has no http URL with a host")]
    NoUrl,
    #[error("may not be fetched: {0}")]
    Denied(String),
    #[error("could not be fetched: {0}")]
    Unreachable(String),
    #[error("could not be fetched: the server answered {0}")]
    Status(u16),
    #[error("could not be fetched: the server answered {0}, and redirects are not followed")]
    Redirected(u16),
    #[error("could not be fetched: the server does not speak HTTP, or broke off")]
    Broken,
    #[error("is longer than {} MiB", .0 / MIB)]
    TooLong(usize),
    #[error("could not be fetched: too much is being fetched at once")]
    Busy,
}

/// Where a URL points to.
struct Place {
    /// As it is sent.
    authority: String,
    host: String,
    port: u16,
    path: String,
}

// === impl Web ===

impl Web<'_> {
    /// Fetch what is at this URL, and has no more bytes than `limit`, which is 32 MiB at most.
    pub(super) async fn get(
        self,
        url: &str,
        limit: usize,
        share: Share,
        deadline: Instant,
    ) -> Result<Fetched, FetchError> {
        let place = Place::of(url).ok_or(FetchError::NoUrl)?;
        let addresses = self.addresses(&place, deadline).await?;
        let unreachable = |failure: Failure| FetchError::Unreachable(failure.detail);
        let stream = connect(&addresses, deadline).await.1.map_err(unreachable)?;
        converse(stream, &place, limit, share).await
    }

    /// The addresses of the place that may be dialled.
    async fn addresses(self, place: &Place, deadline: Instant) -> Result<Vec<SocketAddr>, FetchError> {
        let found = if let Ok(address) = place.host.parse() {
            vec![address]
        } else {
            let resolved = self.names.resolve(&place.host, None, deadline).await;
            resolved.map_err(|failure| FetchError::Unreachable(failure.detail))?.in_turns().collect()
        };
        let (vetted, denied) = self.policy.sift(found, place.port);
        match denied.last() {
            Some(denial) if vetted.is_empty() => Err(FetchError::Denied(denial.to_string())),
            _ => Ok(vetted),
        }
    }
}

/// Ask, and read the answer.
async fn converse(stream: TcpStream, place: &Place, limit: usize, share: Share) -> Result<Fetched, FetchError> {
    let broken = |_: hyper::Error| FetchError::Broken;
    let builder = http1::Builder::new().max_buf_size(MAX_HEAD).to_owned();
    let (mut sender, connection) = builder.handshake(TokioIo::new(stream)).await.map_err(broken)?;
    // What ends the connection ends the request, too, and is told by that.
    let _connection = AbortOnDropHandle::new(tokio::spawn(async move { drop(connection.await) }));
    let request = Request::get(place.path.as_str())
        .header(HOST, place.authority.as_str())
        .header(USER_AGENT, AGENT)
        .header(CONNECTION, "close")
        .body(Empty::<Bytes>::new())
        .map_err(|_| FetchError::NoUrl)?;
    let response = sender.send_request(request).await.map_err(broken)?;
    match response.status() {
        StatusCode::OK => read(response, limit, share).await,
        status if status.is_redirection() => Err(FetchError::Redirected(status.as_u16())),
        status => Err(FetchError::Status(status.as_u16())),
    }
}

async fn read(response: Response<Incoming>, limit: usize, share: Share) -> Result<Fetched, FetchError> {
    let mut body = response.into_body();
    if body.size_hint().lower() > u64::try_from(limit).unwrap_or(u64::MAX) {
        return Err(FetchError::TooLong(limit));
    }
    let mut fetched = Fetched { bytes: spacious().ok_or(FetchError::Busy)?, share };
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|_| FetchError::Broken)?;
        let Some(data) = frame.data_ref() else { continue };
        if fetched.bytes.len() + data.len() > limit {
            return Err(FetchError::TooLong(limit));
        }
        fetched.share.hold(fetched.bytes.len() + data.len())?;
        fetched.bytes.extend_from_slice(data);
    }
    Ok(fetched)
}

// === impl Place ===

impl Place {
    /// `None` for what is no http URL; one with a user or a password is none, either.
    fn of(url: &str) -> Option<Self> {
        let uri: Uri = url.parse().ok()?;
        let authority = uri.authority().filter(|authority| !authority.as_str().contains('@'))?;
        let host = authority.host();
        let host = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
        if uri.scheme_str() != Some("http") || host.is_empty() {
            return None;
        }
        let port = match authority.as_str().strip_prefix(authority.host())? {
            "" | ":" => 80,
            _ => authority.port_u16()?,
        };
        let path = uri.path_and_query().map_or("/", |path| path.as_str()).to_owned();
        Some(Self { authority: authority.to_string(), host: host.to_ascii_lowercase(), port, path })
    }
}

/// A URL as it is shown.
pub(super) fn shown(url: &str) -> String {
    text::clean_to(url, 128)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_url_is_a_place_only_if_it_is_plain_http() {
        let place = |url| Place::of(url).map(|place| (place.authority, place.host, place.port, place.path));
        let text = str::to_owned;
        for (url, expected) in [
            ("http://c.test/a.crl?b", ("c.test", "c.test", 80, "/a.crl?b")),
            ("HTTP://C.Test:8080", ("C.Test:8080", "c.test", 8080, "/")),
            ("http://192.0.2.1/a", ("192.0.2.1", "192.0.2.1", 80, "/a")),
            ("http://[2001:db8::1]:81/a", ("[2001:db8::1]:81", "2001:db8::1", 81, "/a")),
        ] {
            let (authority, host, port, path) = expected;
            assert_eq!(place(url), Some((text(authority), text(host), port, text(path))), "{url}");
        }
        for url in [
            "https://c.test/a",
            "ldap://c.test/a",
            "file:///etc/passwd",
            "/a.crl",
            "c.test",
            "http:///a",
            "http://u@c.test/",
            "http://u:p@c.test/",
            "http://c.test:99999/",
            "http://c.test/a b",
            "http://c.test/\r\nx: y",
            "",
        ] {
            assert_eq!(place(url), None, "{url}");
        }
    }

    #[tokio::test]
    async fn no_more_is_fetched_than_may_be_held() {
        let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let url = format!("http://{}/", listener.local_addr().unwrap());
        let server = tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            let asked = tokio::io::AsyncReadExt::read(&mut stream, &mut [0; 1024]).await.unwrap();
            assert!(asked > 0);
            let answer = [&b"HTTP/1.1 200 OK\r\n\r\n"[..], &vec![0; 2 * MIB + 1]].concat();
            // The client may have had enough before the end.
            drop(tokio::io::AsyncWriteExt::write_all(&mut stream, &answer).await);
        });
        let names = Names::new(Some(SocketAddr::from(([127, 0, 0, 1], 1)))).unwrap();
        let policy = AddressPolicy { allow: vec!["127.0.0.0/8".parse().unwrap()], ..AddressPolicy::default() };
        let room = Room::new(1, 1);
        let deadline = Instant::now() + std::time::Duration::from_secs(20);
        let fetched = Web { names: &names, policy: &policy }.get(&url, 3 * MIB, room.enter().await, deadline).await;
        assert_eq!(fetched.map(|fetched| fetched.bytes.len()), Err(FetchError::Busy));
        server.abort();
    }
}
