//! Persistent mode: the one sandbox that all executions of an engine share, with its files and background processes.
//!
//! It is started by the first execution and bound to that one's runtime until the engine is stopped. Executions come
//! one after the other, since the engine then has a single permit; file operations go on beside them. A sandbox that
//! has ended by itself is reported once, and the next execution starts another.

use std::ops::Deref;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::OwnedSemaphorePermit;
use tokio_util::task::TaskTracker;

use super::Error;
use super::gateway::Gateway;
use super::holding::Place;
use crate::image::Packages;
use crate::network::proxy::Outlet;
use crate::runtime::Language;
use crate::sandbox::Sandbox;
use crate::sandbox::backend::ContainerId;
use crate::sandbox::channel::ChannelError;
use crate::sandbox::docker::Docker;
use crate::sandbox::pool::Lease;

/// The shared sandbox, from the first execution on.
#[derive(Debug, Default)]
pub(super) struct Session {
    bound: Mutex<Option<Bound>>,
}

/// A sandbox and what it was made for.
#[derive(Debug, Clone)]
pub(super) struct Bound {
    pub(super) runtime: Language,
    pub(super) place: Place,
    /// Its way out, open for as long as it lives.
    gateway: Option<Arc<Gateway>>,
    sandbox: Arc<Lease<Docker>>,
}

impl Bound {
    pub(super) fn new(runtime: Language, place: Place, mut lease: Lease<Docker>, gateway: Option<Gateway>) -> Self {
        // Nobody else gets it afterwards.
        lease.discard();
        Self { runtime, place, gateway: gateway.map(Arc::new), sandbox: Arc::new(lease) }
    }
}

impl Deref for Bound {
    type Target = Sandbox;

    fn deref(&self) -> &Sandbox {
        &self.sandbox
    }
}

impl Session {
    /// Held for an assignment at the most.
    fn lock(&self) -> MutexGuard<'_, Option<Bound>> {
        self.bound.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The sandbox, if there is one.
    pub(super) fn current(&self) -> Result<Option<Bound>, Error> {
        let mut bound = self.lock();
        match bound.take_if(|bound| bound.channel().is_lost()) {
            Some(lost) => Err(Error::SessionLost { container: lost.id().clone() }),
            None => Ok(bound.clone()),
        }
    }

    /// Why a file operation in `sandbox` failed. If it was lost over that, this is the report.
    pub(super) fn error(&self, sandbox: &Bound, error: ChannelError) -> Error {
        if !matches!(error, ChannelError::Lost) {
            return error.into();
        }
        self.lock().take_if(|bound| bound.id() == sandbox.id());
        Error::SessionLost { container: sandbox.id().clone() }
    }

    pub(super) fn bind(&self, bound: Bound) {
        *self.lock() = Some(bound);
    }

    /// These packages have been installed in `sandbox`.
    fn add_packages(&self, sandbox: &Bound, packages: &Packages) {
        if let Some(bound) = self.lock().as_mut().filter(|bound| bound.id() == sandbox.id()) {
            bound.place.packages.add(packages);
        }
    }

    /// Ends the sandbox as soon as nobody uses it any more: its state is unknown, or its loss has been reported.
    pub(super) fn forget(&self) {
        self.lock().take();
    }

    pub(super) fn container_id(&self) -> Option<ContainerId> {
        self.lock().as_ref().map(|bound| bound.id().clone())
    }

    /// Lets go of the sandbox; one that is to persist is left running, and its id returned. In any other, what still runs
    /// has a moment to end by itself. Nobody may use it any more.
    pub(super) async fn close(&self, persist: bool) -> Option<ContainerId> {
        let sandbox = Arc::into_inner(self.lock().take()?.sandbox)?;
        if persist {
            return left(sandbox).await;
        }
        if let Err(error) = sandbox.channel().end().await {
            tracing::debug!(container = sandbox.id().short(), error = %error, "nobody in a container was asked to end");
        }
        None
    }
}

/// Leaves a sandbox running, if that is possible.
pub(super) async fn left(sandbox: Lease<Docker>) -> Option<ContainerId> {
    tracing::debug!(container = sandbox.id().short(), "leaving a container running");
    let left = sandbox.leave().await;
    left.inspect_err(|error| tracing::warn!(error = %error, "could not leave a container running")).ok()
}

/// The right to run commands in the shared sandbox. When it is dropped before the command has ended, the command is
/// killed, and the right passed on when it is gone.
#[derive(Debug)]
pub(super) struct Turn {
    session: Arc<Session>,
    bound: Bound,
    /// Taken when the turn ends, and only then.
    permit: Option<OwnedSemaphorePermit>,
    tasks: TaskTracker,
    has_ended: bool,
}

impl Turn {
    pub(super) fn new(session: Arc<Session>, bound: Bound, permit: OwnedSemaphorePermit, tasks: TaskTracker) -> Self {
        Self { session, bound, permit: Some(permit), tasks, has_ended: false }
    }

    /// What goes through the way out, if there is one.
    pub(super) fn outlet(&self) -> Option<&Arc<Outlet>> {
        self.bound.gateway.as_ref().map(|gateway| gateway.outlet())
    }

    /// These packages have been installed; the next turns find them.
    pub(super) fn add_packages(&self, packages: &Packages) {
        self.session.add_packages(&self.bound, packages);
    }

    /// The command has ended by itself.
    pub(super) fn end(&mut self) {
        self.has_ended = true;
    }

    /// The sandbox is in an unknown state.
    pub(super) fn discard(&mut self) {
        self.has_ended = true;
        self.session.forget();
    }
}

impl Deref for Turn {
    type Target = Sandbox;

    fn deref(&self) -> &Sandbox {
        &self.bound
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        if self.has_ended {
            return;
        }
        let (session, bound, permit) = (self.session.clone(), self.bound.clone(), self.permit.take());
        self.tasks.spawn(async move {
            if let Err(error) = bound.channel().abandon().await {
                tracing::debug!(container = bound.id().short(), error = %error, "a cancelled command could not be killed");
                session.forget();
            }
            drop(permit);
        });
    }
}
