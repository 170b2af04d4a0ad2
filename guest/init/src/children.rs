//! Reaping. Every orphan of the sandbox becomes a child of the guest, so that as long as any process is left, the
//! guest has a child.

use std::cell::{Cell, RefCell};
use std::io;
use std::time::{Duration, Instant};

use isol8_protocol::Status;
use nix::errno::Errno;
use nix::libc;
use nix::sys::wait::{Id, WaitPidFlag, waitid};
use nix::unistd::Pid;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::{Notify, oneshot};

use crate::sys::{self, Reaped};

/// What processes have used that ended since [`Children::watch`].
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Usage {
    pub(crate) cpu: Duration,
    /// Of the largest one, in bytes.
    pub(crate) peak_memory: u64,
}

/// The end of a watched child.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Exit {
    pub(crate) status: Status,
    pub(crate) at: Instant,
}

/// All children of the guest, and the one among them that is the main process of a command.
#[derive(Debug, Default)]
pub(crate) struct Children {
    main: RefCell<Option<(Pid, oneshot::Sender<Exit>)>>,
    usage: Cell<Usage>,
    reaped: Notify,
}

impl Children {
    /// Reaps children as they end. Never resolves but with an error.
    pub(crate) async fn reap_forever(&self) -> io::Error {
        let mut ended = match signal(SignalKind::child()) {
            Ok(ended) => ended,
            Err(error) => return error,
        };
        loop {
            self.reap();
            ended.recv().await;
        }
    }

    /// Reaps all children that have ended by now.
    pub(crate) fn reap(&self) {
        while let Some(child) = sys::reap() {
            self.record(child);
            self.reaped.notify_waiters();
        }
    }

    fn record(&self, child: Reaped) {
        let mut usage = self.usage.get();
        usage.cpu += child.cpu;
        usage.peak_memory = usage.peak_memory.max(child.peak_memory);
        self.usage.set(usage);
        let is_main = |main: &mut (Pid, _)| main.0.as_raw() == child.pid;
        if let Some((_, exited)) = self.main.borrow_mut().take_if(is_main) {
            // Nobody waits for the command of a stream that is gone.
            let _ = exited.send(Exit { status: status(child.status), at: Instant::now() });
        }
    }

    /// Waits for the end of `pid`, and counts usage anew. Must be called before anything is reaped after the spawn.
    pub(crate) fn watch(&self, pid: Pid) -> oneshot::Receiver<Exit> {
        let (exited, exit) = oneshot::channel();
        self.usage.set(Usage::default());
        *self.main.borrow_mut() = Some((pid, exited));
        exit
    }

    /// The watched child, until it is reaped: so long, its pid names nothing else.
    pub(crate) fn main(&self) -> Option<Pid> {
        self.main.borrow().as_ref().map(|(pid, _)| *pid)
    }

    pub(crate) fn usage(&self) -> Usage {
        self.usage.get()
    }

    /// Waits until some child has been reaped, or for `patience`.
    pub(crate) async fn changed(&self, patience: Duration) {
        // Either way the caller looks again.
        let _ = tokio::time::timeout(patience, self.reaped.notified()).await;
    }
}

/// Whether there is any process below the guest.
pub(crate) fn any_left() -> bool {
    let flags = WaitPidFlag::WEXITED | WaitPidFlag::WNOHANG | WaitPidFlag::WNOWAIT;
    waitid(Id::All, flags) != Err(Errno::ECHILD)
}

/// Reads what wait(2) says of a child that has ended.
fn status(status: i32) -> Status {
    if libc::WIFSIGNALED(status) {
        Status::Signaled(libc::WTERMSIG(status))
    } else {
        Status::Exited(libc::WEXITSTATUS(status))
    }
}
