//! A command in progress: its input goes one way while its output comes the other.

use std::time::Duration;

use futures::future::{BoxFuture, Fuse};
use futures::io::{AsyncWriteExt, ReadHalf};
use futures::{AsyncReadExt, FutureExt};
use isol8_protocol::ExecEvent;
use isol8_protocol::frame::{self, Frame};
use isol8_protocol::mux::Stream;

use super::transfer::{Batch, Files, Stdin};
use super::{ChannelError, within};

/// A command in progress.
pub struct Running {
    reader: ReadHalf<Stream>,
    feed: Fuse<BoxFuture<'static, ()>>,
}

impl Running {
    /// Sends `head` (the request, as frames), `files` and `stdin` over `stream`, as far as [`Running::next`] is called.
    pub(super) fn new(stream: Stream, head: Vec<u8>, files: Files, stdin: Stdin) -> Self {
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
        Self { reader, feed: feed.boxed().fuse() }
    }

    /// What the guest tells next, within `patience`. Also moves the input along, so it must be called until the command has ended.
    /// A future that is dropped half way leaves the command unreadable: kill it.
    pub async fn next(&mut self, patience: Duration) -> Result<Frame<ExecEvent>, ChannelError> {
        within("exec", patience, self.wait()).await
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
