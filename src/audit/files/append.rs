//! One log file, open for appending.

use std::fs::{File, OpenOptions, Permissions};
use std::io::{self, ErrorKind, Write};
use std::os::unix::fs::{FileExt, OpenOptionsExt, PermissionsExt};
use std::path::Path;

use nix::fcntl::OFlag;

/// The user reads and writes, nobody else does anything.
pub(super) const MODE: u32 = 0o600;

/// A log file of this process and others.
#[derive(Debug)]
pub(super) struct LogFile(File);

impl LogFile {
    /// Opens it, as new when there is none. A symlink is refused: it would have us write where somebody else wants,
    /// and so is all else that is no file. Not blocking makes a difference only to those.
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        let flags = OFlag::O_NOFOLLOW | OFlag::O_NONBLOCK | OFlag::O_NOCTTY;
        let file =
            OpenOptions::new().read(true).append(true).create(true).mode(MODE).custom_flags(flags.bits()).open(path)?;
        let metadata = file.metadata()?;
        if !metadata.is_file() {
            return Err(io::Error::new(ErrorKind::InvalidInput, "not a regular file"));
        }
        if metadata.permissions().mode() & 0o7777 & !MODE != 0 {
            file.set_permissions(Permissions::from_mode(MODE))?;
        }
        Ok(Self(file))
    }

    /// Appends a line in one write, which the kernel does not mix with the writes of others.
    pub(super) fn append(&self, line: &[u8]) -> io::Result<()> {
        if self.ends_inside_a_line()? { self.write(&[b"\n", line].concat()) } else { self.write(line) }
    }

    /// Whether somebody's write was cut, by a full disk or a crash: what follows must not become part of it.
    fn ends_inside_a_line(&self) -> io::Result<bool> {
        let Some(last) = self.0.metadata()?.len().checked_sub(1) else { return Ok(false) };
        let mut byte = [b'\n'];
        // Nothing is read when somebody truncated the file since.
        self.0.read_at(&mut byte, last)?;
        Ok(byte != [b'\n'])
    }

    fn write(&self, bytes: &[u8]) -> io::Result<()> {
        loop {
            match (&self.0).write(bytes) {
                Ok(written) if written == bytes.len() => return Ok(()),
                // The rest would have to follow at once, and another process may have come in between.
                Ok(written) => {
                    let message = format!("only {written} of {} bytes had room", bytes.len());
                    return Err(io::Error::new(ErrorKind::StorageFull, message));
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::env;
    use std::fs;
    use std::process::Command;

    use nix::sys::stat::Mode;
    use nix::unistd::mkfifo;

    use super::*;
    use crate::audit::scratch::Scratch;

    #[test]
    fn a_broken_line_is_ended_before_the_next_record() {
        let scratch = Scratch::new();
        fs::write(scratch.join("log"), "{\"a\":1}\n{\"b\":").expect("writable");
        let log = LogFile::open(&scratch.join("log")).expect("a file");
        log.append(b"{\"c\":3}\n").expect("written");
        log.append(b"{\"d\":4}\n").expect("written");
        assert_eq!(scratch.read("log"), "{\"a\":1}\n{\"b\":\n{\"c\":3}\n{\"d\":4}\n");
    }

    #[test]
    fn what_is_no_file_is_refused_without_waiting_for_a_reader() {
        let scratch = Scratch::new();
        mkfifo(&scratch.join("fifo"), Mode::S_IRWXU).expect("a new name");
        assert_eq!(LogFile::open(&scratch.join("fifo")).expect_err("a pipe").to_string(), "not a regular file");
        assert!(LogFile::open(&scratch).is_err());
    }

    /// Set for the process that has no room: the file that it writes to.
    const CHILD_LOG: &str = "ISOL8_TEST_AUDIT_LOG";

    #[test]
    fn a_write_that_has_no_room_loses_its_own_record_only() {
        if let Some(log) = env::var_os(CHILD_LOG) {
            return write_until_there_is_no_room(log.as_ref());
        }
        let scratch = Scratch::new();
        let log = scratch.join("log");
        // A limit on the size of files stands in for a full disk: the kernel cuts a write at both.
        let child = Command::new("sh")
            .args(["-c", "trap '' XFSZ; ulimit -f 8; exec \"$0\" --exact \"$1\""])
            .arg(env::current_exe().expect("a test"))
            .arg("audit::files::append::tests::a_write_that_has_no_room_loses_its_own_record_only")
            .env(CHILD_LOG, &log)
            .output()
            .expect("a shell");
        assert!(child.status.success(), "{}", String::from_utf8_lossy(&child.stdout));
        let cut = fs::read(&log).expect("written");
        assert_ne!(cut.last(), Some(&b'\n'), "the last write was to be cut");

        LogFile::open(&log).expect("a file").append(b"{\"after\":true}\n").expect("there is room again");
        let text = scratch.read("log");
        let is_json = |line: &&str| serde_json::from_str::<serde_json::Value>(line).is_ok();
        let (whole, broken): (Vec<_>, Vec<_>) = text.lines().partition(is_json);
        assert_eq!(broken.len(), 1, "{broken:?}");
        assert!(whole.len() > 1);
        assert_eq!(text.lines().last(), Some("{\"after\":true}"));
    }

    fn write_until_there_is_no_room(log: &Path) {
        let log = LogFile::open(log).expect("a file");
        let line = format!("\"{}\"\n", "x".repeat(997));
        let error = (0..100).find_map(|_| log.append(line.as_bytes()).err()).expect("a limit");
        assert_eq!(error.kind(), ErrorKind::StorageFull, "{error}");
        assert_eq!(log.append(line.as_bytes()).expect_err("no room at all").kind(), ErrorKind::FileTooLarge);
    }
}
