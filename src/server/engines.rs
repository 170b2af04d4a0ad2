//! Warm engines: executions with equal options share one, and so its sandboxes.
//!
//! Equal means all that could be told apart: whose they are, what they may do and their secrets. An engine that nobody
//! uses is stopped after a while, or when there are too many; then one of the tenant that has the most goes first, so
//! that nobody can drive out the engines of others by asking for ever new options.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use sha2::{Digest, Sha256};
use tokio::time::Instant;
use tokio_util::task::TaskTracker;

use super::caller::Tenant;
use super::policy::Effective;
use super::refusal::Refusal;
use super::workshop::Workshop;
use crate::api::{ErrorCode, Mode, Request};
use crate::engine::Engine;

/// Engines that are kept although nobody uses them. Each holds its warm sandboxes.
const MAX_IDLE: usize = 16;

/// How long they are kept.
const IDLE_TIME: Duration = Duration::from_secs(300);

/// Tells engines apart: whose, and the hash of their options.
type Key = (Tenant, [u8; 32]);

/// The engines of ephemeral executions. Cheap to clone; all clones are the same.
#[derive(Debug, Clone)]
pub(super) struct Engines {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    workshop: Workshop,
    entries: Mutex<HashMap<Key, Entry>>,
    /// How many there have been.
    made: AtomicU64,
    /// Engines that are being stopped.
    stopping: TaskTracker,
}

#[derive(Debug)]
struct Entry {
    engine: Engine,
    /// Tells it from one of equal options that was here before.
    number: u64,
    users: usize,
    last_used: Instant,
}

/// An engine in use; it is not stopped before this is dropped, unless everything is.
#[derive(Debug)]
pub(super) struct InUse {
    inner: Arc<Inner>,
    key: Key,
    number: u64,
    engine: Engine,
}

impl InUse {
    pub(super) fn engine(&self) -> &Engine {
        &self.engine
    }
}

impl Drop for InUse {
    fn drop(&mut self) {
        let mut entries = self.inner.entries();
        if let Some(entry) = entries.get_mut(&self.key).filter(|entry| entry.number == self.number) {
            entry.users = entry.users.saturating_sub(1);
            entry.last_used = Instant::now();
        }
    }
}

impl Engines {
    pub(super) fn new(workshop: Workshop) -> Self {
        let (entries, made) = Default::default();
        Self { inner: Arc::new(Inner { workshop, entries, made, stopping: TaskTracker::new() }) }
    }

    /// Whether there can be an engine for these options, and whether it would take the request.
    pub(super) fn check(&self, tenant: &Tenant, effective: &Effective, request: &Request) -> Result<(), Refusal> {
        let key = (tenant.clone(), digest(effective)?);
        let known = self.inner.entries().get(&key).map(|entry| entry.engine.clone());
        let engine = known.map_or_else(|| self.inner.workshop.engine(tenant, effective, Mode::Ephemeral), Ok)?;
        Ok(engine.check(request)?)
    }

    /// The engine for these options.
    pub(super) fn get(&self, tenant: &Tenant, effective: &Effective) -> Result<InUse, Refusal> {
        let key = (tenant.clone(), digest(effective)?);
        if let Some(in_use) = self.inner.find(&key) {
            return Ok(in_use);
        }
        // Compiling a client's patterns takes a while, in which others need the lock. Where two make the same, one is let
        // go of before it has a sandbox.
        let engine = self.inner.workshop.engine(tenant, effective, Mode::Ephemeral)?;
        let in_use = self.inner.find_or_add(&key, engine);
        let surplus = surplus(&mut self.inner.entries());
        self.stop_all(surplus);
        Ok(in_use)
    }

    /// Stops those that nobody has used for a while.
    pub(super) fn sweep(&self, now: Instant) {
        let mut entries = self.inner.entries();
        let is_stale = |entry: &mut Entry| entry.users == 0 && now.duration_since(entry.last_used) >= IDLE_TIME;
        let stale: Vec<_> = entries.extract_if(|_, entry| is_stale(entry)).map(|(_, entry)| entry.engine).collect();
        drop(entries);
        self.stop_all(stale);
    }

