//! Package registries: let through for a time, and what was let through only as one ends with that time.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::Outlet;
use crate::network::Host;

/// The registries that one sandbox may reach at the moment.
#[derive(Debug, Default)]
pub(super) struct Registries(Mutex<Open>);

#[derive(Debug, Default)]
struct Open {
    hosts: Arc<[Host]>,
    /// Cancelled when they are closed again.
    closed: CancellationToken,
}

impl Registries {
    /// If `host` is one of them: what tells when it is not any more.
    pub(super) fn of(&self, host: &Host) -> Option<CancellationToken> {
        let open = self.lock();
        open.hosts.contains(host).then(|| open.closed.clone())
    }

    fn replace(&self, open: Open) {
        std::mem::replace(&mut *self.lock(), open).closed.cancel();
    }

    /// Held for an assignment at the most.
    fn lock(&self) -> MutexGuard<'_, Open> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Outlet {
    /// Lets programs reach these hosts as well, for as long as what is returned lives and whether or not the whitelist
    /// names them: the package registries that an image was configured for. Whoever built the image has chosen them, so
    /// they may also be on a private network, as a company's mirror is. The blacklist and the ports hold for them, too.
    pub fn let_through(self: &Arc<Self>, registries: Arc<[Host]>) -> LetThrough {
        self.registries.replace(Open { hosts: registries, closed: CancellationToken::new() });
        LetThrough(self.clone())
    }
}

/// Registries that are let through. Dropping it closes them, also to what has reached them already.
#[derive(Debug)]
pub struct LetThrough(Arc<Outlet>);

impl Drop for LetThrough {
    fn drop(&mut self) {
        self.0.registries.replace(Open::default());
    }
}

/// For how long a connection of a program may be used: for good, or, once it has been let through to a registry, until
/// registries are closed. Clones are about the same connection.
#[derive(Debug, Clone)]
pub(super) struct Term(watch::Sender<Option<CancellationToken>>);

impl Term {
    pub(super) fn new() -> Self {
        Self(watch::Sender::new(None))
    }

    /// It has been let through to a registry, which `closed` says the end of.
    pub(super) fn ends_with(&self, closed: CancellationToken) {
        self.0.send_replace(Some(closed));
    }

    /// Resolves when it may not be used any more.
    pub(super) async fn end(&self) {
        let mut told = self.0.subscribe();
        let closed = match told.wait_for(Option::is_some).await {
            Ok(closed) => closed.clone(),
            Err(_) => None,
        };
        match closed {
            Some(closed) => closed.cancelled().await,
            None => std::future::pending().await,
        }
    }
}
