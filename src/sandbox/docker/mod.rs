//! Containers on a real Docker engine.
//!
//! A container is created, attached to, and only then started, so no byte of its guest is missed. It is made with
//! `StdinOnce` and `AutoRemove`: when the attached stream goes away, the guest reads end-of-file and exits, and the
//! daemon removes the container, whatever became of the engine.

mod abandoned;
mod attach;
mod connect;
mod memory;
mod owner;
mod removal;
mod route;
mod spec;
mod starts;

use std::sync::Arc;
use std::time::Duration;

use bollard::errors::Error as DockerError;
use bollard::query_parameters::CreateContainerOptions;
use jiff::Timestamp;

use super::backend::{Backend, BackendError, ByteStream, ContainerId};
use super::contract::ContainerSpec;
use crate::api::DockerConnection;

pub(crate) use abandoned::{is_half_removed, owner};
pub use owner::Owner;
pub use removal::{AT_A_TIME, removals_pending};
use route::Route;
pub use starts::{allow_starts, finish_starts};

/// How long the daemon may take to start a container. Seconds, on a machine that is overwhelmed; it can also hang for
/// ever, for the sake of one image: older ones open `/etc/passwd` in it, whatever that is.
const START_TIMEOUT: Duration = Duration::from_secs(120);

/// A connection to a Docker engine. Cheap to clone.
#[derive(Clone)]
pub struct Docker {
    client: bollard::Docker,
    endpoint: Arc<str>,
    route: Route,
}

impl std::fmt::Debug for Docker {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Docker").field("endpoint", &self.endpoint).finish_non_exhaustive()
    }
}

impl Docker {
    /// Connects to the engine that `connection` or else the environment names, and agrees on an API version.
    pub async fn connect(connection: Option<&DockerConnection>) -> Result<Self, BackendError> {
        let endpoint: Arc<str> = connect::endpoint(connection).ok_or(BackendError::NoEndpoint)?.into();
        let unavailable = |source: DockerError| BackendError::Unavailable {
            endpoint: endpoint.to_string(),
            source: connect::reason(source),
        };
        let client = connect::client(connection, &endpoint).await.map_err(unavailable)?;
        let route = Route::to(&endpoint, connect::certificates(connection, &endpoint)).map_err(unavailable)?;
        Ok(Self { client, endpoint: endpoint.clone(), route })
    }

    /// The API client, for images and for housekeeping.
    pub fn client(&self) -> &bollard::Docker {
        &self.client
    }

    /// Tells an engine that is gone from one that refused.
    pub fn error(&self, action: &'static str, source: DockerError) -> BackendError {
        if connect::is_connection_error(&source) {
            BackendError::Unavailable { endpoint: self.endpoint.to_string(), source: connect::reason(source) }
        } else {
            BackendError::Failed { action, source: connect::reason(source) }
        }
    }

    async fn create(&self, spec: &ContainerSpec) -> Result<ContainerId, BackendError> {
        let created = self.client.create_container(None::<CreateContainerOptions>, spec::body(spec)).await;
        match created {
            Ok(created) => Ok(ContainerId::new(created.id)),
            Err(error) if status(&error) == Some(404) => Err(BackendError::NoSuchImage { image: spec.image.clone() }),
            Err(error) => Err(self.error("create a container", error)),
        }
    }

    async fn attach_and_start(&self, id: &ContainerId) -> Result<ByteStream, BackendError> {
        let attached = attach::attach(&self.route, id).await;
        let attached = attached.map_err(|error| self.error("attach to a container", error))?;
        let started = self.client.start_container(id.as_str(), None).await;
        started.map_err(|error| self.error("start a container", error))?;
        Ok(Box::new(attached))
    }
}

/// The HTTP status that the daemon answered with.
pub fn status(error: &DockerError) -> Option<u16> {
    match error {
        DockerError::DockerResponseServerError { status_code, .. } => Some(*status_code),
        _ => None,
    }
}

impl Backend for Docker {
    async fn start(&self, spec: &ContainerSpec) -> Result<(ContainerId, ByteStream), BackendError> {
        let _begun = starts::begin()?;
        let id = self.create(spec).await?;
        let late = |_| Err(BackendError::Late { action: "start a container", after: START_TIMEOUT });
        match tokio::time::timeout(START_TIMEOUT, self.attach_and_start(&id)).await.unwrap_or_else(late) {
            Ok(stream) => {
                tracing::debug!(
                    container = id.short(),
                    image = spec.image,
                    network = spec.network,
                    "started a container"
                );
                Ok((id, stream))
            }
            Err(error) => {
                self.destroy(&id).await;
                Err(error)
            }
        }
    }

    async fn ran_out_of_memory(&self, id: &ContainerId, since: Timestamp) -> bool {
        self.has_oom_event(id, since).await
    }

    async fn destroy(&self, id: &ContainerId) {
        if let Err(error) = self.remove(id).await {
            self.keep_removing(id.clone(), &error);
        }
    }
}
