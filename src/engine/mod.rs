//! The engine: `DockerIsol8`.
//!
//! An execution is checked and planned by [`plan`], gets a sandbox ([`holding`]) from the pool or from the [`session`]
//! of a persistent engine, goes through the one pipeline in [`run`] and gives the sandbox back. [`Engine::execute`] is
//! [`Engine::stream`], collected.
//!
//! Nothing is connected or started before the first call that needs it. [`Engine::stop`] ends every execution,
//! returns when no container is left but those that the daemon could not remove yet, and leaves the engine ready to be
//! used again.

mod cleanup;
mod code_url;
mod error;
mod files;
mod forward;
mod gateway;
mod holding;
mod in_line;
mod journal;
mod plan;
mod run;
mod security;
mod service;
mod session;
pub mod settings;
mod stream;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::{OnceCell, Semaphore};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::api::{ExecutionResult, Mode, Options, Request};
use crate::audit::Audit;
use crate::image::{Images, Packages, Resolved};
use crate::runtime::{self, Language, Runtime};
use crate::sandbox::backend::ContainerId;
use crate::sandbox::contract::{ContainerSpec, Image, Seccomp};
use crate::sandbox::docker::{Docker, Owner};
use crate::sandbox::pool::{Lease, Pool};
use crate::telemetry::chain;

pub use cleanup::{
    OwnedContainer, OwnedImage, Removal, Selection, cleanup, cleanup_images, list_containers, list_images,
    list_service_containers,
};
pub use error::Error;
pub use files::{MAX_FILE, MAX_FILES};
pub use in_line::in_line;
pub use plan::PlanError;
pub(crate) use plan::check_request;
pub use run::Controls;
pub use service::Service;
pub use settings::{DEFAULT_MAX_CONCURRENT, Settings, SettingsError};
pub use stream::EventStream;

use holding::Place;
use session::{Bound, Session};

/// Runs untrusted code on a Docker engine. Cheap to clone; all clones are the same engine.
#[derive(Debug, Clone)]
pub struct Engine {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    settings: Settings,
    service: Option<Service>,
    audit: Option<Audit>,
    permits: Arc<Semaphore>,
    /// Replaced by [`Engine::stop`], so that what comes later starts afresh.
    generation: Mutex<Arc<Generation>>,
    /// The container that a persistent engine has left running.
    left: Mutex<Option<ContainerId>>,
    /// Held by [`Engine::stop`], so that a second one does not return before the first.
    stopping: Arc<tokio::sync::Mutex<()>>,
}

/// Everything between two stops.
#[derive(Debug, Default)]
struct Generation {
    /// Ends every execution, those that wait for a permit included.
    stop: CancellationToken,
    /// Whatever is under way.
    tasks: TaskTracker,
    /// Present from the first use on.
    active: OnceCell<Active>,
}

/// What an engine holds while it is in use.
#[derive(Debug)]
struct Active {
    images: Images,
    pool: Pool<Docker>,
    session: Arc<Session>,
    seccomp: Seccomp,
}

impl Engine {
    /// Checks the options. Does no I/O.
    pub fn new(options: Options) -> Result<Self, Error> {
        let settings = Settings::try_from(options)?;
        let audit = settings.audit.clone().map(Audit::new);
        Ok(Self::with(settings, audit, None))
    }

    /// The same for a server. What the options say of records is its affair.
    pub fn for_service(options: Options, service: Service) -> Result<Self, Error> {
        let mut settings = Settings::try_from(Options { audit: None, ..options })?;
        settings.proxy = settings.proxy.map(|proxy| service.narrow(proxy));
        settings.code = settings.code.for_clients();
        Ok(Self::with(settings, service.audit.clone(), Some(service)))
    }

