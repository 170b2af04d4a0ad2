//! What goes through the connections of one sandbox: how many bytes, and which requests.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use hyper::Method;
use jiff::Timestamp;

use super::log::{Collected, NetworkLog};
use crate::api::{NetworkAction, NetworkLogEntry};

/// Counts and notes, until somebody [takes](Traffic::take) it.
#[derive(Debug, Default)]
pub struct Traffic {
    /// Bytes on their way to the program, and from it.
    bytes_in: AtomicU64,
    bytes_out: AtomicU64,
    log: Mutex<NetworkLog>,
    decisions: Arc<Decisions>,
}

/// How many requests were let through and how many refused, by all that share this.
#[derive(Debug, Default)]
pub struct Decisions {
    allowed: AtomicU64,
    blocked: AtomicU64,
}

impl Decisions {
    /// How many were let through.
    pub fn allowed(&self) -> u64 {
        self.allowed.load(Ordering::Relaxed)
    }

    /// How many were refused.
    pub fn blocked(&self) -> u64 {
        self.blocked.load(Ordering::Relaxed)
    }
}

/// What has gone through since somebody last asked.
#[derive(Debug, Default)]
pub struct Observed {
    /// Bytes that the program received.
    pub bytes_in: u64,
    /// Bytes that the program sent.
    pub bytes_out: u64,
    /// Its requests.
    pub requests: Collected,
}

impl Traffic {
    /// Nothing so far. Requests are counted in `decisions` as well, where nobody takes them.
    pub fn counting(decisions: Arc<Decisions>) -> Self {
        Self { decisions, ..Self::default() }
    }

    /// What there was since the last time; counted and noted anew from here on.
    pub fn take(&self) -> Observed {
        let log = std::mem::take(&mut *self.log());
        Observed {
            bytes_in: self.bytes_in.swap(0, Ordering::Relaxed),
            bytes_out: self.bytes_out.swap(0, Ordering::Relaxed),
            requests: log.finish(),
        }
    }

    pub(super) fn came_in(&self, bytes: usize) {
        self.bytes_in.fetch_add(bytes as u64, Ordering::Relaxed);
    }

    pub(super) fn went_out(&self, bytes: usize) {
        self.bytes_out.fetch_add(bytes as u64, Ordering::Relaxed);
    }

    /// A request that was let through, whatever came of it.
    pub(super) fn passed(&self, method: &Method, host: &str, path: Option<&str>, took: Duration) {
        self.decisions.allowed.fetch_add(1, Ordering::Relaxed);
        self.log().record(entry(method, host, path, took, None));
    }

    /// A request that was refused, and why, in the words that the program is given.
    pub(super) fn blocked(&self, method: &Method, host: &str, path: Option<&str>, why: String) {
        self.decisions.blocked.fetch_add(1, Ordering::Relaxed);
        self.log().record(entry(method, host, path, Duration::ZERO, Some(why)));
    }

    /// One of whose refusal the reader of the log must not learn: an entry as of one that led nowhere, and the event.
    pub(super) fn blocked_secretly(
        &self,
        method: &Method,
        host: &str,
        path: Option<&str>,
        why: String,
        took: Duration,
    ) {
        self.decisions.blocked.fetch_add(1, Ordering::Relaxed);
        let mut log = self.log();
        log.record(entry(method, host, path, took, None));
        log.record_event(entry(method, host, path, Duration::ZERO, Some(why)));
    }

    fn log(&self) -> MutexGuard<'_, NetworkLog> {
        self.log.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What is noted of a request; one that has a reason why was blocked.
fn entry(method: &Method, host: &str, path: Option<&str>, took: Duration, block: Option<String>) -> NetworkLogEntry {
    NetworkLogEntry {
        timestamp: format!("{:.3}", Timestamp::now()),
        method: method.as_str().to_owned(),
        host: host.to_owned(),
        path: path.map(str::to_owned),
        action: if block.is_none() { NetworkAction::Allow } else { NetworkAction::Block },
        duration_ms: u64::try_from(took.as_millis()).unwrap_or(u64::MAX),
        block,
    }
}
