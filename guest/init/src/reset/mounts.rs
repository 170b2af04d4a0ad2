//! Whether the contract names every place where user code can write.

use std::cell::RefCell;
use std::ffi::OsString;
use std::fs::{self, File};
use std::os::fd::AsFd;
use std::os::unix::ffi::OsStringExt;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use isol8_protocol::Writable;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

use super::findings::Findings;
use crate::identity::Sandbox;
use crate::procfs;

/// File systems of the kernel's own, where what user code may write is gone with its processes.
const KERNEL: [&str; 5] = ["proc", "sysfs", "cgroup", "cgroup2", "devpts"];

const LIST: &str = "/proc/self/mountinfo";

/// How often the kernel is believed that nothing has changed. It tells of mounts that come and go, but not of one that
/// becomes writable; others than Linux may tell of nothing.
const BELIEVED: u32 = 16;

/// The mounts. Nobody in the sandbox can change them, and the kernel takes a while to list them, so they are not looked
/// at after each run unless it says that they are others.
#[derive(Debug, Default)]
pub(crate) struct Mounts {
    harmless: RefCell<Option<Harmless>>,
}

/// Mounts that there was nothing to say of.
#[derive(Debug)]
struct Harmless {
    /// Kept open: the kernel tells of changes since.
    list: File,
    /// How often it will still be believed.
    left: u32,
}

impl Mounts {
    /// Reports writable mounts that nobody would have emptied.
    pub(super) fn check(&self, sandbox: Sandbox, known: &[Writable], findings: &mut Findings) {
        let mut harmless = self.harmless.borrow_mut();
        if harmless.as_mut().is_some_and(Harmless::still_is) {
            return;
        }
        // Opened before it is read, so that no change falls between the two.
        *harmless = match File::open(LIST).and_then(|list| Ok((procfs::read_all(&list)?, list))) {
            Ok((text, list)) => {
                is_harmless(&text, sandbox, known, findings).then_some(Harmless { list, left: BELIEVED })
            }
            Err(error) => {
                findings.add(format!("cannot read {LIST}: {error}"));
                None
            }
        };
    }
}

impl Harmless {
    fn still_is(&mut self) -> bool {
        let mut polled = [PollFd::new(self.list.as_fd(), PollFlags::POLLPRI)];
        let is_quiet = poll(&mut polled, PollTimeout::ZERO) == Ok(0);
        let is_believed = self.left > 0;
        self.left = self.left.saturating_sub(1);
        is_quiet && is_believed
    }
}

/// Whether nothing was found.
fn is_harmless(text: &[u8], sandbox: Sandbox, known: &[Writable], findings: &mut Findings) -> bool {
    let _as_sandbox = match sandbox.for_files() {
        Ok(guard) => guard,
        Err(error) => {
            findings.add(format!("cannot act as the sandbox user: {error}"));
            return false;
        }
    };
    let mut is_harmless = true;
    let mut found = |finding| {
        findings.add(finding);
        is_harmless = false;
    };
    for line in text.split(|&byte| byte == b'\n').filter(|line| !line.is_empty()) {
        let Some(mount) = parse(line) else {
            found(format!("cannot understand mount {:?}", String::from_utf8_lossy(line)));
            continue;
        };
        let is_known = known.iter().any(|known| Path::new(&known.path) == mount.path);
        if !is_known && mount.is_writable && !KERNEL.contains(&mount.system.as_str()) && invites(&mount.path, sandbox) {
            found(format!("{:?} is writable and not in the contract", mount.path));
        }
    }
    is_harmless
}

/// Whether the sandbox user can leave something there, or perhaps somewhere below: a directory has too many places
/// to look at each, but in those that the kernel and the daemon make there are none.
fn invites(path: &Path, sandbox: Sandbox) -> bool {
    // What that user cannot look at, it cannot get to.
    let Ok(metadata) = fs::symlink_metadata(path) else { return false };
    if metadata.is_dir() {
        return path != Path::new("/dev") && !path.starts_with("/proc") && !path.starts_with("/sys");
    }
    // An owner can give itself the right at any time.
    let may_write = metadata.uid() == sandbox.uid().as_raw()
        || metadata.mode() & if metadata.gid() == sandbox.gid().as_raw() { 0o020 } else { 0o002 } != 0;
    metadata.is_file() && may_write
}

#[derive(Debug, PartialEq, Eq)]
struct Mount {
    path: PathBuf,
    system: String,
    is_writable: bool,
}

/// Parses a line of mountinfo: `id parent device root PATH OPTIONS [tags…] - SYSTEM source OPTIONS`.
fn parse(line: &[u8]) -> Option<Mount> {
    let fields: Vec<&[u8]> = line.split(|&byte| byte == b' ').collect();
    let dash = fields.iter().skip(6).position(|field| *field == b"-")? + 6;
    let writable = |options: &[u8]| options.split(|&byte| byte == b',').next() == Some(b"rw");
    Some(Mount {
        path: PathBuf::from(OsString::from_vec(unescape(fields.get(4)?))),
        system: String::from_utf8_lossy(fields.get(dash + 1)?).into_owned(),
        is_writable: writable(fields.get(5)?) && writable(fields.get(dash + 3)?),
    })
}

/// Undoes the kernel's octal escapes (`\040` for a space).
fn unescape(field: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(field.len());
    let mut rest = field;
    while let Some((&byte, after)) = rest.split_first() {
        let octal = after.get(..3).and_then(|digits| u8::from_str_radix(std::str::from_utf8(digits).ok()?, 8).ok());
        match octal {
            Some(escaped) if byte == b'\\' => {
                bytes.push(escaped);
                rest = &after[3..];
            }
            _ => {
                bytes.push(byte);
                rest = after;
            }
        }
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mount(path: &str, system: &str, is_writable: bool) -> Option<Mount> {
        Some(Mount { path: path.into(), system: system.into(), is_writable })
    }

    #[test]
    fn the_kernel_is_believed_so_often_and_then_looked_after() {
        let mut harmless = Harmless { list: File::open(LIST).expect("a list"), left: 2 };
        assert_eq!([(); 3].map(|()| harmless.still_is()), [true, true, false]);
    }

    #[test]
    fn mounts_are_parsed_with_and_without_tags() {
        let line = b"134 117 0:59 / /sandbox rw,nosuid,nodev,relatime - tmpfs tmpfs rw,mode=755,uid=100,gid=101";
        assert_eq!(parse(line), mount("/sandbox", "tmpfs", true));
        let line = b"117 69 0:50 / / ro,relatime master:3 shared:4 - overlay overlay rw,lowerdir=/a:/b";
        assert_eq!(parse(line), mount("/", "overlay", false));
    }

    #[test]
    fn a_mount_of_a_read_only_file_system_is_not_writable() {
        let line = b"74 118 0:60 / /proc/acpi rw,relatime - tmpfs tmpfs ro";
        assert_eq!(parse(line), mount("/proc/acpi", "tmpfs", false));
    }

    #[test]
    fn odd_names_are_understood() {
        let line = br"9 8 0:1 / /a\040-\040b\134\011\012 rw - ext4 /dev/x rw";
        assert_eq!(parse(line), mount("/a - b\\\t\n", "ext4", true));
        assert_eq!(unescape(br"\9\04"), br"\9\04");
    }

    #[test]
    fn anything_else_is_refused() {
        for line in [&b""[..], b"1 2 3", b"134 117 0:59 / /sandbox rw"] {
            assert_eq!(parse(line), None);
        }
    }
}
