//! The console: a page on which people run code, and see sessions, network decisions, keys and load.
//!
//! Everything that it consists of is in this program, and everything that it does goes over the routes that clients
//! use, with the key that its reader signs in with; the page itself needs none. The policy that goes with it lets no
//! script run but these and no text become markup, so nothing that a program prints can do anything.

use std::sync::Arc;

use axum::Router;
use axum::http::HeaderName;
use axum::http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS,
};
use axum::response::{IntoResponse, Response};
use axum::routing::get;

use super::app::App;
use super::extract::Name;
use super::refusal::Refusal;
use crate::api::ErrorCode;

/// The path of the page.
pub(super) const PAGE: &str = "/";

/// The paths of what it is made of.
pub(super) const FILE: &str = "/console/{file}";

/// What the page may do: load what is below, and talk to this server. The last two let no text become a script, by
/// whatever way.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; \
                      base-uri 'none'; form-action 'none'; frame-ancestors 'none'; \
                      require-trusted-types-for 'script'; trusted-types 'none'";

/// Other pages get no hold of it: neither in a frame, nor as its opener, nor as a resource.
const OPENER_POLICY: HeaderName = HeaderName::from_static("cross-origin-opener-policy");
const RESOURCE_POLICY: HeaderName = HeaderName::from_static("cross-origin-resource-policy");

const HTML: &str = "text/html; charset=utf-8";
const JAVASCRIPT: &str = "text/javascript; charset=utf-8";

const INDEX: &str = include_str!("assets/index.html");

/// What the page asks for: name, media type, text.
const FILES: [(&str, &str, &str); 13] = [
    ("console.css", "text/css; charset=utf-8", include_str!("assets/console.css")),
    ("icon.svg", "image/svg+xml", include_str!("assets/icon.svg")),
    ("api.js", JAVASCRIPT, include_str!("assets/api.js")),
    ("chart.js", JAVASCRIPT, include_str!("assets/chart.js")),
    ("dom.js", JAVASCRIPT, include_str!("assets/dom.js")),
    ("keys.js", JAVASCRIPT, include_str!("assets/keys.js")),
    ("latency.js", JAVASCRIPT, include_str!("assets/latency.js")),
    ("load.js", JAVASCRIPT, include_str!("assets/load.js")),
    ("main.js", JAVASCRIPT, include_str!("assets/main.js")),
    ("network.js", JAVASCRIPT, include_str!("assets/network.js")),
    ("playground.js", JAVASCRIPT, include_str!("assets/playground.js")),
    ("polling.js", JAVASCRIPT, include_str!("assets/polling.js")),
    ("sessions.js", JAVASCRIPT, include_str!("assets/sessions.js")),
];

/// The page and its files.
pub(super) fn router() -> Router<Arc<App>> {
    Router::new().route(PAGE, get(|| async { answer(HTML, INDEX) })).route(FILE, get(file))
}

async fn file(Name(name): Name) -> Result<Response, Refusal> {
    let found = FILES.iter().find(|(file, _, _)| *file == name);
    let (_, kind, text) = found.ok_or_else(|| Refusal::new(ErrorCode::NotFound, "the console has no such file"))?;
    Ok(answer(kind, text))
}

fn answer(kind: &'static str, text: &'static str) -> Response {
    let headers = [
        (CONTENT_TYPE, kind),
        (CONTENT_SECURITY_POLICY, POLICY),
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (X_FRAME_OPTIONS, "DENY"),
        (REFERRER_POLICY, "no-referrer"),
        (OPENER_POLICY, "same-origin"),
        (RESOURCE_POLICY, "same-origin"),
        // It goes with the server's version, and is small.
        (CACHE_CONTROL, "no-cache"),
    ];
    (headers, text).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::runtime;

    /// What follows `before` in `text`, up to a quotation mark, each time.
    fn named<'a>(text: &'a str, before: &'a str) -> impl Iterator<Item = &'a str> {
        text.split(before).skip(1).filter_map(|rest| rest.split(['"', '\'']).next())
    }

    #[test]
    fn every_file_is_asked_for_and_every_file_that_is_asked_for_is_there() {
        let imported = FILES.iter().flat_map(|(_, _, text)| named(text, "from './"));
        let mut asked: Vec<_> = named(INDEX, "\"console/").chain(imported).collect();
        asked.sort_unstable();
        asked.dedup();
        let mut there = FILES.map(|(file, _, _)| file);
        there.sort_unstable();
        assert_eq!(asked, there);
    }

    #[test]
    fn every_runtime_can_be_chosen() {
        let (_, _, playground) = FILES.iter().find(|(file, _, _)| *file == "playground.js").expect("there is one");
        for runtime in runtime::ALL {
            assert!(playground.contains(&format!("\n  {}: ", runtime.name)), "{}", runtime.name);
        }
    }
}