    /// Stops the engines of one tenant, or all, with what runs in them; resolves when their containers are gone.
    pub(super) async fn stop(&self, tenant: Option<&Tenant>) {
        let of_tenant = |key: &Key| tenant.is_none_or(|tenant| key.0 == *tenant);
        let engines: Vec<_> =
            self.inner.entries().extract_if(|key, _| of_tenant(key)).map(|(_, entry)| entry.engine).collect();
        futures::future::join_all(engines.iter().map(Engine::stop)).await;
    }

    /// Resolves when every engine that was being stopped is.
    pub(super) async fn settled(&self) {
        self.inner.stopping.close();
        self.inner.stopping.wait().await;
    }

    /// How many there are, and how many sandboxes stand ready in them and are being made so.
    pub(super) fn standing_by(&self) -> (usize, (usize, usize)) {
        let entries = self.inner.entries();
        let of_each = entries.values().map(|entry| entry.engine.standing_by());
        (entries.len(), of_each.fold((0, 0), |sum, of| (sum.0 + of.0, sum.1 + of.1)))
    }

    fn stop_all(&self, engines: Vec<Engine>) {
        for engine in engines {
            self.inner.stopping.spawn(engine.stop());
        }
    }
}

impl Inner {
    /// The engine of that key, if there is one.
    fn find(self: &Arc<Self>, key: &Key) -> Option<InUse> {
        self.entries().get_mut(key).map(|entry| self.visit(key, entry))
    }

    /// The engine of that key, which is this one if there is none yet.
    fn find_or_add(self: &Arc<Self>, key: &Key, engine: Engine) -> InUse {
        let number = self.made.fetch_add(1, Ordering::Relaxed);
        let entry = Entry { engine, number, users: 0, last_used: Instant::now() };
        self.visit(key, self.entries().entry(key.clone()).or_insert(entry))
    }

    fn visit(self: &Arc<Self>, key: &Key, entry: &mut Entry) -> InUse {
        entry.users += 1;
        InUse { inner: self.clone(), key: key.clone(), number: entry.number, engine: entry.engine.clone() }
    }

    /// Held for some bookkeeping at the most.
    fn entries(&self) -> MutexGuard<'_, HashMap<Key, Entry>> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What is to be stopped so that no more than [`MAX_IDLE`] are idle.
fn surplus(entries: &mut HashMap<Key, Entry>) -> Vec<Engine> {
    let mut stopped = Vec::new();
    loop {
        let mut idle: HashMap<&Tenant, Vec<(&Key, Instant)>> = HashMap::new();
        for (key, entry) in entries.iter().filter(|(_, entry)| entry.users == 0) {
            idle.entry(&key.0).or_default().push((key, entry.last_used));
        }
        if idle.values().map(Vec::len).sum::<usize>() <= MAX_IDLE {
            return stopped;
        }
        let most = idle.into_values().max_by_key(Vec::len).unwrap_or_default();
        let Some((oldest, _)) = most.into_iter().min_by_key(|(_, last_used)| *last_used) else { return stopped };
        let oldest = oldest.clone();
        stopped.extend(entries.remove(&oldest).map(|entry| entry.engine));
    }
}

/// A hash of the options, secrets included.
pub(super) fn digest(effective: &Effective) -> Result<[u8; 32], Refusal> {
    let Effective { options, bounded } = effective;
    // What else has no JSON form is the same for all.
    let within = options.remote_code.as_ref().map(|policy| &policy.within);
    let json = serde_json::to_vec(&(options, bounded, within));
    let json =
        json.map_err(|error| Refusal::new(ErrorCode::Internal, format!("options without JSON form: {error}")))?;
    Ok(Sha256::digest(json).into())
}
