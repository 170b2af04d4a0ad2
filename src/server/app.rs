//! What the routes of a server share.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::{Duration, Instant};

use axum::body::Body;
use serde::de::DeserializeOwned;
use tokio_util::sync::CancellationToken;

use super::admission::{Admission, Bounds};
use super::body;
use super::caller::{Access, Caller, Tenant};
use super::cleanup::Passes;
use super::connections::Connections;
use super::engines::Engines;
use super::log::RequestLog;
use super::memory::{Memory, Share};
use super::metrics::Metrics;
use super::policy::Policy;
use super::rate::Rate;
use super::readiness::Readiness;
use super::refusal::Refusal;
use super::sessions::Sessions;
use super::workshop::Workshop;
use crate::api::Size;
use crate::config::Isol8Config;

/// What the routes share.
#[derive(Debug)]
pub(super) struct App {
    pub(super) access: Access,
    pub(super) policy: Policy,
    pub(super) admission: Admission,
    pub(super) engines: Engines,
    pub(super) sessions: Arc<Sessions>,
    /// Names this server on its containers.
    pub(super) server: Arc<str>,
    /// Whether it may have left containers running.
    pub(super) leaves: Arc<AtomicBool>,
    /// The longest body.
    pub(super) body_size: u64,
    pub(super) memory: Memory,
    pub(super) connections: Connections,
    pub(super) metrics: Arc<Metrics>,
    pub(super) log: Option<RequestLog>,
    /// Whether there is a page for browsers.
    pub(super) console: bool,
    /// How many requests a tenant may make.
    pub(super) tenant_rate: Option<Rate<Tenant>>,
    pub(super) readiness: Readiness,
    /// Clean-ups that go on.
    pub(super) passes: Passes,
    pub(super) started: Instant,
    /// How long a session may be idle; `None`: for ever.
    pub(super) session_age: Option<Duration>,
    /// Cancelled when the server begins to end.
    pub(super) ending: CancellationToken,
}

impl App {
    pub(super) fn new(config: &Isol8Config, access: Access, workshop: Workshop, metrics: Arc<Metrics>) -> Self {
        let limits = &config.server.limits;
        let size = |text: &str| text.parse::<Size>().map_or(0, Size::bytes);
        let body_size = size(&limits.body_size);
        let number = |n: u64| usize::try_from(n).unwrap_or(usize::MAX);
        let unlimited = |quota: Option<u64>| quota.map_or(usize::MAX, number);
        let bounds = Bounds {
            capacity: workshop.capacity,
            queue: number(limits.queue),
            per_tenant: unlimited(limits.per_tenant.concurrent),
            per_key: unlimited(limits.per_key.concurrent),
        };
        let readiness = Readiness::new(access.store().cloned());
        Self {
            access,
            policy: Policy::new(config),
            admission: Admission::new(bounds),
            server: workshop.server.clone(),
            leaves: workshop.leaves.clone(),
            sessions: Sessions::new(workshop.clone(), number(limits.sessions)),
            engines: Engines::new(workshop),
            body_size,
            memory: Memory::new(size(&limits.held_size).max(body_size)),
            connections: Connections::new(number(config.server.max_connections)),
            metrics,
            log: None,
            console: true,
            tenant_rate: limits.per_tenant.per_minute.map(Rate::new),
            readiness,
            passes: Passes::default(),
            started: Instant::now(),
            session_age: config.cleanup.auto_prune.then(|| Duration::from_millis(config.cleanup.max_container_age_ms)),
            ending: CancellationToken::new(),
        }
    }

    /// What a caller has sent, and what it takes up.
    pub(super) async fn read<T: DeserializeOwned>(&self, caller: &Caller, body: Body) -> Result<(T, Share), Refusal> {
        let mut share = self.memory.share(caller.tenant());
        let value = body::json(body, self.body_size, &mut share).await?;
        Ok((value, share))
    }
}
