//! Taking turns with other processes that write to the same directory.
//!
//! Without a turn, nothing would be lost or overwritten, but an archive could get the wrong day, and somebody's write
//! that is under way could be taken for one that was cut.

use std::fs::File;
use std::io::{self, ErrorKind};
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::fcntl::{Flock, FlockArg};

const PAUSE: Duration = Duration::from_millis(1);

/// The right to write to a directory. It ends with the value, or with this process.
#[derive(Debug)]
pub(super) struct Turn {
    /// None where directories cannot be locked, as on some network file systems.
    _lock: Option<Flock<File>>,
}

impl Turn {
    /// Waits for it, but not for ever: who has it may have been stopped.
    pub(super) fn take(dir: &Path, patience: Duration) -> io::Result<Self> {
        let mut dir = File::open(dir)?;
        let start = Instant::now();
        loop {
            match Flock::lock(dir, FlockArg::LockExclusiveNonblock) {
                Ok(lock) => return Ok(Self { _lock: Some(lock) }),
                Err((_, Errno::EWOULDBLOCK)) if start.elapsed() >= patience => {
                    return Err(io::Error::new(ErrorKind::TimedOut, "another process has locked the directory"));
                }
                Err((same, Errno::EWOULDBLOCK | Errno::EINTR)) => {
                    dir = same;
                    thread::sleep(PAUSE);
                }
                Err(_) => return Ok(Self { _lock: None }),
            }
        }
    }
}
