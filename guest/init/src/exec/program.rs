//! Starting the program of a command as the sandbox user.

use std::io;
use std::os::fd::OwnedFd;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Instant;

use isol8_protocol::{Failure, FailureKind, Step};
use nix::errno::Errno;
use nix::fcntl::{FcntlArg, OFlag, fcntl, open};
use nix::sys::resource::{Resource, setrlimit};
use nix::sys::stat::Mode;
use nix::unistd::{Gid, Pid, Uid, fchdir, pipe2, setgroups, setresgid, setresuid, setsid, write};
use tokio::net::unix::pipe;

use crate::files::{absolute, make_directories};
use crate::guest::{Guest, failure};
use crate::identity::Sandbox;
use crate::sys;

/// Room for output while the guest is busy sending. Pipes begin with 64 KiB.
const PIPE_SIZE: i32 = 256 * 1024;

/// Makes the kernel choose user code over the guest when memory runs out.
const OOM_SCORE: &[u8] = b"500";

/// A program that has been started.
pub(super) struct Program {
    pub(super) pid: Pid,
    pub(super) started: Instant,
    pub(super) stdin: Option<pipe::Sender>,
    pub(super) stdout: pipe::Receiver,
    pub(super) stderr: pipe::Receiver,
}

/// Our ends and the program's ends of its stdin, stdout and stderr.
struct Stdio3 {
    ours: (Option<OwnedFd>, OwnedFd, OwnedFd),
    theirs: (Stdio, OwnedFd, OwnedFd),
}

/// Starts the program of `step`. On failure, nothing runs.
pub(super) fn start(
    guest: &Guest<'_>,
    env: &[(String, String)],
    step: &Step,
    with_stdin: bool,
) -> Result<Program, Failure> {
    let directory = working_directory(guest.sandbox, &step.cwd)
        .map_err(|error| failure(FailureKind::Directory, &step.cwd, &error))?;
    let subject = step.argv.first().map_or("", String::as_str);
    spawn(guest.sandbox, env, step, with_stdin, directory).map_err(|error| {
        // What the standard library refuses by itself (a NUL byte somewhere) has no number.
        let error = if error.raw_os_error().is_none() { Errno::EINVAL.into() } else { error };
        failure(FailureKind::Spawn, subject, &error)
    })
}

/// Opens the working directory as the sandbox user, making it if it is missing.
fn working_directory(sandbox: Sandbox, cwd: &str) -> io::Result<OwnedFd> {
    let cwd = absolute(cwd)?;
    let _as_sandbox = sandbox.for_files()?;
    // Looking up `.` in it takes the right to enter it.
    let enter = |cwd: &Path| open(&cwd.join("."), OFlag::O_PATH | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC, Mode::empty());
    match enter(cwd) {
        Err(Errno::ENOENT) => {
            make_directories(cwd)?;
            Ok(enter(cwd)?)
        }
        opened => Ok(opened?),
    }
}

fn spawn(
    sandbox: Sandbox,
    env: &[(String, String)],
    step: &Step,
    with_stdin: bool,
    directory: OwnedFd,
) -> io::Result<Program> {
    let (name, arguments) = step.argv.split_first().ok_or(Errno::EINVAL)?;
    let Stdio3 { ours: (stdin, stdout, stderr), theirs } = pipes(sandbox, with_stdin)?;
    let mut command = Command::new(name);
    command.args(arguments).envs(env.iter().chain(&step.env).map(|(name, value)| (name, value)));
    command.stdin(theirs.0).stdout(theirs.1).stderr(theirs.2);
    let user = sandbox.to_become();
    sys::before_exec(&mut command, move || confine(user, &directory));
    let started = Instant::now();
    let child = command.spawn()?;
    // Ours are not waited for through the handle: the guest reaps all its children in one place.
    let pid = Pid::from_raw(i32::try_from(child.id()).map_err(io::Error::other)?);
    Ok(Program {
        pid,
        started,
        stdin: stdin.map(pipe::Sender::from_owned_fd).transpose()?,
        stdout: pipe::Receiver::from_owned_fd(stdout)?,
        stderr: pipe::Receiver::from_owned_fd(stderr)?,
    })
}

/// Makes the pipes as the sandbox user, so that the program can open /dev/stdout and the like by name.
fn pipes(sandbox: Sandbox, with_stdin: bool) -> io::Result<Stdio3> {
    let _as_sandbox = sandbox.for_files()?;
    let (their_stdin, our_stdin) = if with_stdin {
        let (read, write) = pipe2(OFlag::O_CLOEXEC)?;
        (Stdio::from(read), Some(write))
    } else {
        (Stdio::null(), None)
    };
    let (our_stdout, their_stdout) = pipe2(OFlag::O_CLOEXEC)?;
    let (our_stderr, their_stderr) = pipe2(OFlag::O_CLOEXEC)?;
    // Refused where the sandboxes of a host have used up their share; it only costs speed.
    let _ = fcntl(&our_stdout, FcntlArg::F_SETPIPE_SZ(PIPE_SIZE));
    Ok(Stdio3 { ours: (our_stdin, our_stdout, our_stderr), theirs: (their_stdin, their_stdout, their_stderr) })
}

/// Runs in the child: system calls only. Its signals are as the guest's at boot, its privileges cannot grow.
fn confine(user: Option<(Uid, Gid)>, directory: &OwnedFd) -> nix::Result<()> {
    setsid()?;
    setrlimit(Resource::RLIMIT_CORE, 0, 0)?;
    // While still root: /proc of a process that changed its user belongs to root until it loads a program.
    if let Ok(score) = open(c"/proc/self/oom_score_adj", OFlag::O_WRONLY | OFlag::O_CLOEXEC, Mode::empty()) {
        // Not a barrier, and the program should run without it.
        let _ = write(&score, OOM_SCORE);
    }
    if let Some((uid, gid)) = user {
        setgroups(&[])?;
        setresgid(gid, gid, gid)?;
        setresuid(uid, uid, uid)?;
    }
    fchdir(directory)?;
    sys::close_on_exec_from(3);
    Ok(())
}
