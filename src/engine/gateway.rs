//! The way out of one sandbox: its connections, served by the engine's proxy for as long as this lives.

use std::sync::Arc;

use futures::{StreamExt, stream};
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
        let (proxy, mut tunnels) = (proxy?.clone(), sandbox.channel().tunnels()?.take());
        let outlet = Arc::new(Outlet::new(proxy));
        let connections = stream::poll_fn(move |cx| tunnels.poll_recv(cx)).map(|tunnel| {
            let gone = tunnel.gone().clone();
            (tunnel, gone)
        });
        let serving = tokio::spawn(proxy::serve(outlet.clone(), connections));
        Some(Self { outlet, _serving: AbortOnDropHandle::new(serving) })
    }

    /// What the sandbox may reach, and what goes through.
    pub(super) fn outlet(&self) -> &Arc<Outlet> {
        &self.outlet
    }
}
