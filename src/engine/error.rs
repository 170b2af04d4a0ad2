//! What can go wrong, as callers see it: a message with the values, and a code to act on.

use std::path::PathBuf;
use std::sync::Arc;

use isol8_protocol::{Failure, FailureKind};

use super::plan::PlanError;
use super::settings::SettingsError;
use crate::api::ErrorCode;
use crate::image::ImageError;
use crate::sandbox::StartError;
use crate::sandbox::backend::{BackendError, ContainerId};
use crate::sandbox::channel::ChannelError;
use crate::sandbox::pool::AcquireError;
use crate::source::SourceError;

/// Why an engine call failed. A program that fails is not an error: its exit code is in the result.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The engine's options make no sense.
    #[error(transparent)]
    Settings(#[from] SettingsError),
    /// The request makes no sense.
    #[error(transparent)]
    Request(#[from] PlanError),
    /// Code could not be had from its URL.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// No Docker engine answers.
    #[error("Docker is not running or not installed.")]
    DockerUnavailable(#[source] Arc<BackendError>),
    /// The Docker engine failed at something that concerns no single execution.
    #[error(transparent)]
    Docker(Arc<BackendError>),
    /// An image is missing and could not be made, or is unusable.
    #[error(transparent)]
    Image(Arc<ImageError>),
    /// No sandbox could be started.
    #[error(transparent)]
    Start(StartError),
    /// The sandbox ended before the execution did.
    #[error("the sandbox was lost during the execution")]
    SandboxLost(#[source] Arc<ChannelError>),
    /// The program could not be started.
    #[error("could not start {} in the sandbox: {}", .0.subject, reason(.0))]
    Spawn(Failure),
    /// The working directory could not be made or entered.
    #[error("could not enter the working directory {}: {}", .0.subject, reason(.0))]
    Workdir(Failure),
    /// An input file could not be written.
    #[error("Failed to write file {} in container (exit code 1): {}", .0.subject, reason(.0))]
    WriteFile(Failure),
    /// A file could not be read.
    #[error("Failed to read file {} in container: {} (exit code 1)", .0.subject, reason(.0))]
    ReadFile(Failure),
    /// Packages could not be installed, so the program was not run.
    #[error("Package install failed (exit code {exit_code}): {stderr}")]
    Install {
        /// The exit code of the package manager; 137 at the time limit.
        exit_code: i32,
        /// What it printed on standard error.
        stderr: String,
    },
    /// A setup script failed, so the program was not run.
    #[error("Setup script failed (exit code {exit_code}): {stderr}")]
    Setup {
        /// Its exit code; 137 at the time limit.
        exit_code: i32,
        /// What it printed on standard error.
        stderr: String,
    },
    /// The sandbox of a persistent engine was made for another runtime.
    #[error(
        "Cannot switch runtime from \"{from}\" to \"{to}\". Each persistent container supports a single runtime. Create a new Isol8 instance for a different runtime."
    )]
    RuntimeSwitch {
        /// What it was made for.
        from: String,
        /// What was asked for.
        to: String,
    },
    /// There is no sandbox that files could be in.
    #[error("No active container. Call execute() first in persistent mode.")]
    NoContainer,
    /// The sandbox of a persistent engine ended by itself, or was removed.
    #[error(
        "the container {} of this session is gone, and its files with it; the next execution starts another",
        container.short()
    )]
    SessionLost {
        /// The one that is gone.
        container: ContainerId,
    },
    /// The caller's seccomp profile cannot be used.
    #[error("Failed to load custom seccomp profile at {}: {reason}", path.display())]
    SeccompProfile {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// The Docker engine has no such OCI runtime.
    #[error("Docker does not know the OCI runtime \"{name}\" (security.runtime). Available: {available}")]
    OciRuntime {
        /// What was asked for.
        name: String,
        /// What there is.
        available: String,
    },
    /// The caller ended the execution.
    #[error("the execution was aborted")]
    Aborted,
    /// The engine was stopped while the execution ran or waited.
    #[error("the engine was stopped")]
    Stopped,
    /// A defect of ours.
    #[error("internal error: {0}")]
    Internal(String),
}

