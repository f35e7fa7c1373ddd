//! Counts what a peer sends, stops it at a limit, and keeps the first bytes: they tell what answered, and may hold a certificate
//! although the handshake broke.

use std::{
    fmt, io,
    pin::Pin,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    task::{Context, Poll, ready},
};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// The most bytes that are read from a peer in one probe.
const LIMIT: usize = 128 * 1024;
/// How many of the first bytes are kept.
const KEPT: usize = 64 * 1024;

/// As many bytes as most handshakes have.
const USUAL: usize = 4 * 1024;

/// What has been read so far.
#[derive(Debug, Default)]
pub(super) struct Meter {
    read: AtomicUsize,
    received: Mutex<Vec<u8>>,
}

/// A stream that is read through a [`Meter`].
#[derive(Debug)]
pub(super) struct Metered<S> {
    stream: S,
    meter: Arc<Meter>,
}

/// The error of a stream that has reached the limit.
#[derive(Debug)]
pub(super) struct LimitReached;

impl fmt::Display for LimitReached {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "more than {} KiB were sent", LIMIT / 1024)
    }
}

impl std::error::Error for LimitReached {}

// === impl Meter ===

impl Meter {
    /// How many bytes were read.
    pub(super) fn read(&self) -> usize {
        self.read.load(Ordering::Relaxed)
    }

    /// The first bytes; nothing is left.
    pub(super) fn received(&self) -> Vec<u8> {
        std::mem::take(&mut *self.received.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn count(&self, bytes: &[u8]) {
        let before = self.read.fetch_add(bytes.len(), Ordering::Relaxed);
        let kept = &bytes[..bytes.len().min(KEPT.saturating_sub(before))];
        let mut received = self.received.lock().unwrap_or_else(PoisonError::into_inner);
        if received.is_empty() {
            received.reserve(USUAL.max(kept.len()));
        }
        received.extend_from_slice(kept);
    }
}

// === impl Metered ===

impl<S> Metered<S> {
    pub(super) fn new(stream: S, meter: Arc<Meter>) -> Self {
        Self { stream, meter }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Metered<S> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let left = LIMIT - self.meter.read();
        if left == 0 {
            return Poll::Ready(Err(io::Error::other(LimitReached)));
        }
        let room = buffer.remaining().min(left);
        let mut part = ReadBuf::new(buffer.initialize_unfilled_to(room));
        ready!(Pin::new(&mut self.stream).poll_read(cx, &mut part))?;
        self.meter.count(part.filled());
        let read = part.filled().len();
        buffer.advance(read);
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Metered<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use tokio::io::AsyncReadExt as _;

    use super::*;

    #[tokio::test]
    async fn an_endless_stream_ends_exactly_at_the_limit() {
        let meter = Arc::new(Meter::default());
        let mut stream = Metered::new(tokio::io::repeat(b'x'), meter.clone());
        let mut read = Vec::new();
        let error = stream.read_to_end(&mut read).await.unwrap_err();
        assert_eq!(error.to_string(), "more than 128 KiB were sent");
        assert_eq!((read.len(), meter.read()), (131_072, 131_072));
        assert_eq!(meter.received(), vec![b'x'; 65_536]);
        assert!(meter.received().is_empty());
    }
}
