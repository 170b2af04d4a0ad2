//! Running a command: its files, the program, its output and input, its limit, and how it ended.
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
use isol8_protocol::{Exec, ExecEvent, Failure, FailureKind, Report, Signal};
use nix::sys::signal::{self, killpg};
use tokio::sync::{Notify, oneshot};

use crate::channel::Stream;
use crate::children::Exit;
use crate::files;
use crate::guest::{Guest, Reins, Turn};
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

/// Serves one [`Exec`], from its files to its report.
pub(crate) async fn serve(guest: &Guest<'_>, exec: Exec, stream: &mut Stream) -> Result<(), FrameError> {
    let turn = guest.take_turn();
    let start = turn.as_ref().map(|_| guest.sandbox).map_err(Clone::clone);
    // Taken off the stream in any case, so that the engine need not expect an answer before it has sent them.
    let files = files::receive(start, stream).await?;
    match (turn, files) {
        (Ok(turn), Ok(())) => run(guest, exec, turn, stream).await,
        (Err(failure), _) | (_, Err(failure)) => fail(failure, stream).await,
    }
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

async fn fail(failure: Failure, stream: &mut Stream) -> Result<(), FrameError> {
    frame::write_message(stream, &ExecEvent::Failed(failure)).await
}

async fn run(guest: &Guest<'_>, exec: Exec, turn: Turn<'_>, stream: &mut Stream) -> Result<(), FrameError> {
    // Whatever ended before must not count as used by this command.
    guest.children.reap();
    let spared = Spared::everything_alive();
    let oom_kills = guest.oom_kills.read();
    let program = match program::start(guest, &exec) {
        Ok(program) => program,
        Err(failure) => {
            drop(turn);
            return fail(failure, stream).await;
        }
    };
    let mut exit = guest.children.watch(program.pid);
    let reins = Rc::new(Reins::default());
    *guest.running.borrow_mut() = Some(reins.clone());

    let Program { started, stdin, stdout, stderr, .. } = program;
    let mut output = Output::new(stdout, stderr);
    let fate = Cell::new(Fate::ItsOwn);
    let end = tokio::select! {
        biased;
        end = pump(&mut output, &mut exit, stream.clone()) => end,
        error = stdin::feed(stream.clone(), stdin) => Err(error),
        () = reins.abandon.notified() => Err(FrameError::Ended),
        never = attend(guest, started, &exec, &reins.kill, &spared, &fate) => match never {},
    };
    if end.is_err() || fate.get() != Fate::ItsOwn {
        // Also where it has begun already: the main process may have gone before the rest.
        tree::kill_all_but(&spared, guest.children).await;
    }
    *guest.running.borrow_mut() = None;
    // Before the answer, upon which the engine may send the next command.
    drop(turn);
    let (exit, mut frames) = end?;
    let usage = guest.children.usage();
    let report = Report {
        status: exit.status,
        timed_out: fate.get() == Fate::TimedOut,
        out_of_memory: guest.oom_kills.read() > oom_kills,
        wall_us: micros(exit.at.saturating_duration_since(started)),
        cpu_us: micros(usage.cpu),
        peak_memory_bytes: usage.peak_memory,
    };
    frame::encode_message(&ExecEvent::Ended(report), &mut frames)?;
    Ok(stream.write_all(&frames).await?)
}

/// Sends that the program runs, and then its output until it has ended. What remains to be sent comes back.
async fn pump(
    output: &mut Output,
    exit: &mut oneshot::Receiver<Exit>,
    mut stream: Stream,
) -> Result<(Exit, Vec<u8>), FrameError> {
    frame::write_message(&mut stream, &ExecEvent::Started).await?;
    let exit = output.send_until(exit, &mut stream).await?;
    Ok((exit, output.send_rest(&mut stream).await?))
}

/// Kills the command and all it started at its limit or on request, whether or not anybody takes its output.
async fn attend(
    guest: &Guest<'_>,
    started: Instant,
    exec: &Exec,
    kill: &Notify,
    spared: &Spared,
    fate: &Cell<Fate>,
) -> Infallible {
    let limit = Duration::from_millis(exec.limit_ms).min(LONGEST);
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
