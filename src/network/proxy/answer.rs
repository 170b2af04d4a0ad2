//! What the proxy says in its own name.

use bytes::Bytes;
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt, Empty, Full};
use hyper::header::{CONTENT_TYPE, HeaderName, HeaderValue};
use hyper::{Method, Response, StatusCode};

use crate::network::{Authority, Decision, Reason, log, policy};

/// What answers carry: our own words, or what comes from upstream.
pub(super) type Body = BoxBody<Bytes, hyper::Error>;

/// Says why something was refused, and what would allow it.
const BLOCK: HeaderName = HeaderName::from_static("x-isol8-block");

/// A tunnel is there.
pub(super) fn established() -> Response<Body> {
    Response::new(Empty::new().map_err(|never| match never {}).boxed())
}

/// The policy is against it. `host` is what was asked for, and `to` what that means, if anything.
pub(super) fn blocked(method: &Method, host: &str, to: Option<&Authority>, decision: &Decision) -> Response<Body> {
    let what = if method == Method::CONNECT { "CONNECT" } else { "request" };
    let mut answer =
        text(StatusCode::FORBIDDEN, format!("isol8: {what} to {} blocked by network filter", log::shown_host(host)));
    // Which pattern is against it is none of the program's business.
    let to = to.filter(|_| decision.reason() != Reason::Blacklist);
    let words = match to.and_then(|to| policy::advice(decision, to)) {
        Some(advice) => format!("{}; {advice}", decision.reason().name()),
        None => decision.reason().name().to_owned(),
    };
    if let Ok(words) = HeaderValue::from_str(&words) {
        answer.headers_mut().insert(BLOCK, words);
    }
    answer
}

/// Nobody answers there.
pub(super) fn unreachable(to: &Authority) -> Response<Body> {
    text(StatusCode::BAD_GATEWAY, format!("isol8: proxy error: connection to {}:{} failed", to.host, to.port))
}

/// It is not such that a proxy could do anything with it.
pub(super) fn malformed(why: &str) -> Response<Body> {
    text(StatusCode::BAD_REQUEST, format!("isol8: proxy error: {why}"))
}

fn text(status: StatusCode, words: String) -> Response<Body> {
    let mut answer = Response::new(Full::from(words).map_err(|never| match never {}).boxed());
    *answer.status_mut() = status;
    answer.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    answer
}
