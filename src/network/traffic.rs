//! What goes through the connections of one sandbox: how many bytes, and which requests.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use hyper::Method;
use jiff::Timestamp;

use super::log::{Collected, NetworkLog, harmless};
use crate::api::{NetworkAction, NetworkLogEntry};
use crate::output::{Patterns, masked};

/// Is told of every request as soon as it is decided. Whoever watches has no say, and must not wait.
pub trait Watcher: fmt::Debug + Send + Sync {
    /// `decided` is what was decided, and `entry` what readers of the log may know of it, fit to be shown.
    fn decided(&self, decided: NetworkAction, entry: NetworkLogEntry);
}

/// Counts and notes, until somebody [takes](Traffic::take) it.
#[derive(Debug, Default)]
pub struct Traffic {
    /// Bytes on their way to the program, and from it.
    bytes_in: AtomicU64,
    bytes_out: AtomicU64,
    log: Mutex<NetworkLog>,
    watcher: Option<Arc<dyn Watcher>>,
    /// What must not be shown of the requests.
    secrets: Arc<[Patterns]>,
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
    /// Nothing so far. Somebody may want to be told of requests as they are decided; what `secrets` find in them is
    /// neither told nor noted.
    pub fn new(watcher: Option<Arc<dyn Watcher>>, secrets: Arc<[Patterns]>) -> Self {
        Self { watcher, secrets, ..Self::default() }
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
        self.record(NetworkAction::Allow, self.entry(method, host, path, took, None));
    }

    /// A request that was refused, and why, in the words that the program is given.
    pub(super) fn blocked(&self, method: &Method, host: &str, path: Option<&str>, why: String) {
        self.record(NetworkAction::Block, self.entry(method, host, path, Duration::ZERO, Some(why)));
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
        self.record(NetworkAction::Block, self.entry(method, host, path, took, None));
        let event = self.entry(method, host, path, Duration::ZERO, Some(why));
        self.log().record_event(event);
    }

    fn record(&self, decided: NetworkAction, entry: NetworkLogEntry) {
        if let Some(watcher) = &self.watcher {
            watcher.decided(decided, harmless(entry.clone()));
        }
        self.log().record(entry);
    }

    /// What is noted of a request; one that has a reason why was blocked. Secrets are masked before anything is cut or
    /// escaped, since neither could be found in part or in another form.
    fn entry(
        &self,
        method: &Method,
        host: &str,
        path: Option<&str>,
        took: Duration,
        block: Option<String>,
    ) -> NetworkLogEntry {
        let shown = |text: &str| self.secrets.iter().fold(text.to_owned(), |text, secrets| masked(&text, secrets));
        let shown_host = shown(host);
        // Advice names the host once more, as a pattern. A host with a secret in it is one that nobody wants to allow.
        let is_told = shown_host == host;
        let block = block.map(|mut why| {
            why.truncate(why.find(';').filter(|_| !is_told).unwrap_or(why.len()));
            why
        });
        NetworkLogEntry {
            timestamp: format!("{:.3}", Timestamp::now()),
            method: shown(method.as_str()),
            host: shown_host,
            path: path.map(shown),
            action: if block.is_none() { NetworkAction::Allow } else { NetworkAction::Block },
            duration_ms: u64::try_from(took.as_millis()).unwrap_or(u64::MAX),
            block,
        }
    }

    fn log(&self) -> MutexGuard<'_, NetworkLog> {
        self.log.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::Secret;

    #[test]
    fn secrets_are_masked_in_all_that_is_noted_of_a_request() {
        let secrets = ["KEY-1234", "key-1234"].map(|secret| [Secret::new(secret.to_owned())]);
        let patterns = secrets.iter().filter_map(Patterns::new);
        let traffic = Traffic::new(None, patterns.collect());
        let method = Method::from_bytes(b"KEY-1234").expect("a token");
        let long = format!("/{}KEY-1234", "x".repeat(2044));
        traffic.passed(&method, "example.com", Some("/?key=KEY-1234&hex=4b45592d31323334"), Duration::ZERO);
        traffic.passed(&Method::GET, "example.com", Some(&long), Duration::ZERO);
        let why = r"not-whitelisted; to allow it: --allow '^key\-1234\.evil\.test$'".to_owned();
        traffic.blocked(&Method::GET, "key-1234.evil.test", None, why.clone());
        traffic.blocked_secretly(&Method::GET, "key-1234.evil.test", None, why.clone(), Duration::ZERO);
        traffic.blocked(&Method::GET, "other.test", None, why.clone());

        let requests = traffic.take().requests;
        let shown = format!("{requests:?}");
        assert_eq!(shown.matches("1234").count(), 2, "in the advice about another host alone: {shown}");
        let [first, second, third, ..] = &requests.entries[..] else { panic!("five entries") };
        assert_eq!((first.method.as_str(), first.path.as_deref()), ("***", Some("/?key=***&hex=***")));
        assert!(second.path.as_deref().is_some_and(|path| path.ends_with("x***")), "{second:?}");
        assert_eq!((third.host.as_str(), third.block.as_deref()), ("***.evil.test", Some("not-whitelisted")));
        assert_eq!(requests.events.len(), 3);
    }
}
