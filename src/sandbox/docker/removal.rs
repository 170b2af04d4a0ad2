//! Removing containers, for good.
//!
//! A daemon that is restarted, or whose storage is in trouble, while it removes a container keeps it, dead, and does not
//! try again by itself. So we ask it again: this process for an hour, and then the next engine on that daemon
//! ([`Docker::remove_abandoned`]).

use std::collections::HashSet;
use std::sync::{LazyLock, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bollard::errors::Error as DockerError;
use bollard::query_parameters::{RemoveContainerOptions, WaitContainerOptions};
use futures::StreamExt;
use tokio::sync::Semaphore;
use tokio::time::{Instant, sleep, timeout};

use super::{BackendError, Docker, status};
use crate::sandbox::backend::ContainerId;
use crate::telemetry::chain;

/// How many containers the daemon is asked to remove at a time. Killing is slow, and more would not speed it up.
pub const AT_A_TIME: usize = 4;

/// How long the daemon may take to remove a container.
const PATIENCE: Duration = Duration::from_secs(30);

/// How long a removal that is under way is waited for before it is asked for again: whoever begins to wait when it has
/// failed is told nothing.
const UNDER_WAY: Duration = Duration::from_secs(2);

/// Before a removal that failed is tried again; twice as long each time.
const FIRST_PAUSE: Duration = Duration::from_millis(250);

/// The longest of these.
const LAST_PAUSE: Duration = Duration::from_secs(10);

/// What has failed for so long is for people to look at.
const GIVE_UP_AFTER: Duration = Duration::from_secs(3600);

/// Containers that are tried again at any time. A daemon that removes nothing at all would have us keep more and more.
const MOST_PENDING: usize = 1000;

const ACTION: &str = "remove a container";

/// Those of all engines in this process.
static PENDING: LazyLock<Mutex<HashSet<ContainerId>>> = LazyLock::new(Mutex::default);

/// A daemon in trouble is not given more of it.
static TURNS: Semaphore = Semaphore::const_new(AT_A_TIME);

/// Whether containers of this process are left that could not be removed yet.
pub fn removals_pending() -> bool {
    !pending().is_empty()
}

/// Held for some bookkeeping at the most.
fn pending() -> MutexGuard<'static, HashSet<ContainerId>> {
    PENDING.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A container that could not be removed yet.
struct Pending(ContainerId);

impl Pending {
    /// `Ok(None)` if it is one already, as when several engines come upon it.
    fn begin(id: &ContainerId) -> Result<Option<Self>, TooMany> {
        let mut pending = pending();
        if pending.contains(id) {
            return Ok(None);
        }
        if pending.len() >= MOST_PENDING {
            return Err(TooMany);
        }
        pending.insert(id.clone());
        Ok(Some(Self(id.clone())))
    }
}

/// See [`MOST_PENDING`].
#[derive(Debug)]
struct TooMany;

impl Drop for Pending {
    fn drop(&mut self) {
        pending().remove(&self.0);
    }
}

impl Docker {
    /// Removes a container, running or not, and waits until it is gone. One that is gone already counts as removed. What
    /// fails is not tried again, as [`Backend::destroy`](crate::sandbox::backend::Backend::destroy) does.
    pub async fn remove(&self, id: &ContainerId) -> Result<(), BackendError> {
        let late = |_| Err(BackendError::Late { action: ACTION, after: PATIENCE });
        timeout(PATIENCE, self.remove_at_leisure(id)).await.unwrap_or_else(late)
    }

    async fn remove_at_leisure(&self, id: &ContainerId) -> Result<(), BackendError> {
        loop {
            let options = RemoveContainerOptions { force: true, v: true, ..Default::default() };
            match self.client.remove_container(id.as_str(), Some(options)).await {
                Ok(()) => return Ok(()),
                // Its guest has exited, and the daemon is removing it already.
                Err(error) if status(&error) == Some(409) => {}
                Err(error) => return self.unless_gone(error),
            }
            if let Ok(removed) = timeout(UNDER_WAY, self.removed(id)).await {
                return removed;
            }
        }
    }

    /// Waits until the daemon has finished a removal that is under way.
    async fn removed(&self, id: &ContainerId) -> Result<(), BackendError> {
        let options = WaitContainerOptions { condition: "removed".to_owned() };
        let mut answers = std::pin::pin!(self.client.wait_container(id.as_str(), Some(options)));
        // It tells the exit code of the guest, and why the container is still there if it is.
        let failure = match answers.next().await {
            Some(Ok(answer)) => answer.error.and_then(|error| error.message).unwrap_or_default(),
            Some(Err(DockerError::DockerContainerWaitError { error, .. })) => error,
            Some(Err(error)) => return self.unless_gone(error),
            None => "the daemon hung up".to_owned(),
        };
        if failure.is_empty() {
            return Ok(());
        }
        Err(BackendError::Failed { action: ACTION, source: failure.into() })
    }

    fn unless_gone(&self, error: DockerError) -> Result<(), BackendError> {
        if status(&error) == Some(404) { Ok(()) } else { Err(self.error(ACTION, error)) }
    }

    /// Tries again, in the background, until the container is gone. `error` is why it is not.
    pub(super) fn keep_removing(&self, id: ContainerId, error: &BackendError) {
        let pending = match Pending::begin(&id) {
            Ok(Some(pending)) => pending,
            Ok(None) => return,
            Err(TooMany) => {
                return tracing::warn!(container = id.short(), error = chain(error), "could not remove a container");
            }
        };
        tracing::warn!(container = id.short(), error = chain(error), "could not remove a container yet");
        let docker = self.clone();
        tokio::spawn(async move {
            let _pending = pending;
            let began = Instant::now();
            let mut pause = FIRST_PAUSE;
            loop {
                sleep(pause).await;
                let turn = TURNS.acquire().await;
                let removed = docker.remove(&id).await;
                drop(turn);
                match removed {
                    Ok(()) => return tracing::debug!(container = id.short(), "removed a container at last"),
                    Err(error) if began.elapsed() > GIVE_UP_AFTER => {
                        return tracing::warn!(
                            container = id.short(),
                            error = chain(&error),
                            "could not remove a container"
                        );
                    }
                    Err(_) => pause = (pause * 2).min(LAST_PAUSE),
                }
            }
        });
    }
}

#[cfg(test)]
mod tests;
