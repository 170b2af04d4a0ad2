//! Many streams over one: the yamux connection and the task that drives it.
//!
//! Whoever creates a mux must poll its [`Driver`] for as long as any stream is in use; when the driver ends, so
//! has every stream. Back-pressure is yamux's window: unread bytes are bounded per stream and per connection.

mod cork;

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use futures::channel::{mpsc, oneshot};
use futures::io::{AsyncRead, AsyncWrite};
use futures::{SinkExt, StreamExt};
pub use yamux::{ConnectionError, Mode, Packet, Stream};

use cork::Cork;

/// Most streams at a time on one connection, proxied connections included.
pub const MAX_STREAMS: usize = 512;

/// By how much the windows of all streams together may outgrow yamux's floor of 256 KiB for each. One grows as long as its
/// sender waits for it: on the way through the daemon, more than the floor is under way.
const MAX_GROWTH: usize = 4 * 1024 * 1024;

/// Most bytes that a peer can have buffered unread over all streams.
pub const MAX_UNREAD: usize = MAX_STREAMS * yamux::DEFAULT_CREDIT as usize + MAX_GROWTH;

/// Largest yamux frame that is sent: one of our data frames and its header, so that they are not split.
const SEND_SIZE: usize = crate::frame::MAX_DATA + crate::frame::HEADER;

/// Opens streams on a connection.
#[derive(Debug, Clone)]
pub struct Opener {
    requests: mpsc::Sender<oneshot::Sender<Stream>>,
}

/// The connection has ended; its [`Driver`] knows why.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the connection has ended")]
pub struct Disconnected;

impl Opener {
    /// Opens a stream. It costs no round trip.
    pub async fn open(&self) -> Result<Stream, Disconnected> {
        let (reply, stream) = oneshot::channel();
        self.requests.clone().send(reply).await.map_err(|_| Disconnected)?;
        stream.await.map_err(|_| Disconnected)
    }
}

/// Streams that the peer opened.
pub type Inbound = mpsc::Receiver<Stream>;

/// Moves the bytes of all streams. Resolves when the connection has ended, with the reason unless it was closed.
pub struct Driver<T> {
    connection: yamux::Connection<Cork<T>>,
    transport: Cork<T>,
    requests: mpsc::Receiver<oneshot::Sender<Stream>>,
    opening: Option<oneshot::Sender<Stream>>,
    inbound: mpsc::Sender<Stream>,
}

/// Starts a connection over `io`.
pub fn connect<T: AsyncRead + AsyncWrite + Unpin>(io: T, mode: Mode) -> (Opener, Inbound, Driver<T>) {
    let mut config = yamux::Config::default();
    config.set_max_num_streams(MAX_STREAMS);
    config.set_max_connection_receive_window(Some(MAX_UNREAD));
    config.set_split_send_size(SEND_SIZE);
    let (requests_in, requests) = mpsc::channel(16);
    let (inbound, inbound_out) = mpsc::channel(MAX_STREAMS);
    let transport = Cork::new(io);
    let connection = yamux::Connection::new(transport.clone(), config, mode);
    let driver = Driver { connection, transport, requests, opening: None, inbound };
    (Opener { requests: requests_in }, inbound_out, driver)
}

impl<T: AsyncRead + AsyncWrite + Unpin> Future for Driver<T> {
    type Output = Result<(), ConnectionError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.poll_turn(cx)
    }
}

impl<T: AsyncRead + AsyncWrite + Unpin> Driver<T> {
    /// One turn: everything that can be done now, and then one write of what came of it.
    fn poll_turn(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), ConnectionError>> {
        let end = self.poll_streams(cx);
        match self.transport.poll_send(cx) {
            Poll::Ready(Err(error)) if end.is_pending() => Poll::Ready(Err(ConnectionError::Io(error))),
            _ => end,
        }
    }

    fn poll_streams(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), ConnectionError>> {
        loop {
            if self.opening.is_none()
                && let Poll::Ready(Some(request)) = self.requests.poll_next_unpin(cx)
            {
                self.opening = Some(request);
            }
            if let Some(request) = self.opening.take() {
                match self.connection.poll_new_outbound(cx) {
                    Poll::Ready(Ok(stream)) => {
                        // A caller that no longer waits drops the stream, which resets it.
                        let _ = request.send(stream);
                        continue;
                    }
                    Poll::Ready(Err(error)) => return Poll::Ready(Err(error)),
                    Poll::Pending => self.opening = Some(request),
                }
            }
            match self.connection.poll_next_inbound(cx) {
                // A full or closed queue drops the stream, which resets it: the peer opened more than it may.
                Poll::Ready(Some(Ok(stream))) => drop(self.inbound.try_send(stream)),
                Poll::Ready(Some(Err(error))) => return Poll::Ready(Err(error)),
                Poll::Ready(None) => return Poll::Ready(Ok(())),
                Poll::Pending => return Poll::Pending,
            }
        }
    }
}
