//! A server that runs code for others, over HTTP.
//!
//! Every request is somebody's: the holder of the master key, or of a key that belongs to a tenant. What they may have
//! is decided before anything is done for them, and what one tenant does neither shows nor matters to another. All
//! output goes through the one pipeline of the [engine](crate::engine); nothing here knows how code is run.
//!
//! [`Server::start`] does all that can fail before it accepts requests: images, keys, port. [`Server::shutdown`] takes
//! no more, lets what goes on end until a deadline, answers everything that was accepted, and leaves no container.
//!
//! | part | what it is |
//! |---|---|
//! | [`auth`] | who a request is from: the master key, and keys that a database holds |
//! | `listen`, `connections`, `wire`, `patient`, `websocket` | connections |
//! | `gate`, `caller`, `guesses` | what every request goes through; who sent it, and who tries keys |
//! | `routes` | the answers, one file per resource; `body`, `extract` read requests, `held` is what is sent, `refusal` says no |
//! | `memory` | how much of requests and answers is held at a time |
//! | `run` | from an accepted request to a running program, in the order of the next four |
//! | `policy` | what a request may have: pure |
//! | `admission` | whose turn it is |
//! | `engines`, `sessions` | where it runs; `workshop` makes the engines |
//! | `decisions` | what programs asked of the network a moment ago |
//! | `console` | the page for browsers |
//! | `upkeep`, `cleanup` | what is done from time to time, and on request |
//! | `metrics`, `watch`, `log`, `readiness`, `openapi` | what operators and their tools are told |

pub mod auth;

mod admission;
mod app;
mod body;
mod caller;
mod cleanup;
mod connections;
mod console;
mod decisions;
mod engines;
mod extract;
mod gate;
mod guesses;
mod held;
mod listen;
mod log;
mod memory;
mod metrics;
mod openapi;
mod patient;
mod policy;
mod rate;
mod readiness;
mod refusal;
mod routes;
mod run;
mod sessions;
mod telling;
mod upkeep;
mod watch;
mod websocket;
mod wire;
mod workshop;

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_util::task::AbortOnDropHandle;
use uuid::Uuid;

use crate::api::{ErrorCode, KeyLifetime, Secret};
use crate::audit::{Audit, AuditError, AuditSettings, Surroundings};
use crate::config::Isol8Config;
use crate::image::{CustomImage, CustomImageError, ImageError};
use crate::network::{Policy as NetworkPolicy, PolicyError};
use crate::sandbox::backend::BackendError;
use crate::sandbox::docker::Docker;
pub use cleanup::{Cleaned, Count};

use app::App;
use auth::{AuthError, Authenticator, InvalidKey, InvalidMasterKey, Location, MasterKey, Store};
use caller::Access;
use log::RequestLog;
use metrics::Metrics;
use refusal::Refusal;
use workshop::Workshop;

/// How long answers may take to be sent when everything has ended.
const LAST_ANSWERS: Duration = Duration::from_secs(5);

/// Where a server listens, and who may use it.
#[derive(Debug, Clone)]
pub struct ServerOptions {
    /// The TCP port; 0 for any that is free.
    pub port: u16,
    /// The address or host name to listen on; all addresses when absent.
    pub host: Option<String>,
    /// The master key.
    pub api_key: Secret,
    /// Where further keys are kept; what the configuration says when absent.
    pub auth_db: Option<String>,
    /// Whether there is a page for browsers.
    pub console: bool,
    /// Whether every request is a line on standard error.
    pub log_requests: bool,
}

