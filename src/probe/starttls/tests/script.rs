//! A server that keeps to a script.

use std::{
    io,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _, ReadBuf, duplex},
    time::Instant,
};

use super::super::*;

/// One step of a script.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Said {
    /// The server says this.
    Says(Vec<u8>),
    /// The server hears this, or the test fails.
    Hears(Vec<u8>),
    /// The server says this again and again, until nobody listens.
    Endlessly(Vec<u8>),
    /// The server hangs up.
    Closes,
}

/// How long the prober has.
pub(crate) const PATIENCE: Duration = Duration::from_secs(10);

/// Hold the dialogue with a server that keeps to this script and then listens; the outcome, and what else the server heard.
pub(crate) async fn play(protocol: StartTls, steps: Vec<Said>) -> (Result<(), Failure>, Vec<u8>) {
    let (mut ours, theirs) = duplex(1 << 16);
    let server = tokio::spawn(serve(theirs, steps));
    let name = "a.test".parse().unwrap();
    let outcome = upgrade(&mut ours, protocol, &name, Instant::now() + PATIENCE).await;
    drop(ours);
    (outcome, server.await.unwrap())
}

async fn serve(mut stream: tokio::io::DuplexStream, steps: Vec<Said>) -> Vec<u8> {
    for step in steps {
        match step {
            Said::Says(bytes) => {
                // A prober that has seen enough is gone.
                if stream.write_all(&bytes).await.is_err() {
                    break;
                }
            }
            Said::Hears(expected) => {
                let mut heard = vec![0; expected.len()];
                stream.read_exact(&mut heard).await.unwrap();
                assert_eq!(String::from_utf8_lossy(&heard), String::from_utf8_lossy(&expected));
            }
            Said::Endlessly(bytes) => while stream.write_all(&bytes).await.is_ok() {},
            Said::Closes => return Vec::new(),
        }
    }
    let mut rest = Vec::new();
    stream.read_to_end(&mut rest).await.unwrap();
    rest
}

/// A connection on which everything the server will say has arrived, in these pieces, and ends; what is sent is kept.
#[derive(Debug, Default)]
pub(crate) struct Pieces {
    pub(crate) pieces: std::collections::VecDeque<Vec<u8>>,
    pub(crate) sent: Vec<u8>,
}

/// The outcome of the dialogue when the server's words arrive in these pieces, and what was sent.
pub(crate) async fn read(
    protocol: StartTls,
    pieces: impl IntoIterator<Item = Vec<u8>>,
) -> (Result<(), Failure>, Vec<u8>) {
    let pieces = pieces.into_iter().filter(|piece| !piece.is_empty()).collect();
    let mut stream = Pieces { pieces, sent: Vec::new() };
    let name = "a.test".parse().unwrap();
    let outcome = upgrade(&mut stream, protocol, &name, Instant::now() + PATIENCE).await;
    (outcome, stream.sent)
}

// === impl Pieces ===

impl AsyncRead for Pieces {
    fn poll_read(mut self: Pin<&mut Self>, _: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        if let Some(mut piece) = self.pieces.pop_front() {
            let rest = piece.split_off(piece.len().min(buffer.remaining()));
            buffer.put_slice(&piece);
            if !rest.is_empty() {
                self.pieces.push_front(rest);
            }
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Pieces {
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
