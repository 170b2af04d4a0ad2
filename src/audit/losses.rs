//! Counting what had no room.

use std::sync::atomic::{AtomicU64, Ordering};

use super::LOG;

/// Says so at once when the first is lost, and how many it were when there is room again: never silent, never a flood.
#[derive(Debug)]
pub(super) struct Losses {
    what: &'static str,
    unreported: AtomicU64,
}

impl Losses {
    pub(super) fn new(what: &'static str) -> Self {
        Self { what, unreported: AtomicU64::new(0) }
    }

    /// One was lost.
    pub(super) fn add(&self) {
        if self.unreported.fetch_add(1, Ordering::Relaxed) == 0 {
            tracing::error!(target: LOG, "dropping {}", self.what);
        }
    }

    /// There is room again.
    pub(super) fn report(&self) {
        let count = self.unreported.swap(0, Ordering::Relaxed);
        if count > 0 {
            tracing::error!(target: LOG, count, "dropped {}", self.what);
        }
    }
}