/// Why there is no server.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// Without a key everybody could use it, or nobody.
    #[error("API key required")]
    NoKey,
    /// A key that nobody could send.
    #[error(transparent)]
    Key(InvalidMasterKey),
    /// The database of keys cannot be used.
    #[error(transparent)]
    Auth(#[from] AuthError),
    /// Somebody else listens there.
    #[error("port {port} is in use")]
    PortInUse {
        /// The port.
        port: u16,
        /// What the system says.
        #[source]
        source: io::Error,
    },
    /// Nobody can listen there, or not we.
    #[error("cannot listen on {at}")]
    Listen {
        /// Host and port.
        at: String,
        /// What the system says.
        #[source]
        source: io::Error,
    },
    /// The audit settings make no sense.
    #[error(transparent)]
    Audit(#[from] AuditError),
    /// The network filter makes no sense.
    #[error(transparent)]
    Network(#[from] PolicyError),
    /// An image of `prebuiltImages` makes no sense.
    #[error("invalid prebuiltImages entry \"{tag}\"")]
    Prebuilt {
        /// Its tag.
        tag: String,
        /// What is wrong with it.
        #[source]
        source: CustomImageError,
    },
    /// An image of `prebuiltImages` could not be built.
    #[error("could not prepare the image \"{tag}\" (prebuiltImages)")]
    Image {
        /// Its tag.
        tag: String,
        /// Why.
        #[source]
        source: ImageError,
    },
    /// No time for which keys can be valid.
    #[error("invalid auth.defaultTtlMs: {0}")]
    Lifetime(String),
    /// Nothing can be logged.
    #[error("could not start to log requests")]
    Log(#[source] io::Error),
    /// There is no Docker engine to prepare images on.
    #[error("could not prepare images (prebuiltImages)")]
    Docker(#[source] BackendError),
}

impl StartError {
    /// What JavaScript sees as `error.code`.
    pub fn code(&self) -> ErrorCode {
        match self {
            Self::NoKey | Self::Key(_) => ErrorCode::InvalidOptions,
            Self::Auth(error) => error.code(),
            Self::PortInUse { .. } => ErrorCode::AddressInUse,
            Self::Listen { .. } => ErrorCode::ListenFailed,
            Self::Audit(_) | Self::Network(_) | Self::Lifetime(_) | Self::Prebuilt { .. } => ErrorCode::InvalidConfig,
            Self::Image { source, .. } => source.code(),
            Self::Docker(_) => ErrorCode::DockerUnavailable,
            Self::Log(_) => ErrorCode::Internal,
        }
    }
}

/// A server that accepts requests. One that is dropped ends at once.
#[derive(Debug)]
pub struct Server {
    app: Arc<App>,
    address: SocketAddr,
    _accepting: AbortOnDropHandle<()>,
    _upkeep: AbortOnDropHandle<()>,
    store: Option<Store>,
    audit: Option<Audit>,
    patience: Duration,
}

impl Server {
    /// Prepares everything and then accepts requests. Must be called within a tokio runtime.
    pub async fn start(options: ServerOptions, config: Isol8Config) -> Result<Self, StartError> {
        if options.api_key.expose().trim().is_empty() {
            return Err(StartError::NoKey);
        }
        let master = MasterKey::new(&options.api_key).map_err(StartError::Key)?;
        let bounds = Arc::new(NetworkPolicy::compile("network", &config.network, Vec::new())?);
        let audit = AuditSettings::parse(config.audit.clone(), &Surroundings::of_this_process())?.map(Audit::new);
        // Before the images, which may take minutes: a port that is taken should be known at once. Nobody is answered
        // before the end.
        let listener = bind(&options).await?;
        let address = listener.local_addr().map_err(|source| listening_failed(&options, source))?;
        prepare_images(&config).await?;
        let store = open_store(&options, &config).await?;
        let lifetime = KeyLifetime::from_millis(config.auth.default_ttl_ms as f64).map_err(InvalidKey::from);
        let lifetime = lifetime.map_err(|error| StartError::Lifetime(error.to_string()))?;
        let per_minute = config.server.limits.per_key.per_minute;
        let access = Access::new(Authenticator::new(master, store.clone()), lifetime, per_minute);
        let metrics = Arc::new(Metrics::new());
        let workshop = Workshop {
            server: Uuid::new_v4().to_string().into(),
            audit: audit.clone(),
            decisions: metrics.decisions.clone(),
            listener: address,
            bounds,
            capacity: usize::try_from(config.max_concurrent).unwrap_or(usize::MAX),
            leaves: Arc::default(),
        };
        let mut app = App::new(&config, access, workshop, metrics);
        app.console = options.console;
        if options.log_requests {
            app.log = Some(RequestLog::start().map_err(StartError::Log)?);
        }
        let app = Arc::new(app);
        let accepting = spawn_accepting(listener, &app);
        let upkeep = AbortOnDropHandle::new(tokio::spawn(upkeep::keep(app.clone())));
        if let Some(store) = store.clone() {
            let every = Duration::from_millis(config.auth.cleanup_interval_ms);
            tokio::spawn(auth::sweep(store, every, app.ending.clone()));
        }
        let patience = Duration::from_millis(config.server.shutdown_timeout_ms);
        Ok(Self { app, address, _accepting: accepting, _upkeep: upkeep, store, audit, patience })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The database of its keys, if there is one, as it can be shown.
    pub fn auth_database(&self) -> Option<String> {
        self.store.as_ref().map(|store| store.location().to_string())
    }

    /// Ends all sessions and executions, and removes their containers; with `images`, isol8's images as well.
    pub async fn cleanup(&self, images: bool) -> Result<Cleaned, (ErrorCode, String)> {
        cleanup::clean(&self.app, None, images).await.map_err(Refusal::into_parts)
    }

    /// Takes no more requests, lets what goes on end until a deadline, ends the rest, and resolves when every request
    /// is answered and every container gone, those that were left running for somebody to look into included. Fails if
    /// one of these is still there.
    pub async fn shutdown(&self) -> Result<(), (ErrorCode, String)> {
        self.app.connections.end();
        self.app.ending.cancel();
        // Beside what is answered, which would wait for the sockets of idle clients.
        if timeout(self.patience, self.app.connections.closed()).await.is_err() {
            tracing::debug!("ending what has not ended by itself");
        }
        self.app.admission.close();
        self.app.sessions.end_all(None).await;
        self.app.engines.stop(None).await;
        self.app.engines.settled().await;
        let removed = cleanup::remove_left(&self.app).await.map_err(Refusal::into_parts);
        if timeout(LAST_ANSWERS, self.app.connections.closed()).await.is_err() {
            self.app.connections.abort();
            self.app.connections.closed().await;
        }
        if let Some(store) = &self.store {
            store.close().await;
        }
        if let Some(audit) = &self.audit {
            audit.flush().await;
        }
        if let Some(log) = &self.app.log {
            log.end(LAST_ANSWERS).await;
        }
        removed
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.app.connections.end();
        self.app.connections.abort();
        self.app.admission.close();
        self.app.ending.cancel();
    }
}

/// The database of keys, if there is to be one.
async fn open_store(options: &ServerOptions, config: &Isol8Config) -> Result<Option<Store>, StartError> {
    let location = match (&options.auth_db, config.auth.enabled) {
        (Some(given), _) => given.as_str(),
        (None, true) => config.auth.database(),
        (None, false) => return Ok(None),
    };
    let location = Location::parse(location, &auth::Surroundings::of_this_process())?;
    Ok(Some(Store::open(location).await?))
}

fn spawn_accepting(listener: tokio::net::TcpListener, app: &Arc<App>) -> AbortOnDropHandle<()> {
    let (connections, router) = (app.connections.clone(), routes::router(app.clone()));
    let accepting: JoinHandle<()> = tokio::spawn(async move { connections.serve(listener, router).await });
    AbortOnDropHandle::new(accepting)
}

async fn bind(options: &ServerOptions) -> Result<tokio::net::TcpListener, StartError> {
    listen::bind(options.host.as_deref(), options.port).await.map_err(|source| match source.kind() {
        io::ErrorKind::AddrInUse => StartError::PortInUse { port: options.port, source },
        _ => listening_failed(options, source),
    })
}

fn listening_failed(options: &ServerOptions, source: io::Error) -> StartError {
    let at = format!("{}:{}", options.host.as_deref().unwrap_or("*"), options.port);
    StartError::Listen { at, source }
}

async fn prepare_images(config: &Isol8Config) -> Result<(), StartError> {
    if config.prebuilt_images.is_empty() {
        return Ok(());
    }
    let docker = Docker::connect(None).await.map_err(StartError::Docker)?;
    for image in &config.prebuilt_images {
        let tag = || image.tag.clone();
        let (packages, setup) = (&image.install_packages, image.setup_script.clone());
        let custom = CustomImage::new(&image.runtime, packages, setup, Some(tag()))
            .map_err(|source| StartError::Prebuilt { tag: tag(), source })?;
        custom.build(&docker, false, &mut |_| {}).await.map_err(|source| StartError::Image { tag: tag(), source })?;
    }
    Ok(())
}
