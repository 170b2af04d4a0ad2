//! What programs asked of the network a moment ago, for whoever wants to see it as it happens, and how often.
//!
//! Each tenant has room of its own for its last decisions, so that nothing which one of them does takes another's away
//! or can be seen by it. Whoever reads says up to where it has read, and gets what came since, as far as that is still
//! there. Nothing waits for a reader.

use std::collections::{HashMap, VecDeque};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use jiff::Timestamp;

use super::caller::{Caller, Tenant};
use crate::api::{NetworkAction, NetworkLogEntry};
use crate::network::traffic::Watcher;

/// How many decisions are kept for a tenant, and how many one answer has.
const KEPT: usize = 200;

/// Most bytes of text in them.
const KEPT_BYTES: usize = 64 << 10;

/// For how many tenants; of those that have not asked for anything for the longest time, nothing is kept.
const TENANTS: usize = 100;

/// The decisions of one server.
#[derive(Debug, Default)]
pub(super) struct Decisions {
    allowed: AtomicU64,
    blocked: AtomicU64,
    recent: Mutex<Recent>,
}

#[derive(Debug, Default)]
struct Recent {
    /// The number of the newest decision.
    newest: u64,
    tenants: HashMap<Tenant, Kept>,
}

/// The last decisions of one tenant.
#[derive(Debug, Default)]
struct Kept {
    entries: VecDeque<(u64, NetworkLogEntry)>,
    bytes: usize,
}

/// A decision, and whose program it was about.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Decided {
    pub(super) tenant: Tenant,
    pub(super) entry: NetworkLogEntry,
}

/// What a reader has not seen yet.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct News {
    /// Oldest first.
    pub(super) decisions: Vec<Decided>,
    /// What to say the next time.
    pub(super) next: u64,
}

impl Decisions {
    /// How many requests were let through.
    pub(super) fn allowed(&self) -> u64 {
        self.allowed.load(Ordering::Relaxed)
    }

    /// How many were refused.
    pub(super) fn blocked(&self) -> u64 {
        self.blocked.load(Ordering::Relaxed)
    }

    /// Notes what the programs of `tenant` ask.
    pub(super) fn watcher(self: &Arc<Self>, tenant: &Tenant) -> Arc<dyn Watcher> {
        Arc::new(OfTenant { decisions: self.clone(), tenant: tenant.clone() })
    }

    /// What there is after the number `since`, as far as `caller` may see it: holders of the master key see everything.
    pub(super) fn since(&self, caller: &Caller, since: u64) -> News {
        let own = caller.tenant();
        let recent = self.recent.lock().unwrap_or_else(PoisonError::into_inner);
        let visible = recent.tenants.iter().filter(|(tenant, _)| caller.is_master() || **tenant == own);
        let mut found: Vec<_> =
            visible.flat_map(|(tenant, kept)| kept.after(since).map(move |it| (it, tenant))).collect();
        found.sort_unstable_by_key(|((number, _), _)| *number);
        let next = found.last().map_or(since, |((number, _), _)| *number);
        let newest = found.split_off(found.len().saturating_sub(KEPT));
        let decided = |((_, entry), tenant): (&(u64, NetworkLogEntry), &Tenant)| Decided {
            tenant: tenant.clone(),
            entry: entry.clone(),
        };
        News { decisions: newest.into_iter().map(decided).collect(), next }
    }

    fn note(&self, tenant: &Tenant, decided: NetworkAction, entry: NetworkLogEntry) {
        match decided {
            NetworkAction::Allow => &self.allowed,
            NetworkAction::Block => &self.blocked,
        }
        .fetch_add(1, Ordering::Relaxed);
        let mut recent = self.recent.lock().unwrap_or_else(PoisonError::into_inner);
        let number = recent.number();
        recent.kept_of(tenant).push(number, entry);
    }
}

impl Recent {
    /// The number of another decision. It comes from the clock, so it says nothing of how many others there were, and
    /// is larger than those of a server that was here before.
    fn number(&mut self) -> u64 {
        let now = u64::try_from(Timestamp::now().as_microsecond()).unwrap_or(0);
        self.newest = now.max(self.newest + 1);
        self.newest
    }

    /// The room of a tenant, for which the quietest has to go if there are too many.
    fn kept_of(&mut self, tenant: &Tenant) -> &mut Kept {
        if !self.tenants.contains_key(tenant) && self.tenants.len() >= TENANTS {
            let quietest = self.tenants.iter().min_by_key(|(_, kept)| kept.newest()).map(|(tenant, _)| tenant.clone());
            quietest.and_then(|quietest| self.tenants.remove(&quietest));
        }
        self.tenants.entry(tenant.clone()).or_default()
    }
}

