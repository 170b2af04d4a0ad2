//! Stdin and stdout as the two directions of one transport.
//!
//! yamux writes a frame in two pieces and flushes after each. Small pieces are therefore kept until the connection
//! has nothing more to do in this turn, or until a large piece takes them along in the same system call. Small reads
//! are served from a buffer, large ones go straight to where they are wanted.

use std::cell::RefCell;
use std::future::poll_fn;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};

use futures::io::{AsyncRead, AsyncWrite};
use isol8_protocol::mux::{ConnectionError, Driver};
use tokio::io::{AsyncRead as _, AsyncWrite as _, ReadBuf};
use tokio::net::unix::pipe;

use crate::sys;

/// A read or write of at least this many bytes is not worth copying to save a system call.
const LARGE: usize = 4 * 1024;

/// Most bytes kept back.
const MAX_KEPT: usize = 64 * 1024;

struct Ends {
    input: pipe::Receiver,
    output: pipe::Sender,
    /// Bytes taken from the input ahead of time, from `read` on.
    ahead: Vec<u8>,
    read: usize,
    /// Bytes to go out before anything else.
    kept: Vec<u8>,
}

/// A handle on both pipes.
#[derive(Clone)]
pub(super) struct Pipes(Rc<RefCell<Ends>>);

impl Pipes {
    /// Takes over stdin and stdout, which must be pipes. To be called once.
    pub(super) fn from_stdio() -> io::Result<Self> {
        let (input, output) = sys::take_stdio();
        Ok(Self(Rc::new(RefCell::new(Ends {
            input: pipe::Receiver::from_owned_fd(input)?,
            output: pipe::Sender::from_owned_fd(output)?,
            ahead: Vec::with_capacity(LARGE),
            read: 0,
            kept: Vec::with_capacity(LARGE),
        }))))
    }

    /// Drives a connection over these pipes, and sends what each turn leaves to be sent.
    pub(super) async fn drive(&self, mut driver: Driver<Self>) -> Result<(), ConnectionError> {
        poll_fn(|cx| {
            let end = Pin::new(&mut driver).poll(cx);
            match self.0.borrow_mut().poll_send(cx) {
                Poll::Ready(Err(error)) if end.is_pending() => Poll::Ready(Err(ConnectionError::Io(error))),
                _ => end,
            }
        })
        .await
    }
}

impl Ends {
    /// Sends what was kept back.
    fn poll_send(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while !self.kept.is_empty() {
            let sent = ready!(Pin::new(&mut self.output).poll_write(cx, &self.kept))?;
            self.kept.drain(..sent);
        }
        Poll::Ready(Ok(()))
    }

    /// Sends what was kept back and `bytes` after it. Says how many of `bytes` have gone, at least one.
    fn poll_send_with(&mut self, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        loop {
            let pieces = [IoSlice::new(&self.kept), IoSlice::new(bytes)];
            let sent = ready!(Pin::new(&mut self.output).poll_write_vectored(cx, &pieces))?;
            let of_kept = sent.min(self.kept.len());
            self.kept.drain(..of_kept);
            if sent > of_kept || sent == 0 {
                return Poll::Ready(Ok(sent - of_kept));
            }
        }
    }
}

impl AsyncWrite for Pipes {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let mut ends = self.0.borrow_mut();
        if bytes.len() < LARGE && ends.kept.len() + bytes.len() <= MAX_KEPT {
            ends.kept.extend_from_slice(bytes);
            return Poll::Ready(Ok(bytes.len()));
        }
        ends.poll_send_with(cx, bytes)
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        // Not yet: see `drive`.
        Poll::Ready(Ok(()))
    }

    fn poll_close(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.0.borrow_mut().poll_send(cx)
    }
}

impl AsyncRead for Pipes {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, into: &mut [u8]) -> Poll<io::Result<usize>> {
        let mut ends = self.0.borrow_mut();
        let ends = &mut *ends;
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
