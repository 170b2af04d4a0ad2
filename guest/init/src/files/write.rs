//! Writing files that come off a stream.

use std::fs::File;
use std::io::{self, Write};
use std::path::Path;

use isol8_protocol::frame::{self, Channel, FrameError};
use isol8_protocol::{Failure, FailureKind, FileHeader, Input};
use nix::errno::Errno;
use nix::fcntl::{OFlag, open};
use nix::sys::stat::{Mode, fchmod};

use super::{CAREFULLY, absolute, check_regular, make_directories};
use crate::channel::Stream;
use crate::guest::failure;
use crate::identity::Sandbox;

/// Takes files off the stream and writes them, up to [`Input::Start`]. Everything that was announced is taken, also
/// after a failure (the first is returned) and when it is clear beforehand that nothing may be written.
pub(crate) async fn receive(
    sandbox: Result<Sandbox, Failure>,
    stream: &mut Stream,
) -> Result<Result<(), Failure>, FrameError> {
    let mut outcome = sandbox;
    loop {
        let header = match frame::read_message(stream).await? {
            Input::File(header) => header,
            Input::Start => return Ok(outcome.map(drop)),
        };
        let mut file = outcome.clone().and_then(|sandbox| create(sandbox, &header));
        let mut left = header.len;
        while left > 0 {
            let data = frame::read_data(stream, Channel::File).await?;
            left = left
                .checked_sub(data.len() as u64)
                .ok_or(FrameError::Unexpected("no more of the file than was announced"))?;
            file = file.and_then(|mut file| match file.write_all(&data) {
                Ok(()) => Ok(file),
                Err(error) => {
                    // Half a file is of no use, and takes the room that whatever comes next needs.
                    let _ = file.set_len(0);
                    Err(failure(FailureKind::Write, &header.path, &error))
                }
            });
        }
        outcome = outcome.and_then(|sandbox| file.map(|_| sandbox));
    }
}

fn create(sandbox: Sandbox, header: &FileHeader) -> Result<File, Failure> {
    let fail = |(kind, error): (FailureKind, io::Error)| failure(kind, &header.path, &error);
    let cannot = |error: io::Error| fail((FailureKind::Write, error));
    let path = absolute(&header.path).map_err(cannot)?;
    let _as_sandbox = sandbox.for_files().map_err(cannot)?;
    let file = match create_at(path) {
        Err(Errno::ENOENT) => {
            make_directories(path.parent().unwrap_or(path)).map_err(cannot)?;
            create_at(path)
        }
        outcome => outcome,
    };
    let file = file.map_err(|errno| match errno {
        // A directory; and a FIFO that nobody reads, or a socket.
        Errno::EISDIR | Errno::ENXIO => fail((FailureKind::NotAFile, errno.into())),
        _ => cannot(errno.into()),
    })?;
    check_regular(&file).map_err(fail)?;
    fchmod(&file, Mode::from_bits_truncate(header.mode)).map_err(|errno| cannot(errno.into()))?;
    Ok(file)
}

fn create_at(path: &Path) -> nix::Result<File> {
    let flags = OFlag::O_WRONLY | OFlag::O_CREAT | OFlag::O_TRUNC | CAREFULLY;
    open(path, flags, Mode::S_IRUSR | Mode::S_IWUSR).map(File::from)
}