    fn with(settings: Settings, audit: Option<Audit>, service: Option<Service>) -> Self {
        let permits = match settings.mode {
            Mode::Ephemeral => settings.max_concurrent.min(Semaphore::MAX_PERMITS),
            Mode::Persistent => 1,
        };
        let permits = Arc::new(Semaphore::new(permits));
        let (generation, left, stopping) = Default::default();
        Self { shared: Arc::new(Shared { settings, service, audit, permits, generation, left, stopping }) }
    }

    /// Connects, and makes sandboxes ready for `runtimes`. A runtime that cannot be made ready is not an error:
    /// its first execution will say why.
    pub async fn start(&self, prewarm: &[Language]) -> Result<(), Error> {
        let generation = self.shared.generation();
        let start = async {
            let active = self.shared.active(&generation).await?;
            // What would stand ready for a persistent engine is its one sandbox, which its first execution chooses.
            let prewarm = if self.shared.settings.mode == Mode::Persistent { &[] } else { prewarm };
            let warmings = prewarm.iter().map(|runtime| self.shared.warm(active, runtime));
            for (runtime, warmed) in prewarm.iter().zip(futures::future::join_all(warmings).await) {
                if let Err(error) = warmed {
                    tracing::debug!(runtime = runtime.name(), error = chain(&error), "could not prewarm");
                }
            }
            Ok(())
        };
        generation.run(start).await
    }

    /// Ends every execution that has begun and removes every container of this engine. What begins after the call, even
    /// before the future is polled, is for the next time.
    pub fn stop(&self) -> impl Future<Output = ()> + use<> {
        let shared = self.shared.clone();
        let generation = std::mem::take(&mut *shared.lock());
        generation.stop.cancel();
        generation.tasks.close();
        let turn = in_line(shared.stopping.clone().lock_owned());
        async move {
            let _turn = turn.await;
            generation.tasks.wait().await;
            if let Some(active) = generation.active.get() {
                let left = active.session.close(shared.settings.persist).await;
                *shared.left.lock().unwrap_or_else(PoisonError::into_inner) = left;
                active.pool.drain().await;
            }
            if let Some(audit) = &shared.audit {
                audit.flush().await;
            }
        }
    }

    /// How many sandboxes stand ready, and how many are being made so.
    pub fn standing_by(&self) -> (usize, usize) {
        let generation = self.shared.generation();
        generation.active.get().map_or((0, 0), |active| active.pool.standing_by())
    }

    /// The container of a persistent engine, also after it has been left running.
    pub fn container_id(&self) -> Option<ContainerId> {
        let generation = self.shared.generation();
        let current = generation.active.get().and_then(|active| active.session.container_id());
        current.or_else(|| self.shared.left.lock().unwrap_or_else(PoisonError::into_inner).clone())
    }

    /// Where the source text of an execution is to be written, for adapters that have to know before.
    pub fn script_path(&self, extension: String) -> Result<String, Error> {
        Ok(plan::script_path(self.shared.settings.mode, extension)?)
    }

    /// What can be said against `request` at once. Whatever runs it looks at the same again.
    pub(crate) fn check(&self, request: &Request) -> Result<(), Error> {
        Ok(plan::check(&self.shared.settings, request)?)
    }

    /// Runs `request` and resolves when it has ended, whatever its exit code. It takes its place in the queue at
    /// once, not when the future is polled. Must be called within a tokio runtime, like [`Engine::stream`].
    pub fn execute(
        &self,
        request: Request,
        controls: Controls,
    ) -> impl Future<Output = Result<ExecutionResult, Error>> + use<> {
        stream::collect(run::spawn(self.shared.clone(), request, controls))
    }

    /// Runs `request` and yields its output as it comes. Dropping the stream kills the program.
    pub fn stream(&self, request: Request, controls: Controls) -> EventStream {
        EventStream::new(run::spawn(self.shared.clone(), request, controls))
    }
}

