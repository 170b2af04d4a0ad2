//! Whether the Docker engine answers: asked when somebody wants to know, but no more often than makes sense.

use std::time::Duration;

use tokio::sync::Mutex;
use tokio::time::{Instant, timeout};

use crate::sandbox::docker::Docker;

/// How long an answer is good for.
const FRESH: Duration = Duration::from_secs(2);

/// How long the engine may take.
const PATIENCE: Duration = Duration::from_secs(3);

/// What is known of the Docker engine.
#[derive(Debug, Default)]
pub(super) struct Readiness {
    /// Held while asking, so that all who want to know at a time ask once.
    last: Mutex<Option<(Instant, bool)>>,
}

impl Readiness {
    /// Whether it answers.
    pub(super) async fn docker(&self) -> bool {
        let mut last = self.last.lock().await;
        if let Some((at, answers)) = *last
            && at.elapsed() < FRESH
        {
            return answers;
        }
        let answers = matches!(timeout(PATIENCE, Docker::connect(None)).await, Ok(Ok(_)));
        *last = Some((Instant::now(), answers));
        answers
    }
}
