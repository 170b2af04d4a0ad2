//! Where the engines of a server are made.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::caller::Tenant;
use super::decisions::Decisions;
use super::policy::Effective;
use super::refusal::Refusal;
use crate::api::{Mode, Options};
use crate::audit::Audit;
use crate::engine::{Engine, Service};
use crate::network;

/// What all engines of a server have in common. Cheap to clone.
#[derive(Debug, Clone)]
pub(super) struct Workshop {
    /// Which server.
    pub server: Arc<str>,
    /// Where its records go.
    pub audit: Option<Audit>,
    /// Where what programs ask of the network is noted.
    pub decisions: Arc<Decisions>,
    /// Where it listens.
    pub listener: SocketAddr,
    /// What its operator's filter lets through.
    pub bounds: Arc<network::Policy>,
    /// Executions that it runs at a time.
    pub capacity: usize,
    /// Whether it has made engines that leave containers running.
    pub leaves: Arc<AtomicBool>,
}

impl Workshop {
    /// An engine for one tenant.
    pub(super) fn engine(&self, tenant: &Tenant, effective: &Effective, mode: Mode) -> Result<Engine, Refusal> {
        if effective.options.persist == Some(true) {
            self.leaves.store(true, Ordering::Relaxed);
        }
        let service = Service {
            server: self.server.to_string(),
            tenant: tenant.name().map(str::to_owned),
            audit: self.audit.clone(),
            watcher: self.decisions.watcher(tenant),
            listeners: vec![self.listener],
            bounds: effective.bounded.then(|| self.bounds.clone()),
        };
        // Who may run is decided before; an engine of its own accord has nobody wait.
        let max_concurrent = Some(self.capacity as f64);
        let options = Options { mode: Some(mode), max_concurrent, ..effective.options.clone() };
        Engine::for_service(options, service).map_err(|error| {
            let refusal = Refusal::from(error);
            if *tenant == Tenant::Master { refusal } else { refusal.for_outsiders() }
        })
    }
}