impl Generation {
    /// Does `work` unless or until the engine is stopped, and has [`Engine::stop`] wait for its end.
    async fn run<T>(&self, work: impl Future<Output = Result<T, Error>>) -> Result<T, Error> {
        let work = self.tasks.track_future(work);
        tokio::select! {
            biased;
            () = self.stop.cancelled() => Err(Error::Stopped),
            outcome = work => outcome,
        }
    }

    /// The session of a persistent engine, and its sandbox.
    fn session(&self) -> Result<(&Session, Bound), Error> {
        let session = &self.active.get().ok_or(Error::NoContainer)?.session;
        Ok((session, session.current()?.ok_or(Error::NoContainer)?))
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Arc<Generation>> {
        // Held for an assignment at the most.
        self.generation.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn generation(&self) -> Arc<Generation> {
        self.lock().clone()
    }

    async fn active<'a>(&self, generation: &'a Generation) -> Result<&'a Active, Error> {
        let connect = async {
            let seccomp = security::seccomp(&self.settings.seccomp).await?;
            let docker = Docker::connect(self.settings.docker.as_ref()).await?;
            if let Some(name) = &self.settings.limits.oci_runtime {
                security::check_oci_runtime(&docker, name).await?;
            }
            let abandoned = docker.clone();
            let stopped = generation.stop.clone().cancelled_owned();
            generation.tasks.spawn(async move {
                tokio::select! {
                    () = stopped => {}
                    () = abandoned.remove_abandoned() => {}
                }
            });
            let (images, pool) = (Images::new(docker.clone()), Pool::new(docker, self.settings.pool));
            Ok(Active { images, pool, session: Arc::default(), seccomp })
        };
        generation.active.get_or_try_init(|| connect).await
    }

    /// A sandbox for `runtime`, with as many of `packages` as an image has, and what has to be known of that.
    async fn lease(
        &self,
        active: &Active,
        runtime: &Language,
        packages: &Packages,
    ) -> Result<(Lease<Docker>, Place), Error> {
        let (spec, place) = self.spec(active, runtime, packages).await?;
        match active.pool.acquire(&spec).await.map_err(Error::from) {
            // Someone removed the image that we remembered. Look again, once.
            Err(error) if error.is_missing_image() => {
                active.images.forget();
                let (spec, place) = self.spec(active, runtime, packages).await?;
                Ok((active.pool.acquire(&spec).await?, place))
            }
            leased => Ok((leased?, place)),
        }
    }

    async fn warm(&self, active: &Active, runtime: &Language) -> Result<(), Error> {
        if runtime.is_agent() {
            // No execution could use it.
            plan::check_network_of_agent(&self.settings)?;
        }
        let (spec, _) = self.spec(active, runtime, &Packages::default()).await?;
        Ok(active.pool.warm(&spec).await?)
    }

    async fn spec(
        &self,
        active: &Active,
        runtime: &Language,
        packages: &Packages,
    ) -> Result<(Arc<ContainerSpec>, Place), Error> {
        let chosen = self.settings.image.as_deref();
        let Resolved { image, packages } = active.images.resolve_with(runtime, chosen, packages).await?;
        let place = Place { setup: image.setup().map(str::to_owned), registries: image.registries(), packages };
        let image = Image { knows_localhost: image.knows_localhost(), id: image.id };
        let owner = Owner::this_process().to_string();
        let limits = self.settings.limits_of(runtime);
        let mut spec = ContainerSpec::new(image, runtime.name(), &owner, limits, active.seccomp.clone());
        if let Some(service) = &self.service {
            spec.labels.extend(service.labels());
        }
        Ok((Arc::new(spec), place))
    }
}

/// The runtimes of these names; all of them when there are none.
pub fn runtimes(names: &[String]) -> Result<Vec<&'static Runtime>, Error> {
    if names.is_empty() {
        return Ok(runtime::ALL.to_vec());
    }
    names.iter().map(|name| runtime::get(name).map_err(|error| PlanError::from(error).into())).collect()
}
