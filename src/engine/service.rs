//! What an engine has to do with the server that it belongs to, if it does.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;

use crate::audit::Audit;
use crate::network::Policy;
use crate::network::proxy::Proxy;
use crate::network::traffic::Watcher;
use crate::sandbox::contract::{LABEL_SERVER, LABEL_TENANT};

/// For whom an engine works. Nothing of it is the client's to decide.
#[derive(Debug, Clone)]
pub struct Service {
    /// Which server; goes on its containers.
    pub server: String,
    /// Whose executions they are; goes on the containers, and into the records.
    pub tenant: Option<String>,
    /// Where records go, instead of a writer of the engine's own. All engines of a server have the same.
    pub audit: Option<Audit>,
    /// Who is told of what programs ask of the network.
    pub watcher: Arc<dyn Watcher>,
    /// Where the server itself listens: no program may reach that.
    pub listeners: Vec<SocketAddr>,
    /// What programs may reach at the most, whatever the options say.
    pub bounds: Option<Arc<Policy>>,
}

impl Service {
    pub(super) fn labels(&self) -> BTreeMap<&'static str, String> {
        let tenant = self.tenant.clone().map(|tenant| (LABEL_TENANT, tenant));
        [(LABEL_SERVER, self.server.clone())].into_iter().chain(tenant).collect()
    }

    /// The same proxy as this server wants it.
    pub(super) fn narrow(&self, proxy: Proxy) -> Proxy {
        proxy.watched(self.watcher.clone()).with_policy(|policy: Policy| {
            let policy = policy.sparing(self.listeners.clone()).for_clients();
            match &self.bounds {
                Some(bounds) => policy.within(bounds.clone()),
                None => policy,
            }
        })
    }
}
