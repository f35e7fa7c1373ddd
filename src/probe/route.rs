//! From a vetted address to a connection over which TLS may begin: directly or by way of a proxy, after the PROXY header and
//! the dialogue that asks for TLS.

use std::{net::SocketAddr, time::Duration};

use tokio::{
    io::AsyncWriteExt as _,
    net::TcpStream,
    sync::watch,
    time::{Instant, sleep_until, timeout_at},
};

use super::{
    Failure, FailureReason, Host, Proxy, ProxyProtocol, Stage, Target,
    connect::{connect, connect_to},
    proxy::{self, Destination},
    starttls,
};

/// How long connecting may take, at most, once another address of the target has answered.
const LONGEST_WAIT: Duration = Duration::from_secs(5);

/// PROXY protocol, version 2: signature, version 2 with the command LOCAL, no family, no length (HAProxy,
/// doc/proxy-protocol.txt §2.2). A receiver takes the connection as it is.
const HEADER_V2: &[u8] = b"\r\n\r\n\0\r\nQUIT\n\x20\0\0\0";
/// PROXY protocol, version 1, for a sender that does not say on whose behalf it speaks (§2.1).
const HEADER_V1: &[u8] = b"PROXY UNKNOWN\r\n";

/// The way to a target.
#[derive(Debug)]
pub(super) enum Way {
    Direct,
    /// Through a proxy, at its vetted addresses.
    Proxy(Proxy, Vec<SocketAddr>),
}

/// Where the way ends.
#[derive(Debug, Clone, Copy)]
pub(super) enum End<'a> {
    /// At this vetted address.
    At(SocketAddr),
    /// At the first of these vetted addresses that answers.
    Any(&'a [SocketAddr]),
    /// At a name that the proxy resolves.
    Named(&'a str, u16),
}

/// Lets addresses that stay silent know that another has answered.
#[derive(Debug)]
pub(super) struct Company {
    answered: watch::Sender<bool>,
    patience: Instant,
}

// === impl Company ===

impl Company {
    /// Of addresses that are dialled from now on, with the deadline that all share. Once one has answered, the others are
    /// awaited for half of the time, and for 5 s at most: longer waiting would only tell later that they are dead.
    pub(super) fn new(deadline: Instant) -> Self {
        let now = Instant::now();
        let half = deadline.saturating_duration_since(now) / 2;
        Self { answered: watch::Sender::new(false), patience: now + half.min(LONGEST_WAIT) }
    }

    fn note_answer(&self) {
        // Without a change nobody is woken.
        self.answered.send_if_modified(|answered| !std::mem::replace(answered, true));
    }

    async fn is_hopeless(&self) {
        // The sender lives as long as `self`, so this ends only when there was an answer.
        let _ = self.answered.subscribe().wait_for(|answered| *answered).await;
        sleep_until(self.patience).await;
    }
}

// === impl Way ===

impl Way {
    /// A connection to the end of the way, and the address there; what a failure is about, if it has an address.
    pub(super) async fn open(
        &self,
        end: End<'_>,
        company: &Company,
        deadline: Instant,
    ) -> (Option<SocketAddr>, Result<TcpStream, Failure>) {
        let (address, opened) = match (self, end) {
            (Self::Direct, End::At(address)) => {
                (Some(address), connect_to(address, company.is_hopeless(), deadline).await)
            }
            (Self::Direct, End::Any(addresses)) => connect(addresses, deadline).await,
            (Self::Direct, End::Named(name, _)) => (None, Err(unresolved(name))),
            (Self::Proxy(proxy, at), End::At(address)) => {
                (Some(address), tunnel(proxy, at, Destination::Address(address), deadline).await)
            }
            (Self::Proxy(proxy, at), End::Any(addresses)) => tunnel_to_any(proxy, at, addresses, deadline).await,
            (Self::Proxy(proxy, at), End::Named(name, port)) => {
                (None, tunnel(proxy, at, Destination::Name(name, port), deadline).await)
            }
        };
        if opened.is_ok() {
            company.note_answer();
        }
        (address, opened)
    }
}

async fn tunnel(
    proxy: &Proxy,
    at: &[SocketAddr],
    to: Destination<'_>,
    deadline: Instant,
) -> Result<TcpStream, Failure> {
    let (_, connected) = connect(at, deadline).await;
    let stream =
        connected.map_err(|failure| proxy::failure(proxy, &format!("could not be reached: {}", failure.detail)))?;
    proxy::tunnel(stream, proxy, to, deadline).await
}

/// One after the other, each with a fair share of the time: a proxy says late that an address is dead.
async fn tunnel_to_any(
    proxy: &Proxy,
    at: &[SocketAddr],
    addresses: &[SocketAddr],
    deadline: Instant,
) -> (Option<SocketAddr>, Result<TcpStream, Failure>) {
    let mut outcome = (None, Err(proxy::failure(proxy, "has nowhere to connect to")));
    for (position, address) in addresses.iter().enumerate() {
        let share = share(Instant::now(), deadline, addresses.len() - position);
        outcome = (Some(*address), tunnel(proxy, at, Destination::Address(*address), share).await);
        if outcome.1.is_ok() {
            break;
        }
    }
    outcome
}

/// When the first of `among` has had a fair share of the time from now to the deadline.
pub(super) fn share(now: Instant, deadline: Instant, among: usize) -> Instant {
    now + deadline.saturating_duration_since(now) / u32::try_from(among.max(1)).unwrap_or(u32::MAX)
}

fn unresolved(name: &str) -> Failure {
    let detail = format!("{} was not resolved, and there is no proxy to do it", super::text::clean(name));
    Failure { reason: FailureReason::ProbeError, stage: Stage::Connect, detail }
}

/// Bring a fresh connection to where a ClientHello is awaited: send the PROXY header, and hold the dialogue that asks for TLS.
pub(super) async fn prepare(stream: &mut TcpStream, target: &Target, deadline: Instant) -> Result<(), Failure> {
    send_header(stream, target, deadline).await?;
    match target.starttls {
        Some(protocol) => starttls::upgrade(stream, protocol, target.verified_name(), deadline).await,
        None => Ok(()),
    }
}

async fn send_header(stream: &mut TcpStream, target: &Target, deadline: Instant) -> Result<(), Failure> {
    let header = match target.proxy_protocol {
        None => return Ok(()),
        Some(ProxyProtocol::V1) => HEADER_V1,
        Some(ProxyProtocol::V2) => HEADER_V2,
    };
    if let Ok(Ok(())) = timeout_at(deadline, stream.write_all(header)).await {
        return Ok(());
    }
    let detail = "the server reset the connection before the PROXY header was sent".to_owned();
    Err(Failure { reason: FailureReason::ConnectionReset, stage: Stage::Connect, detail })
}

/// Whether a proxy resolves this host.
pub(super) fn leaves_names(proxy: &Proxy, host: &Host) -> bool {
    use super::ProxyKind::{Http, Socks5h};
    matches!((proxy.kind, host), (Http | Socks5h, Host::Name(_)))
}
