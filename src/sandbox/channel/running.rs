//! Commands in progress: their input goes one way while their output comes the other.

use std::time::Duration;

use bytes::Bytes;
use futures::future::{BoxFuture, Fuse};
use futures::io::{AsyncWriteExt, ReadHalf};
use futures::{AsyncReadExt, FutureExt};
use isol8_protocol::frame::{self, Channel as DataChannel, Frame, FrameError};
use isol8_protocol::mux::Stream;
use isol8_protocol::{ExecEvent, Report};
use tokio::time::{Instant, timeout};

use super::deadline::Deadline;
use super::transfer::{self, Batch, Files, Stdin};
use super::{ChannelError, allowance, refused};

/// Commands in progress, one after the other.
pub struct Running {
    reader: ReadHalf<Stream>,
    feed: Fuse<BoxFuture<'static, ()>>,
    /// How much longer the first command may take to start, because of the files that go first.
    upload: Duration,
    patience: Duration,
    deadline: Deadline,
    has_started: bool,
}

/// What a guest tells of a command.
#[derive(Debug)]
pub enum Told {
    /// The program wrote this to its standard output.
    Stdout(Bytes),
    /// And this to its standard error.
    Stderr(Bytes),
    /// It ended, after all that it wrote.
    Ended(Report),
}

impl Running {
    /// Sends `head` (the request, as frames), `files` and `stdin` over `stream`, as far as [`Running::next`] is called.
    pub(super) fn new(stream: Stream, head: Vec<u8>, files: Files, stdin: Stdin) -> Self {
        let upload = allowance(transfer::length(&files));
        let (reader, mut writer) = stream.split();
        let feed = async move {
            let sent = async {
                let mut batch = Batch::with(&mut writer, head);
                batch.files(files).await?;
                batch.stdin(stdin).await?;
                batch.flush().await
            };
            // A command may end without reading all its input; what matters is what it answers.
            if let Err(error) = sent.await {
                tracing::debug!(error = %error, "a command did not take all its input");
            }
            // End of stdin. The stream's other half is still read.
            let _ = writer.close().await;
        };
        let (patience, deadline) = (Duration::ZERO, Deadline::new(Duration::ZERO));
        Self { reader, feed: feed.boxed().fuse(), upload, patience, deadline, has_started: false }
    }

    /// The next command is due. It has `patience` to start, and again as much to end; see [`Deadline`]. The time that
    /// files take on their way is not the command's.
    pub fn begin(&mut self, patience: Duration) {
        self.patience = patience;
        self.deadline = Deadline::new(patience + std::mem::take(&mut self.upload));
        self.has_started = false;
    }

    /// What the guest tells next of the command. Also moves the input along, so it must be called until the command has
    /// ended. A future that is dropped half way leaves the command unreadable: kill it.
    pub async fn next(&mut self) -> Result<Told, ChannelError> {
        loop {
            let asked = Instant::now();
            let frame = match timeout(self.deadline.left(), self.wait()).await {
                Ok(frame) => frame?,
                Err(_) => return Err(self.deadline.passed()),
            };
            let (told, bytes) = match frame {
                Frame::Data(DataChannel::Stdout, bytes) => (Told::Stdout as fn(_) -> _, bytes),
                Frame::Data(DataChannel::Stderr, bytes) => (Told::Stderr as fn(_) -> _, bytes),
                Frame::Data(..) => return Err(FrameError::Unexpected("output").into()),
                Frame::Message(ExecEvent::Started) if self.has_started => {
                    return Err(FrameError::Unexpected("output of a command that has started").into());
                }
                Frame::Message(ExecEvent::Started) => {
                    self.has_started = true;
                    self.deadline = Deadline::new(self.patience);
                    continue;
                }
                Frame::Message(ExecEvent::Failed(failure)) => return Err(refused(failure)),
                Frame::Message(ExecEvent::Ended(report)) => return Ok(Told::Ended(report)),
            };
            self.deadline.heard(asked, bytes.len())?;
            return Ok(told(bytes));
        }
    }

    async fn wait(&mut self) -> Result<Frame<ExecEvent>, ChannelError> {
        let mut read = std::pin::pin!(frame::read(&mut self.reader).fuse());
        let mut feed = &mut self.feed;
        loop {
            futures::select_biased! {
                frame = read => return frame?.ok_or(ChannelError::Lost),
                () = feed => {}
                complete => return Err(ChannelError::Lost),
            }
        }
    }
}
