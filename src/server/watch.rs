//! One execution under observation: what it came to, and what its time was spent on.

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
    /// When it was its turn.
    admitted: OnceLock<Duration>,
    /// How long it then took until there was a sandbox.
    sandbox: Arc<OnceLock<Duration>>,
    /// What it came to, if it was not cut short.
    outcome: Option<Outcome>,
}

impl Watch {
    pub(super) fn new(metrics: Arc<Metrics>, runtime: &str) -> Self {
        let (runtime, since) = (runtime.to_owned(), Instant::now());
        Self { metrics, runtime, since, admitted: OnceLock::new(), sandbox: Arc::default(), outcome: None }
    }

    /// It may run.
    pub(super) fn admitted(&self) {
        let _ = self.admitted.set(self.since.elapsed());
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
        let Some(queue) = self.admitted.get() else { return };
        self.metrics.took(Phase::queue, *queue);
        if let Some(sandbox) = self.sandbox.get() {
            self.metrics.took(Phase::sandbox, *sandbox);
            self.metrics.took(Phase::run, total.saturating_sub(*queue + *sandbox));
        }
        self.metrics.took(Phase::total, total);
    }
}
