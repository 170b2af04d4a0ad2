//! Who may run next.
//!
//! A server runs so many executions at a time and no more. Those that have to wait do so in a line per tenant. A place
//! goes to the tenant that has the fewest running, and among equals in turn: whoever has nothing running waits for one place at
//! the most, however many others wait, and nobody is given more while somebody who waits has fewer. A line has a bounded length; whoever does not fit in is told when to come back.
//! Within a line it is first come, first served, except that a key which has as many running as it may is passed over.
//!
//! A [`Ticket`] is a place in a tenant's line that is not yet waiting for a permit: an execution in a session first
//! waits for its session. A [`Permit`] is the right to run. Either is given back when it is dropped.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::oneshot;
use tokio::time::Instant;

use super::caller::Tenant;

/// The bounds.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bounds {
    /// Executions at a time.
    pub capacity: usize,
    /// Executions of one tenant beyond those.
    pub queue: usize,
    /// Executions of one tenant at a time.
    pub per_tenant: usize,
    /// Executions of one key at a time.
    pub per_key: usize,
}

/// Why there is no place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum NoPlace {
    /// The tenant's line is full; after this long there may be a place.
    Full(Duration),
    /// Nobody is let in any more.
    Closed,
}

/// How busy a server is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Load {
    /// How many run.
    pub running: usize,
    /// How many wait.
    pub waiting: usize,
}

/// The lines. Cheap to clone; all clones are the same.
#[derive(Debug, Clone)]
pub(super) struct Admission {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    bounds: Bounds,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    closed: bool,
    running: usize,
    waiting: usize,
    /// Of every tenant that has anything here.
    lines: HashMap<Tenant, Line>,
    /// Tenants with somebody waiting for a permit. Of those with as many running, the first is served.
    turns: VecDeque<Tenant>,
    /// How many run of each key that has any.
    keys: HashMap<Arc<str>, usize>,
    /// What an execution takes, lately.
    usual: Duration,
}

#[derive(Debug, Default)]
struct Line {
    /// Tickets and permits.
    members: usize,
    running: usize,
    waiting: VecDeque<Waiter>,
}

#[derive(Debug)]
struct Waiter {
    key: Option<Arc<str>>,
    granted: oneshot::Sender<()>,
}

/// A place in a line.
#[derive(Debug)]
pub(super) struct Ticket {
    inner: Arc<Inner>,
    tenant: Tenant,
    key: Option<Arc<str>>,
}

/// The right to run.
#[derive(Debug)]
pub(super) struct Permit {
    ticket: Ticket,
    since: Instant,
}

impl Admission {
    pub(super) fn new(bounds: Bounds) -> Self {
        Self { inner: Arc::new(Inner { bounds, state: Mutex::default() }) }
    }

    /// A place in the line of `tenant`, if there is one.
    pub(super) fn join(&self, tenant: Tenant, key: Option<Arc<str>>) -> Result<Ticket, NoPlace> {
        let mut state = self.inner.state();
        if state.closed {
            return Err(NoPlace::Closed);
        }
        let Bounds { capacity, queue, .. } = self.inner.bounds;
        let wait = state.wait(capacity);
        let line = state.lines.entry(tenant.clone()).or_default();
        if line.members >= capacity.saturating_add(queue) {
            return Err(NoPlace::Full(wait));
        }
        line.members += 1;
        state.waiting += 1;
        Ok(Ticket { inner: self.inner.clone(), tenant, key })
    }

    /// Lets nobody in any more; whoever waits is told so.
    pub(super) fn close(&self) {
        let mut state = self.inner.state();
        state.closed = true;
        state.turns.clear();
        state.lines.values_mut().for_each(|line| line.waiting.clear());
    }

    /// How many can run at a time.
    pub(super) fn capacity(&self) -> usize {
        self.inner.bounds.capacity
    }

    /// How busy it is.
    pub(super) fn load(&self) -> Load {
        let state = self.inner.state();
        Load { running: state.running, waiting: state.waiting }
    }
}

impl Ticket {
    /// Waits for a permit.
    pub(super) async fn permit(self) -> Result<Permit, NoPlace> {
        let waiting = {
            let inner = self.inner.clone();
            let mut state = inner.state();
            if state.closed {
                return Err(NoPlace::Closed);
            }
            let (granted, receiver) = oneshot::channel();
            state.wait_for(self.tenant.clone(), Waiter { key: self.key.clone(), granted });
            state.serve(&inner.bounds);
            drop(state);
            Waiting { ticket: Some(self), receiver }
        };
        waiting.permit().await
    }
}

/// Somebody in a line.
struct Waiting {
    /// Taken by the permit.
    ticket: Option<Ticket>,
    receiver: oneshot::Receiver<()>,
}

