//! TCP: exactly the vetted addresses, in their order, each a little after the one before (RFC 8305 §5).

use std::{io, net::SocketAddr, time::Duration};

use futures::{StreamExt as _, stream::FuturesUnordered};
use tokio::{
    net::TcpStream,
    time::{Instant, sleep, sleep_until},
};

use super::{Failure, FailureReason, Stage};

/// How long an address may keep the next one waiting (RFC 8305 §8).
const STAGGER: Duration = Duration::from_millis(250);

/// The first connection that comes about, or the failure of the address that failed first; and the address it is about.
pub(super) async fn connect(
    addresses: &[SocketAddr],
    deadline: Instant,
) -> (Option<SocketAddr>, Result<TcpStream, Failure>) {
    let mut waiting = addresses.iter().copied();
    let mut attempts = FuturesUnordered::new();
    let mut last = None;
    let mut first_failure = None;
    loop {
        if let Some(address) = waiting.next() {
            last = Some(address);
            attempts.push(dial(address));
        }
        if attempts.is_empty() {
            let failure = first_failure.unwrap_or_else(|| timed_out(addresses));
            return (last, Err(failure));
        }
        tokio::select! {
            biased;
            Some((address, outcome)) = attempts.next() => match outcome {
                Ok(stream) => return (Some(address), Ok(stream)),
                Err(error) => { first_failure.get_or_insert_with(|| failure(address, &error)); }
            },
            () = sleep_until(deadline) => return (last, Err(timed_out(addresses))),
            () = sleep(STAGGER), if waiting.len() > 0 => {}
        }
    }
}

async fn dial(address: SocketAddr) -> (SocketAddr, io::Result<TcpStream>) {
    let connected = TcpStream::connect(address).await;
    let ready = connected.and_then(|stream| stream.set_nodelay(true).map(|()| stream));
    (address, ready)
}

fn failure(address: SocketAddr, error: &io::Error) -> Failure {
    use io::ErrorKind as Kind;
    let (reason, what) = match error.kind() {
        Kind::ConnectionRefused => (FailureReason::ConnectionRefused, "the connection was refused".to_owned()),
        Kind::ConnectionReset | Kind::ConnectionAborted => {
            (FailureReason::ConnectionReset, "the connection was reset".to_owned())
        }
        Kind::HostUnreachable | Kind::NetworkUnreachable | Kind::NetworkDown => {
            (FailureReason::HostUnreachable, "there is no route to it".to_owned())
        }
        Kind::TimedOut => (FailureReason::ConnectTimedOut, "the connection was not established in time".to_owned()),
        _ => (FailureReason::ProbeError, format!("the connection could not be tried: {error}")),
    };
    Failure { reason, stage: Stage::Connect, detail: format!("{address}: {what}") }
}

fn timed_out(addresses: &[SocketAddr]) -> Failure {
    let told: Vec<String> = addresses.iter().take(3).map(ToString::to_string).collect();
    let more = if addresses.len() > 3 { format!(" and {} more", addresses.len() - 3) } else { String::new() };
    let detail = format!("{}{more}: the connection was not established in time", told.join(", "));
    Failure { reason: FailureReason::ConnectTimedOut, stage: Stage::Connect, detail }
}
