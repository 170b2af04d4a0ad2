//! Acting as the sandbox user, for a moment.
//!
//! The guest is root, but what it does for the engine in places that user code can reach, it does with that user's
//! rights: a symlink planted there leads no further than user code itself could go. There are two ways:
//! - [`Sandbox::for_files`] switches only what file access is checked against. Nobody else gains any right over the
//!   guest by it, so it is the one to use while user code may be running.
//! - [`Sandbox::for_everything`] switches the effective user. System V objects are checked against that, but other
//!   processes of that user could then renice the guest, so there must be none.
//!
//! A guard must be dropped before anything is awaited. When the guest is not root, both do nothing.

use std::io;
use std::marker::PhantomData;
use std::process::abort;

use nix::errno::Errno;
use nix::unistd::{Gid, Uid, setfsgid, setfsuid, setresgid, setresuid};

const UNCHANGED_UID: Uid = Uid::from_raw(u32::MAX);
const UNCHANGED_GID: Gid = Gid::from_raw(u32::MAX);
const ROOT_UID: Uid = Uid::from_raw(0);
const ROOT_GID: Gid = Gid::from_raw(0);

/// Whom user code runs as.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Sandbox {
    uid: Uid,
    gid: Gid,
    /// Whether the guest is somebody else and may switch.
    switches: bool,
}

impl Sandbox {
    pub(crate) fn new(uid: u32, gid: u32) -> Self {
        let switches = Uid::effective().is_root() && uid != 0;
        Self { uid: Uid::from_raw(uid), gid: Gid::from_raw(gid), switches }
    }

    pub(crate) fn uid(self) -> Uid {
        self.uid
    }

    pub(crate) fn gid(self) -> Gid {
        self.gid
    }

    /// Whom a child has to become, if it has to.
    pub(crate) fn to_become(self) -> Option<(Uid, Gid)> {
        Uid::effective().is_root().then_some((self.uid, self.gid))
    }

    /// Accesses files as the sandbox user until the guard is dropped.
    pub(crate) fn for_files(self) -> io::Result<ForFiles> {
        if self.switches {
            switch_files(self.uid, self.gid)?;
        }
        Ok(ForFiles { switched: self.switches, on_this_thread: PhantomData })
    }

    /// Is the sandbox user in effect until the guard is dropped.
    pub(crate) fn for_everything(self) -> io::Result<ForEverything> {
        if self.switches {
            // The group first: without root in effect it could not be changed.
            setresgid(UNCHANGED_GID, self.gid, UNCHANGED_GID)?;
            if let Err(error) = setresuid(UNCHANGED_UID, self.uid, UNCHANGED_UID) {
                setresgid(UNCHANGED_GID, ROOT_GID, UNCHANGED_GID).unwrap_or_else(|_| abort());
                return Err(error.into());
            }
        }
        Ok(ForEverything { switched: self.switches, on_this_thread: PhantomData })
    }
}

/// See [`Sandbox::for_files`].
#[must_use]
pub(crate) struct ForFiles {
    switched: bool,
    on_this_thread: PhantomData<*const ()>,
}

impl Drop for ForFiles {
    fn drop(&mut self) {
        // A guest that is stuck with the wrong identity must not go on.
        if self.switched && switch_files(ROOT_UID, ROOT_GID).is_err() {
            abort();
        }
    }
}

/// See [`Sandbox::for_everything`].
#[must_use]
pub(crate) struct ForEverything {
    switched: bool,
    on_this_thread: PhantomData<*const ()>,
}

impl Drop for ForEverything {
    fn drop(&mut self) {
        let back = || {
            setresuid(UNCHANGED_UID, ROOT_UID, UNCHANGED_UID)?;
            setresgid(UNCHANGED_GID, ROOT_GID, UNCHANGED_GID)
        };
        if self.switched && back().is_err() {
            abort();
        }
    }
}

/// These calls report no failure; asking with an invalid id tells what is in force.
fn switch_files(uid: Uid, gid: Gid) -> io::Result<()> {
    setfsgid(gid);
    setfsuid(uid);
    if setfsgid(UNCHANGED_GID) == gid && setfsuid(UNCHANGED_UID) == uid { Ok(()) } else { Err(Errno::EPERM.into()) }
}
