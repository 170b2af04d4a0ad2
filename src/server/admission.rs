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
mod tests {
    use futures::FutureExt;
    use proptest::prelude::*;

    use super::*;

    const ROOMY: Bounds = Bounds { capacity: 2, queue: 100, per_tenant: usize::MAX, per_key: usize::MAX };

    fn tenant(name: &str) -> Tenant {
        Tenant::Named(name.into())
    }

    /// What would wait in a line, as a future that has been polled once.
    fn queued(
        admission: &Admission,
        name: &str,
        key: Option<&str>,
    ) -> std::pin::Pin<Box<dyn Future<Output = Result<Permit, NoPlace>>>> {
        let ticket = admission.join(tenant(name), key.map(Arc::from)).expect("a place");
        let mut waiting = Box::pin(ticket.permit());
        if let Some(permit) = waiting.as_mut().now_or_never() {
            return Box::pin(async move { permit });
        }
        waiting
    }

    fn load(running: usize, waiting: usize) -> Load {
        Load { running, waiting }
    }

    #[tokio::test]
    async fn as_many_run_as_may_and_the_others_wait() {
        let admission = Admission::new(ROOMY);
        let first = queued(&admission, "a", None).await.expect("a permit");
        let second = queued(&admission, "a", None).await.expect("a permit");
        let mut third = queued(&admission, "a", None);
        assert!(third.as_mut().now_or_never().is_none());
        assert_eq!(admission.load(), load(2, 1));
        drop(first);
        let third = third.now_or_never().expect("its turn").expect("a permit");
        assert_eq!(admission.load(), load(2, 0));
        drop((second, third));
        assert_eq!(admission.load(), load(0, 0));
        assert!(admission.inner.state().lines.is_empty());
    }

    #[tokio::test]
    async fn a_tenant_with_many_waiting_delays_another_by_one() {
        let admission = Admission::new(Bounds { capacity: 1, ..ROOMY });
        let running = queued(&admission, "greedy", None).await.expect("a permit");
        let mut crowd: Vec<_> = (0..50).map(|_| queued(&admission, "greedy", None)).collect();
        let mut modest = queued(&admission, "modest", None);
        drop(running);
        let next = crowd[0].as_mut().now_or_never().expect("came first").expect("a permit");
        assert!(modest.as_mut().now_or_never().is_none());
        drop(next);
        assert!(modest.as_mut().now_or_never().is_some());
    }

    #[tokio::test]
    async fn whoever_has_nothing_running_comes_first() {
        let admission = Admission::new(ROOMY);
        let running = [queued(&admission, "greedy", None).await, queued(&admission, "greedy", None).await];
        let mut crowd: Vec<_> = (0..50).map(|_| queued(&admission, "greedy", None)).collect();
        let mut modest = queued(&admission, "modest", None);
        let mut third = queued(&admission, "third", None);
        let [first, second] = running.map(|permit| permit.expect("a permit"));
        drop(first);
        let modest = modest.as_mut().now_or_never().expect("its place").expect("a permit");
        drop(modest);
        let _third = third.as_mut().now_or_never().expect("its place").expect("a permit");
        drop(second);
        let _next = crowd[0].as_mut().now_or_never().expect("nobody else waits").expect("a permit");
        assert!(crowd[1].as_mut().now_or_never().is_none());
    }

    #[tokio::test]
    async fn a_tenant_whose_waiters_have_given_up_is_not_served_before_its_turn() {
        let admission = Admission::new(Bounds { capacity: 1, ..ROOMY });
        let running = queued(&admission, "other", None).await.expect("a permit");
        // In a session, waiting for its turn: the line is not gone with those who give up.
        let _elsewhere = admission.join(tenant("fickle"), None).expect("a place");
        drop(queued(&admission, "fickle", None));
        let mut modest = queued(&admission, "modest", None);
        let mut third = queued(&admission, "third", None);
        drop(running);
        let modest = modest.as_mut().now_or_never().expect("its place").expect("a permit");
        let mut again = queued(&admission, "fickle", None);
        drop(modest);
        let third = third.as_mut().now_or_never().expect("came first").expect("a permit");
        assert!(again.as_mut().now_or_never().is_none());
        drop(third);
        assert!(again.as_mut().now_or_never().is_some());
    }

    #[tokio::test]
    async fn a_line_has_an_end() {
        let admission = Admission::new(Bounds { capacity: 1, queue: 2, ..ROOMY });
        let places: Vec<_> = (0..3).map(|_| queued(&admission, "a", None)).collect();
        assert!(matches!(admission.join(tenant("a"), None), Err(NoPlace::Full(_))));
        assert!(admission.join(tenant("b"), None).is_ok(), "others have their own");
        drop(places);
        assert!(admission.join(tenant("a"), None).is_ok());
    }

