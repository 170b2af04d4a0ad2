//! The way out of one sandbox: its connections, served by the engine's proxy for as long as this lives.

use std::sync::Arc;

use tokio_util::task::AbortOnDropHandle;

use crate::network::proxy::{self, Proxy};
use crate::network::traffic::Traffic;
use crate::sandbox::Sandbox;

/// Serves the connections of a sandbox. Dropping it ends them all.
#[derive(Debug)]
pub(super) struct Gateway {
    traffic: Arc<Traffic>,
    _serving: AbortOnDropHandle<()>,
}

impl Gateway {
    /// Begins to serve, if there is a proxy and the sandbox has a way to it. Must be called within a tokio runtime.
    pub(super) fn open(proxy: Option<&Arc<Proxy>>, sandbox: &Sandbox) -> Option<Self> {
        let (proxy, tunnels) = (proxy?.clone(), sandbox.channel().tunnels()?.clone());
        let traffic = Arc::new(Traffic::default());
        let observed = traffic.clone();
        let serving = tokio::spawn(async move {
            // Whoever served it before may need a moment to let go.
            let mut tunnels = tunnels.lock().await;
            proxy::serve(proxy, &mut *tunnels, observed).await;
        });
        Some(Self { traffic, _serving: AbortOnDropHandle::new(serving) })
    }

    /// What goes through it.
    pub(super) fn traffic(&self) -> &Arc<Traffic> {
        &self.traffic
    }
}
