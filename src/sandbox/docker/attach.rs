//! The byte stream to PID 1 of a container, over the attach endpoint.
//!
//! What PID 1 writes comes in frames of the daemon's: which of the two outputs it is, and a length. Large reads take the
//! bytes of a frame straight from the connection to where they are wanted, and only what is around them goes through a
//! buffer. Writes go out as they are given, in one call even if they are in pieces: each write wakes every process that
//! passes the bytes on.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bollard::errors::Error as DockerError;
use bytes::Bytes;
use futures::io::{AsyncRead, AsyncWrite};
use http_body_util::{BodyExt, Empty, Limited};
use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper::header::{CONNECTION, HOST, UPGRADE};
use hyper::upgrade::Parts;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::io::ReadBuf;
use tokio::time::timeout;

use super::connect::TIMEOUT_SECONDS;
use super::route::{Route, Socket};
use crate::sandbox::backend::ContainerId;

/// Bytes of a frame before its contents: the output, three of nothing, and the length (big-endian).
const HEAD: usize = 8;

/// Bytes that are read ahead of time.
const AHEAD: usize = 8 * 1024;

/// A read of at least this many bytes is not worth copying to save a system call.
const LARGE: usize = 4 * 1024;

/// Most bytes of standard error that go to our log. A guest says one sentence there, and only when it ends.
const MAX_LAST_WORDS: usize = 4096;

/// Longest answer of a daemon that does not attach.
const MAX_REFUSAL: usize = 64 * 1024;

/// Attaches to standard input, output and error of a container.
pub(super) async fn attach(
    route: &Route,
    container: &ContainerId,
) -> Result<AttachStream<Box<dyn Socket>>, DockerError> {
    let attaching = timeout(Duration::from_secs(TIMEOUT_SECONDS), upgrade(route, container));
    let Parts { io, read_buf, .. } = attaching.await.map_err(|_| DockerError::RequestTimeoutError)??;
    Ok(AttachStream::new(container.clone(), io.into_inner(), &read_buf))
}

type Connection = TokioIo<Box<dyn Socket>>;

async fn upgrade(route: &Route, container: &ContainerId) -> Result<Parts<Connection>, DockerError> {
    let (mut sender, connection) = http1::handshake::<Connection, _>(TokioIo::new(route.dial().await?)).await?;
    // Ends with the upgrade, or with whoever waits for it.
    tokio::spawn(connection.with_upgrades());
    // The same in all versions of the API, so none is named.
    let request = Request::post(format!("/containers/{container}/attach?stream=1&stdin=1&stdout=1&stderr=1"));
    let request = request.header(HOST, route.authority()).header(CONNECTION, "Upgrade").header(UPGRADE, "tcp");
    let answer = sender.send_request(request.body(Empty::<Bytes>::new())?).await?;
    if answer.status() != StatusCode::SWITCHING_PROTOCOLS {
        return Err(refusal(answer).await);
    }
    let upgraded = hyper::upgrade::on(answer).await?;
    upgraded.downcast().map_err(|_| io::Error::other("the connection is not the one that was made").into())
}

/// What the daemon says instead of attaching.
async fn refusal(answer: Response<Incoming>) -> DockerError {
    let status = answer.status();
    let body = Limited::new(answer.into_body(), MAX_REFUSAL).collect().await;
    let said = body.ok().and_then(|body| serde_json::from_slice::<serde_json::Value>(&body.to_bytes()).ok());
    let message = said.and_then(|said| Some(said.get("message")?.as_str()?.to_owned()));
    DockerError::DockerResponseServerError {
        status_code: status.as_u16(),
        message: message.unwrap_or_else(|| format!("the daemon answered {status}")),
    }
}

/// Standard input and output of PID 1. What it writes to standard error (its last words) goes to our log.
pub(super) struct AttachStream<C> {
    container: ContainerId,
    connection: C,
    ahead: Ahead,
    frame: Frame,
    /// How much may still go to our log.
    words_left: usize,
}

/// What has been read but not taken.
struct Ahead {
    bytes: Box<[u8]>,
    begin: usize,
    end: usize,
}

