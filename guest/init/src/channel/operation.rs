//! One stream, one operation: reads what it is for, and hands it to whoever does that.

use futures::AsyncWriteExt;
use isol8_protocol::frame::{self, FrameError};
use isol8_protocol::{Ack, Request};

use super::Stream;
use crate::guest::Guest;
use crate::{exec, files, reset, tree};

/// Serves one stream to its end. An error that is not the loss of the stream must end the connection.
pub(super) async fn serve(guest: &Guest<'_>, mut stream: Stream) -> Result<(), FrameError> {
    match frame::read_message(&mut stream).await? {
        Request::Hello(..) => return Err(FrameError::Unexpected("an operation; the greeting is over")),
        Request::Exec(exec) => exec::serve(guest, exec, &mut stream).await?,
        Request::Signal(signal) => {
            let ack = acknowledge(exec::signal(guest, signal));
            frame::write_message(&mut stream, &ack).await?;
        }
        Request::WriteFiles => {
            let ack = acknowledge(files::receive(Ok(guest.sandbox), &mut stream).await?);
            frame::write_message(&mut stream, &ack).await?;
        }
        Request::ReadFiles(request) => files::send(guest.sandbox, &request, &mut stream).await?,
        Request::Abandon => {
            drop(guest.seize_turn().await);
            frame::write_message(&mut stream, &Ack::Done).await?;
        }
        Request::Stay => {
            guest.stays.set(true);
            frame::write_message(&mut stream, &Ack::Done).await?;
        }
        Request::End => {
            tree::ask_all_to_end(guest.children).await;
            frame::write_message(&mut stream, &Ack::Done).await?;
        }
        Request::Tunnels => guest.tunnels.account(&mut stream).await?,
        Request::Reset => frame::write_message(&mut stream, &reset::run(guest).await).await?,
    }
    Ok(stream.close().await?)
}

fn acknowledge(outcome: Result<(), isol8_protocol::Failure>) -> Ack {
    match outcome {
        Ok(()) => Ack::Done,
        Err(failure) => Ack::Failed(failure),
    }
}