    #[tokio::test]
    async fn whoever_gives_up_leaves_nothing_behind() {
        let admission = Admission::new(Bounds { capacity: 1, ..ROOMY });
        let running = queued(&admission, "a", None).await.expect("a permit");
        for _ in 0..1000 {
            drop(queued(&admission, "a", None));
        }
        assert_eq!(admission.load(), load(1, 0));
        assert!(admission.inner.state().lines.values().all(|line| line.waiting.len() <= 2));
        // Given up in the moment in which it was granted.
        let granted = queued(&admission, "a", None);
        drop(running);
        drop(granted);
        assert_eq!(admission.load(), load(0, 0));
        assert!(queued(&admission, "b", None).now_or_never().is_some());
    }

    #[tokio::test]
    async fn a_key_at_its_bound_is_passed_over() {
        let admission = Admission::new(Bounds { capacity: 3, per_key: 1, ..ROOMY });
        let first = queued(&admission, "a", Some("k")).await.expect("a permit");
        let mut second = queued(&admission, "a", Some("k"));
        assert!(second.as_mut().now_or_never().is_none());
        let _other = queued(&admission, "a", Some("l")).now_or_never().expect("another key").expect("a permit");
        drop(first);
        assert!(second.as_mut().now_or_never().is_some());
    }

    #[tokio::test]
    async fn a_tenant_at_its_bound_does_not_stop_others() {
        let admission = Admission::new(Bounds { capacity: 3, per_tenant: 1, ..ROOMY });
        let first = queued(&admission, "a", None).await.expect("a permit");
        let mut second = queued(&admission, "a", None);
        assert!(second.as_mut().now_or_never().is_none());
        assert!(queued(&admission, "b", None).now_or_never().is_some());
        drop(first);
        assert!(second.as_mut().now_or_never().is_some());
    }

    #[tokio::test]
    async fn who_waits_when_it_closes_is_told_so() {
        let admission = Admission::new(Bounds { capacity: 1, ..ROOMY });
        let running = queued(&admission, "a", None).await.expect("a permit");
        let waiting = queued(&admission, "a", None);
        admission.close();
        assert_eq!(waiting.await.expect_err("closed"), NoPlace::Closed);
        assert_eq!(admission.join(tenant("a"), None).expect_err("closed"), NoPlace::Closed);
        drop(running);
        assert_eq!(admission.load(), load(0, 0));
    }

    #[tokio::test(start_paused = true)]
    async fn the_wait_that_is_told_follows_from_what_executions_take() {
        let admission = Admission::new(Bounds { capacity: 1, queue: 0, ..ROOMY });
        for _ in 0..100 {
            let running = queued(&admission, "a", None).await.expect("a permit");
            tokio::time::advance(Duration::from_secs(4)).await;
            drop(running);
        }
        let _running = queued(&admission, "a", None).await.expect("a permit");
        let Err(NoPlace::Full(wait)) = admission.join(tenant("a"), None) else { panic!("there is no place") };
        assert!((Duration::from_secs(3)..=Duration::from_secs(5)).contains(&wait), "{wait:?}");
    }

    proptest! {
        /// Whatever comes and goes: no more run than may, nobody waits while there is room, and in the end nothing is left.
        #[test]
        fn the_bounds_hold(
            capacity in 1usize..4, per_tenant in 1usize..4, per_key in 1usize..4,
            steps in prop::collection::vec((0u8..3, 0usize..3, 0usize..2, 0usize..16), 0..200),
        ) {
            let admission = Admission::new(Bounds { capacity, queue: 1000, per_tenant, per_key });
            let (mut waiting, mut running) = (Vec::new(), Vec::new());
            for (what, whose, key, which) in steps {
                match what {
                    0 => waiting.push((whose, key, queued(&admission, &whose.to_string(), Some(&format!("{whose}/{key}"))))),
                    1 if !waiting.is_empty() => drop(waiting.remove(which % waiting.len())),
                    2 if !running.is_empty() => drop::<(usize, usize, Permit)>(running.remove(which % running.len())),
                    _ => {}
                }
                let mut still = Vec::new();
                for (whose, key, mut place) in waiting.drain(..) {
                    match place.as_mut().now_or_never() {
                        Some(permit) => running.push((whose, key, permit.expect("open"))),
                        None => still.push((whose, key, place)),
                    }
                }
                waiting = still;
                let of_tenant = |whose| running.iter().filter(|run| run.0 == whose).count();
                let of_key = |whose, key| running.iter().filter(|run| (run.0, run.1) == (whose, key)).count();
                prop_assert!(running.len() <= capacity);
                for (whose, key, _) in &running {
                    prop_assert!(of_tenant(*whose) <= per_tenant && of_key(*whose, *key) <= per_key);
                }
                for (whose, key, _) in &waiting {
                    let is_held_up = running.len() == capacity
                        || of_tenant(*whose) == per_tenant
                        || of_key(*whose, *key) == per_key;
                    prop_assert!(is_held_up, "somebody waits for nothing");
                }
                prop_assert_eq!(admission.load(), load(running.len(), waiting.len()));
            }
            drop((waiting, running));
            prop_assert_eq!(admission.load(), load(0, 0));
            prop_assert!(admission.inner.state().lines.is_empty() && admission.inner.state().turns.is_empty());
        }
    }
}
