//! Bytes on their way into and out of a sandbox.

use bytes::Bytes;
use futures::AsyncWriteExt;
use futures::io::WriteHalf;
use isol8_protocol::frame::{self, Channel as DataChannel, FrameError};
use isol8_protocol::mux::Stream;
use isol8_protocol::{FileHeader, Input};
use tokio::sync::mpsc;

use super::ChannelError;

/// Bytes of files and stdin that are put into one write.
const WRITE_SIZE: usize = 256 * 1024;

/// Files on their way into a sandbox: absolute path, permission bits, content.
pub type Files = Vec<(String, u32, Bytes)>;

/// How many bytes are in them.
pub(super) fn length(files: &Files) -> u64 {
    files.iter().map(|(_, _, content)| content.len() as u64).sum()
}

/// What a command reads on its standard input.
#[derive(Debug)]
pub enum Stdin {
    /// Nothing.
    Empty,
    /// This.
    Bytes(Bytes),
    /// What comes, until no more can.
    Live(mpsc::Receiver<Bytes>),
}

/// Puts several frames into one write, so that a run with a few small files still costs one.
pub(super) struct Batch<'a> {
    writer: &'a mut WriteHalf<Stream>,
    pending: Vec<u8>,
}

impl<'a> Batch<'a> {
    pub(super) fn new(writer: &'a mut WriteHalf<Stream>) -> Self {
        Self::with(writer, Vec::new())
    }

    /// With frames that go first.
    pub(super) fn with(writer: &'a mut WriteHalf<Stream>, pending: Vec<u8>) -> Self {
        Self { writer, pending }
    }

    async fn message<M: serde::Serialize>(&mut self, message: &M) -> Result<(), FrameError> {
        frame::encode_message(message, &mut self.pending)?;
        if self.pending.len() >= WRITE_SIZE { self.flush().await } else { Ok(()) }
    }

    pub(super) async fn data(&mut self, channel: DataChannel, data: &[u8]) -> Result<(), FrameError> {
        for run in data.chunks(WRITE_SIZE) {
            frame::encode_data(channel, run, &mut self.pending);
            if self.pending.len() >= WRITE_SIZE {
                self.flush().await?;
            }
        }
        Ok(())
    }

    pub(super) async fn files(&mut self, files: Files) -> Result<(), FrameError> {
        for (path, mode, content) in files {
            let len = content.len() as u64;
            self.message(&Input::File(FileHeader { path, mode, len })).await?;
            self.data(DataChannel::File, &content).await?;
        }
        self.message(&Input::Start).await
    }

    /// Sends standard input. What comes while the command runs is sent as it comes.
    pub(super) async fn stdin(&mut self, stdin: Stdin) -> Result<(), FrameError> {
        match stdin {
            Stdin::Empty => Ok(()),
            Stdin::Bytes(bytes) => self.data(DataChannel::Stdin, &bytes).await,
            Stdin::Live(mut chunks) => {
                self.flush().await?;
                while let Some(bytes) = chunks.recv().await {
                    self.data(DataChannel::Stdin, &bytes).await?;
                    self.flush().await?;
                }
                Ok(())
            }
        }
    }

    pub(super) async fn flush(&mut self) -> Result<(), FrameError> {
        self.writer.write_all(&self.pending).await?;
        self.pending.clear();
        Ok(self.writer.flush().await?)
    }
}

/// A file of `length` bytes, which must not be more than `max_bytes`.
pub(super) async fn read_file(stream: &mut Stream, length: u64, max_bytes: u64) -> Result<Bytes, ChannelError> {
    let (length, bound) =
        (usize::try_from(length).unwrap_or(usize::MAX), usize::try_from(max_bytes).unwrap_or(usize::MAX));
    if length > bound {
        return Err(ChannelError::Protocol(FrameError::Length { length, bound }));
    }
    // Grows with what arrives, not with what is announced.
    let mut content = Vec::new();
    while content.len() < length {
        let run = frame::read_data(stream, DataChannel::File).await?;
        if run.is_empty() || content.len() + run.len() > length {
            return Err(ChannelError::Protocol(FrameError::Unexpected("as much data as was announced")));
        }
        content.extend_from_slice(&run);
    }
    Ok(content.into())
}
