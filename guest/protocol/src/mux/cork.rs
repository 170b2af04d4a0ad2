//! Fewer, larger writes.
//!
//! yamux writes a frame in two pieces and flushes after each, which would cost two system calls, and wake every
//! relay on the way to the other end twice. Small pieces are therefore kept until the connection has nothing more
//! to do in this turn, or until a large piece takes them along.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, ready};

use futures::io::{AsyncRead, AsyncWrite};

/// A write of at least this many bytes is not worth copying to save a system call.
const LARGE: usize = 4 * 1024;

/// Most bytes kept back.
const MAX_KEPT: usize = 64 * 1024;

/// A handle on a transport whose small writes wait for [`Cork::poll_send`].
pub(super) struct Cork<T>(Arc<Mutex<Inner<T>>>);

impl<T> Clone for Cork<T> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

struct Inner<T> {
    io: T,
    /// Bytes to go out before anything else.
    kept: Vec<u8>,
}

impl<T: AsyncRead + AsyncWrite + Unpin> Cork<T> {
    pub(super) fn new(io: T) -> Self {
        Self(Arc::new(Mutex::new(Inner { io, kept: Vec::with_capacity(LARGE) })))
    }

    /// Only ever contended by the task that drives the connection, that is, never.
    fn inner(&self) -> MutexGuard<'_, Inner<T>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Sends what was kept back.
    pub(super) fn poll_send(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let mut inner = self.inner();
        ready!(inner.poll_send(cx))?;
        Pin::new(&mut inner.io).poll_flush(cx)
    }
}

impl<T: AsyncWrite + Unpin> Inner<T> {
    fn poll_send(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while !self.kept.is_empty() {
            let sent = ready!(Pin::new(&mut self.io).poll_write(cx, &self.kept))?;
            if sent == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            self.kept.drain(..sent);
        }
        Poll::Ready(Ok(()))
    }

    /// Sends what was kept back and `bytes` after it. Says how many of `bytes` have gone.
    fn poll_send_with(&mut self, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        loop {
            let pieces = [IoSlice::new(&self.kept), IoSlice::new(bytes)];
            let sent = ready!(Pin::new(&mut self.io).poll_write_vectored(cx, &pieces))?;
            let of_kept = sent.min(self.kept.len());
            self.kept.drain(..of_kept);
            if sent > of_kept || sent == 0 {
                return Poll::Ready(Ok(sent - of_kept));
            }
        }
    }
}

impl<T: AsyncRead + AsyncWrite + Unpin> AsyncWrite for Cork<T> {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let mut inner = self.inner();
        if bytes.len() < LARGE && inner.kept.len() + bytes.len() <= MAX_KEPT {
            inner.kept.extend_from_slice(bytes);
            return Poll::Ready(Ok(bytes.len()));
        }
        inner.poll_send_with(cx, bytes)
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        // Not yet: the driver sends at the end of its turn.
        Poll::Ready(Ok(()))
    }

    fn poll_close(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let mut inner = self.inner();
        ready!(inner.poll_send(cx))?;
        Pin::new(&mut inner.io).poll_close(cx)
    }
}

impl<T: AsyncRead + AsyncWrite + Unpin> AsyncRead for Cork<T> {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, into: &mut [u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.inner().io).poll_read(cx, into)
    }
}
