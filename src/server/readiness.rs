//! Whether what a server cannot do without answers: asked when somebody wants to know, but no more often than makes
//! sense.

use std::time::Duration;

use tokio::sync::Mutex;
use tokio::time::{Instant, timeout};

use super::auth::Store;
use crate::sandbox::docker::Docker;

/// How long an answer is good for.
const FRESH: Duration = Duration::from_secs(2);

/// How long an answer may take. Those who ask do not wait for much longer themselves.
const PATIENCE: Duration = Duration::from_secs(2);

/// What answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Answers {
    /// The Docker engine.
    pub docker: bool,
    /// The database of keys, if there is one.
    pub keys: Option<bool>,
}

/// What is known of it.
#[derive(Debug)]
pub(super) struct Readiness {
    keys: Option<Store>,
    /// Held while asking, so that all who want to know at a time ask once.
    last: Mutex<Option<(Instant, Answers)>>,
}

impl Readiness {
    pub(super) fn new(keys: Option<Store>) -> Self {
        Self { keys, last: Mutex::default() }
    }

    /// What answers now.
    pub(super) async fn answers(&self) -> Answers {
        let mut last = self.last.lock().await;
        if let Some((at, answers)) = *last
            && at.elapsed() < FRESH
        {
            return answers;
        }
        let docker = async { matches!(timeout(PATIENCE, Docker::connect(None)).await, Ok(Ok(_))) };
        let keys = async {
            let store = self.keys.as_ref()?;
            Some(matches!(timeout(PATIENCE, store.check()).await, Ok(Ok(()))))
        };
        let (docker, keys) = tokio::join!(docker, keys);
        let answers = Answers { docker, keys };
        *last = Some((Instant::now(), answers));
        answers
    }
}
