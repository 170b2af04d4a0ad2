//! Warm sandboxes, so that an execution rarely waits for a container to start.
//!
//! A [`Pool`] hands out sandboxes by their [`ContainerSpec`]. A [`Lease`] comes back when it is dropped, whatever
//! became of the execution: with the `fast` strategy the sandbox is reset in the background and, if the guest
//! verifies that nothing is left, used again; otherwise, and always with `secure`, it is destroyed. Whoever waits
//! gets the first sandbox that is ready, be it reset or new.
//!
//! [`Pool::drain`] returns when the last container is gone. A pool that is merely dropped leaves that to the
//! guests, which exit when their connections close.

mod lease;
mod shelf;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::sync::{Semaphore, oneshot};
use tokio::time::Instant;
use tokio_util::task::TaskTracker;

use super::backend::Backend;
use super::contract::ContainerSpec;
use super::{Sandbox, StartError};
use crate::api::PoolStrategy;
pub use lease::Lease;
use shelf::{Arrival, Shelf};

/// Containers that are started at a time. More does not make a daemon faster, only everything else slower.
const STARTS_AT_A_TIME: usize = 4;

/// How long a sandbox beyond the pool's size stays around for the next burst.
const SURPLUS_LIFETIME: Duration = Duration::from_secs(10);

/// How long any sandbox may stand idle.
const IDLE_LIFETIME: Duration = Duration::from_secs(600);

/// Characters of a guest's words that are logged.
const MAX_REASON: usize = 200;

/// How often idle sandboxes are looked through.
const SWEEP_INTERVAL: Duration = Duration::from_secs(1);

/// What a pool may keep.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PoolSettings {
    /// What becomes of used sandboxes.
    pub strategy: PoolStrategy,
    /// How many stand ready ahead of demand, per spec.
    pub clean: usize,
    /// How many more are kept once they have been used, per spec.
    pub dirty: usize,
}

impl PoolSettings {
    fn capacity(&self) -> usize {
        self.clean + self.dirty
    }
}

/// Why there is no lease.
#[derive(Debug, Clone, thiserror::Error)]
pub enum AcquireError {
    /// The pool has been drained.
    #[error("the pool has been stopped")]
    Closed,
    /// No sandbox could be started.
    #[error(transparent)]
    Start(#[from] StartError),
}

/// Warm sandboxes. Cheap to clone; all clones are the same pool.
#[derive(Debug)]
pub struct Pool<B: Backend> {
    inner: Arc<Inner<B>>,
}

impl<B: Backend> Clone for Pool<B> {
    fn clone(&self) -> Self {
        Self { inner: self.inner.clone() }
    }
}

#[derive(Debug)]
struct Inner<B: Backend> {
    backend: B,
    settings: PoolSettings,
    state: Mutex<State>,
    starts: Semaphore,
    /// Everything that runs in the background and has to end before the pool is drained.
    tasks: TaskTracker,
    /// Leases may be dropped on threads that know no runtime.
    runtime: Handle,
}

#[derive(Debug, Default)]
struct State {
    shelves: HashMap<Arc<ContainerSpec>, Shelf>,
    closed: bool,
}

impl<B: Backend> Pool<B> {
    /// An empty pool. Must be called within a tokio runtime.
    pub fn new(backend: B, settings: PoolSettings) -> Self {
        let inner = Arc::new(Inner {
            backend,
            settings,
            state: Mutex::default(),
            starts: Semaphore::new(STARTS_AT_A_TIME),
            tasks: TaskTracker::new(),
            runtime: Handle::current(),
        });
        tokio::spawn(sweep(Arc::downgrade(&inner)));
        Self { inner }
    }

    /// A clean sandbox. Waits for one to be reset or started if none is ready.
    pub async fn acquire(&self, spec: &Arc<ContainerSpec>) -> Result<Lease<B>, AcquireError> {
        let ready = {
            let mut state = self.inner.open_state()?;
            let shelf = state.shelf(spec);
            let ready = shelf.take().ok_or_else(|| shelf.wait());
            self.inner.replenish(&mut state, spec, self.inner.settings.clean);
            ready
        };
        let sandbox = match ready {
            Ok(sandbox) => sandbox,
            Err(receiver) => Waiting { pool: self.inner.clone(), spec: spec.clone(), receiver }.sandbox().await?,
        };
        Ok(Lease::new(self.inner.clone(), spec.clone(), sandbox))
    }

