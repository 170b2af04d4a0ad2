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
mod route;
mod spec;
mod starts;

use std::sync::Arc;
use std::time::Duration;

use bollard::errors::Error as DockerError;
use bollard::query_parameters::{CreateContainerOptions, RemoveContainerOptions, WaitContainerOptions};
use futures::StreamExt;
use jiff::Timestamp;

use super::backend::{Backend, BackendError, ByteStream, ContainerId};
use super::contract::ContainerSpec;
use crate::api::DockerConnection;

pub(crate) use abandoned::owner;
pub use owner::Owner;
use route::Route;
pub use starts::{allow_starts, finish_starts};

/// How long the daemon may take to start a container. Seconds, on a machine that is overwhelmed; it can also hang for
/// ever, for the sake of one image: older ones open `/etc/passwd` in it, whatever that is.
const START_TIMEOUT: Duration = Duration::from_secs(120);

/// How long the daemon may take to remove a container.
const REMOVAL_TIMEOUT: Duration = Duration::from_secs(30);

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

    /// Waits until the daemon has finished a removal that is under way.
    async fn wait_until_removed(&self, id: &ContainerId) {
        let options = WaitContainerOptions { condition: "removed".to_owned() };
        // Whatever it answers, a container that is being removed is soon gone: an unknown id is what we wait for.
        let mut answers = std::pin::pin!(self.client.wait_container(id.as_str(), Some(options)));
        if tokio::time::timeout(REMOVAL_TIMEOUT, answers.next()).await.is_err() {
            tracing::warn!(container = id.short(), "the daemon does not get a container removed");
        }
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
                if let Err(error) = self.destroy(&id).await {
                    tracing::warn!(container = id.short(), error = %error, "could not remove a container that did not start");
                }
                Err(error)
            }
        }
    }

    async fn ran_out_of_memory(&self, id: &ContainerId, since: Timestamp) -> bool {
        self.has_oom_event(id, since).await
    }

    async fn destroy(&self, id: &ContainerId) -> Result<(), BackendError> {
        let options = RemoveContainerOptions { force: true, v: true, ..Default::default() };
        let removal = self.client.remove_container(id.as_str(), Some(options));
        let Ok(removed) = tokio::time::timeout(REMOVAL_TIMEOUT, removal).await else {
            return Err(BackendError::Late { action: "remove a container", after: REMOVAL_TIMEOUT });
        };
        match removed {
            Ok(()) => Ok(()),
            Err(error) => match status(&error) {
                Some(404) => Ok(()),
                // Its guest has exited, and the daemon is removing it already.
                Some(409) => {
                    self.wait_until_removed(id).await;
                    Ok(())
                }
                _ => Err(self.error("remove a container", error)),
            },
        }
    }
}