impl Kept {
    fn push(&mut self, number: u64, entry: NetworkLogEntry) {
        self.bytes += bytes(&entry);
        self.entries.push_back((number, entry));
        while self.entries.len() > KEPT || (self.bytes > KEPT_BYTES && self.entries.len() > 1) {
            self.bytes -= self.entries.pop_front().map_or(0, |(_, entry)| bytes(&entry));
        }
    }

    fn newest(&self) -> u64 {
        self.entries.back().map_or(0, |(number, _)| *number)
    }

    fn after(&self, since: u64) -> impl Iterator<Item = &(u64, NetworkLogEntry)> {
        self.entries.range(self.entries.partition_point(|(number, _)| *number <= since)..)
    }
}

/// The text in an entry that a program can make longer.
fn bytes(NetworkLogEntry { method, host, path, block, .. }: &NetworkLogEntry) -> usize {
    method.len() + host.len() + [path, block].into_iter().flatten().map(String::len).sum::<usize>()
}

/// The watcher of one tenant's programs.
#[derive(Debug)]
struct OfTenant {
    decisions: Arc<Decisions>,
    tenant: Tenant,
}

impl Watcher for OfTenant {
    fn decided(&self, decided: NetworkAction, entry: NetworkLogEntry) {
        self.decisions.note(&self.tenant, decided, entry);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(tenant: &str) -> Caller {
        Caller::Key { id: "id".into(), tenant: tenant.into() }
    }

    fn asks(decisions: &Arc<Decisions>, tenant: &str, host: &str) {
        let entry = NetworkLogEntry {
            timestamp: "2026-01-02T03:04:05Z".to_owned(),
            method: "GET".to_owned(),
            host: host.to_owned(),
            path: None,
            action: NetworkAction::Allow,
            duration_ms: 1,
            block: None,
        };
        decisions.watcher(&key(tenant).tenant()).decided(NetworkAction::Allow, entry);
    }

    fn hosts(news: &News) -> Vec<&str> {
        news.decisions.iter().map(|decided| decided.entry.host.as_str()).collect()
    }

    #[test]
    fn a_tenant_sees_its_own_decisions_and_each_once() {
        let decisions = Arc::new(Decisions::default());
        asks(&decisions, "a", "a.example");
        asks(&decisions, "b", "b.example");
        let first = decisions.since(&key("a"), 0);
        assert_eq!(hosts(&first), ["a.example"]);
        assert_eq!(hosts(&decisions.since(&Caller::Master, 0)), ["a.example", "b.example"]);
        assert_eq!(decisions.since(&key("a"), first.next), News { decisions: Vec::new(), next: first.next });
        assert_eq!(decisions.since(&key("c"), 0), News { decisions: Vec::new(), next: 0 });
        asks(&decisions, "a", "c.example");
        assert_eq!(hosts(&decisions.since(&key("a"), first.next)), ["c.example"]);
        assert_eq!((decisions.allowed(), decisions.blocked()), (3, 0));
    }

    #[test]
    fn old_decisions_make_room_for_the_same_tenants_only() {
        let decisions = Arc::new(Decisions::default());
        asks(&decisions, "quiet", "quiet.example");
        (0..KEPT + 5).for_each(|n| asks(&decisions, "loud", &format!("{n}.example")));
        let loud = decisions.since(&key("loud"), 0);
        assert_eq!((loud.decisions.len(), hosts(&loud)[0]), (KEPT, "5.example"));
        assert_eq!(hosts(&decisions.since(&key("quiet"), 0)), ["quiet.example"]);
        assert_eq!(decisions.since(&Caller::Master, 0).decisions.len(), KEPT);
    }

    #[test]
    fn what_is_kept_is_bounded_in_bytes_and_tenants() {
        let decisions = Arc::new(Decisions::default());
        let long = "x".repeat(KEPT_BYTES / 4);
        (0..10).for_each(|_| asks(&decisions, "long", &long));
        assert_eq!(decisions.since(&key("long"), 0).decisions.len(), 3, "a fourth has no room for its method");
        (0..TENANTS).for_each(|n| asks(&decisions, &format!("tenant {n}"), "a.example"));
        assert_eq!(decisions.since(&key("long"), 0).decisions.len(), 0, "the quietest");
        assert_eq!(decisions.since(&key("tenant 0"), 0).decisions.len(), 1);
    }
}
