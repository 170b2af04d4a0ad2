//! Requests and answers: who we are, how long is waited, how much is read, and what a failure means.

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use reqwest::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderValue, LOCATION, RETRY_AFTER};
use reqwest::redirect::Policy;
use reqwest::{Method, RequestBuilder, Response, StatusCode, Url};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::endpoint::Endpoint;
use super::error::{Doing, Error};
use super::retry;
use crate::api::ErrorCode;
use crate::api::wire::ErrorBody;
use crate::engine::{MAX_FILE, MAX_FILES};
use crate::telemetry::chain;
use crate::tls;

/// How long making a connection may take.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// How long an answer is waited for that does not depend on a program.
pub(super) const PATIENCE: Duration = Duration::from_secs(60);

/// How long a connection that nobody uses is kept: less than servers and proxies on the way usually do.
const IDLE_TIMEOUT: Duration = Duration::from_secs(20);

/// Connections that nobody uses and that are kept.
const MAX_IDLE: usize = 16;

/// A server that is silent is asked for a sign of life this often: an execution may well say nothing for an hour, but one
/// whose server has gone must not be waited for.
const KEEP_ALIVE: Duration = Duration::from_secs(15);

/// Signs of life that may be missing.
const KEEP_ALIVE_RETRIES: u32 = 4;

/// Bytes of an answer that is a failure. Some quote what a program printed.
const MAX_REFUSAL: usize = 4 << 20;

/// Bytes of the result of an execution that asks for no files: its output, of which the server decides how much it
/// keeps.
pub(super) const MAX_RESULT: usize = 256 << 20;

/// Bytes of the result of one that asks for files: those, in base64, and the output.
pub(super) const MAX_RESULT_WITH_FILES: usize = MAX_FILES as usize / 3 * 4 + MAX_RESULT;

/// Bytes of an answer with one file, in base64.
pub(super) const MAX_DOWNLOAD: usize = MAX_FILE as usize / 3 * 4 + 1024;

/// Bytes of a list of sessions.
pub(super) const MAX_LISTING: usize = 64 << 20;

/// Bytes of an answer with a key.
pub(super) const MAX_LOGIN: usize = 64 << 10;

/// Characters that are quoted of what was not understood.
const MAX_QUOTED: usize = 200;

/// How long the server may tell us to wait at the most.
pub(super) const MAX_RETRY_AFTER: Duration = Duration::from_secs(24 * 60 * 60);

/// A server, and the connections to it.
#[derive(Debug)]
pub(super) struct Connection {
    http: reqwest::Client,
    pub(super) endpoint: Endpoint,
}

impl Connection {
    pub(super) fn new(endpoint: Endpoint) -> Result<Self, Error> {
        let tls = if endpoint.is_secure() { tls::client_config()? } else { tls::trusting_nobody() };
        let mut headers = HeaderMap::new();
        headers.insert(AUTHORIZATION, endpoint.authorization.clone());
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
        let http = reqwest::Client::builder()
            .tls_backend_preconfigured(tls)
            .user_agent(concat!("isol8/", env!("CARGO_PKG_VERSION")))
            .default_headers(headers)
            // The key is for this host, and a request with a body for nobody else either.
            .redirect(Policy::none())
            .retry(reqwest::retry::never())
            .connect_timeout(CONNECT_TIMEOUT)
            .pool_idle_timeout(IDLE_TIMEOUT)
            .pool_max_idle_per_host(MAX_IDLE)
            .tcp_keepalive(KEEP_ALIVE)
            .tcp_keepalive_interval(KEEP_ALIVE)
            .tcp_keepalive_retries(KEEP_ALIVE_RETRIES);
        // It would also end connections over which a program does not read its input for a while.
        #[cfg(any(target_os = "android", target_os = "fuchsia", target_os = "linux"))]
        let http = http.tcp_user_timeout(None);
        let http = http.build().map_err(|error| Error::Internal(chain(&error)))?;
        Ok(Self { http, endpoint })
    }

    pub(super) fn get(&self, url: Url) -> RequestBuilder {
        self.http.request(Method::GET, url)
    }

    pub(super) fn delete(&self, url: Url) -> RequestBuilder {
        self.http.request(Method::DELETE, url)
    }

