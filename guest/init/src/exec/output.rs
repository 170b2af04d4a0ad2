//! What a command writes, on its way to the engine: one data frame per read, in the order of arrival.
//!
//! Nothing is read before what was read last has been taken, so a slow engine slows the command.

use std::future::poll_fn;
use std::os::fd::AsFd;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use futures::AsyncWriteExt;
use isol8_protocol::frame::{Channel, FrameError, HEADER, MAX_DATA, data_header};
use nix::errno::Errno;
use nix::unistd::read;
use tokio::io::{AsyncRead, ReadBuf};
use tokio::net::unix::pipe;
use tokio::sync::oneshot;
use tokio::time::sleep;

use crate::channel::Stream;
use crate::children::Exit;
use crate::sys;

/// How long output is waited for that would take along what can wait.
const SOON: Duration = Duration::from_millis(20);

/// One of the two pipes; gone when the other side has closed it.
struct Source {
    channel: Channel,
    pipe: Option<pipe::Receiver>,
}

/// The stdout and stderr of a command.
pub(super) struct Output {
    sources: [Source; 2],
    /// A header and the data behind it.
    frame: Vec<u8>,
    /// Which one to look at first, so that a flood on one does not hide the other.
    first: usize,
}

impl Output {
    pub(super) fn new(stdout: pipe::Receiver, stderr: pipe::Receiver) -> Self {
        let sources = [
            Source { channel: Channel::Stdout, pipe: Some(stdout) },
            Source { channel: Channel::Stderr, pipe: Some(stderr) },
        ];
        Self { sources, frame: vec![0; HEADER + MAX_DATA], first: 0 }
    }

    /// Sends output as it comes, until the main process has ended. `head` goes first, and is empty once it is sent: the
    /// first output takes it along if there is any soon, since each message by itself wakes all relays on the way.
    pub(super) async fn send_until(
        &mut self,
        exit: &mut oneshot::Receiver<Exit>,
        head: &mut Vec<u8>,
        stream: &mut Stream,
    ) -> Result<Exit, FrameError> {
        let patience = sleep(SOON);
        tokio::pin!(patience);
        loop {
            let length = tokio::select! {
                biased;
                Ok(exit) = &mut *exit => return Ok(exit),
                length = poll_fn(|cx| self.poll_read(cx)) => length,
                () = &mut patience, if !head.is_empty() => 0,
            };
            stream.write_all(&std::mem::take(head)).await?;
            stream.write_all(&self.frame[..length]).await?;
        }
    }

    /// Sends `frames`, and then what is in the pipes now and was written before the end, but not what is still being
    /// written by others. The last frames are returned rather than sent, to go out together with what follows.
    pub(super) async fn send_rest(&mut self, mut frames: Vec<u8>, stream: &mut Stream) -> Result<Vec<u8>, FrameError> {
        for source in &mut self.sources {
            let Some(pipe) = source.pipe.take() else { continue };
            let mut left = sys::unread(&pipe)?;
            while left > 0 {
                if frames.len() + HEADER + left.min(MAX_DATA) > HEADER + MAX_DATA {
                    stream.write_all(&frames).await?;
                    frames.clear();
                }
                let data = frames.len() + HEADER;
                frames.resize(data + left.min(MAX_DATA), 0);
                // Not through the event loop, which may not have noticed yet that there is something to read.
                let length = read_now(&pipe, &mut frames[data..]);
                frames.truncate(if length == 0 { data - HEADER } else { data + length });
                if length == 0 {
                    break;
                }
                frames[data - HEADER..data].copy_from_slice(&data_header(source.channel, length));
                left = left.saturating_sub(length);
            }
        }
        Ok(frames)
    }

    /// Reads from either pipe into the frame, and says how long it is. Pending for good once both are closed.
    fn poll_read(&mut self, cx: &mut Context<'_>) -> Poll<usize> {
        for index in [self.first, 1 - self.first] {
            let Source { channel, pipe } = &mut self.sources[index];
            let Some(open) = pipe else { continue };
            let mut data = ReadBuf::new(&mut self.frame[HEADER..]);
            match Pin::new(open).poll_read(cx, &mut data) {
                Poll::Ready(Ok(())) if !data.filled().is_empty() => {
                    let length = data.filled().len();
                    self.frame[..HEADER].copy_from_slice(&data_header(*channel, length));
                    self.first = 1 - index;
                    return Poll::Ready(HEADER + length);
                }
                // The end, or a pipe that cannot be read any more, which is the same to us.
                Poll::Ready(_) => *pipe = None,
                Poll::Pending => {}
            }
        }
        Poll::Pending
    }
}

/// Reads what there is, or nothing.
fn read_now(pipe: impl AsFd, into: &mut [u8]) -> usize {
    loop {
        match read(&pipe, into) {
            Err(Errno::EINTR) => {}
            outcome => return outcome.unwrap_or(0),
        }
    }
}
