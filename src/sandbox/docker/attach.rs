//! The byte stream to PID 1 of a container, over the attach endpoint.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bollard::container::{AttachContainerResults, LogOutput};
use bytes::{Buf, Bytes};
use futures::StreamExt;
use futures::io::{AsyncRead, AsyncWrite};

use crate::sandbox::backend::ContainerId;

/// Most bytes of standard error that go to our log. A guest says one sentence there, and only when it ends.
const MAX_LAST_WORDS: usize = 4096;

/// Standard input and output of PID 1. What it writes to standard error (its last words) goes to our log.
pub(super) struct AttachStream {
    container: ContainerId,
    attached: AttachContainerResults,
    unread: Bytes,
    /// How much may still go to our log.
    words_left: usize,
}

impl AttachStream {
    pub(super) fn new(container: ContainerId, attached: AttachContainerResults) -> Self {
        Self { container, attached, unread: Bytes::new(), words_left: MAX_LAST_WORDS }
    }

    fn log(&mut self, words: &[u8]) {
        let words = &words[..words.len().min(self.words_left)];
        if !words.is_empty() {
            self.words_left -= words.len();
            let text = String::from_utf8_lossy(words);
            tracing::warn!(container = self.container.short(), text = ?text.trim_end(), "guest wrote to standard error");
        }
    }
}

impl AsyncRead for AttachStream {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut [u8]) -> Poll<io::Result<usize>> {
        while self.unread.is_empty() {
            match ready!(self.attached.output.poll_next_unpin(cx)) {
                None => return Poll::Ready(Ok(0)),
                Some(Err(error)) => return Poll::Ready(Err(io::Error::other(error))),
                Some(Ok(LogOutput::StdErr { message })) => self.log(&message),
                Some(Ok(output)) => self.unread = output.into_bytes(),
            }
        }
        let length = buffer.len().min(self.unread.len());
        buffer[..length].copy_from_slice(&self.unread[..length]);
        self.unread.advance(length);
        Poll::Ready(Ok(length))
    }
}

impl AsyncWrite for AttachStream {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &[u8]) -> Poll<io::Result<usize>> {
        self.attached.input.as_mut().poll_write(cx, buffer)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.attached.input.as_mut().poll_flush(cx)
    }

    fn poll_close(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.attached.input.as_mut().poll_shutdown(cx)
    }
}
