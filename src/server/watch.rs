//! One execution under observation: what it came to, and what its time was spent on. What is refused is none.

use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use super::metrics::{Metrics, Outcome, Phase};
use crate::engine::Controls;

/// Tells the metrics of an execution when it is dropped.
#[derive(Debug)]
pub(super) struct Watch {
    metrics: Arc<Metrics>,
    runtime: String,
    since: Instant,
    /// How long it took until it was its turn.
    queued: Duration,
    /// How long it then took until there was a sandbox.
    sandbox: Arc<OnceLock<Duration>>,
    /// What it came to, if it was not cut short.
    outcome: Option<Outcome>,
}

impl Watch {
    /// It was asked for `since`, and may run now.
    pub(super) fn new(metrics: Arc<Metrics>, runtime: &str, since: Instant) -> Self {
        let (runtime, queued) = (runtime.to_owned(), since.elapsed());
        Self { metrics, runtime, since, queued, sandbox: Arc::default(), outcome: None }
    }

    /// It runs, under these controls.
    pub(super) fn begun(&mut self, controls: &Controls) {
        self.sandbox = controls.waited.clone();
    }

    /// It has ended by itself.
    pub(super) fn ended(&mut self, outcome: Outcome) {
        self.outcome = Some(outcome);
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        let total = self.since.elapsed();
        self.metrics.ended(&self.runtime, self.outcome.unwrap_or(Outcome::cancelled));
        self.metrics.took(Phase::queue, self.queued);
        if let Some(sandbox) = self.sandbox.get() {
            self.metrics.took(Phase::sandbox, *sandbox);
            self.metrics.took(Phase::run, total.saturating_sub(self.queued + *sandbox));
        }
        self.metrics.took(Phase::total, total);
    }
}
