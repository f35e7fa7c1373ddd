//! TCP: exactly the vetted addresses, in their order, each a little after the one before (RFC 8305 §5).

use std::{
    io,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket},
    time::Duration,
};

use futures::{StreamExt as _, stream::FuturesUnordered};
use tokio::{
    net::TcpStream,
    time::{Instant, sleep, sleep_until},
};

use super::{Failure, FailureReason, Stage};

/// How long an address may keep the next one waiting (RFC 8305 §8).
const STAGGER: Duration = Duration::from_millis(250);

/// The first pause before an attempt for which this machine lacked a socket is made again; each is twice the one before.
const FIRST_PAUSE: Duration = Duration::from_millis(10);
/// The longest such pause.
const LAST_PAUSE: Duration = Duration::from_millis(640);

/// Numbers of errors that the standard library has no kind for (errno(3)): the first three are the same on every Unix, the
/// fourth is Linux's.
const EINVAL: i32 = 22;
const ENFILE: i32 = 23;
const EMFILE: i32 = 24;
const EAFNOSUPPORT: i32 = 97;

/// The first connection that comes about, or the most telling failure; and the address it is about.
pub(super) async fn connect(
    addresses: &[SocketAddr],
    deadline: Instant,
) -> (Option<SocketAddr>, Result<TcpStream, Failure>) {
    let mut waiting = addresses.iter().copied();
    let mut attempts = FuturesUnordered::new();
    let mut last = None;
    let mut told: Option<(SocketAddr, Failure)> = None;
    loop {
        if let Some(address) = waiting.next() {
            last = Some(address);
            attempts.push(dial(address, deadline));
        }
        if attempts.is_empty() {
            let (address, failure) =
                told.map_or_else(|| (last, timed_out(addresses)), |(at, failure)| (Some(at), failure));
            return (address, Err(failure));
        }
        tokio::select! {
            biased;
            Some((address, outcome)) = attempts.next() => match outcome {
                Ok(stream) => return (Some(address), Ok(stream)),
                Err(error) => {
                    let failure = failure(address, &error);
                    if told.as_ref().is_none_or(|(_, before)| says(failure.reason) > says(before.reason)) {
                        told = Some((address, failure));
                    }
                }
            },
            () = sleep_until(deadline) => return (last, Err(timed_out(addresses))),
            () = sleep(STAGGER), if waiting.len() > 0 => {}
        }
    }
}

/// A connection to this very address, by the deadline. `hopeless` ends when it is not worth while to wait any longer.
pub(super) async fn connect_to(
    address: SocketAddr,
    hopeless: impl Future<Output = ()>,
    deadline: Instant,
) -> Result<TcpStream, Failure> {
    tokio::select! {
        biased;
        (_, outcome) = dial(address, deadline) => outcome.map_err(|error| failure(address, &error)),
        () = sleep_until(deadline) => Err(timed_out(&[address])),
        () = hopeless => Err(timed_out(&[address])),
    }
}

/// How much a failure says of the target: most where the peer answered or failed to, less where there is no way to it, which
/// is so of every IPv6 address on a machine without IPv6, and nothing where the matter is this machine's.
pub(super) fn says(reason: FailureReason) -> u8 {
    match reason {
        FailureReason::ConnectionRefused | FailureReason::ConnectionReset | FailureReason::ConnectTimedOut => 2,
        FailureReason::HostUnreachable => 1,
        _ => 0,
    }
}

/// Connect; while this machine lacks sockets or ports, wait for them.
async fn dial(address: SocketAddr, deadline: Instant) -> (SocketAddr, io::Result<TcpStream>) {
    let mut pause = FIRST_PAUSE;
    loop {
        match TcpStream::connect(address).await {
            Err(error) if is_shortage(address, &error) && Instant::now() + pause < deadline => {
                sleep(pause).await;
                pause = LAST_PAUSE.min(pause * 2);
            }
            connected => return (address, connected.and_then(|stream| stream.set_nodelay(true).map(|()| stream))),
        }
    }
}

/// Whether this machine was short of something that comes back: file descriptors, or ports.
fn is_shortage(address: SocketAddr, error: &io::Error) -> bool {
    match error.raw_os_error() {
        Some(EMFILE | ENFILE) => true,
        _ => error.kind() == io::ErrorKind::AddrNotAvailable && has_source(address),
    }
}

/// Whether this machine has an address to reach that one from: without one, the error is that of a machine out of ports.
/// Connecting a datagram socket looks for a route, and sends nothing.
fn has_source(address: SocketAddr) -> bool {
    let any: IpAddr = if address.is_ipv4() { Ipv4Addr::UNSPECIFIED.into() } else { Ipv6Addr::UNSPECIFIED.into() };
    UdpSocket::bind((any, 0)).and_then(|socket| socket.connect(address)).is_ok()
}

