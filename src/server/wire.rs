//! A connection below HTTP: what hyper says by itself is said as everything else that the server says.
//!
//! A request whose head makes no sense never gets to a route. hyper answers it with a status and nothing more, and
//! closes the connection. Here that answer becomes one with a body, as every other refusal has, and the connection is
//! closed in a way that lets the client read it: what it goes on sending is taken for a while and thrown away.
//!
//! hyper's answer is known by what it is, a whole head without a body that does not have the header which all of ours
//! have ([`REQUEST_ID`]). No part of a body of ours can be taken for it: JSON and event streams have no line ends of two
//! characters.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::http::StatusCode;
use bytes::{Buf, Bytes};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Sleep, sleep};

use super::gate::REQUEST_ID;
use crate::api::ErrorCode;
use crate::api::wire::ErrorBody;

/// How long a client that was refused may go on sending.
const LINGER: Duration = Duration::from_secs(2);

/// How much it may send.
const MAX_IGNORED: usize = 4 << 20;

/// A connection.
#[derive(Debug)]
pub(super) struct Wire<T> {
    inner: T,
    refused: Option<Refused>,
}

/// Something that hyper has refused.
#[derive(Debug)]
struct Refused {
    /// What is still to be sent of the answer.
    answer: Bytes,
    ignored: usize,
    lingering: Option<Pin<Box<Sleep>>>,
}

impl<T> Wire<T> {
    pub(super) fn new(inner: T) -> Self {
        Self { inner, refused: None }
    }
}

impl<T: AsyncRead + Unpin> AsyncRead for Wire<T> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_read(cx, buffer)
    }
}

impl<T: AsyncRead + AsyncWrite + Unpin> AsyncWrite for Wire<T> {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.poll_write_vectored(cx, &[IoSlice::new(bytes)])
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let wire = &mut *self;
        if wire.refused.is_none()
            && let [head] = bytes
            && let Some(status) = bare(head)
        {
            wire.refused = Some(Refused { answer: answer(status), ignored: 0, lingering: None });
        }
        let Some(Refused { answer, .. }) = &mut wire.refused else {
            return Pin::new(&mut wire.inner).poll_write_vectored(cx, bytes);
        };
        while answer.has_remaining() {
            let written = ready!(Pin::new(&mut wire.inner).poll_write(cx, answer))?;
            if written == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            answer.advance(written);
        }
        Poll::Ready(Ok(bytes.iter().map(|slice| slice.len()).sum()))
    }

    fn is_write_vectored(&self) -> bool {
        self.inner.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let wire = &mut *self;
        let Some(refused) = &mut wire.refused else { return Pin::new(&mut wire.inner).poll_shutdown(cx) };
        let lingering = match &mut refused.lingering {
            Some(lingering) => lingering,
            None => {
                ready!(Pin::new(&mut wire.inner).poll_shutdown(cx))?;
                refused.lingering.insert(Box::pin(sleep(LINGER)))
            }
        };
        // A system that closes a connection with something unread takes back what it has sent over it.
        let mut ignored = [0; 16 * 1024];
        while refused.ignored < MAX_IGNORED && lingering.as_mut().poll(cx).is_pending() {
            let mut buffer = ReadBuf::new(&mut ignored);
            match ready!(Pin::new(&mut wire.inner).poll_read(cx, &mut buffer)) {
                Ok(()) if !buffer.filled().is_empty() => refused.ignored += buffer.filled().len(),
                _ => break,
            }
        }
        Poll::Ready(Ok(()))
    }
}

/// The status of an answer that is hyper's own.
fn bare(head: &[u8]) -> Option<StatusCode> {
    // Almost everything that is written is something else, and long.
    let head = head.strip_prefix(b"HTTP/1.1 ")?;
    let (line, headers) = std::str::from_utf8(head).ok()?.strip_suffix("\r\n\r\n")?.split_once("\r\n")?;
    let status = line.get(..3)?;
    let mut names = headers.split("\r\n").map(|header| header.split(':').next().unwrap_or_default());
    let is_ours = names.any(|name| name.eq_ignore_ascii_case(REQUEST_ID.as_str()));
    let status = status.parse::<StatusCode>().ok().filter(StatusCode::is_client_error)?;
    (!is_ours).then_some(status)
}

/// The same with a body.
fn answer(status: StatusCode) -> Bytes {
    let (code, error) = match status {
        StatusCode::URI_TOO_LONG => (ErrorCode::TooLarge, "the address of the request is too long"),
        StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE => {
            (ErrorCode::TooLarge, "the headers of the request are too long, or too many")
        }
        _ => (ErrorCode::InvalidRequest, "malformed HTTP request"),
    };
    let body = ErrorBody { error: error.to_owned(), code: Some(code.as_str().to_owned()) };
    // Plain data.
    let body = serde_json::to_string(&body).unwrap_or_default();
    let reason = status.canonical_reason().unwrap_or_default();
    let (status, length) = (status.as_u16(), body.len());
    let headers = format!("content-type: application/json\r\ncontent-length: {length}\r\nconnection: close");
    format!("HTTP/1.1 {status} {reason}\r\n{headers}\r\n\r\n{body}").into()
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};
    use tokio::time::Instant;

    use super::*;

    const HYPERS: &[u8] = b"HTTP/1.1 400 Bad Request\r\nconnection: close\r\ncontent-length: 0\r\n\r\n";

    #[test]
    fn what_hyper_says_by_itself_is_told_from_all_that_we_say() {
        assert_eq!(bare(HYPERS), Some(StatusCode::BAD_REQUEST));
        for other in [
            &b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n"[..],
            b"HTTP/1.1 100 Continue\r\n\r\n",
            b"HTTP/1.1 400 Bad Request\r\nX-Request-Id: a\r\ncontent-length: 2\r\n\r\n",
            b"HTTP/1.1 400 Bad Request\r\ncontent-length: 2\r\n\r\n{}",
            b"HTTP/1.1 400 Bad Request",
            b"HTTP/1.1 4",
            b"\xff",
            b"",
        ] {
            assert_eq!(bare(other), None, "{:?}", String::from_utf8_lossy(other));
        }
    }

    #[tokio::test]
    async fn a_bare_refusal_gets_a_body() {
        let (mut client, server) = duplex(1 << 20);
        let mut wire = Wire::new(server);
        wire.write_all(HYPERS).await.expect("written");
        client.shutdown().await.expect("open");
        wire.shutdown().await.expect("open");
        drop(wire);
        let mut answer = String::new();
        client.read_to_string(&mut answer).await.expect("text");
        let (head, body) = answer.split_once("\r\n\r\n").expect("a head");
        assert!(head.starts_with("HTTP/1.1 400 Bad Request\r\n"), "{head}");
        assert!(head.contains(&format!("content-length: {}", body.len())), "{head}");
        assert_eq!(body, r#"{"error":"malformed HTTP request","code":"INVALID_REQUEST"}"#);
    }

    #[tokio::test(start_paused = true)]
    async fn whoever_goes_on_sending_is_listened_to_for_a_while() {
        let (mut client, server) = duplex(64);
        let mut wire = Wire::new(server);
        let begun = Instant::now();
        let refusing = async {
            wire.write_all(HYPERS).await.expect("written");
            wire.shutdown().await.expect("open");
        };
        let sending = async {
            let mut answer = [0; 16];
            client.read_exact(&mut answer).await.expect("an answer");
            let mut rest = Vec::new();
            client.read_to_end(&mut rest).await.expect("to its end");
        };
        tokio::join!(refusing, sending);
        assert_eq!(begun.elapsed(), LINGER);
    }
}