impl Error {
    /// What JavaScript sees as `error.code`.
    pub fn code(&self) -> ErrorCode {
        match self {
            Self::Settings(_) => ErrorCode::InvalidOptions,
            Self::Request(_) => ErrorCode::InvalidRequest,
            Self::Source(error) => error.code(),
            Self::DockerUnavailable(_) => ErrorCode::DockerUnavailable,
            Self::Docker(_) => ErrorCode::DockerFailed,
            Self::Image(error) => error.code(),
            Self::Start(_) => ErrorCode::SandboxStartFailed,
            Self::SandboxLost(_) => ErrorCode::SandboxLost,
            Self::Spawn(_) => ErrorCode::SpawnFailed,
            Self::Workdir(_) => ErrorCode::WorkdirFailed,
            Self::WriteFile(_) => ErrorCode::WriteFileFailed,
            Self::ReadFile(_) => ErrorCode::ReadFileFailed,
            Self::Install { .. } => ErrorCode::InstallFailed,
            Self::Setup { .. } => ErrorCode::SetupFailed,
            Self::RuntimeSwitch { .. } => ErrorCode::RuntimeSwitch,
            Self::NoContainer => ErrorCode::NoContainer,
            Self::SessionLost { .. } => ErrorCode::SessionLost,
            Self::SeccompProfile { .. } => ErrorCode::SeccompProfile,
            Self::OciRuntime { .. } => ErrorCode::UnknownOciRuntime,
            Self::Aborted => ErrorCode::Aborted,
            Self::Stopped => ErrorCode::Stopped,
            Self::Internal(_) => ErrorCode::Internal,
        }
    }

    /// Whether the image that a sandbox was to be started from has gone.
    pub(super) fn is_missing_image(&self) -> bool {
        match self {
            Self::Start(StartError::Backend(error)) => matches!(**error, BackendError::NoSuchImage { .. }),
            _ => false,
        }
    }
}

impl From<BackendError> for Error {
    fn from(error: BackendError) -> Self {
        match error {
            BackendError::Unavailable { .. } => Self::DockerUnavailable(Arc::new(error)),
            BackendError::NoEndpoint => SettingsError::Malformed(error.to_string()).into(),
            other => Self::Start(StartError::Backend(Arc::new(other))),
        }
    }
}

impl From<ImageError> for Error {
    fn from(error: ImageError) -> Self {
        match error {
            ImageError::Backend(error) => error.into(),
            other => Self::Image(Arc::new(other)),
        }
    }
}

impl From<AcquireError> for Error {
    fn from(error: AcquireError) -> Self {
        match error {
            AcquireError::Closed => Self::Stopped,
            AcquireError::Start(StartError::Backend(error)) if matches!(*error, BackendError::Unavailable { .. }) => {
                Self::DockerUnavailable(error)
            }
            AcquireError::Start(error) => Self::Start(error),
        }
    }
}

impl From<ChannelError> for Error {
    fn from(error: ChannelError) -> Self {
        match error {
            ChannelError::Refused(failure) => failure.into(),
            other => Self::SandboxLost(Arc::new(other)),
        }
    }
}

impl From<Failure> for Error {
    fn from(failure: Failure) -> Self {
        match failure.kind {
            FailureKind::Write | FailureKind::NotAFile => Self::WriteFile(failure),
            FailureKind::Directory => Self::Workdir(failure),
            FailureKind::Spawn => Self::Spawn(failure),
            FailureKind::Read | FailureKind::TooLarge | FailureKind::Busy | FailureKind::Idle | FailureKind::Listen => {
                Self::Internal(format!("unexpected answer of the guest: {failure:?}"))
            }
        }
    }
}

/// The kernel's words for a failure in the guest.
fn reason(failure: &Failure) -> String {
    match (failure.kind, failure.errno) {
        (FailureKind::NotAFile, _) => "not a regular file".to_owned(),
        (FailureKind::TooLarge, _) => "too large".to_owned(),
        (_, 0) => "refused by the guest".to_owned(),
        (_, errno) => {
            let text = std::io::Error::from_raw_os_error(errno).to_string();
            text.split(" (os error").next().unwrap_or_default().to_lowercase()
        }
    }
}
