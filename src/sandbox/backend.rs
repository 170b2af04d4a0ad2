//! All that the engine asks of whatever runs containers.

use std::fmt;
use std::future::Future;
use std::time::Duration;

use futures::io::{AsyncRead, AsyncWrite};
use jiff::Timestamp;

use super::contract::ContainerSpec;

/// Runs containers. [`Docker`](super::docker::Docker) is real; the fake in the tests fails on request.
pub trait Backend: Clone + fmt::Debug + Send + Sync + 'static {
    /// Creates a container, connects to the standard input and output of its PID 1, and starts it. On error, it is
    /// [destroyed](Self::destroy). When the stream is dropped, so is (in time) the container.
    fn start(
        &self,
        spec: &ContainerSpec,
    ) -> impl Future<Output = Result<(ContainerId, ByteStream), BackendError>> + Send;

    /// Whether the kernel has killed something in the container for memory since then. May be asked, and is meant
    /// to be, when the container is gone already.
    fn ran_out_of_memory(&self, id: &ContainerId, since: Timestamp) -> impl Future<Output = bool> + Send;

    /// Removes a container, running or not, and waits until it is gone, unless that fails: it is then removed in the
    /// background, as soon as that can be done.
    fn destroy(&self, id: &ContainerId) -> impl Future<Output = ()> + Send;
}

/// A stream to and from PID 1 of a container.
pub type ByteStream = Box<dyn Duplex>;

/// Both directions of a byte stream.
pub trait Duplex: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Duplex for T {}

/// The id of a container, as the daemon gave it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ContainerId(String);

impl ContainerId {
    /// From the daemon's answer.
    pub fn new(id: impl Into<String>) -> Self {
        Self(id.into())
    }

    /// The whole id.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The first twelve characters, as people know it.
    pub fn short(&self) -> &str {
        self.0.get(..12).unwrap_or(&self.0)
    }
}

impl fmt::Display for ContainerId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What the daemon could not do.
#[derive(Debug, thiserror::Error)]
pub enum BackendError {
    /// No daemon answers.
    #[error("no Docker engine answers at {endpoint}")]
    Unavailable {
        /// Where it was looked for.
        endpoint: String,
        /// What happened.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// A Docker connection that names neither a socket nor a host.
    #[error("invalid docker: expected socketPath, or host and port")]
    NoEndpoint,
    /// The image is not there (any more).
    #[error("image {image} does not exist")]
    NoSuchImage {
        /// The image.
        image: String,
    },
    /// The daemon does not get done with something.
    #[error("could not {action} within {after:?}")]
    Late {
        /// What was being done.
        action: &'static str,
        /// How long it was waited.
        after: Duration,
    },
    /// The daemon refused, or the connection broke on the way.
    #[error("could not {action}")]
    Failed {
        /// What was being done.
        action: &'static str,
        /// What the daemon said.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}
