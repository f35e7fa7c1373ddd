//! The connection before TLS: bounded reading to the byte, and the words for what goes wrong.

use std::{io, time::Duration};

use futures::FutureExt as _;
use tokio::{
    io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _},
    time::{Instant, timeout_at},
};

use super::{failure, quote};
use crate::probe::{Failure, FailureReason, handshake::greeting};

/// The longest line or tag, in bytes with its end. Protocols allow less (SMTP 512, RFC 5321 §4.5.3.1.5); lists of capabilities
/// are sometimes longer.
pub(super) const MAX_LINE: usize = 2048;
/// The most lines of a dialogue.
pub(super) const MAX_LINES: usize = 100;
/// The most bytes of a dialogue.
pub(super) const MAX_TOTAL: usize = 64 * 1024;

/// What is read at once.
const CHUNK: usize = 4096;
/// How much of what should not be there is read, in bytes, to say what it is; and how long it is awaited.
const HEAD: usize = 256;
const HEAD_PATIENCE: Duration = Duration::from_millis(250);

/// What a dialogue is held on.
pub(super) trait Stream: AsyncRead + AsyncWrite + Unpin {}

impl<S: AsyncRead + AsyncWrite + Unpin> Stream for S {}

/// A connection before TLS, and what was received and not yet taken from it.
pub(super) struct Wire<'a, S> {
    stream: &'a mut S,
    protocol: &'static str,
    deadline: Instant,
    /// What the server owes, for messages.
    awaited: &'static str,
    received: Vec<u8>,
    lines: usize,
    taken: usize,
}

impl<'a, S: Stream> Wire<'a, S> {
    /// A fresh connection. Until something is sent, the server's greeting is awaited.
    pub(super) fn new(stream: &'a mut S, protocol: &'static str, deadline: Instant) -> Self {
        let awaited = "its greeting";
        Self { stream, protocol, deadline, awaited, received: Vec::new(), lines: 0, taken: 0 }
    }

    /// Send this; `awaited` is then owed.
    pub(super) async fn send(&mut self, bytes: &[u8], awaited: &'static str) -> Result<(), Failure> {
        self.awaited = awaited;
        let sending = async {
            self.stream.write_all(bytes).await?;
            self.stream.flush().await
        };
        match timeout_at(self.deadline, sending).await {
            Ok(sent) => sent.map_err(|error| self.broken(&error)),
            Err(_) => Err(self.timed_out()),
        }
    }

    /// The next line, without its end.
    pub(super) async fn line(&mut self) -> Result<Vec<u8>, Failure> {
        let end = |bytes: &[u8]| bytes.iter().position(|byte| *byte == b'\n').map(|at| at + 1);
        let mut line = self.until(end, "line").await?;
        self.lines += 1;
        if self.lines > MAX_LINES {
            return Err(self.failed(format!("the server sent more than {MAX_LINES} lines")));
        }
        line.pop();
        line.pop_if(|byte| *byte == b'\r');
        Ok(line)
    }

    /// What comes before the end that `end` finds, and that end; a `unit` of at most [`MAX_LINE`] bytes.
    pub(super) async fn until(&mut self, end: impl Fn(&[u8]) -> Option<usize>, unit: &str) -> Result<Vec<u8>, Failure> {
        loop {
            self.refuse_tls()?;
            let found = end(&self.received);
            match found.unwrap_or(self.received.len()) {
                length if length > MAX_LINE => {
                    let detail = format!("the server sent a {unit} of more than {MAX_LINE} bytes");
                    return Err(self.failed(format!("{detail}: {}", quote(&self.received))));
                }
                length if found.is_some() => return self.take(length),
                _ => self.fill().await?,
            }
        }
    }

    /// The next bytes, which stay where they are.
    pub(super) async fn peek(&mut self, length: usize) -> Result<&[u8], Failure> {
        while self.received.len() < length {
            self.refuse_tls()?;
            self.fill().await?;
        }
        self.refuse_tls()?;
        Ok(&self.received[..length])
    }

    /// The next bytes. The caller bounds the length.
    pub(super) async fn exactly(&mut self, length: usize) -> Result<Vec<u8>, Failure> {
        self.peek(length).await?;
        self.take(length)
    }

    /// The go-ahead has been read: whatever else is there was sent in the clear for a client to take for protected.
    pub(super) fn conclude(&mut self) -> Result<(), Failure> {
        self.glance();
        if self.received.is_empty() {
            return Ok(());
        }
        let detail = format!(
            "the server sent more than {} before TLS, which a client may take for protected: {}",
            self.awaited,
            quote(&self.received)
        );
        Err(failure(FailureReason::StartTlsInjection, detail))
    }

