//! One running sandbox: a container that keeps the [contract], and the [channel] to the guest in it.
//!
//! Nothing here knows what a runtime is. A sandbox ends when it is destroyed, or when its [`Sandbox`] is dropped:
//! the guest then reads end-of-file and exits, and the daemon removes the container.

pub mod backend;
pub mod channel;
pub mod contract;
pub mod docker;
#[cfg(test)]
pub mod fake;
pub mod pool;

use std::sync::Arc;

use backend::{Backend, BackendError, ContainerId};
use channel::{Channel, ChannelError};
use contract::ContainerSpec;

/// A running container and the channel to its guest.
#[derive(Debug)]
pub struct Sandbox {
    id: ContainerId,
    channel: Channel,
}

/// Why there is no sandbox.
#[derive(Debug, Clone, thiserror::Error)]
pub enum StartError {
    /// The container did not start.
    #[error("could not start a sandbox")]
    Backend(#[source] Arc<BackendError>),
    /// The container started, but its guest did not answer as it should.
    #[error("the guest in container {} did not come up", container.short())]
    Guest {
        /// The container, which is destroyed.
        container: ContainerId,
        /// What the channel saw.
        #[source]
        source: Arc<ChannelError>,
    },
    /// The way out of a filtered sandbox could not be opened; its container is destroyed.
    #[error(transparent)]
    Proxy(Arc<ChannelError>),
}

impl Sandbox {
    /// Starts a container and waits for its guest. On error, the container is destroyed.
    pub async fn start<B: Backend>(backend: &B, spec: &ContainerSpec) -> Result<Self, StartError> {
        let (id, stream) = backend.start(spec).await.map_err(|error| StartError::Backend(Arc::new(error)))?;
        match Channel::connect(stream, spec.guest_contract()).await {
            Ok(channel) => Ok(Self { id, channel }),
            Err(error) => {
                backend.destroy(&id).await;
                let (is_proxy, source) = (matches!(error, ChannelError::Proxy(_)), Arc::new(error));
                Err(if is_proxy { StartError::Proxy(source) } else { StartError::Guest { container: id, source } })
            }
        }
    }

    /// Its container.
    pub fn id(&self) -> &ContainerId {
        &self.id
    }

    /// The way to its guest.
    pub fn channel(&self) -> &Channel {
        &self.channel
    }

    /// Ends it, and its container as [`Backend::destroy`] does.
    pub async fn destroy<B: Backend>(self, backend: &B) {
        tracing::debug!(container = self.id.short(), "removing a container");
        backend.destroy(&self.id).await;
    }
}
