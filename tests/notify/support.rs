//! What the tests of the senders stand on.

use std::{
    net::{IpAddr, Ipv4Addr},
    sync::Arc,
    time::Duration,
};

use base64::Engine as _;
use jiff::Timestamp;
use rustls::RootCertStore;
use secrecy::SecretString;
use ssl_monitor_operator::notify::{
    Certificate, Channel, ChannelKind, Kind, Level, Message, Names, Outcome, Rules, Secrets, Sender, Settings, Subject,
};
use tokio::{io::AsyncReadExt as _, net::TcpStream};
use xtask::farm::Issued;

/// Reads up to an empty line, as a proxy does.
pub(crate) async fn read_head(stream: &mut TcpStream) -> String {
    let mut bytes = Vec::new();
    while !bytes.ends_with(b"\r\n\r\n") {
        bytes.push(stream.read_u8().await.unwrap());
    }
    String::from_utf8(bytes).unwrap()
}

/// Names that have these addresses, whatever they are.
#[derive(Debug)]
pub(crate) struct Fixed(pub(crate) Vec<IpAddr>);

impl Names for Fixed {
    fn addresses<'a>(&'a self, _: &'a str) -> futures::future::BoxFuture<'a, std::io::Result<Vec<IpAddr>>> {
        Box::pin(async { Ok(self.0.clone()) })
    }
}

/// A sender for which every name is 127.0.0.1, and that dials everything.
pub(crate) fn sender() -> Sender {
    Sender::new(Arc::new(Fixed(vec![Ipv4Addr::LOCALHOST.into()])), Arc::new(|_| Ok(())))
}

/// What tests allow: clear text, and no authority.
pub(crate) fn rules() -> Rules {
    Rules { allow_http: true, roots: Arc::new(RootCertStore::empty()) }
}

/// As [`Secrets`] has them.
#[allow(clippy::unnecessary_wraps)]
pub(crate) fn secret(text: &str) -> Option<SecretString> {
    Some(SecretString::from(text))
}

/// A channel of this kind with this address, and a second to answer.
pub(crate) fn settings(kind: ChannelKind, address: &str) -> Settings {
    let needs_token = !matches!(kind, ChannelKind::Webhook | ChannelKind::CloudEvents);
    Settings {
        address: Some(address.to_owned()),
        channel: Some(if kind == ChannelKind::Email { "ops@example.com" } else { "ops" }.to_owned()),
        username: (kind == ChannelKind::Email).then(|| "ssl@example.com".to_owned()),
        secret: Secrets { token: secret("token").filter(|_| needs_token), ..Secrets::default() },
        timeout: Some(Duration::from_secs(5)),
        ..Settings::new(kind)
    }
}

pub(crate) fn channel(settings: &Settings) -> Channel {
    Channel::new(settings, &rules()).unwrap()
}

/// What comes of telling a webhook at this address.
pub(crate) async fn told(address: &str) -> Outcome {
    sender().send(&channel(&settings(ChannelKind::Webhook, address)), &message()).await
}

pub(crate) fn message() -> Message {
    let since: Timestamp = "2026-01-02T03:04:05Z".parse().unwrap();
    Message {
        id: "m-1".to_owned(),
        incident: "i-1".to_owned(),
        kind: Kind::Problem,
        level: Level::Critical,
        subject: Subject {
            namespace: "shop".to_owned(),
            name: "web".to_owned(),
            uid: "u-1".to_owned(),
            domain: "shop.example.com".to_owned(),
            port: 443,
            cluster: None,
        },
        reason: "Expired".to_owned(),
        title: "the certificate of shop.example.com has expired".to_owned(),
        detail: "It was valid until 2026-01-02 03:04 UTC.".to_owned(),
        advice: "Renew it.".to_owned(),
        since,
        at: since,
        lapses: None,
        certificate: Some(Certificate {
            subject: "shop.example.com".to_owned(),
            issuer: "Example CA".to_owned(),
            fingerprint: "SHA256:00".to_owned(),
            valid_to: since,
            days: 0,
        }),
        parts: Vec::new(),
    }
}

/// A private key as PEM text.
pub(crate) fn key_pem(issued: &Issued) -> String {
    let text = base64::prelude::BASE64_STANDARD.encode(issued.key.secret_der());
    format!("-----BEGIN PRIVATE KEY-----\n{text}\n-----END PRIVATE KEY-----\n")
}