    /// What has arrived and is not taken, without waiting for more.
    pub(super) fn glance(&mut self) -> &[u8] {
        // A pending read is dropped at once: what comes later is another's.
        while self.received.len() < HEAD && matches!(self.read().now_or_never(), Some(Ok(1..))) {}
        &self.received
    }

    /// What the server says makes sense, and is no answer to what it was asked.
    pub(super) fn unexpected(&self, said: &[u8]) -> Failure {
        failure(
            FailureReason::StartTlsFailed,
            format!("where {} was awaited, the server said: {}", self.awaited, quote(said)),
        )
    }

    /// What answers does not speak the protocol: name it.
    pub(super) fn foreign(&self, said: &[u8]) -> Failure {
        // Only what of a first line would surely have come, so that it does not matter how the network cuts it.
        let line = said.split(|byte| *byte == b'\n').next().unwrap_or_default();
        let (other, _) = greeting(&line[..line.len().min(HEAD)]).unwrap_or_default();
        let other =
            if other.is_empty() || other.contains(self.protocol) { String::new() } else { format!(" but {other}") };
        let detail = format!("what answered is not {}{other}: {}", self.protocol, quote(said));
        failure(FailureReason::StartTlsFailed, detail)
    }

    /// [`Wire::foreign`] of what is there and not taken; the rest of its first line is awaited, for a moment.
    pub(super) async fn foreign_head(&mut self) -> Failure {
        let soon = self.deadline.min(Instant::now() + HEAD_PATIENCE);
        while self.received.len() < HEAD && !self.received.contains(&b'\n') {
            if !matches!(timeout_at(soon, self.read()).await, Ok(Ok(1..))) {
                break;
            }
        }
        self.refuse_tls().err().unwrap_or_else(|| self.foreign(&self.received))
    }

    /// The dialogue cannot go on; the place is added.
    pub(super) fn failed(&self, what: impl std::fmt::Display) -> Failure {
        failure(FailureReason::StartTlsFailed, format!("where {} was awaited, {what}", self.awaited))
    }

    fn take(&mut self, length: usize) -> Result<Vec<u8>, Failure> {
        self.taken += length;
        if self.taken > MAX_TOTAL {
            return Err(self.failed(format!("the server sent more than {} KiB", MAX_TOTAL / 1024)));
        }
        Ok(self.received.drain(..length).collect())
    }

    async fn fill(&mut self) -> Result<(), Failure> {
        match timeout_at(self.deadline, self.read()).await {
            Ok(Ok(1..)) => Ok(()),
            Ok(Ok(0)) => Err(self.broken(&io::ErrorKind::UnexpectedEof.into())),
            Ok(Err(error)) => Err(self.broken(&error)),
            Err(_) => Err(self.timed_out()),
        }
    }

    async fn read(&mut self) -> io::Result<usize> {
        let mut chunk = [0; CHUNK];
        let length = self.stream.read(&mut chunk).await?;
        self.received.extend_from_slice(&chunk[..length]);
        Ok(length)
    }

    /// Nothing of these protocols begins like a record of TLS (RFC 8446 §5.1: a type from 20 to 24, and major version 3).
    fn refuse_tls(&self) -> Result<(), Failure> {
        if !matches!(self.received[..], [20..=24, 3, ..]) {
            return Ok(());
        }
        let detail = format!("what answered is not {} but speaks TLS at once: leave tls.startTLS out", self.protocol);
        Err(failure(FailureReason::StartTlsFailed, detail))
    }

    fn broken(&self, error: &io::Error) -> Failure {
        use io::ErrorKind as Kind;
        let what = match error.kind() {
            Kind::UnexpectedEof => "the server closed the connection".to_owned(),
            Kind::ConnectionReset | Kind::ConnectionAborted | Kind::BrokenPipe => {
                "the server reset the connection".to_owned()
            }
            _ => format!("the connection failed: {error}"),
        };
        self.failed(what + &self.so_far())
    }

    fn timed_out(&self) -> Failure {
        if self.taken == 0 && self.received.is_empty() {
            let detail = format!(
                "the server sent nothing of {} in time; if it speaks TLS at once, leave tls.startTLS out",
                self.protocol
            );
            return failure(FailureReason::StartTlsFailed, detail);
        }
        self.failed(format!("the server went silent{}", self.so_far()))
    }

    /// What was received of an answer that is not complete.
    fn so_far(&self) -> String {
        if self.received.is_empty() { String::new() } else { format!(" after: {}", quote(&self.received)) }
    }
}
