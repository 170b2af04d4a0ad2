//! How many requests somebody may make in a minute.
//!
//! Each has a bucket of as many tokens as that, which fills up again over a minute; a request takes one. Buckets that
//! are full are forgotten, since a new one would be the same.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// Buckets that are kept before full ones are looked for.
const MANY: usize = 1024;

const MINUTE: f64 = 60.0;

/// A bound for each of many.
#[derive(Debug)]
pub(super) struct Rate<K> {
    /// Requests in a minute.
    bound: f64,
    state: Mutex<State<K>>,
}

#[derive(Debug)]
struct State<K> {
    buckets: HashMap<K, Bucket>,
    /// How many there may be before full ones are looked for again.
    many: usize,
}

#[derive(Debug, Clone, Copy)]
struct Bucket {
    tokens: f64,
    since: Instant,
}

impl<K: Eq + Hash> Rate<K> {
    pub(super) fn new(per_minute: u64) -> Self {
        let state = State { buckets: HashMap::new(), many: MANY };
        Self { bound: per_minute as f64, state: Mutex::new(state) }
    }

    /// Takes one, or says how long until there is one.
    pub(super) fn take(&self, key: K) -> Result<(), Duration> {
        let now = Instant::now();
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if state.buckets.len() >= state.many {
            state.buckets.retain(|_, bucket| bucket.tokens_at(now, self.bound) < self.bound);
            state.many = (2 * state.buckets.len()).max(MANY);
        }
        let bucket = state.buckets.entry(key).or_insert(Bucket { tokens: self.bound, since: now });
        let tokens = bucket.tokens_at(now, self.bound);
        let (left, answer) = match tokens {
            enough if enough >= 1.0 => (enough - 1.0, Ok(())),
            few => (few, Err(Duration::from_secs_f64((1.0 - few) * MINUTE / self.bound))),
        };
        *bucket = Bucket { tokens: left, since: now };
        answer
    }

    /// One that was taken for nothing.
    pub(super) fn give_back(&self, key: K) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(bucket) = state.buckets.get_mut(&key) {
            bucket.tokens = (bucket.tokens + 1.0).min(self.bound);
        }
    }
}

impl Bucket {
    fn tokens_at(&self, now: Instant, bound: f64) -> f64 {
        (self.tokens + now.duration_since(self.since).as_secs_f64() * bound / MINUTE).min(bound)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_minutes_worth_can_be_spent_at_once_and_comes_back_over_a_minute() {
        let rate = Rate::new(60);
        for _ in 0..60 {
            assert_eq!(rate.take("a"), Ok(()));
        }
        assert_eq!(rate.take("a"), Err(Duration::from_secs(1)));
        assert_eq!(rate.take("b"), Ok(()), "others have their own");
        tokio::time::advance(Duration::from_secs(1)).await;
        assert_eq!(rate.take("a"), Ok(()));
        assert!(rate.take("a").is_err());
        tokio::time::advance(Duration::from_secs(3600)).await;
        assert_eq!((0..100).filter(|_| rate.take("a").is_ok()).count(), 60, "nothing is saved up");
    }

    #[tokio::test(start_paused = true)]
    async fn whoever_comes_seldom_is_not_remembered() {
        let rate = Rate::new(60);
        for client in 0..10 * MANY {
            assert!(rate.take(client).is_ok());
            tokio::time::advance(Duration::from_millis(100)).await;
        }
        let kept = rate.state.lock().expect("whole").buckets.len();
        assert!(kept <= MANY, "{kept}");
    }
}