    /// Starts as many sandboxes as are missing for `clean` of them to stand ready. Resolves when they do, or with
    /// the first failure.
    pub async fn warm(&self, spec: &Arc<ContainerSpec>) -> Result<(), AcquireError> {
        let started = {
            let mut state = self.inner.open_state()?;
            let missing = state.shelf(spec).begin_warming(self.inner.settings.clean);
            (0..missing).map(|_| self.inner.start(spec)).collect::<Vec<_>>()
        };
        for outcome in futures::future::join_all(started).await {
            outcome.map_err(|_| AcquireError::Closed)??;
        }
        Ok(())
    }

    /// How many sandboxes stand ready, and how many are being started or reset.
    pub fn standing_by(&self) -> (usize, usize) {
        let state = self.inner.state();
        state.shelves.values().map(Shelf::standing_by).fold((0, 0), |sum, of| (sum.0 + of.0, sum.1 + of.1))
    }

    /// What runs the containers.
    pub fn backend(&self) -> &B {
        &self.inner.backend
    }

    /// Destroys every sandbox and refuses new leases. Returns when all containers are gone but those of leases that
    /// are still out: end what uses them first.
    pub async fn drain(&self) {
        let shelves = {
            let mut state = self.inner.state();
            state.closed = true;
            std::mem::take(&mut state.shelves)
        };
        for sandbox in shelves.into_values().flat_map(Shelf::into_sandboxes) {
            self.inner.destroy(sandbox);
        }
        self.inner.tasks.close();
        self.inner.tasks.wait().await;
    }
}

impl State {
    fn shelf(&mut self, spec: &Arc<ContainerSpec>) -> &mut Shelf {
        self.shelves.entry(spec.clone()).or_default()
    }
}

impl<B: Backend> Inner<B> {
    /// A panic while the lock was held cannot leave the state half changed in a way that matters.
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn open_state(&self) -> Result<MutexGuard<'_, State>, AcquireError> {
        let state = self.state();
        if state.closed { Err(AcquireError::Closed) } else { Ok(state) }
    }

    fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        self.tasks.spawn_on(task, &self.runtime);
    }

    /// Starts what is missing: one for each waiter that nothing is on its way for, and one at a time ahead of demand.
    fn replenish(self: &Arc<Self>, state: &mut State, spec: &Arc<ContainerSpec>, clean: usize) {
        for _ in 0..state.shelf(spec).begin_starts(clean) {
            // Whoever waits for the sandbox learns of a failure as well.
            drop(self.start(spec));
        }
    }

    /// Starts a sandbox, which then arrives like any other. The answer is how that went.
    fn start(self: &Arc<Self>, spec: &Arc<ContainerSpec>) -> oneshot::Receiver<Result<(), StartError>> {
        let (told, outcome) = oneshot::channel();
        let (inner, spec) = (self.clone(), spec.clone());
        self.spawn(async move {
            let started = {
                // Never closed.
                let _permit = inner.starts.acquire().await;
                if inner.state().closed {
                    // Nobody waits any more.
                    return;
                }
                Sandbox::start(&inner.backend, &spec).await
            };
            let outcome = started.as_ref().map(|_| ()).map_err(Clone::clone);
            inner.arrive(&spec, Arrival::Started(started));
            // Mostly nobody asks.
            let _ = told.send(outcome);
        });
        outcome
    }

    /// Hands a sandbox that is ready to whoever waits, or shelves it.
    fn arrive(self: &Arc<Self>, spec: &Arc<ContainerSpec>, arrival: Arrival) {
        let mut state = self.state();
        let unwanted = if state.closed {
            arrival.into_sandbox()
        } else {
            let keep = self.settings.capacity() > 0;
            // What has just failed would fail again: only who waits has another one tried.
            let clean = if matches!(arrival, Arrival::Started(Err(_))) { 0 } else { self.settings.clean };
            let unwanted = state.shelf(spec).arrive(arrival, keep);
            self.replenish(&mut state, spec, clean);
            unwanted
        };
        drop(state);
        unwanted.into_iter().for_each(|sandbox| self.destroy(sandbox));
    }

    /// A lease has ended.
    fn give_back(self: &Arc<Self>, spec: &Arc<ContainerSpec>, sandbox: Sandbox, reusable: bool) {
        let reset = reusable
            && self.settings.strategy == PoolStrategy::Fast
            && spec.is_resettable()
            && !sandbox.channel().is_lost();
        let mut state = self.state();
        if state.closed || !reset || !state.shelf(spec).begin_reset(self.settings.capacity()) {
            if !state.closed {
                self.replenish(&mut state, spec, self.settings.clean);
            }
            drop(state);
            self.destroy(sandbox);
            return;
        }
        drop(state);
        let (inner, spec) = (self.clone(), spec.clone());
        self.spawn(async move {
            match verified_reset(&sandbox).await {
                Ok(()) => {
                    tracing::debug!(container = sandbox.id().short(), "a used sandbox is as new");
                    inner.arrive(&spec, Arrival::Reset(sandbox));
                }
                Err(reason) => {
                    tracing::debug!(container = sandbox.id().short(), reason, "a used sandbox is not reused");
                    inner.give_up(&spec, sandbox);
                }
            }
        });
    }

    /// A reset has failed.
    fn give_up(self: &Arc<Self>, spec: &Arc<ContainerSpec>, sandbox: Sandbox) {
        let mut state = self.state();
        if !state.closed {
            state.shelf(spec).end_reset();
            self.replenish(&mut state, spec, self.settings.clean);
        }
        drop(state);
        self.destroy(sandbox);
    }

    fn destroy(self: &Arc<Self>, sandbox: Sandbox) {
        let inner = self.clone();
        self.spawn(async move { sandbox.destroy(&inner.backend).await });
    }
}

/// A place in the queue for a sandbox.
struct Waiting<B: Backend> {
    pool: Arc<Inner<B>>,
    spec: Arc<ContainerSpec>,
    receiver: oneshot::Receiver<Result<Sandbox, StartError>>,
}

impl<B: Backend> Waiting<B> {
    async fn sandbox(mut self) -> Result<Sandbox, AcquireError> {
        Ok((&mut self.receiver).await.map_err(|_| AcquireError::Closed)??)
    }
}

impl<B: Backend> Drop for Waiting<B> {
    fn drop(&mut self) {
        self.receiver.close();
        // Handed over in the moment in which the one who waited gave up.
        if let Ok(Ok(sandbox)) = self.receiver.try_recv() {
            self.pool.give_back(&self.spec, sandbox, true);
        }
    }
}

/// Resets a sandbox; an error says what speaks against using it again.
async fn verified_reset(sandbox: &Sandbox) -> Result<(), String> {
    let report = sandbox.channel().reset().await.map_err(|error| error.to_string())?;
    match report.findings.first() {
        None => Ok(()),
        Some(finding) => Err(finding.chars().take(MAX_REASON).collect()),
    }
}

/// Destroys sandboxes that have stood idle for too long, until the pool is gone or drained.
async fn sweep<B: Backend>(pool: Weak<Inner<B>>) {
    loop {
        tokio::time::sleep(SWEEP_INTERVAL).await;
        let Some(inner) = pool.upgrade() else { return };
        let mut state = inner.state();
        if state.closed {
            return;
        }
        let (now, capacity) = (Instant::now(), inner.settings.capacity());
        let expired: Vec<_> = state.shelves.values_mut().flat_map(|shelf| shelf.expire(now, capacity)).collect();
        state.shelves.retain(|_, shelf| !shelf.is_unused());
        drop(state);
        expired.into_iter().for_each(|sandbox| inner.destroy(sandbox));
    }
}

/// How a waiter learns of its sandbox.
type Waiter = oneshot::Sender<Result<Sandbox, StartError>>;

#[cfg(test)]
mod tests;