/// What is left of the frame that is being read.
struct Frame {
    output: Output,
    left: usize,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Output {
    Standard,
    Error,
}

impl Ahead {
    /// The first of them, at most `most`.
    fn take(&mut self, most: usize) -> &[u8] {
        let begin = self.begin;
        self.begin += most.min(self.end - begin);
        &self.bytes[begin..self.begin]
    }
}

impl Frame {
    fn begin(head: &[u8; HEAD]) -> io::Result<Self> {
        let [output, _, _, _, length @ ..] = *head;
        let output = match output {
            1 => Output::Standard,
            2 => Output::Error,
            other => return Err(io::Error::other(format!("the daemon sent a frame of kind {other}"))),
        };
        Ok(Self { output, left: usize::try_from(u32::from_be_bytes(length)).unwrap_or(usize::MAX) })
    }
}

impl<C: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin> AttachStream<C> {
    /// Over `connection`, of which `read` was read already.
    fn new(container: ContainerId, connection: C, read: &[u8]) -> Self {
        let mut bytes = vec![0; AHEAD.max(read.len())];
        bytes[..read.len()].copy_from_slice(read);
        let ahead = Ahead { bytes: bytes.into(), begin: 0, end: read.len() };
        let frame = Frame { output: Output::Standard, left: 0 };
        Self { container, connection, ahead, frame, words_left: MAX_LAST_WORDS }
    }

    /// Takes what there is of a frame of standard error, and logs as much of it as may be.
    fn log(&mut self) {
        let words = self.ahead.take(self.frame.left);
        self.frame.left -= words.len();
        let words = &words[..words.len().min(self.words_left)];
        if !words.is_empty() {
            self.words_left -= words.len();
            let text = String::from_utf8_lossy(words);
            tracing::warn!(container = self.container.short(), text = ?text.trim_end(), "guest wrote to standard error");
        }
    }

    /// Reads ahead, behind what is there already. Says whether anything came.
    fn poll_fill(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<bool>> {
        let Ahead { bytes, begin, end } = &mut self.ahead;
        bytes.copy_within(*begin..*end, 0);
        (*begin, *end) = (0, *end - *begin);
        let mut free = ReadBuf::new(&mut bytes[*end..]);
        ready!(Pin::new(&mut self.connection).poll_read(cx, &mut free))?;
        let length = free.filled().len();
        *end += length;
        Poll::Ready(Ok(length > 0))
    }

    /// Reads into a large buffer what the frame has at most.
    fn poll_read_through(&mut self, cx: &mut Context<'_>, into: &mut [u8]) -> Poll<io::Result<usize>> {
        let length = into.len().min(self.frame.left);
        let mut into = ReadBuf::new(&mut into[..length]);
        ready!(Pin::new(&mut self.connection).poll_read(cx, &mut into))?;
        let length = into.filled().len();
        self.frame.left -= length;
        Poll::Ready(Ok(length))
    }
}

impl<C: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin> AsyncRead for AttachStream<C> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, into: &mut [u8]) -> Poll<io::Result<usize>> {
        let this = &mut *self;
        loop {
            let there = this.ahead.end - this.ahead.begin;
            if this.frame.left == 0 {
                if there < HEAD {
                    if !ready!(this.poll_fill(cx))? {
                        return Poll::Ready(Ok(0));
                    }
                } else if let Some(head) = this.ahead.take(HEAD).first_chunk() {
                    this.frame = Frame::begin(head)?;
                }
                continue;
            }
            if there == 0 {
                if this.frame.output == Output::Standard && into.len() >= LARGE && this.frame.left >= LARGE {
                    return this.poll_read_through(cx, into);
                }
                if !ready!(this.poll_fill(cx))? {
                    return Poll::Ready(Ok(0));
                }
            }
            match this.frame.output {
                Output::Standard => {
                    let bytes = this.ahead.take(this.frame.left.min(into.len()));
                    into[..bytes.len()].copy_from_slice(bytes);
                    this.frame.left -= bytes.len();
                    return Poll::Ready(Ok(bytes.len()));
                }
                Output::Error => this.log(),
            }
        }
    }
}

impl<C: tokio::io::AsyncWrite + Unpin> AsyncWrite for AttachStream<C> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.connection).poll_write(cx, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        pieces: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.connection).poll_write_vectored(cx, pieces)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.connection).poll_flush(cx)
    }

    fn poll_close(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.connection).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests;
