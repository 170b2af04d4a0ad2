//! The way out of one sandbox: its connections, served by the engine's proxy for as long as this lives.

use std::sync::Arc;

use tokio_util::task::AbortOnDropHandle;

use crate::network::proxy::{self, Outlet, Proxy};
use crate::sandbox::Sandbox;

/// Serves the connections of a sandbox. Dropping it ends them all.
#[derive(Debug)]
pub(super) struct Gateway {
    outlet: Arc<Outlet>,
    _serving: AbortOnDropHandle<()>,
}

impl Gateway {
    /// Begins to serve, if there is a proxy and the sandbox has a way to it. Must be called within a tokio runtime.
    pub(super) fn open(proxy: Option<&Proxy>, sandbox: &Sandbox) -> Option<Self> {
        let (proxy, tunnels) = (proxy?.clone(), sandbox.channel().tunnels()?.clone());
        let outlet = Arc::new(Outlet::new(proxy));
        let served = outlet.clone();
        let serving = tokio::spawn(async move {
            // Whoever served it before may need a moment to let go.
            let mut tunnels = tunnels.lock().await;
            proxy::serve(served, &mut *tunnels).await;
        });
        Some(Self { outlet, _serving: AbortOnDropHandle::new(serving) })
    }

    /// What the sandbox may reach, and what goes through.
    pub(super) fn outlet(&self) -> &Arc<Outlet> {
        &self.outlet
    }
}
