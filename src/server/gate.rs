//! What every request goes through: who is it from, may they ask for more, what if answering it goes wrong, and what is
//! noted of it.

use std::net::{IpAddr, Ipv4Addr};
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, OnceLock};
use std::time::Instant;

use axum::body::Body;
use axum::extract::{MatchedPath, Request, State};
use axum::http::header::CONTENT_ENCODING;
use axum::http::{HeaderName, HeaderValue, Method, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use futures::FutureExt;
use jiff::Timestamp;
use uuid::Uuid;

use super::app::App;
use super::caller::Caller;
use super::connections::Peer;
use super::held::Held;
use super::log::Line;
use super::refusal::Refusal;
use super::routes;
use crate::api::ErrorCode;
use crate::api::wire::ServerEvent;

/// Tells requests apart, in logs and for people who report a problem.
pub(super) const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// The status of a request whose client has not waited for the answer.
const CLIENT_GONE: u16 = 499;

/// Lets a request through to its route.
pub(super) async fn gate(State(app): State<Arc<App>>, mut request: Request, next: Next) -> Response {
    let path = request.extensions().get::<MatchedPath>().map(MatchedPath::as_str);
    let (route, is_public) = routes::known(path);
    let entry = Arc::new(Entry::new(app.clone(), request.method().clone(), route));
    let id = HeaderValue::try_from(entry.id.as_str());
    request.extensions_mut().insert(Note(entry.clone()));
    let answer = async {
        if !is_public {
            let from = request.extensions().get().map_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED), |Peer(address)| *address);
            let caller = app.access.authenticate(request.headers(), from).await?;
            let _ = entry.caller.set(caller.clone());
            app.check_rate(&caller)?;
            check_encoding(&request)?;
            request.extensions_mut().insert(caller);
        }
        Ok::<_, Refusal>(next.run(request).await)
    };
    let mut response = match AssertUnwindSafe(answer).catch_unwind().await {
        Ok(Ok(response)) => response,
        Ok(Err(refusal)) => refusal.into_response(),
        Err(_) => Refusal::new(ErrorCode::Internal, "internal error").into_response(),
    };
    if let Ok(id) = id {
        response.headers_mut().insert(REQUEST_ID, id);
    }
    let _ = entry.status.set(response.status().as_u16());
    if let Some(code) = response.extensions().get::<ErrorCode>() {
        let _ = entry.code.set(code.as_str().to_owned());
    }
    response.map(|body| Body::new(Held::new(body, entry)))
}

/// Bodies are taken as they are: what expands to more than it is could not be bounded before it is read.
fn check_encoding(request: &Request) -> Result<(), Refusal> {
    let mut encodings = request.headers().get_all(CONTENT_ENCODING).iter();
    let is_plain = encodings.all(|encoding| encoding.as_bytes().eq_ignore_ascii_case(b"identity"));
    if request.method() != Method::POST || is_plain {
        return Ok(());
    }
    let refusal = Refusal::new(ErrorCode::InvalidRequest, "the body must not be compressed (Content-Encoding)");
    Err(refusal.with_status(StatusCode::UNSUPPORTED_MEDIA_TYPE))
}

impl App {
    fn check_rate(&self, caller: &Caller) -> Result<(), Refusal> {
        let Some(rate) = self.tenant_rate.as_ref().filter(|_| !caller.is_master()) else { return Ok(()) };
        let by_tenant = rate.take(caller.tenant());
        by_tenant
            .map_err(|wait| Refusal::busy("too many requests of this tenant (server.limits.perTenant.perMinute)", wait))
    }
}

/// What is noted of a request when its answer has been sent, or nobody wants it any more, and nobody has a [`Note`].
struct Entry {
    app: Arc<App>,
    id: String,
    method: Method,
    route: &'static str,
    begun: Instant,
    caller: OnceLock<Caller>,
    status: OnceLock<u16>,
    code: OnceLock<String>,
}

/// What routes add to it that go on after they have begun to answer.
#[derive(Clone)]
pub(super) struct Note(Arc<Entry>);

impl Note {
    /// The client is told this. If it says that the execution failed, that is noted.
    pub(super) fn told(&self, event: &ServerEvent) {
        if let Some(code) = &event.code {
            let _ = self.0.code.set(code.clone());
        }
    }
}

impl Entry {
    fn new(app: Arc<App>, method: Method, route: &'static str) -> Self {
        let (id, begun) = (Uuid::new_v4().to_string(), Instant::now());
        let (caller, status, code) = (OnceLock::new(), OnceLock::new(), OnceLock::new());
        Self { app, id, method, route, begun, caller, status, code }
    }
}

impl Drop for Entry {
    fn drop(&mut self) {
        let status = self.status.get().copied().unwrap_or(CLIENT_GONE);
        self.app.metrics.answered(self.route, status);
        let Some(log) = &self.app.log else { return };
        let (tenant, key_id) = match self.caller.get() {
            None => (None, None),
            Some(Caller::Master) => (Some("(master)"), None),
            Some(Caller::Key { id, tenant }) => (Some(&**tenant), Some(&**id)),
        };
        log.write(&Line {
            time: format!("{:.3}", Timestamp::now()),
            level: "info",
            message: "request",
            request_id: &self.id,
            method: self.method.as_str(),
            route: self.route,
            status,
            duration_ms: self.begun.elapsed().as_micros() as f64 / 1000.0,
            tenant,
            key_id,
            code: self.code.get().map(String::as_str),
        });
    }
}
