//! What a client is told when it does not get what it asked for. The one place that knows which failure has which
//! HTTP status.

use std::time::Duration;

use axum::Json;
use axum::http::header::{RETRY_AFTER, WWW_AUTHENTICATE};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};

use super::auth::{AuthError, AuthRejection, InvalidKey};
use crate::api::ErrorCode;
use crate::api::wire::{ErrorBody, ServerEvent};
use crate::engine;
use crate::telemetry::chain;

/// What Linux says of a path that leads nowhere: `ENOENT` and `ENOTDIR`.
const NOT_THERE: [i32; 2] = [2, 20];

/// More of a message than this is not sent: some quote what the client sent.
const MAX_MESSAGE: usize = 16 * 1024;

/// An answer that is not a success.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Refusal {
    status: StatusCode,
    code: ErrorCode,
    message: String,
    retry_after: Option<Duration>,
}

impl Refusal {
    /// What went wrong; its status is that of its code.
    pub(super) fn new(code: ErrorCode, message: impl Into<String>) -> Self {
        Self { status: status(code), code, message: shortened(message.into()), retry_after: None }
    }

    /// A rule of the operator's; the message names it.
    pub(super) fn forbidden(message: impl Into<String>) -> Self {
        Self::new(ErrorCode::Forbidden, message)
    }

    /// Too much; worth another try after a while.
    pub(super) fn busy(message: impl Into<String>, retry_after: Duration) -> Self {
        Self { retry_after: Some(retry_after), ..Self::new(ErrorCode::RateLimited, message) }
    }

    /// The same, where HTTP has a better status for it.
    pub(super) fn with_status(self, status: StatusCode) -> Self {
        Self { status, ..self }
    }

    /// The same for somebody who is not to know how the server is set up: what has to do with nothing but that goes into
    /// the log instead.
    pub(super) fn for_outsiders(self) -> Self {
        if !matches!(self.code, ErrorCode::SeccompProfile | ErrorCode::UnknownOciRuntime) {
            return self;
        }
        tracing::error!("{}", self.message);
        let message = "the server cannot start sandboxes as its configuration says; its log tells why";
        Self::new(self.code, message).with_status(StatusCode::INTERNAL_SERVER_ERROR)
    }

    /// What kind of failure it is, and its message.
    pub(super) fn into_parts(self) -> (ErrorCode, String) {
        (self.code, self.message)
    }

    /// The same as a whole answer under `status`, for a connection that ends with it.
    pub(super) fn last_words(self, status: &str) -> Vec<u8> {
        let Self { code, message, retry_after, .. } = self;
        // Plain data, into memory.
        let body = serde_json::to_string(&ErrorBody { error: message, code: Some(code.as_str().to_owned()) });
        let body = body.unwrap_or_default();
        let retry_after = retry_after.map(|wait| format!("retry-after: {}\r\n", seconds(wait))).unwrap_or_default();
        let length = body.len();
        let head = format!("HTTP/1.1 {status}\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n");
        format!("{head}{retry_after}connection: close\r\n\r\n{body}").into_bytes()
    }

    /// The same as the last event of a stream.
    pub(super) fn into_event(self) -> ServerEvent {
        // As the header says it.
        let retry_after_ms = self.retry_after.map(|wait| seconds(wait).saturating_mul(1000));
        ServerEvent { retry_after_ms, ..ServerEvent::failure(self.code, self.message) }
    }
}

impl From<engine::Error> for Refusal {
    fn from(error: engine::Error) -> Self {
        let refusal = Self::new(error.code(), chain(&error));
        match &error {
            // There is one, but not one to be read.
            engine::Error::ReadFile(failure) if !NOT_THERE.contains(&failure.errno) => {
                refusal.with_status(StatusCode::UNPROCESSABLE_ENTITY)
            }
            _ => refusal,
        }
    }
}

impl From<AuthRejection> for Refusal {
    fn from(rejection: AuthRejection) -> Self {
        let refusal = Self::new(rejection.code(), rejection.to_string());
        match StatusCode::from_u16(rejection.status()) {
            Ok(status) => refusal.with_status(status),
            Err(_) => refusal,
        }
    }
}

