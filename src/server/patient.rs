//! A connection whose client has to read: what cannot be written for a while ends it. And one that can be ended with a
//! word of explanation, whoever owns it then.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::{Sleep, sleep};

/// What a client is told when its connection ends, if it waits for an answer. Cheap to clone; all clones are the same.
#[derive(Debug, Clone, Default)]
pub(super) struct LastWords(Arc<OnceLock<&'static [u8]>>);

impl LastWords {
    /// Has `words` written when the connection is dropped, as far as that goes at once.
    pub(super) fn say(&self, words: &'static [u8]) {
        // The first reason is the true one.
        let _ = self.0.set(words);
    }
}

/// What can be written to without waiting.
pub(super) trait Parting {
    fn part(&self, words: &[u8]);
}

impl Parting for TcpStream {
    fn part(&self, words: &[u8]) {
        let _ = self.try_write(words);
    }
}

/// A stream on which a write that gets nowhere for `patience` fails.
#[derive(Debug)]
pub(super) struct Patient<S: Parting> {
    stream: S,
    patience: Duration,
    /// Since when nothing could be written; absent while it can.
    stalled: Option<Pin<Box<Sleep>>>,
    /// Whether something has come since something was written.
    is_asked: bool,
    last_words: LastWords,
}

impl<S: Parting> Patient<S> {
    pub(super) fn new(stream: S, patience: Duration, last_words: LastWords) -> Self {
        Self { stream, patience, stalled: None, is_asked: false, last_words }
    }

    /// What came of a write, or that it has taken too long.
    fn outcome<T>(&mut self, cx: &mut Context<'_>, written: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        if written.is_ready() {
            self.stalled = None;
            return written;
        }
        let patience = self.patience;
        let stalled = self.stalled.get_or_insert_with(|| Box::pin(sleep(patience)));
        ready!(stalled.as_mut().poll(cx));
        Poll::Ready(Err(io::Error::new(io::ErrorKind::TimedOut, "the client does not read")))
    }
}

impl<S: Parting> Drop for Patient<S> {
    fn drop(&mut self) {
        if let Some(words) = self.last_words.0.get().filter(|_| self.is_asked) {
            self.stream.part(words);
        }
    }
}

impl<S: AsyncRead + Parting + Unpin> AsyncRead for Patient<S> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        let read = Pin::new(&mut self.stream).poll_read(cx, buf);
        self.is_asked |= buf.filled().len() > before;
        read
    }
}

impl<S: AsyncWrite + Parting + Unpin> AsyncWrite for Patient<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        self.is_asked = false;
        let written = Pin::new(&mut self.stream).poll_write(cx, buf);
        self.outcome(cx, written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.is_asked = false;
        let written = Pin::new(&mut self.stream).poll_write_vectored(cx, bufs);
        self.outcome(cx, written)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let flushed = Pin::new(&mut self.stream).poll_flush(cx);
        self.outcome(cx, flushed)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};
    use tokio::time::Instant;

    use super::*;

    static PARTED: Mutex<Vec<Vec<u8>>> = Mutex::new(Vec::new());

    impl Parting for DuplexStream {
        fn part(&self, words: &[u8]) {
            PARTED.lock().expect("no panic").push(words.to_vec());
        }
    }

    fn patient(stream: DuplexStream) -> (Patient<DuplexStream>, LastWords) {
        let words = LastWords::default();
        (Patient::new(stream, Duration::from_secs(60), words.clone()), words)
    }

    #[tokio::test(start_paused = true)]
    async fn a_client_that_reads_slowly_is_waited_for_and_one_that_does_not_is_not() {
        let (ours, mut theirs) = duplex(10);
        let (mut stream, _) = patient(ours);
        let reader = tokio::spawn(async move {
            for _ in 0..10 {
                tokio::time::sleep(Duration::from_secs(59)).await;
                theirs.read_exact(&mut [0; 10]).await.expect("something to read");
            }
            theirs
        });
        stream.write_all(&[0; 100]).await.expect("a slow reader");
        let _theirs = reader.await.expect("no panic");
        let begun = Instant::now();
        let error = stream.write_all(&[0; 100]).await.expect_err("nobody reads");
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
        assert_eq!(begun.elapsed(), Duration::from_secs(60));
    }

    #[tokio::test]
    async fn last_words_are_for_those_who_wait_for_an_answer() {
        for (asks, is_answered, words) in [(true, false, "waits"), (true, true, "answered"), (false, false, "silent")] {
            let (ours, mut theirs) = duplex(10);
            let (mut stream, last) = patient(ours);
            if asks {
                theirs.write_all(b"asked").await.expect("room");
                stream.read_exact(&mut [0; 5]).await.expect("what was written");
            }
            if is_answered {
                stream.write_all(b"answer").await.expect("room");
            }
            last.say(words.as_bytes());
        }
        assert_eq!(*PARTED.lock().expect("no panic"), [b"waits"]);
    }
}