    pub(super) fn post(&self, url: Url, body: &impl Serialize) -> Result<RequestBuilder, Error> {
        let body = serde_json::to_vec(body).map_err(|error| Error::Internal(error.to_string()))?;
        Ok(self.http.request(Method::POST, url).body(body))
    }

    /// Sends a request, again where it certainly has not been sent, and resolves when the answer begins.
    pub(super) async fn send(&self, doing: Doing, request: RequestBuilder) -> Result<Response, Error> {
        let request = request.build().map_err(|error| Error::Internal(chain(&error)))?;
        let sent = retry::send(&self.http, request).await;
        sent.map_err(|error| Error::sending(doing, self.endpoint.name(), error))
    }

    /// What a successful answer holds.
    pub(super) async fn json<T: DeserializeOwned>(
        &self,
        doing: Doing,
        answer: Response,
        limit: usize,
    ) -> Result<T, Error> {
        if !answer.status().is_success() {
            return Err(self.refusal(doing, answer).await);
        }
        let body = read(doing, answer, limit).await?;
        serde_json::from_slice(&body).map_err(|error| Error::Protocol { doing, reason: quoted(&error.to_string()) })
    }

    /// Fails if the answer is a failure. What a success holds does not matter, but lets the connection be used again.
    pub(super) async fn succeeded(&self, doing: Doing, answer: Response) -> Result<(), Error> {
        if !answer.status().is_success() {
            return Err(self.refusal(doing, answer).await);
        }
        read(doing, answer, MAX_REFUSAL).await.map(drop)
    }

    /// What an answer that is no success means.
    pub(super) async fn refusal(&self, doing: Doing, answer: Response) -> Error {
        let (status, headers) = (answer.status(), answer.headers().clone());
        let retry_after = retry_after(&headers);
        if status.is_redirection() {
            let to = headers.get(LOCATION).map(|to| String::from_utf8_lossy(to.as_bytes()).into_owned());
            let reason = format!("it redirects to {}, which may be the host to use", quoted(&to.unwrap_or_default()));
            return Error::Protocol { doing, reason };
        }
        let body = read(doing, answer, MAX_REFUSAL).await.unwrap_or_default();
        let ErrorBody { error, code } =
            serde_json::from_slice(&body).unwrap_or_else(|_| ErrorBody { error: status_text(status), code: None });
        let code = code.as_deref().and_then(ErrorCode::parse).unwrap_or_else(|| code_of(status));
        // As documented, whatever the server has to say about it.
        let reason = if doing == Doing::Health { status.as_u16().to_string() } else { error };
        Error::Refused { doing, reason, code, retry_after }
    }
}

/// The body of an answer.
async fn read(doing: Doing, mut answer: Response, limit: usize) -> Result<Bytes, Error> {
    let too_long = || Error::Protocol { doing, reason: format!("it is longer than {limit} bytes") };
    if answer.content_length().is_some_and(|length| length > limit as u64) {
        return Err(too_long());
    }
    let mut body = BytesMut::new();
    while let Some(chunk) = answer.chunk().await.map_err(|error| Error::receiving(doing, error))? {
        if body.len() + chunk.len() > limit {
            return Err(too_long());
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body.freeze())
}

/// What kind of failure a status stands for, where the server does not say.
fn code_of(status: StatusCode) -> ErrorCode {
    match status {
        StatusCode::UNAUTHORIZED => ErrorCode::Unauthorized,
        StatusCode::FORBIDDEN => ErrorCode::Forbidden,
        StatusCode::TOO_MANY_REQUESTS => ErrorCode::RateLimited,
        StatusCode::BAD_REQUEST | StatusCode::PAYLOAD_TOO_LARGE | StatusCode::UNPROCESSABLE_ENTITY => {
            ErrorCode::InvalidRequest
        }
        _ => ErrorCode::RemoteFailed,
    }
}

fn status_text(status: StatusCode) -> String {
    status.canonical_reason().map_or_else(|| status.as_u16().to_string(), str::to_owned)
}

fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let seconds: u64 = headers.get(RETRY_AFTER)?.to_str().ok()?.trim().parse().ok()?;
    Some(Duration::from_secs(seconds).min(MAX_RETRY_AFTER))
}

/// As much of a text from elsewhere as a message may hold, without control characters.
pub(super) fn quoted(text: &str) -> String {
    text.escape_debug().take(MAX_QUOTED).collect()
}
