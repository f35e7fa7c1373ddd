//! One HTTP/1.1 exchange on a connection of its own.
//!
//! No redirect is followed, no compression asked for, and of the answer only status and `Retry-After` are used, with two kinds of
//! channel a word or two of at most 4 KiB of its body.

use aws_lc_rs::hmac;
use http::{HeaderMap, HeaderName, HeaderValue, header};
use http_body_util::{BodyExt as _, Full};
use hyper::{
    Response,
    body::{Bytes, Incoming},
    client::conn::http1,
    rt::{Read, Write},
};
use jiff::Timestamp;
use secrecy::{ExposeSecret as _, SecretString};
use tokio_util::task::AbortOnDropHandle;

use super::{
    Channel, Outcome, Why,
    outcome::retry_after,
    payload::{Request, Route},
    vendor,
};

/// The most of an answer's body that is looked at, in bytes.
const MAX_BODY: usize = 4096;
/// The most of an answer's head, in bytes.
const MAX_HEAD: usize = 16 * 1024;
const USER_AGENT: &str = concat!("ssl-monitor-operator/", env!("CARGO_PKG_VERSION"));

/// Send the request over this connection.
pub(super) async fn exchange<S>(stream: S, channel: &Channel, request: Request, now: Timestamp) -> Outcome
where
    S: Read + Write + Send + Unpin + 'static,
{
    let Some(request) = assemble(channel, &request, now) else { return Outcome::refused(None, Why::NotEncodable) };
    let lost = |error: hyper::Error| {
        let why = if error.is_parse() { Why::MalformedAnswer } else { Why::ConnectionLost };
        Outcome::later(None, why)
    };
    let connected = http1::Builder::new().max_buf_size(MAX_HEAD).handshake(stream).await;
    let (mut sender, connection) = match connected {
        Ok(connected) => connected,
        Err(error) => return lost(error),
    };
    // Ends with the exchange, whatever the receiver goes on sending.
    let _connection = AbortOnDropHandle::new(tokio::spawn(connection));
    match sender.send_request(request).await {
        Ok(answer) => judge(channel, answer, now).await,
        Err(error) => lost(error),
    }
}

async fn judge(channel: &Channel, answer: Response<Incoming>, now: Timestamp) -> Outcome {
    let status = answer.status().as_u16();
    let after = answer.headers().get(header::RETRY_AFTER).and_then(|value| value.to_str().ok());
    let outcome = Outcome::of_status(status, after.and_then(|value| retry_after(value, now)));
    match &channel.route {
        Route::Slack { bot: true, .. } if outcome == Outcome::Delivered => {
            vendor::slack(status, &beginning(answer).await)
        }
        Route::Telegram { .. } if outcome == Outcome::Delivered || status == 429 => {
            vendor::telegram(outcome, status, &beginning(answer).await)
        }
        _ => outcome,
    }
}

/// The first bytes of the body; fewer if the connection ends.
async fn beginning(answer: Response<Incoming>) -> Vec<u8> {
    let mut body = answer.into_body();
    let mut bytes = Vec::new();
    while bytes.len() < MAX_BODY {
        let Some(Ok(frame)) = body.frame().await else { break };
        if let Ok(data) = frame.into_data() {
            bytes.extend(data.iter().take(MAX_BODY - bytes.len()));
        }
    }
    bytes
}

/// `None` when a part of it has characters that are not possible there, which reading the channel has ruled out.
fn assemble(channel: &Channel, request: &Request, now: Timestamp) -> Option<http::Request<Full<Bytes>>> {
    let target = target(channel.endpoint.path.expose_secret(), &request.path);
    let mut assembled = http::Request::post(target).body(Full::new(Bytes::from(request.body.clone()))).ok()?;
    let headers = assembled.headers_mut();
    headers.insert(header::HOST, HeaderValue::from_str(&host(channel)).ok()?);
    headers.insert(header::USER_AGENT, HeaderValue::from_static(USER_AGENT));
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(request.content_type));
    headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
    for (name, value) in &request.headers {
        headers.insert(HeaderName::from_static(name), HeaderValue::from_str(value).ok()?);
    }
    headers.extend(channel.headers.clone());
    if let Some(key) = &channel.signing_key {
        sign(headers, key, &request.body, now);
    }
    Some(assembled)
}

/// What the payload wants behind the path; if that begins a query's next part, there may be no query yet.
fn target(path: &str, more: &str) -> String {
    match more.strip_prefix('&') {
        Some(more) if !path.contains('?') => format!("{path}?{more}"),
        _ if path.is_empty() && more.is_empty() => "/".to_owned(),
        _ => format!("{path}{more}"),
    }
}

/// Without the port where it is the scheme's own: some services know themselves by that only.
fn host(channel: &Channel) -> String {
    let authority = channel.endpoint.authority();
    let usual = if channel.begins_with_tls() { ":443" } else { ":80" };
    authority.strip_suffix(usual).map(str::to_owned).unwrap_or(authority)
}

fn sign(headers: &mut HeaderMap, key: &SecretString, body: &str, now: Timestamp) {
    let timestamp = now.as_second();
    headers.insert("x-signature-timestamp", HeaderValue::from(timestamp));
    let signature = signature(key, timestamp, body);
    if let Ok(value) = HeaderValue::from_str(&signature) {
        headers.insert("x-signature", value);
    }
}

/// `sha256=` and the HMAC of `TIMESTAMP.BODY`.
fn signature(key: &SecretString, timestamp: i64, body: &str) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA256, key.expose_secret().as_bytes());
    let tag = hmac::sign(&key, format!("{timestamp}.{body}").as_bytes());
    tag.as_ref().iter().fold("sha256=".to_owned(), |text, byte| text + &format!("{byte:02x}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_signature_is_the_hmac_of_timestamp_and_body() {
        // printf '1700000000.{"a":1}' | openssl dgst -sha256 -hmac key
        assert_eq!(
            signature(&SecretString::from("key"), 1_700_000_000, "{\"a\":1}"),
            "sha256=a438e398bfafc57e4396bb7fc2304422f0f768e965d073ca313cb52e22e6ad03"
        );
    }

    #[test]
    fn what_a_payload_adds_goes_behind_the_path_or_into_the_query() {
        for (path, more, expected) in [
            ("", "", "/"),
            ("/", "", "/"),
            ("/a", "", "/a"),
            ("", "/v2/enqueue", "/v2/enqueue"),
            ("/am", "/api/v2/alerts", "/am/api/v2/alerts"),
            ("/v1/x?key=k&token=t", "&o=1", "/v1/x?key=k&token=t&o=1"),
            ("/v1/x", "&o=1", "/v1/x?o=1"),
        ] {
            assert_eq!(target(path, more), expected);
        }
    }
}
