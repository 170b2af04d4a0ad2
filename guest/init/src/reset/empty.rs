//! Emptying a writable mount, whatever was built in it.
//!
//! Trees are not walked: a directory that is not empty moves up to the root of the mount under a number, and is
//! emptied from there in its turn. So the deepest tree costs three descriptors, no recursion, and no memory. By now
//! nobody else is alive, so that what was looked at stays as it is.

use std::ffi::{CStr, CString};
use std::fs::File;
use std::hash::{BuildHasher, Hasher, RandomState};
use std::io;
use std::os::fd::AsFd;
use std::rc::Rc;

use isol8_protocol::Writable;
use nix::dir::Dir;
use nix::errno::Errno;
use nix::fcntl::{OFlag, RenameFlags, open, renameat2};
use nix::sys::stat::{FchmodatFlags, Mode, fchmodat};
use nix::unistd::{UnlinkatFlags, unlinkat};

use super::findings::Findings;
use super::root;
use crate::identity::{ForEverything, Sandbox};

/// After so many entries others get their turn.
const STRIDE: u32 = 1000;

const DIRECTORY: OFlag = OFlag::O_RDONLY.union(OFlag::O_DIRECTORY).union(OFlag::O_NOFOLLOW).union(OFlag::O_CLOEXEC);

/// Empties the mount and gives its root back the mode, attributes and times of a new one.
pub(super) async fn empty(mount: &Writable, sandbox: Sandbox, findings: &mut Findings) -> io::Result<()> {
    let mut work = {
        let guard = sandbox.for_everything()?;
        // First of all, as user code may have locked everybody out.
        root::restore_mode(mount)?;
        let root = Rc::new(File::from(open(mount.path.as_str(), DIRECTORY, Mode::empty())?));
        // Not foreseeable, so that user code cannot have taken the names.
        let first = RandomState::new().build_hasher().finish() >> 1;
        Work { root, sandbox, guard: Some(guard), steps: 0, next: first, end: first, progress: true }
    };
    while work.progress {
        work.progress = false;
        if work.sweep_root(findings, Sweep::Silently).await? == 0 {
            let _as_sandbox = &work.guard;
            root::restore(&work.root)?;
            return Ok(());
        }
        work.empty_moved().await?;
    }
    work.sweep_root(findings, Sweep::Aloud).await?;
    Ok(())
}

/// Whether what cannot be removed is worth a finding yet: what fails once may work when the rest is gone.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Sweep {
    Silently,
    Aloud,
}

struct Work {
    root: Rc<File>,
    sandbox: Sandbox,
    /// Given up only while others have their turn.
    guard: Option<ForEverything>,
    steps: u32,
    /// Directories that have moved up and wait to be emptied have the numbers from `next` to before `end`.
    next: u64,
    end: u64,
    /// Whether anything was removed or moved in this round.
    progress: bool,
}

impl Work {
    /// Removes what lies in the root, or moves it to the queue. Says how many entries there were.
    async fn sweep_root(&mut self, findings: &mut Findings, sweep: Sweep) -> io::Result<usize> {
        let mut root = Dir::openat(&*self.root, c".", DIRECTORY, Mode::empty())?;
        let mut found = 0;
        for entry in root.iter() {
            let entry = entry?;
            let name = entry.file_name();
            if is_dots(name) || self.is_queued(name) {
                continue;
            }
            found += 1;
            let parent = self.root.clone();
            if let Err(error) = self.remove(&parent, name)
                && sweep == Sweep::Aloud
            {
                findings.add(format!("cannot remove {:?}: {error}", name.to_string_lossy()));
            }
            self.breathe().await?;
        }
        Ok(found + usize::from(self.next < self.end))
    }

    /// Empties and removes the directories in the queue, and those that join it meanwhile.
    async fn empty_moved(&mut self) -> io::Result<()> {
        while self.next < self.end {
            let name = numbered(self.next);
            self.empty_one(&name).await?;
            // If something is left in it, it is found in the root in the next round.
            self.next += 1;
            if unlinkat(&*self.root, name.as_c_str(), UnlinkatFlags::RemoveDir).is_ok() {
                self.progress = true;
            }
        }
        Ok(())
    }

    async fn empty_one(&mut self, name: &CStr) -> io::Result<()> {
        let Ok(mut directory) = Dir::openat(&*self.root, name, DIRECTORY, Mode::empty()) else { return Ok(()) };
        let parent = File::from(directory.as_fd().try_clone_to_owned()?);
        for entry in directory.iter() {
            let entry = entry?;
            if !is_dots(entry.file_name()) {
                // If it stays, so does the directory, which tells.
                let _ = self.remove(&parent, entry.file_name());
            }
            self.breathe().await?;
        }
        Ok(())
    }

    /// Removes an entry, or moves it to the queue if it is a directory with something in it.
    fn remove(&mut self, parent: &File, name: &CStr) -> nix::Result<()> {
        let removed = match unlinkat(parent, name, UnlinkatFlags::NoRemoveDir) {
            Err(Errno::EISDIR) => match unlinkat(parent, name, UnlinkatFlags::RemoveDir) {
                Err(Errno::ENOTEMPTY | Errno::EEXIST) => self.enqueue(parent, name),
                outcome => outcome,
            },
            outcome => outcome,
        };
        self.progress |= removed.is_ok();
        removed
    }

    fn enqueue(&mut self, parent: &File, name: &CStr) -> nix::Result<()> {
        // Moving a directory takes the right to write to it, and emptying it all three.
        fchmodat(parent, name, Mode::S_IRWXU, FchmodatFlags::FollowSymlink)?;
        let number = numbered(self.end);
        // Where that name is taken, what has it counts as queued, and this one's turn comes in the next round.
        self.end += 1;
        renameat2(parent, name, &*self.root, number.as_c_str(), RenameFlags::RENAME_NOREPLACE)
    }

    /// Lets others have their turn now and then.
    async fn breathe(&mut self) -> io::Result<()> {
        self.steps += 1;
        if self.steps.is_multiple_of(STRIDE) {
            self.guard = None;
            tokio::task::yield_now().await;
            self.guard = Some(self.sandbox.for_everything()?);
        }
        Ok(())
    }

    fn is_queued(&self, name: &CStr) -> bool {
        let number = name.to_str().ok().and_then(|name| name.strip_prefix(PREFIX)?.parse().ok());
        number.is_some_and(|number: u64| (self.next..self.end).contains(&number) && *name == *numbered(number))
    }
}

const PREFIX: &str = ".isol8-";

fn numbered(number: u64) -> CString {
    CString::new(format!("{PREFIX}{number}")).unwrap_or_default()
}

fn is_dots(name: &CStr) -> bool {
    [c".", c".."].contains(&name)
}
