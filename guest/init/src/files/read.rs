//! Reading files and sending them.

use std::fs::File;
use std::io::{self, Read};

use futures::AsyncWriteExt;
use isol8_protocol::frame::{self, Channel, FrameError, HEADER, MAX_DATA};
use isol8_protocol::{Failure, FailureKind, ReadEvent, ReadFiles};
use nix::errno::Errno;
use nix::fcntl::{OFlag, open};
use nix::sys::stat::Mode;

use super::{CAREFULLY, absolute, check_regular};
use crate::channel::Stream;
use crate::guest::failure;
use crate::identity::Sandbox;

/// Frames are gathered up to this size before they are sent, so that many small files cost few writes.
const BATCH: usize = HEADER + MAX_DATA;

/// After so many files in a row others get their turn.
const STRIDE: usize = 64;

/// Answers for each path in order. A file is sent at the length it had when it was opened: if it grows, the rest is
/// left out, and if it shrinks, zeroes take the place of what is gone.
pub(crate) async fn send(sandbox: Sandbox, request: &ReadFiles, stream: &mut Stream) -> Result<(), FrameError> {
    let (mut batch, mut room) = (Vec::with_capacity(BATCH), request.max_total);
    for (index, path) in request.paths.iter().enumerate() {
        match open_regular(sandbox, path, request.max_bytes.min(room)) {
            Ok((file, length)) => {
                room -= length;
                frame::encode_message(&ReadEvent::File(length), &mut batch)?;
                send_contents(file, length, &mut batch, stream).await?;
            }
            Err(failure) => frame::encode_message(&ReadEvent::Missing(failure), &mut batch)?,
        }
        if batch.len() > BATCH / 2 {
            stream.write_all(&batch).await?;
            batch.clear();
        }
        if index % STRIDE == STRIDE - 1 {
            tokio::task::yield_now().await;
        }
    }
    Ok(stream.write_all(&batch).await?)
}

fn open_regular(sandbox: Sandbox, path: &str, max_bytes: u64) -> Result<(File, u64), Failure> {
    let cannot = |error: io::Error| failure(FailureKind::Read, path, &error);
    let name = absolute(path).map_err(cannot)?;
    let _as_sandbox = sandbox.for_files().map_err(cannot)?;
    let file = open(name, OFlag::O_RDONLY | CAREFULLY, Mode::empty()).map_err(|errno| match errno {
        // A socket.
        Errno::ENXIO => failure(FailureKind::NotAFile, path, &errno.into()),
        _ => cannot(errno.into()),
    })?;
    let stat = check_regular(&file).map_err(|(kind, error)| failure(kind, path, &error))?;
    let length = u64::try_from(stat.st_size).unwrap_or(0);
    if length > max_bytes {
        return Err(failure(FailureKind::TooLarge, path, &Errno::EFBIG.into()));
    }
    Ok((file.into(), length))
}

async fn send_contents(
    mut file: File,
    length: u64,
    batch: &mut Vec<u8>,
    stream: &mut Stream,
) -> Result<(), FrameError> {
    let mut left = length;
    while left > 0 {
        let size = usize::try_from(left).unwrap_or(MAX_DATA).min(MAX_DATA);
        if batch.len() + HEADER + size > BATCH {
            stream.write_all(batch).await?;
            batch.clear();
        }
        batch.extend_from_slice(&frame::data_header(Channel::File, size));
        let data = batch.len();
        batch.resize(data + size, 0);
        fill(&mut file, &mut batch[data..]);
        left -= size as u64;
    }
    Ok(())
}

/// Reads as much as there is; what is missing stays as it was.
fn fill(file: &mut File, mut into: &mut [u8]) {
    while !into.is_empty() {
        match file.read(into) {
            Ok(0) => return,
            Ok(length) => into = &mut into[length..],
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(_) => return,
        }
    }
}
