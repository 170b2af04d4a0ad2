//! What requests and answers take up in memory, by tenant.
//!
//! The body of a request counts from its first byte until what it asked for is over, and an answer until it has been
//! sent. A request that does not fit beside the others of its tenant is refused. An answer is there already, and only
//! counts against what comes next. Everything is given back when its [`Share`] is dropped.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::caller::Tenant;
use super::refusal::Refusal;

/// How long somebody is sent away for whom there is no room: whatever is held is soon sent, or takes its time.
const TRY_AGAIN: Duration = Duration::from_secs(5);

/// What all tenants take up. Cheap to clone; all clones are the same.
#[derive(Debug, Clone)]
pub(super) struct Memory {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    /// Bytes of one tenant.
    bound: u64,
    /// Of those that have any.
    used: Mutex<HashMap<Tenant, u64>>,
}

/// A part of what a tenant takes up.
#[derive(Debug)]
pub(super) struct Share {
    inner: Arc<Inner>,
    tenant: Tenant,
    bytes: u64,
}

impl Memory {
    /// Of `bound` bytes for each tenant.
    pub(super) fn new(bound: u64) -> Self {
        Self { inner: Arc::new(Inner { bound, used: Mutex::default() }) }
    }

    /// A part for `tenant`, of nothing yet.
    pub(super) fn share(&self, tenant: Tenant) -> Share {
        Share { inner: self.inner.clone(), tenant, bytes: 0 }
    }
}

impl Share {
    /// Takes as many bytes more, if there is room for them.
    pub(super) fn take(&mut self, bytes: u64) -> Result<(), Refusal> {
        if self.inner.grow(&self.tenant, bytes) {
            self.bytes += bytes;
            return Ok(());
        }
        let message = "too much of other requests and answers is held in memory (server.limits.heldSize)";
        Err(Refusal::busy(message, TRY_AGAIN))
    }

    /// Counts as many bytes instead, which are there already.
    pub(super) fn set(&mut self, bytes: u64) {
        self.inner.replace(&self.tenant, self.bytes, bytes);
        self.bytes = bytes;
    }

    /// Another part of the same tenant, with all that this one had.
    pub(super) fn split(&mut self) -> Self {
        let bytes = std::mem::take(&mut self.bytes);
        Self { inner: self.inner.clone(), tenant: self.tenant.clone(), bytes }
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        self.set(0);
    }
}

impl Inner {
    /// Held for some bookkeeping at the most.
    fn used(&self) -> MutexGuard<'_, HashMap<Tenant, u64>> {
        self.used.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Counts as many bytes more of `tenant`, if there is room for them.
    fn grow(&self, tenant: &Tenant, bytes: u64) -> bool {
        let mut used = self.used();
        let total = used.get(tenant).copied().unwrap_or(0).saturating_add(bytes);
        let has_room = total <= self.bound;
        if has_room && bytes > 0 {
            used.insert(tenant.clone(), total);
        }
        has_room
    }

    /// Counts `after` bytes of `tenant` where `before` were counted.
    fn replace(&self, tenant: &Tenant, before: u64, after: u64) {
        if before == after {
            return;
        }
        let mut used = self.used();
        let total = used.get(tenant).copied().unwrap_or(0) - before + after;
        match total {
            0 => used.remove(tenant),
            _ => used.insert(tenant.clone(), total),
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tenant(name: &str) -> Tenant {
        Tenant::Named(name.into())
    }

    #[test]
    fn a_tenant_has_so_much_and_others_have_theirs() {
        let memory = Memory::new(10);
        let mut first = memory.share(tenant("a"));
        first.take(6).expect("room");
        let mut second = memory.share(tenant("a"));
        second.take(5).expect_err("too much");
        second.take(4).expect("room");
        memory.share(tenant("b")).take(10).expect("room of its own");
        drop(first);
        second.take(6).expect("what was given back");
        drop(second);
        assert!(memory.inner.used().is_empty());
    }

    #[test]
    fn what_is_there_already_counts_against_what_comes_next() {
        let memory = Memory::new(10);
        let mut answer = memory.share(tenant("a"));
        answer.take(3).expect("room");
        answer.set(100);
        let mut request = memory.share(tenant("a"));
        request.take(1).expect_err("too much");
        let moved = answer.split();
        drop(answer);
        request.take(1).expect_err("still there");
        drop(moved);
        request.take(10).expect("room");
    }

    #[test]
    fn nothing_is_always_possible() {
        let memory = Memory::new(0);
        memory.share(tenant("a")).take(0).expect("nothing");
        memory.share(tenant("a")).take(u64::MAX).expect_err("everything");
    }
}
