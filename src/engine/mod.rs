//! The engine: `DockerIsol8`.
//!
//! An execution is checked and planned by [`plan`], gets a sandbox from the pool, goes through the one pipeline in
//! [`run`] and gives the sandbox back. [`Engine::execute`] is [`Engine::stream`], collected.
//!
//! Nothing is connected or started before the first call that needs it. [`Engine::stop`] ends every execution,
//! returns when no container is left, and leaves the engine ready to be used again.

mod cleanup;
mod error;
mod plan;
mod run;
mod settings;
mod stream;

use std::sync::Arc;

use tokio::sync::{Mutex, Semaphore};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::api::{ExecutionResult, Options, Request};
use crate::image::{Images, LocalImage};
use crate::runtime::{self, Runtime};
use crate::sandbox::contract::ContainerSpec;
use crate::sandbox::docker::{Docker, Owner};
use crate::sandbox::pool::{Lease, Pool};

pub use cleanup::{Removal, cleanup, cleanup_images};
pub use error::Error;
pub use plan::PlanError;
pub use settings::{DEFAULT_MAX_CONCURRENT, Settings, SettingsError};
pub use stream::EventStream;

/// Runs untrusted code on a Docker engine. Cheap to clone; all clones are the same engine.
#[derive(Debug, Clone)]
pub struct Engine {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    settings: Settings,
    permits: Arc<Semaphore>,
    /// Present between the first use and [`Engine::stop`].
    active: Mutex<Option<Arc<Active>>>,
}

/// What an engine holds while it is in use.
#[derive(Debug)]
struct Active {
    images: Images,
    pool: Pool<Docker>,
    /// Ends every execution.
    stop: CancellationToken,
    /// The executions that are under way.
    runs: TaskTracker,
}

impl Engine {
    /// Checks the options. Does no I/O.
    pub fn new(options: Options) -> Result<Self, Error> {
        let settings = Settings::try_from(options)?;
        let permits = Arc::new(Semaphore::new(settings.max_concurrent.min(Semaphore::MAX_PERMITS)));
        Ok(Self { shared: Arc::new(Shared { settings, permits, active: Mutex::default() }) })
    }

    /// Connects, and makes sandboxes ready for `runtimes`. A runtime that cannot be made ready is not an error:
    /// its first execution will say why.
    pub async fn start(&self, prewarm: &[&'static Runtime]) -> Result<(), Error> {
        let active = self.shared.active().await?;
        let warmings = prewarm.iter().map(|&runtime| self.shared.warm(&active, runtime));
        for (runtime, warmed) in prewarm.iter().zip(futures::future::join_all(warmings).await) {
            if let Err(error) = warmed {
                tracing::debug!(runtime = runtime.name, error = error.full_message(), "could not prewarm");
            }
        }
        Ok(())
    }

    /// Ends every execution and removes every container of this engine.
    pub async fn stop(&self) {
        let Some(active) = self.shared.active.lock().await.take() else { return };
        active.stop.cancel();
        active.runs.close();
        active.runs.wait().await;
        active.pool.drain().await;
    }

    /// Runs `request` and resolves when it has ended, whatever its exit code.
    pub async fn execute(&self, request: Request) -> Result<ExecutionResult, Error> {
        stream::collect(run::spawn(self.shared.clone(), request)).await
    }

    /// Runs `request` and yields its output as it comes. Dropping the stream kills the program.
    pub fn stream(&self, request: Request) -> EventStream {
        EventStream::new(run::spawn(self.shared.clone(), request))
    }
}

impl Shared {
    async fn active(&self) -> Result<Arc<Active>, Error> {
        let mut slot = self.active.lock().await;
        if let Some(active) = slot.as_ref() {
            return Ok(active.clone());
        }
        let docker = Docker::connect(self.settings.docker.as_ref()).await?;
        let active = Arc::new(Active {
            images: Images::new(docker.clone()),
            pool: Pool::new(docker, self.settings.pool),
            stop: CancellationToken::new(),
            runs: TaskTracker::new(),
        });
        *slot = Some(active.clone());
        Ok(active)
    }

    /// A sandbox for `runtime`.
    async fn lease(&self, active: &Active, runtime: &'static Runtime) -> Result<Lease<Docker>, Error> {
        let spec = self.spec(active, runtime).await?;
        match active.pool.acquire(&spec).await.map_err(Error::from) {
            // Someone removed the image that we remembered. Look again, once.
            Err(error) if error.is_missing_image() => {
                active.images.forget();
                let spec = self.spec(active, runtime).await?;
                Ok(active.pool.acquire(&spec).await?)
            }
            other => other,
        }
    }

    async fn warm(&self, active: &Active, runtime: &'static Runtime) -> Result<(), Error> {
        let spec = self.spec(active, runtime).await?;
        Ok(active.pool.warm(&spec).await?)
    }

    async fn spec(&self, active: &Active, runtime: &'static Runtime) -> Result<Arc<ContainerSpec>, Error> {
        let LocalImage { id, .. } = active.images.resolve(runtime, self.settings.image.as_deref()).await?;
        let owner = Owner::this_process().to_string();
        Ok(Arc::new(ContainerSpec::new(id, runtime.name, &owner, &self.settings.limits)))
    }
}

/// The runtimes of these names; all of them when there are none.
pub fn runtimes(names: &[String]) -> Result<Vec<&'static Runtime>, Error> {
    if names.is_empty() {
        return Ok(runtime::ALL.to_vec());
    }
    names.iter().map(|name| runtime::get(name).map_err(|error| PlanError::from(error).into())).collect()
}
