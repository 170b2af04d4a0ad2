//! The root directory of a writable mount: what user code can do to it if it is its owner.

use std::ffi::CStr;
use std::fs::File;
use std::io;

use isol8_protocol::Writable;
use nix::errno::Errno;
use nix::sys::stat::{FchmodatFlags, Mode, fchmodat, fstat, futimens, lstat};
use nix::sys::time::TimeSpec;
use nix::unistd::Uid;

use crate::sys;

const PERMISSIONS: u32 = 0o7777;

/// Gives the root its mode back.
pub(super) fn restore_mode(mount: &Writable) -> io::Result<()> {
    let stat = lstat(mount.path.as_str())?;
    if stat.st_mode & PERMISSIONS != mount.mode & PERMISSIONS {
        let mode = Mode::from_bits_truncate(mount.mode);
        fchmodat(nix::fcntl::AT_FDCWD, mount.path.as_str(), mode, FchmodatFlags::FollowSymlink)?;
    }
    Ok(())
}

/// Takes away the attributes and times that its owner can have given the root; others can give it neither.
pub(super) fn restore(root: &File) -> io::Result<()> {
    if fstat(root)?.st_uid != Uid::effective().as_raw() {
        return Ok(());
    }
    let names = match sys::attributes(root) {
        Err(error) if error.raw_os_error() == Some(Errno::EOPNOTSUPP as i32) => Vec::new(),
        names => names?,
    };
    for name in names.split_inclusive(|&byte| byte == 0).flat_map(CStr::from_bytes_with_nul) {
        // The security module's are set by the system, and cannot be set by user code.
        if !name.to_bytes().starts_with(b"security.") {
            sys::remove_attribute(root, name)?;
        }
    }
    Ok(futimens(root, &TimeSpec::UTIME_NOW, &TimeSpec::UTIME_NOW)?)
}
