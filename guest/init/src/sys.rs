//! The kernel calls that need `unsafe`. Nothing else in this crate may use it.
#![allow(unsafe_code, reason = "calls that no safe interface offers; every block argues for itself")]
#![deny(clippy::undocumented_unsafe_blocks)]

use std::ffi::{CStr, c_int, c_ulong, c_void};
use std::fs::File;
use std::io;
use std::os::fd::{AsFd, AsRawFd, FromRawFd, OwnedFd, RawFd};
use std::os::unix::process::CommandExt;
use std::process::Command;
use std::time::Duration;
use std::{mem, ptr};

use nix::errno::Errno;
use nix::libc;
use nix::sys::signal::{SigSet, SigmaskHow, sigprocmask};
use nix::sys::time::TimeSpec;
use nix::sys::timerfd::{ClockId, Expiration, TimerFd, TimerFlags, TimerSetTimeFlags};
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

/// A timer that the event loop waits for as for a file, and that is more exact than the loop's own.
#[derive(Debug)]
pub(crate) struct Alarm(TimerFd);

impl Alarm {
    pub(crate) fn new() -> io::Result<AsyncFd<Self>> {
        let flags = TimerFlags::TFD_NONBLOCK | TimerFlags::TFD_CLOEXEC;
        let alarm = Self(TimerFd::new(ClockId::CLOCK_MONOTONIC, flags)?);
        // SAFETY: the descriptor is open, is the same in every call, and is closed with the alarm, which the result owns.
        Ok(unsafe { AsyncFd::register_with_interest(alarm, Interest::READABLE) }?)
    }

    /// Has it become readable once, after this long.
    pub(crate) fn set(&self, after: Duration) -> nix::Result<()> {
        self.0.set(Expiration::OneShot(TimeSpec::from_duration(after)), TimerSetTimeFlags::empty())
    }
}

impl AsRawFd for Alarm {
    fn as_raw_fd(&self) -> RawFd {
        self.0.as_fd().as_raw_fd()
    }
}

/// Takes over stdin and stdout. To be called once.
pub(crate) fn take_stdio() -> (OwnedFd, OwnedFd) {
    // SAFETY: descriptors 0 and 1 are open (the standard library makes sure of it before `main`), and nothing in
    // this program uses them in another way: `main` only touches `io::stdout` where it never gets here.
    unsafe { (OwnedFd::from_raw_fd(0), OwnedFd::from_raw_fd(1)) }
}

/// Has the allocator keep this many bytes of what is freed instead of giving them back to the kernel at once.
pub(crate) fn keep_freed(bytes: c_int) {
    // SAFETY: the call only changes a number of the allocator's, and no other thread uses that meanwhile: there is none.
    #[cfg(target_env = "gnu")]
    unsafe {
        libc::mallopt(libc::M_TRIM_THRESHOLD, bytes);
    }
    // Others have no such number.
    #[cfg(not(target_env = "gnu"))]
    let _ = bytes;
}

/// Gives every signal its default action and unblocks it, whatever the parent left behind; SIGPIPE stays ignored.
pub(crate) fn default_signals() -> io::Result<()> {
    for signal in 1..=libc::SIGRTMAX() {
        if ![libc::SIGKILL, libc::SIGSTOP, libc::SIGPIPE].contains(&signal) {
            // SAFETY: SIG_DFL installs no code of ours, and no handler has been installed yet. The numbers that the
            // C library keeps for itself are refused with EINVAL.
            unsafe { libc::signal(signal, libc::SIG_DFL) };
        }
    }
    Ok(sigprocmask(SigmaskHow::SIG_SETMASK, Some(&SigSet::empty()), None)?)
}

/// Keeps every descriptor from `first` on away from programs that are started. Best effort: all of ours are already.
pub(crate) fn close_on_exec_from(first: u32) {
    let all = libc::c_uint::MAX;
    // SAFETY: with this flag the call closes nothing; it only marks descriptors, and takes no pointers.
    unsafe { libc::syscall(libc::SYS_close_range, first, all, libc::CLOSE_RANGE_CLOEXEC) };
}

/// Empties the inheritable and ambient capability sets, so that user code does not even appear to have any.
pub(crate) fn drop_inheritable_capabilities() -> io::Result<()> {
    const VERSION_3: u32 = 0x2008_0522;
    #[repr(C)]
    struct Header {
        version: u32,
        pid: c_int,
    }
    #[repr(C)]
    #[derive(Clone, Copy, Default)]
    struct Sets {
        effective: u32,
        permitted: u32,
        inheritable: u32,
    }
    let mut header = Header { version: VERSION_3, pid: 0 };
    let mut sets = [Sets::default(); 2];
    // SAFETY: version 3 reads one header and writes two sets, laid out as the kernel's capability.h has them.
    Errno::result(unsafe { libc::syscall(libc::SYS_capget, &mut header, sets.as_mut_ptr()) })?;
    sets.iter_mut().for_each(|set| set.inheritable = 0);
    // SAFETY: as above; only read this time.
    Errno::result(unsafe { libc::syscall(libc::SYS_capset, &mut header, sets.as_ptr()) })?;
    let clear = libc::PR_CAP_AMBIENT_CLEAR_ALL as c_ulong;
    // SAFETY: PR_CAP_AMBIENT takes plain numbers only.
    Errno::result(unsafe { libc::prctl(libc::PR_CAP_AMBIENT, clear, 0 as c_ulong, 0 as c_ulong, 0 as c_ulong) })?;
    Ok(())
}

