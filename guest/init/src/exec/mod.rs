//! Running commands, one step after the other: files, the program, its output and input, its limit, how it ended.
//!
//! A command is over when its main process has been reaped and what its pipes held at that moment is sent; what it
//! leaves running in the background cannot hold the answer back. It is killed, with all that it started, at its
//! limit, on request, by a reset, and when the engine drops the stream (which it can only tell before the engine has
//! closed its own half).

mod output;
mod program;
mod stdin;

use std::cell::Cell;
use std::convert::Infallible;
use std::future::pending;
use std::rc::Rc;
use std::time::{Duration, Instant};

use futures::AsyncWriteExt;
use isol8_protocol::frame::{self, FrameError};
use isol8_protocol::{Exec, ExecEvent, Failure, FailureKind, Report, Signal, Step};
use nix::errno::Errno;
use nix::sys::signal::{self, killpg};
use tokio::sync::{Notify, oneshot};

use crate::channel::Stream;
use crate::children::Exit;
use crate::files;
use crate::guest::{Guest, Reins, failure};
use crate::tree::{self, Spared};
use output::Output;
use program::Program;

/// A limit beyond this is none.
const LONGEST: Duration = Duration::from_secs(10 * 365 * 24 * 60 * 60);

/// What became of a command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    ItsOwn,
    TimedOut,
    Killed,
}

/// Serves one [`Exec`], from its files to the report of its last step.
pub(crate) async fn serve(guest: &Guest<'_>, exec: Exec, stream: &mut Stream) -> Result<(), FrameError> {
    let turn = guest.take_turn();
    let start = turn.as_ref().map(|_| guest.sandbox).map_err(Clone::clone);
    // Taken off the stream in any case, so that the engine need not expect an answer before it has sent them.
    let files = files::receive(start, stream).await?;
    let last = match (turn, files) {
        // The turn is given back before the last answer, upon which the engine may send the next commands.
        (Ok(_turn), Ok(())) => run(guest, &exec, stream).await?,
        (Ok(_turn), Err(failure)) => {
            files::remove(guest.sandbox, &temporary_files(&exec.steps));
            failed(failure)?
        }
        (Err(failure), _) => failed(failure)?,
    };
    Ok(stream.write_all(&last).await?)
}

/// Runs the steps. The frames that tell how the last one ended are left to the caller.
async fn run(guest: &Guest<'_>, exec: &Exec, stream: &mut Stream) -> Result<Vec<u8>, FrameError> {
    let reins = Rc::new(Reins::default());
    *guest.running.borrow_mut() = Some(reins.clone());
    let mut left = exec.steps.as_slice();
    let last = loop {
        let Some((step, later)) = left.split_first() else {
            break failed(failure(FailureKind::Spawn, "", &Errno::EINVAL.into()));
        };
        left = later;
        let ended = run_step(guest, exec, step, later.is_empty(), &reins, stream).await;
        files::remove(guest.sandbox, &step.remove);
        match ended {
            Ok((true, frames)) if !later.is_empty() => {
                if let Err(error) = stream.write_all(&frames).await {
                    break Err(error.into());
                }
            }
            Ok((_, frames)) => break Ok(frames),
            Err(error) => break Err(error),
        }
    };
    files::remove(guest.sandbox, &temporary_files(left));
    *guest.running.borrow_mut() = None;
    last
}

fn temporary_files(steps: &[Step]) -> Vec<String> {
    steps.iter().flat_map(|step| &step.remove).cloned().collect()
}

/// Delivers a signal to the running command.
pub(crate) fn signal(guest: &Guest<'_>, signal: Signal) -> Result<(), Failure> {
    let idle = Failure { kind: FailureKind::Idle, subject: String::new(), errno: 0 };
    let main = guest.children.main().ok_or_else(|| idle.clone())?;
    let to_group = match signal {
        Signal::Interrupt => signal::SIGINT,
        Signal::Terminate => signal::SIGTERM,
        Signal::Kill => {
            // The run itself does it, and does not end before it is done.
            guest.running.borrow().as_ref().ok_or(idle)?.kill.notify_one();
            return Ok(());
        }
    };
    killpg(main, to_group).map_err(|_| idle)
}

