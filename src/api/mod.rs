//! The vocabulary that callers, engine and wire share. Imports nothing of ours.

mod audit;
mod auth;
mod content;
mod error_code;
mod event;
mod network_filter;
mod network_log;
pub mod object;
mod options;
mod prebuilt_image;
mod remote_code;
mod request;
mod result;
mod secret;
mod security;
mod size;
mod usage;
pub mod wire;

pub use audit::AuditConfig;
pub use auth::{AuthConfig, KeyLifetime, LifetimeError};
pub use error_code::ErrorCode;
pub use event::{Phase, StreamEvent, StreamEventKind};
pub use network_filter::NetworkFilterConfig;
pub use network_log::{NetworkAction, NetworkLogEntry};
pub use options::{DockerConnection, Mode, NetworkMode, Options, PoolSize, PoolStrategy};
pub use prebuilt_image::PrebuiltImageConfig;
pub use remote_code::{RemoteCodeOptions, RemoteCodePolicy};
pub use request::{Adapter, FileContent, InputFile, Request, Script};
pub use result::ExecutionResult;
pub use secret::Secret;
pub use security::{SeccompMode, SecurityConfig, SecurityEvent};
pub use size::{Size, SizeError};
pub use usage::ResourceUsage;
