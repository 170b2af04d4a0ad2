//! What can go wrong between a client and its server, and at the server: a message with the values, and a code.

use std::fmt;
use std::time::Duration;

use super::EndpointError;
use crate::api::{ErrorCode, LifetimeError};
use crate::engine::SettingsError;
use crate::telemetry::chain;
use crate::tls::ExtraCaError;

/// Why a call failed. A program that fails is not an error: its exit code is in the result.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// How the client was made, or a session that it was asked for, makes no sense.
    #[error(transparent)]
    Endpoint(#[from] EndpointError),
    /// The options make no sense.
    #[error(transparent)]
    Settings(#[from] SettingsError),
    /// `ISOL8_EXTRA_CA_FILE` cannot be used.
    #[error(transparent)]
    ExtraCa(#[from] ExtraCaError),
    /// A key cannot be valid for so long.
    #[error(transparent)]
    Lifetime(#[from] LifetimeError),
    /// A number that JSON has no form for.
    #[error("invalid timeoutMs: {0} (expected a number of milliseconds)")]
    Timeout(f64),
    /// There is no sandbox that files could be in.
    #[error("File operations require a sessionId (persistent mode)")]
    NoSession,
    /// More standard input than is collected for a server that takes it only whole.
    #[error("standard input is longer than the {max} bytes that can be sent without a WebSocket")]
    InputTooLong {
        /// What can be.
        max: usize,
    },
    /// No connection could be made. Nothing was sent.
    #[error("{doing}: could not connect to {host}: {reason}")]
    Unreachable {
        /// What was being done.
        doing: Doing,
        /// The server.
        host: String,
        /// Why not.
        reason: String,
    },
    /// The connection broke. What was asked for may have been done.
    #[error("{doing}: the connection to the server was lost: {reason}")]
    Lost {
        /// What was being done.
        doing: Doing,
        /// How.
        reason: String,
    },
    /// The server answered as no server of isol8 does.
    #[error("{doing}: unexpected answer of the server: {reason}")]
    Protocol {
        /// What was being done.
        doing: Doing,
        /// What is wrong with it.
        reason: String,
    },
    /// The server did not do it.
    #[error("{}: {reason}", .doing.refused())]
    Refused {
        /// What was being done.
        doing: Doing,
        /// The server's words, or else the text of its status.
        reason: String,
        /// What kind of failure it is.
        code: ErrorCode,
        /// When another try may be worth it.
        retry_after: Option<Duration>,
    },
    /// An execution that was being streamed failed at the server.
    #[error("{message}")]
    Execution {
        /// What kind of failure it is.
        code: ErrorCode,
        /// The server's words.
        message: String,
        /// When another try may be worth it.
        retry_after: Option<Duration>,
    },
    /// An event stream without anything to come.
    #[error("No response body for streaming")]
    NoBody,
    /// A WebSocket that had opened broke, or was closed before the execution had ended.
    #[error("WebSocket connection failed: {0}")]
    WebSocket(String),
    /// An event stream ended before the execution had.
    #[error("{}: the server ended the stream before the execution had ended", Doing::Stream)]
    Unfinished,
    /// The caller ended the execution.
    #[error("the execution was aborted")]
    Aborted,
    /// The client was stopped while the execution ran or waited. To its caller it is an engine like another.
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
            Self::Endpoint(error) => error.code(),
            Self::Settings(_) => ErrorCode::InvalidOptions,
            Self::ExtraCa(_) => ErrorCode::InvalidExtraCa,
            Self::Timeout(_) | Self::Lifetime(_) => ErrorCode::InvalidRequest,
            Self::NoSession => ErrorCode::NoContainer,
            Self::InputTooLong { .. } => ErrorCode::StdinFailed,
            Self::Unreachable { .. } => ErrorCode::RemoteUnreachable,
            Self::Lost { .. } | Self::WebSocket(_) | Self::Unfinished => ErrorCode::RemoteLost,
            Self::Protocol { .. } | Self::NoBody => ErrorCode::RemoteProtocol,
            Self::Refused { code, .. } | Self::Execution { code, .. } => *code,
            Self::Aborted => ErrorCode::Aborted,
            Self::Stopped => ErrorCode::Stopped,
            Self::Internal(_) => ErrorCode::Internal,
        }
    }

    /// When another try may be worth it, if the server said so.
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Refused { retry_after, .. } | Self::Execution { retry_after, .. } => *retry_after,
            _ => None,
        }
    }

    /// How sending a request failed.
    pub(super) fn sending(doing: Doing, host: &str, error: reqwest::Error) -> Self {
        let is_connect = error.is_connect();
        let reason = causes(error);
        if is_connect {
            Self::Unreachable { doing, host: host.to_owned(), reason }
        } else {
            Self::Lost { doing, reason }
        }
    }

    /// How receiving an answer failed.
    pub(super) fn receiving(doing: Doing, error: reqwest::Error) -> Self {
        Self::Lost { doing, reason: causes(error) }
    }
}

/// What is behind an error of the HTTP client, whose own words only say that it could not send or receive.
fn causes(error: reqwest::Error) -> String {
    if error.is_timeout() {
        return "no answer in time".to_owned();
    }
    let error = error.without_url();
    match std::error::Error::source(&error) {
        Some(cause) => chain(cause),
        None => error.to_string(),
    }
}

/// What a client was doing when it failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Doing {
    /// Asking whether the server is well.
    Health,
    /// A buffered execution.
    Execute,
    /// A streamed one.
    Stream,
    /// Writing a file.
    Upload,
    /// Reading one.
    Download,
    /// Listing sessions.
    ListSessions,
    /// Ending one.
    DeleteSession,
    /// Having a key made.
    Login,
}

impl Doing {
    /// How it is told that the server did not do it.
    fn refused(self) -> String {
        match self {
            Self::Login => "Authentication failed".to_owned(),
            other => other.to_string(),
        }
    }
}

impl fmt::Display for Doing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Health => "Remote server health check failed",
            Self::Execute => "Execution failed",
            Self::Stream => "Stream failed",
            Self::Upload => "File upload failed",
            Self::Download => "File download failed",
            Self::ListSessions => "Failed to list sessions",
            Self::DeleteSession => "Failed to delete session",
            Self::Login => "Login failed",
        })
    }
}
