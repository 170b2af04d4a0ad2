//! The vocabulary that callers, engine and wire share. Imports nothing of ours.

mod audit;
mod error_code;
mod event;
mod options;
mod request;
mod result;
mod secret;
mod security;
mod size;

pub use audit::AuditConfig;
pub use error_code::ErrorCode;
pub use event::{Phase, StreamEvent, StreamEventKind};
pub use options::{DockerConnection, Mode, NetworkMode, Options, PoolSize, PoolStrategy};
pub use request::{FileContent, InputFile, Request};
pub use result::ExecutionResult;
pub use secret::Secret;
pub use security::{SeccompMode, SecurityConfig};
pub use size::{Size, SizeError};