fn failure(address: SocketAddr, error: &io::Error) -> Failure {
    use io::ErrorKind as Kind;
    let mut stage = Stage::Connect;
    let (reason, what) = match error.kind() {
        Kind::ConnectionRefused => (FailureReason::ConnectionRefused, "the connection was refused".to_owned()),
        Kind::ConnectionReset | Kind::ConnectionAborted => {
            (FailureReason::ConnectionReset, "the connection was reset".to_owned())
        }
        Kind::TimedOut => (FailureReason::ConnectTimedOut, "the connection was not established in time".to_owned()),
        _ if is_shortage(address, error) => {
            (FailureReason::ProbeError, format!("this machine had no socket or port to spare: {error}"))
        }
        Kind::HostUnreachable if has_source(address) => {
            (FailureReason::HostUnreachable, "the network says that it cannot be reached".to_owned())
        }
        _ if is_wayless(address, error) => {
            stage = Stage::Route;
            (FailureReason::HostUnreachable, "there is no route to it".to_owned())
        }
        _ => (FailureReason::ProbeError, format!("the connection could not be tried: {error}")),
    };
    Failure { reason, stage, detail: format!("{address}: {what}") }
}

/// Whether this machine, or the network that it is in, has no way to the address: none is configured, IPv6 is lacking, or the
/// address lacks the link that it is local to.
fn is_wayless(address: SocketAddr, error: &io::Error) -> bool {
    use io::ErrorKind as Kind;
    let is_link_local = matches!(address.ip(), IpAddr::V6(address) if address.is_unicast_link_local());
    match (error.kind(), error.raw_os_error()) {
        (Kind::HostUnreachable | Kind::NetworkUnreachable | Kind::NetworkDown | Kind::AddrNotAvailable, _)
        | (_, Some(EAFNOSUPPORT)) => true,
        (_, Some(EINVAL)) => is_link_local,
        _ => false,
    }
}

fn timed_out(addresses: &[SocketAddr]) -> Failure {
    let told: Vec<String> = addresses.iter().take(3).map(ToString::to_string).collect();
    let more = if addresses.len() > 3 { format!(" and {} more", addresses.len() - 3) } else { String::new() };
    let detail = format!("{}{more}: the connection was not established in time", told.join(", "));
    Failure { reason: FailureReason::ConnectTimedOut, stage: Stage::Connect, detail }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use tokio::net::TcpSocket;

    use super::*;

    const PATIENCE: Duration = Duration::from_secs(20);
    /// A link-local address without its link: on no machine is there a way to it, so it fails at once.
    const NOWHERE: &str = "[fe80::1]:443";

    fn at(address: &str) -> SocketAddr {
        address.parse().unwrap()
    }

    #[tokio::test]
    async fn what_the_peer_said_is_told_rather_than_that_there_is_no_way_to_another_address() {
        let held = TcpSocket::new_v4().unwrap();
        held.bind(at("127.0.0.1:0")).unwrap();
        let refused = held.local_addr().unwrap();
        for addresses in [[at(NOWHERE), refused], [refused, at(NOWHERE)]] {
            let (address, connected) = connect(&addresses, Instant::now() + PATIENCE).await;
            let failure = connected.unwrap_err();
            assert_eq!((address, failure.reason), (Some(refused), FailureReason::ConnectionRefused));
            assert_eq!(failure.detail, format!("{refused}: the connection was refused"));
        }
    }

    #[test]
    fn each_error_has_its_reason() {
        // Numbers of Linux: what the kernel says where a peer, a route, an address, a family or a descriptor is missing.
        for (number, address, reason, stage) in [
            (111, "127.0.0.1:1", FailureReason::ConnectionRefused, Stage::Connect),
            (104, "127.0.0.1:1", FailureReason::ConnectionReset, Stage::Connect),
            (110, "127.0.0.1:1", FailureReason::ConnectTimedOut, Stage::Connect),
            // A host that is down looks like this to its neighbours, and so does one without a way to it.
            (113, "127.0.0.1:1", FailureReason::HostUnreachable, Stage::Connect),
            (113, NOWHERE, FailureReason::HostUnreachable, Stage::Route),
            (101, "127.0.0.1:1", FailureReason::HostUnreachable, Stage::Route),
            (EAFNOSUPPORT, NOWHERE, FailureReason::HostUnreachable, Stage::Route),
            (99, NOWHERE, FailureReason::HostUnreachable, Stage::Route),
            (99, "127.0.0.1:1", FailureReason::ProbeError, Stage::Connect),
            (EMFILE, NOWHERE, FailureReason::ProbeError, Stage::Connect),
            (ENFILE, "127.0.0.1:1", FailureReason::ProbeError, Stage::Connect),
            (EINVAL, NOWHERE, FailureReason::HostUnreachable, Stage::Route),
            (EINVAL, "127.0.0.1:1", FailureReason::ProbeError, Stage::Connect),
        ] {
            let failure = failure(at(address), &io::Error::from_raw_os_error(number));
            assert_eq!((failure.reason, failure.stage), (reason, stage), "{number} {address}");
        }
    }
}
