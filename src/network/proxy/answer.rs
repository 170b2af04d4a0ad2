//! What the proxy says in its own name.

use bytes::Bytes;
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt, Empty, Full};
use hyper::header::{CONTENT_TYPE, HeaderName, HeaderValue};
use hyper::{Method, Response, StatusCode};

use crate::network::{Authority, log};

/// What answers carry: our own words, or what comes from upstream.
pub(super) type Body = BoxBody<Bytes, hyper::Error>;

/// Says why something was refused, and what would allow it.
const BLOCK: HeaderName = HeaderName::from_static("x-isol8-block");

/// A tunnel is there.
pub(super) fn established() -> Response<Body> {
    Response::new(Empty::new().map_err(|never| match never {}).boxed())
}

/// The policy is against it, as `why` says. `host` is what was asked for.
pub(super) fn blocked(method: &Method, host: &str, why: &str) -> Response<Body> {
    let what = if method == Method::CONNECT { "CONNECT" } else { "request" };
    let mut answer =
        text(StatusCode::FORBIDDEN, format!("isol8: {what} to {} blocked by network filter", log::shown_host(host)));
    if let Ok(why) = HeaderValue::from_str(why) {
        answer.headers_mut().insert(BLOCK, why);
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
