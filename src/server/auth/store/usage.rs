//! When keys were last used: written behind the callers' backs, and at most once a minute for each key (W119).
//!
//! Validations note what they saw in a bounded queue, and one task writes it. The database itself remembers what was
//! written, so that several servers write no more than one. What has no room is not noted: the next use of the key is as
//! good. The task ends with [`Usage::close`], or with the last store.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};

use super::connections::{ANSWER_LIMIT, Connections, Fault, ask};
use crate::server::auth::{ApiKeyInfo, KeyId};
use crate::telemetry::chain;

/// What log events go by.
const LOG: &str = "isol8::server::auth";

/// How exact the time of the last use is.
const EVERY: Duration = Duration::from_secs(60);

/// Keys whose use can wait to be written.
const QUEUE: usize = 256;

/// Pause after a write that failed: the next would fail as well.
const PAUSE: Duration = Duration::from_secs(1);

/// How long closing waits for what is still to be written.
const CLOSE_LIMIT: Duration = Duration::from_secs(5);

#[derive(Debug)]
pub(super) struct Usage {
    waiting: Arc<Mutex<Waiting>>,
    writer: Mutex<Option<JoinHandle<()>>>,
}

#[derive(Debug)]
struct Waiting {
    /// None once the store is closed.
    queue: Option<mpsc::Sender<Use>>,
    /// The keys in the queue, and the one that is being written.
    keys: HashSet<KeyId>,
}

#[derive(Debug, Clone, Copy)]
struct Use {
    key: KeyId,
    at: Timestamp,
}

impl Usage {
    /// Starts the task that writes.
    pub(super) fn start(connections: Arc<Connections>) -> Self {
        let (queue, uses) = mpsc::channel(QUEUE);
        let waiting = Arc::new(Mutex::new(Waiting { queue: Some(queue), keys: HashSet::new() }));
        let writer = tokio::spawn(write(connections, uses, waiting.clone()));
        Self { waiting, writer: Mutex::new(Some(writer)) }
    }

    /// The key was used, unless that is known already, or about to be.
    pub(super) fn note(&self, info: &ApiKeyInfo, now: Timestamp) {
        if info.last_used_at.is_some_and(|last| now.duration_since(last).unsigned_abs() < EVERY) {
            return;
        }
        let mut waiting = lock(&self.waiting);
        if waiting.keys.contains(&info.id) {
            return;
        }
        let queued = waiting.queue.as_ref().is_some_and(|queue| queue.try_send(Use { key: info.id, at: now }).is_ok());
        if queued {
            waiting.keys.insert(info.id);
        }
    }

    /// Returns once all that was noted is written, or after some seconds.
    pub(super) async fn close(&self) {
        lock(&self.waiting).queue = None;
        let writer = self.writer.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(mut writer) = writer
            && timeout(CLOSE_LIMIT, &mut writer).await.is_err()
        {
            writer.abort();
        }
    }
}

impl Drop for Usage {
    /// The writer has a part of what holds the queue, which would keep both alive.
    fn drop(&mut self) {
        lock(&self.waiting).queue = None;
    }
}

async fn write(connections: Arc<Connections>, mut uses: mpsc::Receiver<Use>, waiting: Arc<Mutex<Waiting>>) {
    while let Some(Use { key, at }) = uses.recv().await {
        let written = ask!(&*connections, connection => async {
            let query = sqlx::query(connections.statements().used).bind(at.as_millisecond()).bind(key.to_string());
            query.execute(connection).await.map(drop)
        });
        lock(&waiting).keys.remove(&key);
        if let Err(fault) = written {
            tracing::warn!(target: LOG, %key, error = chain(&fault), "could not keep when a key was last used");
            if !uses.is_closed() {
                sleep(PAUSE).await;
            }
        }
    }
}

fn lock(waiting: &Mutex<Waiting>) -> MutexGuard<'_, Waiting> {
    waiting.lock().unwrap_or_else(PoisonError::into_inner)
}
