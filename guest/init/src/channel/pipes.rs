//! Stdin and stdout as the two directions of one transport. Small reads are served from a buffer, large ones go
//! straight to where they are wanted; writes are gathered by the connection itself.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures::io::{AsyncRead, AsyncWrite};
use tokio::io::{AsyncRead as _, ReadBuf};
use tokio::net::unix::pipe;

use super::outlet::Outlet;
use crate::sys;

/// A read of at least this many bytes is not worth copying to save a system call.
const LARGE: usize = 4 * 1024;

/// Both pipes.
pub(super) struct Pipes {
    input: pipe::Receiver,
    output: Outlet,
    /// Bytes taken from the input ahead of time, from `read` on.
    ahead: Vec<u8>,
    read: usize,
}

impl Pipes {
    /// Takes over stdin and stdout, which must be pipes. To be called once.
    pub(super) fn from_stdio() -> io::Result<Self> {
        let (input, output) = sys::take_stdio();
        Ok(Self {
            input: pipe::Receiver::from_owned_fd(input)?,
            output: Outlet::new(pipe::Sender::from_owned_fd(output)?),
            ahead: Vec::with_capacity(LARGE),
            read: 0,
        })
    }
}

impl AsyncWrite for Pipes {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.output.poll_write(cx, &[IoSlice::new(bytes)])
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        pieces: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.output.poll_write(cx, pieces)
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_close(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

impl AsyncRead for Pipes {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, into: &mut [u8]) -> Poll<io::Result<usize>> {
        let ends = &mut *self;
        if ends.read == ends.ahead.len() {
            if into.len() >= LARGE {
                let mut into = ReadBuf::new(into);
                ready!(Pin::new(&mut ends.input).poll_read(cx, &mut into))?;
                return Poll::Ready(Ok(into.filled().len()));
            }
            ends.read = 0;
            ends.ahead.resize(LARGE, 0);
            let mut ahead = ReadBuf::new(&mut ends.ahead);
            let outcome = Pin::new(&mut ends.input).poll_read(cx, &mut ahead);
            let filled = ahead.filled().len();
            ends.ahead.truncate(filled);
            ready!(outcome)?;
        }
        let length = into.len().min(ends.ahead.len() - ends.read);
        into[..length].copy_from_slice(&ends.ahead[ends.read..ends.read + length]);
        ends.read += length;
        Poll::Ready(Ok(length))
    }
}
