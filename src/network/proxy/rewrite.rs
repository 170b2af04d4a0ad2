//! A request in our words: the request line, the `Host` header and how the body is delimited are written anew from what
//! was understood, so that whoever reads it next understands the same.

use hyper::body::{Body, Incoming};
use hyper::header::{CONNECTION, EXPECT, HOST, HeaderMap, HeaderName, HeaderValue, TE, TRANSFER_ENCODING, UPGRADE};
use hyper::http::uri::PathAndQuery;
use hyper::{Method, Request, Uri, Version};

use crate::network::Authority;
use crate::network::guard::{Guard, stands};

/// Headers that are about one connection, and not passed on (RFC 9110, section 7.6.1). The last is that of a change of
/// protocol which is never made.
const HOP_BY_HOP: [&str; 7] = [
    "connection",
    "keep-alive",
    "proxy-authenticate",
    "proxy-authorization",
    "proxy-connection",
    "transfer-encoding",
    "http2-settings",
];

/// The one protocol that a connection may change to. In others, such as HTTP/2 or TLS, more requests could follow, for
/// whatever host of that server, which nobody would decide on or see.
const WEBSOCKET: &str = "websocket";

/// Refuses encodings that we would take off, since nobody would be told of them. Of two lengths, hyper reads the one
/// that counts, and we write it.
pub(super) fn check_framing(request: &Request<Incoming>) -> Result<(), &'static str> {
    let mut encodings = request.headers().get_all(TRANSFER_ENCODING).iter();
    match (encodings.next(), encodings.next()) {
        (None, _) => Ok(()),
        (Some(encoding), None) if encoding.as_bytes().eq_ignore_ascii_case(b"chunked") => Ok(()),
        _ if !stands(Guard::Framing) => Ok(()),
        _ => Err("a Transfer-Encoding other than chunked"),
    }
}

/// The protocol that a program wants to change to, if it may.
pub(super) fn wanted_upgrade<B>(request: &Request<B>) -> Option<HeaderValue> {
    let headers = request.headers();
    let is_wanted = tokens(headers, CONNECTION).any(|token| token.eq_ignore_ascii_case("upgrade"));
    if !stands(Guard::Protocol) {
        return headers.get(UPGRADE).filter(|_| is_wanted).cloned();
    }
    // RFC 6455, section 4.1.
    let is_possible = request.method() == Method::GET && request.version() == Version::HTTP_11;
    let is_websocket = tokens(headers, UPGRADE).any(|protocol| protocol.eq_ignore_ascii_case(WEBSOCKET));
    (is_wanted && is_possible && is_websocket).then(|| HeaderValue::from_static(WEBSOCKET))
}

/// The request as the server gets it; or why there can be none.
pub(super) fn rewrite(
    request: &mut Request<Incoming>,
    to: &Authority,
    upgrade: Option<&HeaderValue>,
) -> Result<(), &'static str> {
    let path = request.uri().path_and_query().cloned().unwrap_or_else(|| PathAndQuery::from_static("/"));
    *request.uri_mut() = Uri::from(path);
    *request.version_mut() = Version::HTTP_11;
    if !stands(Guard::OwnWords) {
        return Ok(());
    }
    let is_of_unknown_length = !request.body().is_end_stream() && request.body().size_hint().exact().is_none();
    let headers = request.headers_mut();
    strip_hop_by_hop(headers);
    // The program has our own `100 Continue` by the time that its body comes.
    headers.remove(EXPECT);
    let authority = to.to_string();
    let host = authority.strip_suffix(":80").unwrap_or(&authority);
    headers.insert(HOST, HeaderValue::try_from(host).map_err(|_| "no host")?);
    if let Some(protocol) = upgrade {
        headers.insert(CONNECTION, HeaderValue::from_static("upgrade"));
        headers.insert(UPGRADE, protocol.clone());
    }
    if is_of_unknown_length {
        // hyper writes that by itself for most methods, but takes a GET or HEAD without it to have no body.
        headers.insert(TRANSFER_ENCODING, HeaderValue::from_static("chunked"));
    }
    Ok(())
}

/// Removes what is about one connection: what is always, and what the message itself says is.
pub(super) fn strip_hop_by_hop(headers: &mut HeaderMap) {
    let named: Vec<HeaderName> = tokens(headers, CONNECTION).filter_map(|name| name.parse().ok()).collect();
    for name in named {
        headers.remove(name);
    }
    for name in HOP_BY_HOP {
        headers.remove(name);
    }
    headers.remove(UPGRADE);
    // Trailers are the one thing of it that can be passed on.
    if headers.get(TE).is_some_and(|value| value != "trailers") {
        headers.remove(TE);
    }
}

/// What stands in all headers of this name, between commas.
fn tokens(headers: &HeaderMap, name: HeaderName) -> impl Iterator<Item = &str> {
    let values = headers.get_all(name).iter().filter_map(|value| value.to_str().ok());
    values.flat_map(|value| value.split(',')).map(str::trim)
}
