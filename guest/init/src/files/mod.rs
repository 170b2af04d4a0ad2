//! Files in and out, as the sandbox user.

mod read;
mod write;

use std::fs::{self, DirBuilder};
use std::io;
use std::os::fd::AsFd;
use std::os::unix::fs::DirBuilderExt;
use std::path::Path;

use isol8_protocol::FailureKind;
use nix::errno::Errno;
use nix::fcntl::OFlag;
use nix::sys::stat::{FileStat, SFlag, fstat};
use nix::sys::statfs::{PROC_SUPER_MAGIC, SYSFS_MAGIC, fstatfs};

use crate::identity::Sandbox;
pub(crate) use read::send;
pub(crate) use write::receive;

/// For every file that is opened by a name from outside: never hangs on a FIFO, never gets a terminal, never inherited.
const CAREFULLY: OFlag = OFlag::O_NONBLOCK.union(OFlag::O_NOCTTY).union(OFlag::O_CLOEXEC);

/// Checks that `path` says the same to the kernel as to the engine.
pub(crate) fn absolute(path: &str) -> io::Result<&Path> {
    let is_fit = path.starts_with('/') && !path.contains('\0');
    if is_fit { Ok(Path::new(path)) } else { Err(Errno::EINVAL.into()) }
}

/// Makes a directory and its missing parents. One that is there already counts as made.
pub(crate) fn make_directories(path: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o755).create(path)
}

/// Removes files, as far as the sandbox user can. Those that are gone, or have become something else, are left.
pub(crate) fn remove(sandbox: Sandbox, paths: &[String]) {
    let Ok(_as_sandbox) = sandbox.for_files() else { return };
    for path in paths.iter().filter_map(|path| absolute(path).ok()) {
        let _ = fs::remove_file(path);
    }
}

/// Refuses anything but a regular file with contents of its own. What lies in /proc passes for a regular file, but
/// tells of (or is told to) whoever opens it, which is the guest.
fn check_regular(file: impl AsFd) -> Result<FileStat, (FailureKind, io::Error)> {
    let cannot = |errno: Errno| (FailureKind::NotAFile, io::Error::from(errno));
    let stat = fstat(&file).map_err(cannot)?;
    let kind = SFlag::from_bits_truncate(stat.st_mode & SFlag::S_IFMT.bits());
    let system = fstatfs(&file).map_err(cannot)?.filesystem_type();
    if kind != SFlag::S_IFREG || system == PROC_SUPER_MAGIC || system == SYSFS_MAGIC {
        return Err(cannot(if kind == SFlag::S_IFDIR { Errno::EISDIR } else { Errno::EINVAL }));
    }
    Ok(stat)
}
