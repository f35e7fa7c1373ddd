//! What is written where, when nobody may be listening any more.

use std::{
    fmt,
    io::{self, ErrorKind, Write},
};

/// A writer whose reader may go away (`| head`): what is written after that is dropped, and the exit code stays true.
pub(super) struct Tolerant<W> {
    inner: W,
    closed: bool,
}

impl<W> Tolerant<W> {
    pub(super) fn new(inner: W) -> Self {
        Self { inner, closed: false }
    }
}

impl<W: Write> Write for Tolerant<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.closed {
            return Ok(bytes.len());
        }
        match self.inner.write(bytes) {
            Err(error) if error.kind() == ErrorKind::BrokenPipe => {
                self.closed = true;
                Ok(bytes.len())
            }
            result => result,
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self.inner.flush() {
            Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
            result => result,
        }
    }
}

/// Write a line to stderr; when that fails there is nobody left to tell.
pub(super) fn complain(line: impl fmt::Display) {
    let _ = writeln!(io::stderr(), "{line}");
}
