//! A stream whose two directions are used by different parts of one operation.

use std::cell::RefCell;
use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use futures::io::{AsyncRead, AsyncWrite};
use isol8_protocol::mux;

/// A handle on a stream. One clone may read while another writes.
#[derive(Debug, Clone)]
pub(crate) struct Stream(Rc<RefCell<mux::Stream>>);

impl Stream {
    pub(super) fn new(stream: mux::Stream) -> Self {
        Self(Rc::new(RefCell::new(stream)))
    }

    /// Whether the engine has dropped the stream, rather than said all it had to say.
    pub(crate) fn is_lost(&self) -> bool {
        // Closed both ways, and our way is closed only when the operation is over.
        self.0.borrow().is_closed()
    }

    /// Resolves when the engine drops the stream. For while nobody reads: it takes the reader's place.
    pub(crate) async fn lost(&mut self) {
        poll_fn(|cx| {
            // Reading nothing consumes nothing, but is woken, and is ready when no more can come.
            let no_more_comes = Pin::new(&mut *self).poll_read(cx, &mut []).is_ready();
            if no_more_comes && self.is_lost() { Poll::Ready(()) } else { Poll::Pending }
        })
        .await;
    }
}

impl AsyncRead for Stream {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, into: &mut [u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut *self.0.borrow_mut()).poll_read(cx, into)
    }
}

impl AsyncWrite for Stream {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut *self.0.borrow_mut()).poll_write(cx, bytes)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut *self.0.borrow_mut()).poll_flush(cx)
    }

    fn poll_close(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut *self.0.borrow_mut()).poll_close(cx)
    }
}