/// The answer of a step that never ran.
fn failed(failure: Failure) -> Result<Vec<u8>, FrameError> {
    let mut frames = Vec::new();
    frame::encode_message(&ExecEvent::Failed(failure), &mut frames)?;
    Ok(frames)
}

/// Runs one step; says whether it succeeded, and leaves the end of its output and its report to be sent.
async fn run_step(
    guest: &Guest<'_>,
    exec: &Exec,
    step: &Step,
    is_last: bool,
    reins: &Reins,
    stream: &mut Stream,
) -> Result<(bool, Vec<u8>), FrameError> {
    // Whatever ended before must not count as used by this command.
    guest.children.reap();
    let spared = Spared::everything_alive();
    let oom_kills = guest.oom_kills.read();
    let program = match program::start(guest, &exec.env, step, exec.stdin && is_last) {
        Ok(program) => program,
        Err(failure) => return Ok((false, failed(failure)?)),
    };
    let mut exit = guest.children.watch(program.pid);

    let Program { started, stdin, stdout, stderr, .. } = program;
    let mut output = Output::new(stdout, stderr);
    let fate = Cell::new(Fate::ItsOwn);
    let input =
        async { if is_last { stdin::feed(stream.clone(), stdin).await } else { stdin::wait(stream.clone()).await } };
    let end = tokio::select! {
        biased;
        end = pump(&mut output, &mut exit, stream.clone()) => end,
        error = input => Err(error),
        () = reins.abandon.notified() => Err(FrameError::Ended),
        never = attend(guest, started, step.limit_ms, &reins.kill, &spared, &fate) => match never {},
    };
    if end.is_err() || fate.get() != Fate::ItsOwn {
        // Also where it has begun already: the main process may have gone before the rest.
        tree::kill_all_but(&spared, guest.children).await;
    }
    let (exit, mut frames) = end?;
    let usage = guest.children.usage();
    let report = Report {
        status: exit.status,
        timed_out: fate.get() == Fate::TimedOut,
        out_of_memory: guest.oom_kills.read() > oom_kills,
        wall_us: micros(exit.at.saturating_duration_since(started)),
        cpu_us: micros(usage.cpu),
        peak_memory_bytes: usage.peak_memory,
        memory_bytes: guest.memory.read(),
    };
    frame::encode_message(&ExecEvent::Ended(report), &mut frames)?;
    Ok((exit.status.is_success() && !report.timed_out, frames))
}

/// Sends that the program runs, and then its output until it has ended. What remains to be sent comes back.
async fn pump(
    output: &mut Output,
    exit: &mut oneshot::Receiver<Exit>,
    mut stream: Stream,
) -> Result<(Exit, Vec<u8>), FrameError> {
    let mut head = Vec::new();
    frame::encode_message(&ExecEvent::Started, &mut head)?;
    let exit = output.send_until(exit, &mut head, &mut stream).await?;
    Ok((exit, output.send_rest(head, &mut stream).await?))
}

/// Kills the command and all it started at its limit or on request, whether or not anybody takes its output.
async fn attend(
    guest: &Guest<'_>,
    started: Instant,
    limit_ms: u64,
    kill: &Notify,
    spared: &Spared,
    fate: &Cell<Fate>,
) -> Infallible {
    let limit = Duration::from_millis(limit_ms).min(LONGEST);
    let verdict = tokio::select! {
        () = tokio::time::sleep_until((started + limit).into()) => Fate::TimedOut,
        () = kill.notified() => Fate::Killed,
    };
    // A command that has ended is not undone because its output is still being taken.
    if guest.children.main().is_some() {
        fate.set(verdict);
        tree::kill_all_but(spared, guest.children).await;
    }
    pending().await
}

fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}