/// Has a filter decide on every system call of this process and of those that it starts from now on. What it refuses
/// stays refused, whatever other filters say. Takes `no_new_privs`.
pub(crate) fn install_filter(filter: &mut [libc::sock_filter]) -> io::Result<()> {
    let len = u16::try_from(filter.len()).map_err(io::Error::other)?;
    let program = libc::sock_fprog { len, filter: filter.as_mut_ptr() };
    // Without it, old kernels have every process with a filter pay for a defence against each other's guesses.
    let flags = libc::SECCOMP_FILTER_FLAG_SPEC_ALLOW;
    // SAFETY: the program points to as many instructions as it says, live for the length of the call, which copies them.
    let installed = unsafe { libc::syscall(libc::SYS_seccomp, libc::SECCOMP_SET_MODE_FILTER, flags, &program) };
    if installed == 0 {
        return Ok(());
    }
    // An old kernel knows no flags, and a container's filter may refuse the call.
    let mode = c_ulong::from(libc::SECCOMP_MODE_FILTER);
    // SAFETY: as above.
    Errno::result(unsafe { libc::prctl(libc::PR_SET_SECCOMP, mode, &program) })?;
    Ok(())
}

/// Runs `setup` in the child of `command`, after its stdio is in place and before the program is loaded.
///
/// `setup` must do system calls and nothing else: no allocation, no lock.
pub(crate) fn before_exec(command: &mut Command, mut setup: impl FnMut() -> nix::Result<()> + Send + Sync + 'static) {
    // SAFETY: the closure runs in the child of a process that has a single thread, so that no lock of the C library
    // can be held by somebody who does not exist there; and it keeps to the contract above.
    unsafe { command.pre_exec(move || Ok(setup()?)) };
}

/// A child that has ended.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Reaped {
    pub(crate) pid: libc::pid_t,
    /// As wait(2) encodes it.
    pub(crate) status: c_int,
    /// User and system time, of the child and of the children it waited for.
    pub(crate) cpu: Duration,
    /// Largest resident size among the same, in bytes.
    pub(crate) peak_memory: u64,
}

/// Reaps one child that has ended, if there is any.
pub(crate) fn reap() -> Option<Reaped> {
    let mut status = 0;
    // SAFETY: rusage is made of integers, for which all zeroes is a value.
    let mut usage: libc::rusage = unsafe { mem::zeroed() };
    // SAFETY: both pointers are to live, writable values of the types that wait4 fills.
    let pid = unsafe { libc::wait4(-1, &mut status, libc::WNOHANG, &mut usage) };
    (pid > 0).then(|| Reaped {
        pid,
        status,
        cpu: time(usage.ru_utime) + time(usage.ru_stime),
        peak_memory: u64::try_from(usage.ru_maxrss).unwrap_or(0) * 1024,
    })
}

fn time(value: libc::timeval) -> Duration {
    Duration::from_secs(u64::try_from(value.tv_sec).unwrap_or(0))
        + Duration::from_micros(u64::try_from(value.tv_usec).unwrap_or(0))
}

/// How many bytes a pipe holds right now.
pub(crate) fn unread(pipe: impl AsFd) -> io::Result<usize> {
    let mut bytes: c_int = 0;
    // SAFETY: FIONREAD writes one int, and the descriptor is borrowed for the length of the call.
    Errno::result(unsafe { libc::ioctl(pipe.as_fd().as_raw_fd(), libc::FIONREAD, &mut bytes) })?;
    Ok(usize::try_from(bytes).unwrap_or(0))
}

/// The names of the extended attributes of an open file.
pub(crate) fn attributes(file: &File) -> io::Result<Vec<u8>> {
    // SAFETY: with a size of 0 nothing is written, and the needed size is returned.
    let size = Errno::result(unsafe { libc::flistxattr(file.as_raw_fd(), ptr::null_mut(), 0) })?;
    let mut names = vec![0; usize::try_from(size).unwrap_or(0)];
    // SAFETY: the buffer is as long as the call is told; a list that has grown meanwhile fails with ERANGE.
    let size = Errno::result(unsafe { libc::flistxattr(file.as_raw_fd(), names.as_mut_ptr().cast(), names.len()) })?;
    names.truncate(usize::try_from(size).unwrap_or(0));
    Ok(names)
}

/// Removes an extended attribute of an open file.
pub(crate) fn remove_attribute(file: &File, name: &CStr) -> io::Result<()> {
    // SAFETY: the name is a live string that ends in NUL, and the descriptor is borrowed for the length of the call.
    Errno::result(unsafe { libc::fremovexattr(file.as_raw_fd(), name.as_ptr()) })?;
    Ok(())
}

/// The three kinds of System V objects.
#[derive(Debug, Clone, Copy)]
pub(crate) enum SysV {
    SharedMemory,
    Semaphores,
    Messages,
}

/// Removes a System V object.
pub(crate) fn remove_sysv(kind: SysV, id: c_int) -> io::Result<()> {
    // SAFETY: IPC_RMID takes an id and ignores the pointer, and for semaphores the number and the union as well.
    let removed = unsafe {
        match kind {
            SysV::SharedMemory => libc::shmctl(id, libc::IPC_RMID, ptr::null_mut()),
            SysV::Semaphores => libc::semctl(id, 0, libc::IPC_RMID, ptr::null_mut::<c_void>()),
            SysV::Messages => libc::msgctl(id, libc::IPC_RMID, ptr::null_mut()),
        }
    };
    Errno::result(removed)?;
    Ok(())
}
