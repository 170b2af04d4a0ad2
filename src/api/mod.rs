//! The vocabulary that callers, engine and wire share. Imports nothing of ours.

mod event;
mod options;
mod request;
mod result;
mod secret;
mod size;

pub use event::{Phase, StreamEvent, StreamEventKind};
pub use options::{DockerConnection, NetworkMode, Options, PoolSize, PoolStrategy};
pub use request::{FileContent, Request};
pub use result::ExecutionResult;
pub use secret::Secret;
pub use size::{Size, SizeError};