impl Waiting {
    async fn permit(mut self) -> Result<Permit, NoPlace> {
        (&mut self.receiver).await.map_err(|_| NoPlace::Closed)?;
        let ticket = self.ticket.take().ok_or(NoPlace::Closed)?;
        Ok(Permit { ticket, since: Instant::now() })
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        let Some(ticket) = self.ticket.take() else { return };
        self.receiver.close();
        if self.receiver.try_recv().is_ok() {
            // Granted in the moment in which the one who waited gave up.
            drop(Permit { ticket, since: Instant::now() });
        }
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        self.inner.state().leave(&self.tenant);
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        let Ticket { inner, tenant, key } = &self.ticket;
        let mut state = inner.state();
        state.end(tenant, key.as_ref(), self.since.elapsed());
        state.serve(&inner.bounds);
    }
}

impl Inner {
    /// Held for some bookkeeping at the most.
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// How long whoever comes last will wait, by what executions take lately.
    fn wait(&self, capacity: usize) -> Duration {
        let rounds = self.waiting / capacity.max(1) + 1;
        self.usual.saturating_mul(u32::try_from(rounds).unwrap_or(u32::MAX)).min(MAX_WAIT)
    }

    fn wait_for(&mut self, tenant: Tenant, waiter: Waiter) {
        let line = self.lines.entry(tenant.clone()).or_default();
        if line.waiting.len() >= line.members {
            // Those who have given up are otherwise taken out when it is their turn.
            line.waiting.retain(|waiter| !waiter.granted.is_closed());
        }
        line.waiting.push_back(waiter);
        if !self.turns.contains(&tenant) {
            self.turns.push_back(tenant);
        }
    }

    /// Grants what can be granted.
    fn serve(&mut self, bounds: &Bounds) {
        while self.running < bounds.capacity && self.serve_one(bounds) {}
    }

    /// Grants one permit, to whom it is due, if anybody may have it.
    fn serve_one(&mut self, bounds: &Bounds) -> bool {
        // Where all have given up, nobody waits any more.
        self.turns.retain(|tenant| self.lines.get(tenant).is_some_and(Line::has_waiters));
        let running = |tenant: &Tenant| self.lines.get(tenant).map_or(0, |line| line.running);
        let mut order: Vec<_> = self.turns.iter().map(|tenant| (running(tenant), tenant.clone())).collect();
        // Stable: among equals it is the one who comes first in turn.
        order.sort_by_key(|(running, _)| *running);
        let Some((_, tenant)) = order.into_iter().find(|(_, tenant)| self.grant(tenant, bounds)) else {
            return false;
        };
        (self.running, self.waiting) = (self.running + 1, self.waiting - 1);
        self.turns.retain(|other| *other != tenant);
        if self.lines.get(&tenant).is_some_and(Line::has_waiters) {
            self.turns.push_back(tenant);
        }
        true
    }

    /// Grants a permit to the first of a tenant's line who may have it.
    fn grant(&mut self, tenant: &Tenant, bounds: &Bounds) -> bool {
        let Some(line) = self.lines.get_mut(tenant) else { return false };
        line.running < bounds.per_tenant && line.grant(&mut self.keys, bounds.per_key)
    }

    fn end(&mut self, tenant: &Tenant, key: Option<&Arc<str>>, took: Duration) {
        self.running -= 1;
        // Back to what the ticket, which goes next, takes away.
        self.waiting += 1;
        self.usual = (self.usual * 7 + took) / 8;
        if let Some(line) = self.lines.get_mut(tenant) {
            line.running -= 1;
        }
        if let Some(key) = key
            && let Some(running) = self.keys.get_mut(key)
        {
            *running -= 1;
            if *running == 0 {
                self.keys.remove(key);
            }
        }
    }

    fn leave(&mut self, tenant: &Tenant) {
        self.waiting -= 1;
        if let Some(line) = self.lines.get_mut(tenant) {
            line.members -= 1;
            if line.members == 0 {
                self.lines.remove(tenant);
                self.turns.retain(|waiting| waiting != tenant);
            }
        }
    }
}

impl Line {
    fn has_waiters(&self) -> bool {
        self.waiting.iter().any(|waiter| !waiter.granted.is_closed())
    }

    /// Grants the first in line whose key may run more.
    fn grant(&mut self, keys: &mut HashMap<Arc<str>, usize>, per_key: usize) -> bool {
        self.waiting.retain(|waiter| !waiter.granted.is_closed());
        loop {
            let may_run =
                |waiter: &Waiter| waiter.key.as_ref().is_none_or(|key| keys.get(key).is_none_or(|n| *n < per_key));
            let Some(waiter) = self.waiting.iter().position(may_run).and_then(|at| self.waiting.remove(at)) else {
                return false;
            };
            if waiter.granted.send(()).is_ok() {
                self.running += 1;
                if let Some(key) = waiter.key {
                    *keys.entry(key).or_default() += 1;
                }
                return true;
            }
        }
    }
}

/// Nobody is sent away for longer.
const MAX_WAIT: Duration = Duration::from_secs(60);

#[cfg(test)]
mod tests;
