//! Any words of a server before TLS, in each protocol: however the network cuts them the answer is the same, they are read within
//! bounds, and a go-ahead has nothing after it.
#![no_main]

use std::{
    io,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use libfuzzer_sys::{
    arbitrary::{Result, Unstructured},
    fuzz_target,
};
use ssl_monitor_operator::probe::{Failure, FailureReason, Host, Stage, StartTls, fuzzing::upgrade};
use ssl_monitor_operator_fuzz::seen::assert_clean;
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    runtime::{Builder, Runtime},
    time::Instant,
};

/// More than is ever read: the limit of a dialogue, and what is read at once.
const MOST_READ: usize = 64 * 1024 + 2 * 4096;
const PROTOCOLS: [StartTls; 12] = [
    StartTls::Smtp,
    StartTls::Lmtp,
    StartTls::Imap,
    StartTls::Pop3,
    StartTls::Ftp,
    StartTls::Ldap,
    StartTls::Postgresql,
    StartTls::Mysql,
    StartTls::XmppClient,
    StartTls::XmppServer,
    StartTls::Sieve,
    StartTls::Nntp,
];

thread_local! {
    /// Its clock stands still until there is nothing but time to wait for.
    static RUNTIME: Runtime =
        Builder::new_current_thread().enable_time().start_paused(true).build().expect("nothing but a clock is in it");
}

fuzz_target!(|bytes: &[u8]| {
    // Input that is too short is no case.
    let _ = check(&mut Unstructured::new(bytes));
});

/// The number of the protocol, how often the words are said, up to three places to cut them at, and the words.
fn check(from: &mut Unstructured<'_>) -> Result<()> {
    let protocol = *from.choose(&PROTOCOLS)?;
    let times = from.int_in_range(1..=32_u8)?;
    let sizes: Vec<usize> = (0..3).map(|_| Ok(usize::from(from.int_in_range(1..=250_u8)?))).collect::<Result<_>>()?;
    let words = from.bytes(from.len())?.repeat(times.into());
    let whole = Played::new(protocol, &words, &[usize::MAX]);
    whole.check(&words);
    for sizes in [&sizes[..], &[1]] {
        let cut = Played::new(protocol, &words, sizes);
        cut.check(&words);
        assert_eq!((&cut.outcome, &cut.sent), (&whole.outcome, &whole.sent), "{protocol:?} in pieces of {sizes:?}");
    }
    Ok(())
}

/// How a dialogue went.
struct Played {
    outcome: std::result::Result<(), Failure>,
    read: usize,
    sent: Vec<u8>,
}

/// A server that has said all it will say, and hung up; each read yields a piece of the next size.
struct Server<'a> {
    words: &'a [u8],
    sizes: std::iter::Cycle<std::slice::Iter<'a, usize>>,
    read: usize,
    sent: Vec<u8>,
}

// === impl Played ===

impl Played {
    fn new(protocol: StartTls, words: &[u8], sizes: &[usize]) -> Self {
        let mut server = Server { words, sizes: sizes.iter().cycle(), read: 0, sent: Vec::new() };
        let name = Host::Name("a.test".to_owned());
        let outcome = RUNTIME.with(|runtime| {
            runtime.block_on(async {
                upgrade(&mut server, protocol, &name, Instant::now() + Duration::from_secs(10)).await
            })
        });
        Self { outcome, read: server.read, sent: server.sent }
    }

    fn check(&self, words: &[u8]) {
        assert!(self.read <= MOST_READ, "{} bytes were read", self.read);
        assert!(self.sent.len() <= 1024, "{} bytes were sent", self.sent.len());
        let Err(failure) = &self.outcome else {
            return assert_eq!(self.read, words.len(), "something is left before TLS");
        };
        let reasons =
            [FailureReason::StartTlsUnavailable, FailureReason::StartTlsInjection, FailureReason::StartTlsFailed];
        assert!(failure.stage == Stage::StartTls && reasons.contains(&failure.reason), "{failure:?}");
        assert_clean(&failure.detail);
    }
}

// === impl Server ===

impl AsyncRead for Server<'_> {
    fn poll_read(mut self: Pin<&mut Self>, _: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let size = self.sizes.next().copied().unwrap_or(usize::MAX);
        let (piece, rest) = self.words.split_at(size.min(self.words.len()).min(buffer.remaining()));
        buffer.put_slice(piece);
        self.words = rest;
        self.read += piece.len();
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Server<'_> {
    fn poll_write(mut self: Pin<&mut Self>, _: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.sent.extend_from_slice(bytes);
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}
