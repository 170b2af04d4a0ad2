//! What the engine sends a command to read, and whether the engine is still there.
//!
//! The command may read slowly, or never; that holds back nobody but the sender.

use std::future::{pending, poll_fn};
use std::io;
use std::pin::Pin;

use isol8_protocol::frame::{self, Channel, Frame, FrameError};
use tokio::io::AsyncWrite;
use tokio::net::unix::pipe;

use crate::channel::Stream;

/// Passes data on to the command until the engine has no more, and then closes its stdin. Resolves only when the
/// stream is lost, or carries something else.
pub(super) async fn feed(mut stream: Stream, mut stdin: Option<pipe::Sender>) -> FrameError {
    loop {
        let data = match frame::read::<()>(&mut stream).await {
            Ok(Some(Frame::Data(Channel::Stdin, data))) => data,
            Ok(Some(_)) => return FrameError::Unexpected("stdin data"),
            Ok(None) if stream.is_lost() => return FrameError::Ended,
            Ok(None) => {
                drop(stdin);
                return pending().await;
            }
            Err(error) => return error,
        };
        let Some(pipe) = &mut stdin else { continue };
        let written = tokio::select! {
            written = write_all(pipe, &data) => written,
            () = stream.lost() => return FrameError::Ended,
        };
        if written.is_err() {
            // The command has closed its stdin. What still comes is taken and dropped, as the engine cannot know.
            stdin = None;
        }
    }
}

/// For a command that is not to read what is sent. Resolves only when the stream is lost.
pub(super) async fn wait(mut stream: Stream) -> FrameError {
    stream.lost().await;
    FrameError::Ended
}

async fn write_all(pipe: &mut pipe::Sender, mut data: &[u8]) -> io::Result<()> {
    while !data.is_empty() {
        let written = poll_fn(|cx| Pin::new(&mut *pipe).poll_write(cx, data)).await?;
        data = &data[written..];
    }
    Ok(())
}
