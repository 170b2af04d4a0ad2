//! The sandboxes of one spec: who is ready, who is on the way, who waits. Pure bookkeeping, no I/O.
//!
//! What always holds outside the pool's lock: nobody waits while a sandbox stands idle, and for every waiter a
//! start or a reset is under way.

use std::collections::VecDeque;

use tokio::sync::oneshot;
use tokio::time::Instant;

use super::{IDLE_LIFETIME, SURPLUS_LIFETIME, Waiter};
use crate::sandbox::{Sandbox, StartError};

#[derive(Debug, Default)]
pub(super) struct Shelf {
    /// Oldest first.
    idle: VecDeque<(Instant, Sandbox)>,
    waiters: VecDeque<Waiter>,
    starting: usize,
    resetting: usize,
}

impl Shelf {
    /// The sandbox that was used last: its pages are warm. Those whose connection is gone are left to the sweep.
    pub(super) fn take(&mut self) -> Option<Sandbox> {
        let last = self.idle.iter().rposition(|(_, sandbox)| !sandbox.channel().is_lost())?;
        self.idle.remove(last).map(|(_, sandbox)| sandbox)
    }

    /// Joins the queue.
    pub(super) fn wait(&mut self) -> oneshot::Receiver<Result<Sandbox, StartError>> {
        let (waiter, sandbox) = oneshot::channel();
        self.waiters.push_back(waiter);
        sandbox
    }

    /// How many starts are missing for `clean` to stand ready. They count as under way from here on.
    pub(super) fn begin_warming(&mut self, clean: usize) -> usize {
        let missing = clean.saturating_sub(self.ready_or_coming());
        self.starting += missing;
        missing
    }

    /// How many will be ready when all that is under way has ended and all who wait are served.
    fn ready_or_coming(&self) -> usize {
        (self.idle.len() + self.starting + self.resetting).saturating_sub(self.waiters.len())
    }

    /// How many are ready, and how many are on their way.
    pub(super) fn standing_by(&self) -> (usize, usize) {
        (self.idle.len(), self.starting + self.resetting)
    }

    /// How many starts to begin now. They count as under way from here on.
    pub(super) fn begin_starts(&mut self, clean: usize) -> usize {
        self.waiters.retain(|waiter| !waiter.is_closed());
        let owed = self.waiters.len().saturating_sub(self.starting + self.resetting);
        // Ahead of demand one at a time, so that refilling never gets in the way of an execution for long.
        let ahead = usize::from(owed == 0 && self.starting == 0 && self.ready_or_coming() < clean);
        self.starting += owed + ahead;
        owed + ahead
    }

    /// Whether a used sandbox is worth resetting. It counts as under way from here on.
    pub(super) fn begin_reset(&mut self, capacity: usize) -> bool {
        let wanted = capacity > 0 || !self.waiters.is_empty();
        self.resetting += usize::from(wanted);
        wanted
    }

    /// A reset came to nothing.
    pub(super) fn end_reset(&mut self) {
        self.resetting = self.resetting.saturating_sub(1);
    }

    /// Something that was under way has ended. Gives back a sandbox that nobody wants.
    pub(super) fn arrive(&mut self, arrival: Arrival, keep: bool) -> Option<Sandbox> {
        let mut result = match arrival {
            Arrival::Started(result) => {
                self.starting = self.starting.saturating_sub(1);
                result
            }
            Arrival::Reset(sandbox) => {
                self.end_reset();
                Ok(sandbox)
            }
        };
        while let Some(waiter) = self.waiters.pop_front() {
            match waiter.send(result) {
                Ok(()) => return None,
                // That waiter has gone away in the meantime.
                Err(unclaimed) => result = unclaimed,
            }
        }
        match result {
            Ok(sandbox) if keep => self.idle.push_back((Instant::now(), sandbox)),
            Ok(sandbox) => return Some(sandbox),
            Err(error) => tracing::debug!(error = %error, "a sandbox could not be started ahead of demand"),
        }
        None
    }

    /// Removes what is of no use any more: what is lost at once, what is beyond `capacity` soon, the rest in the end.
    pub(super) fn expire(&mut self, now: Instant, capacity: usize) -> Vec<Sandbox> {
        let (mut kept, mut expired) = (VecDeque::new(), Vec::new());
        let mut surplus = self.idle.len().saturating_sub(capacity);
        // Oldest first, so that what is surplus is what has not been used for longest.
        for (since, sandbox) in self.idle.drain(..) {
            let lifetime = if surplus > 0 { SURPLUS_LIFETIME } else { IDLE_LIFETIME };
            if sandbox.channel().is_lost() || now.duration_since(since) >= lifetime {
                surplus = surplus.saturating_sub(1);
                expired.push(sandbox);
            } else {
                kept.push_back((since, sandbox));
            }
        }
        self.idle = kept;
        expired
    }

    /// Whether nothing would be lost by forgetting this shelf.
    pub(super) fn is_unused(&self) -> bool {
        self.idle.is_empty() && self.waiters.is_empty() && self.starting + self.resetting == 0
    }

    /// All idle sandboxes. Whoever waits learns that the pool is closed.
    pub(super) fn into_sandboxes(self) -> impl Iterator<Item = Sandbox> {
        self.idle.into_iter().map(|(_, sandbox)| sandbox)
    }
}

/// What has arrived at a shelf.
#[derive(Debug)]
pub(super) enum Arrival {
    /// A start has ended.
    Started(Result<Sandbox, StartError>),
    /// A reset has ended well.
    Reset(Sandbox),
}

impl Arrival {
    /// The sandbox, if there is one.
    pub(super) fn into_sandbox(self) -> Option<Sandbox> {
        match self {
            Self::Started(result) => result.ok(),
            Self::Reset(sandbox) => Some(sandbox),
        }
    }
}
