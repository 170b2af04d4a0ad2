//! The sandbox that an execution has, and its permit.

use std::ops::Deref;
use std::sync::Arc;

use tokio::sync::OwnedSemaphorePermit;

use super::gateway::Gateway;
use super::session::{Bound, Turn, left};
use super::{Active, Error, Generation, Shared};
use crate::api::Mode;
use crate::image::Packages;
use crate::network::Host;
use crate::network::proxy::Outlet;
use crate::runtime::Language;
use crate::sandbox::Sandbox;
use crate::sandbox::docker::Docker;
use crate::sandbox::pool::Lease;

/// What an execution has to know of the image that its sandbox was started from.
#[derive(Debug, Clone)]
pub(super) struct Place {
    /// What the image wants to be run before every execution.
    pub(super) setup: Option<String>,
    /// The package registries that it is configured for.
    pub(super) registries: Arc<[Host]>,
    /// The packages that nobody has to install any more: those that it was chosen for, and what a session has installed.
    pub(super) packages: Packages,
}

/// A sandbox in use. Dropping it before the command has ended kills the command; the permit is passed on either way.
#[derive(Debug)]
pub(super) enum Holding {
    /// Of its own: it goes back to the pool.
    Own {
        /// Its way out; closed before it is given back.
        gateway: Option<Gateway>,
        /// The sandbox.
        lease: Lease<Docker>,
        /// Given back after it.
        _permit: OwnedSemaphorePermit,
    },
    /// That of the session, for one turn.
    Shared(Turn),
}

impl Deref for Holding {
    type Target = Sandbox;

    fn deref(&self) -> &Sandbox {
        match self {
            Self::Own { lease, .. } => lease,
            Self::Shared(turn) => turn,
        }
    }
}

impl Holding {
    /// The command has ended; nothing of it has to be killed.
    pub(super) fn end(&mut self) {
        match self {
            Self::Own { .. } => {}
            Self::Shared(turn) => turn.end(),
        }
    }

    /// The command has ended, and the sandbox with it. Whoever uses a session next is told.
    pub(super) fn end_lost(&mut self) {
        match self {
            Self::Own { lease, .. } => lease.discard(),
            Self::Shared(turn) => turn.end(),
        }
    }

    /// The sandbox is in an unknown state, and must not be used again.
    pub(super) fn discard(&mut self) {
        match self {
            Self::Own { lease, .. } => lease.discard(),
            Self::Shared(turn) => turn.discard(),
        }
    }

    /// These packages have been installed in it. In a session they stay.
    pub(super) fn add_packages(&self, packages: &Packages) {
        match self {
            Self::Own { .. } => {}
            Self::Shared(turn) => turn.add_packages(packages),
        }
    }

    /// What goes through the way out, if there is one.
    pub(super) fn outlet(&self) -> Option<&Arc<Outlet>> {
        match self {
            Self::Own { gateway, .. } => gateway.as_ref().map(Gateway::outlet),
            Self::Shared(turn) => turn.outlet(),
        }
    }

    /// Leaves a sandbox of its own running. That of a session stays until the engine is stopped anyway.
    pub(super) async fn leave(self) {
        if let Self::Own { lease, .. } = self {
            left(lease).await;
        }
    }
}

impl Shared {
    /// A sandbox for `runtime`, with as many of `packages` as an image has, and what has to be known of it.
    pub(super) async fn hold(
        &self,
        generation: &Generation,
        active: &Active,
        runtime: &Language,
        packages: &Packages,
        permit: OwnedSemaphorePermit,
    ) -> Result<(Holding, Place), Error> {
        if self.settings.mode == Mode::Ephemeral {
            let (lease, place) = self.lease(active, runtime, packages).await?;
            let gateway = Gateway::open(self.settings.proxy.as_ref(), &lease);
            return Ok((Holding::Own { gateway, lease, _permit: permit }, place));
        }
        let bound = match active.session.current()? {
            Some(bound) if bound.runtime != *runtime => {
                let (from, to) = (bound.runtime.name().to_owned(), runtime.name().to_owned());
                return Err(Error::RuntimeSwitch { from, to });
            }
            Some(bound) => bound,
            None => {
                let (lease, place) = self.lease(active, runtime, packages).await?;
                let gateway = Gateway::open(self.settings.proxy.as_ref(), &lease);
                let bound = Bound::new(runtime.clone(), place, lease, gateway);
                active.session.bind(bound.clone());
                bound
            }
        };
        let place = bound.place.clone();
        let turn = Turn::new(active.session.clone(), bound, permit, generation.tasks.clone());
        Ok((Holding::Shared(turn), place))
    }
}