/// What the database says is for the log.
impl From<AuthError> for Refusal {
    fn from(error: AuthError) -> Self {
        tracing::error!("{}", chain(&error));
        Self::new(error.code(), error.to_string())
    }
}

impl From<InvalidKey> for Refusal {
    fn from(error: InvalidKey) -> Self {
        Self::new(error.code(), error.to_string())
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let Self { status, code, message, retry_after } = self;
        let mut response =
            (status, Json(ErrorBody { error: message, code: Some(code.as_str().to_owned()) })).into_response();
        if let Some(wait) = retry_after {
            response.headers_mut().insert(RETRY_AFTER, HeaderValue::from(seconds(wait)));
        }
        if status == StatusCode::UNAUTHORIZED {
            response.headers_mut().insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        response.extensions_mut().insert(code);
        response
    }
}

/// Whole seconds, and at once is never meant.
fn seconds(wait: Duration) -> u64 {
    wait.as_secs_f64().ceil().max(1.0) as u64
}

/// The status of every kind of failure. What the client can do something about is never a 5xx.
fn status(code: ErrorCode) -> StatusCode {
    match code {
        ErrorCode::InvalidOptions
        | ErrorCode::InvalidRequest
        | ErrorCode::InvalidPackage
        | ErrorCode::UnknownRuntime
        | ErrorCode::InvalidAdapter
        | ErrorCode::StdinFailed => StatusCode::BAD_REQUEST,
        ErrorCode::Unauthorized => StatusCode::UNAUTHORIZED,
        ErrorCode::Forbidden | ErrorCode::RemoteCodeBlocked => StatusCode::FORBIDDEN,
        ErrorCode::NotFound | ErrorCode::SessionNotFound | ErrorCode::NoContainer | ErrorCode::ReadFileFailed => {
            StatusCode::NOT_FOUND
        }
        ErrorCode::MethodNotAllowed => StatusCode::METHOD_NOT_ALLOWED,
        ErrorCode::TooSlow => StatusCode::REQUEST_TIMEOUT,
        ErrorCode::RuntimeSwitch | ErrorCode::SessionLost | ErrorCode::Aborted => StatusCode::CONFLICT,
        ErrorCode::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
        ErrorCode::ImageNotFound
        | ErrorCode::ImageUnusable
        | ErrorCode::SpawnFailed
        | ErrorCode::WorkdirFailed
        | ErrorCode::WriteFileFailed
        | ErrorCode::InstallFailed
        | ErrorCode::SetupFailed
        | ErrorCode::SeccompProfile
        | ErrorCode::RemoteCodeFailed
        | ErrorCode::RemoteCodeUnusable
        | ErrorCode::RemoteCodeMismatch
        | ErrorCode::UnknownOciRuntime => StatusCode::UNPROCESSABLE_ENTITY,
        ErrorCode::RateLimited => StatusCode::TOO_MANY_REQUESTS,
        ErrorCode::AuthDatabase | ErrorCode::DockerUnavailable | ErrorCode::Stopped => StatusCode::SERVICE_UNAVAILABLE,
        ErrorCode::InvalidConfig
        | ErrorCode::DockerFailed
        | ErrorCode::ImageBuildFailed
        | ErrorCode::InvalidExtraCa
        | ErrorCode::MirrorCredentials
        | ErrorCode::SandboxStartFailed
        | ErrorCode::SandboxLost
        | ErrorCode::AddressInUse
        | ErrorCode::ListenFailed
        | ErrorCode::RemoteUnreachable
        | ErrorCode::RemoteLost
        | ErrorCode::RemoteProtocol
        | ErrorCode::RemoteFailed
        | ErrorCode::Internal => StatusCode::INTERNAL_SERVER_ERROR,
    }
}

fn shortened(mut message: String) -> String {
    if message.len() > MAX_MESSAGE {
        let end = (0..=MAX_MESSAGE).rev().find(|at| message.is_char_boundary(*at)).unwrap_or(0);
        message.truncate(end);
        message.push('…');
    }
    message
}
