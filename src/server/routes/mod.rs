//! The routes: one file per resource, and one table of all of them, which both mounts and describes them.

mod execute;
mod files;
mod health;
mod keys;
mod metrics;
mod network;
mod openapi;
mod sessions;
mod socket;
mod stream;

use std::sync::Arc;

use axum::Router;
use axum::http::{Method, StatusCode, Uri};
use axum::routing::{MethodRouter, delete, get, post};

use super::app::App;
use super::openapi::{Answer, Operation, form};
use super::refusal::Refusal;
use super::{cleanup, console, gate};
use crate::api::wire::{ExecuteBody, FileAnswer, FileBody, KeyRequest, Login, SessionList};
use crate::api::{ErrorCode, ExecutionResult};

/// Something that a server answers.
pub(super) struct Route {
    pub(super) method: Method,
    pub(super) path: &'static str,
    pub(super) access: Access,
    pub(super) operation: Operation,
    handler: MethodRouter<Arc<App>>,
}

/// Who may ask.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Access {
    /// Everybody.
    Public,
    /// Whoever has a key.
    Key,
    /// Whoever has the master key.
    Master,
}

/// Paths that need no key.
const PUBLIC: [&str; 5] = ["/health", "/ready", "/openapi.json", console::PAGE, console::FILE];

/// What logs and metrics call a path that is none of ours.
const UNKNOWN: &str = "(unknown)";

/// The path of a route, and whether it needs no key.
pub(super) fn known(path: Option<&str>) -> (&'static str, bool) {
    PATHS.iter().find(|known| Some(**known) == path).map_or((UNKNOWN, false), |known| (known, PUBLIC.contains(known)))
}

/// All paths.
const PATHS: [&str; 17] = [
    "/health",
    "/ready",
    "/openapi.json",
    "/metrics",
    "/execute",
    "/execute/stream",
    "/execute/ws",
    "/file",
    "/sessions",
    "/session/{id}",
    "/network",
    "/cleanup",
    "/auth/keys",
    "/auth/keys/{id}",
    "/auth/login",
    console::PAGE,
    console::FILE,
];

const OPERATION: Operation = Operation {
    summary: "",
    query: None,
    body: None,
    needs_body: true,
    status: StatusCode::OK,
    answer: Answer::Text("text/plain"),
    refusals: &[],
};

/// How an execution can be refused or fail, besides what any route can.
const EXECUTION: &[StatusCode] = &[StatusCode::NOT_FOUND, StatusCode::CONFLICT, StatusCode::UNPROCESSABLE_ENTITY];

/// Everything that a server answers.
pub(super) fn table() -> Vec<Route> {
    let json = Operation { body: None, ..OPERATION };
    vec![
        Route::get(
            "/health",
            Access::Public,
            get(health::health),
            Operation {
                summary: "Whether the server is there, and how busy it is",
                answer: Answer::Json(form::<health::Health>),
                ..json
            },
        ),
        Route::get(
            "/ready",
            Access::Public,
            get(health::ready),
            Operation {
                summary: "Whether the server can run anything",
                answer: Answer::Json(form::<health::Ready>),
                refusals: &[StatusCode::SERVICE_UNAVAILABLE],
                ..json
            },
        ),
        Route::get(
            "/openapi.json",
            Access::Public,
            get(openapi::document),
            Operation {
                summary: "This document",
                answer: Answer::Json(form::<serde_json::Map<String, serde_json::Value>>),
                ..json
            },
        ),
        Route::get(
            "/metrics",
            Access::Master,
            get(metrics::metrics),
            Operation {
                summary: "What has happened and how things stand, for Prometheus",
                answer: Answer::Text(metrics::MEDIA_TYPE),
                ..json
            },
        ),
        Route::post(
            "/execute",
            post(execute::execute),
            Operation {
                summary: "Run a program and answer when it has ended",
                body: Some(form::<ExecuteBody>),
                answer: Answer::Json(form::<ExecutionResult>),
                refusals: EXECUTION,
                ..json
            },
        ),
        Route::post(
            "/execute/stream",
            post(stream::stream),
            Operation {
                summary: "Run a program and send its output as it comes",
                body: Some(form::<ExecuteBody>),
                answer: Answer::Events,
                refusals: EXECUTION,
                ..json
            },
        ),
        Route::get(
            "/execute/ws",
            Access::Key,
            get(socket::upgrade),
            Operation {
                summary: "Run a program over a WebSocket, with live standard input and signals",
                status: StatusCode::SWITCHING_PROTOCOLS,
                answer: Answer::Upgrade,
                refusals: &[StatusCode::BAD_REQUEST, StatusCode::METHOD_NOT_ALLOWED, StatusCode::UPGRADE_REQUIRED],
                ..json
            },
        ),
        Route::post(
            "/file",
            post(files::put),
            Operation {
                summary: "Write a file in the sandbox of a session",
                query: Some(form_inline::<sessions::Whose>),
                body: Some(form::<FileBody>),
                answer: Answer::Json(form::<files::Done>),
                refusals: EXECUTION,
                ..json
            },
        ),
        Route::get(
            "/file",
            Access::Key,
            get(files::get),
            Operation {
                summary: "Read a file in the sandbox of a session",
                query: Some(form_inline::<files::Which>),
                answer: Answer::Json(form::<FileAnswer>),
                refusals: &[StatusCode::BAD_REQUEST, StatusCode::NOT_FOUND, StatusCode::CONFLICT],
                ..json
            },
        ),
        Route::get(
            "/sessions",
            Access::Key,
            get(sessions::list),
            Operation {
                summary: "The sessions that the key may see",
                answer: Answer::Json(form::<SessionList>),
                ..json
            },
        ),
        Route {
            method: Method::DELETE,
            path: "/session/{id}",
            access: Access::Key,
            handler: delete(sessions::end),
            operation: Operation {
                summary: "End a session; that there is none is fine",
                query: Some(form_inline::<sessions::Whose>),
                answer: Answer::Json(form::<files::Done>),
                refusals: &[StatusCode::BAD_REQUEST],
                ..json
            },
        },
        Route::get(
            "/network",
            Access::Key,
            get(network::since),
            Operation {
                summary: "What programs asked of the network a moment ago, and what was decided",
                query: Some(form_inline::<network::Since>),
                answer: Answer::Json(form::<network::Network>),
                refusals: &[StatusCode::BAD_REQUEST],
                ..json
            },
        ),
        Route::post(
            "/cleanup",
            post(cleanup::route),
            Operation {
                summary: "End sessions and executions, and remove their containers",
                body: Some(form::<cleanup::Wanted>),
                needs_body: false,
                answer: Answer::Json(form::<cleanup::Cleaned>),
                ..json
            },
        ),
        Route::post(
            "/auth/keys",
            post(keys::create),
            Operation {
                summary: "Make a key",
                body: Some(form::<KeyRequest>),
                status: StatusCode::CREATED,
                answer: Answer::Json(form::<keys::Made>),
                ..json
            },
        ),
        Route::get(
            "/auth/keys",
            Access::Master,
            get(keys::list),
            Operation {
                summary: "The keys, of one tenant or of all",
                query: Some(form_inline::<keys::Whose>),
                answer: Answer::Json(form::<keys::List>),
                refusals: &[StatusCode::BAD_REQUEST],
                ..json
            },
        ),
        Route {
            method: Method::DELETE,
            path: "/auth/keys/{id}",
            access: Access::Master,
            handler: delete(keys::revoke),
            operation: Operation {
                summary: "Revoke a key, at once and for good",
                answer: Answer::Json(form::<keys::Revoked>),
                refusals: &[StatusCode::BAD_REQUEST, StatusCode::NOT_FOUND],
                ..json
            },
        },
        Route::post(
            "/auth/login",
            post(keys::login),
            Operation {
                summary: "Make a key for oneself",
                body: Some(form::<KeyRequest>),
                needs_body: false,
                answer: Answer::Json(form::<Login>),
                ..json
            },
        ),
    ]
}

/// The form of a `T`, where its members have to be seen.
fn form_inline<T: schemars::JsonSchema>(generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
    T::json_schema(generator)
}

impl Route {
    fn get(path: &'static str, access: Access, handler: MethodRouter<Arc<App>>, operation: Operation) -> Self {
        Self { method: Method::GET, path, access, operation, handler }
    }

    fn post(path: &'static str, handler: MethodRouter<Arc<App>>, operation: Operation) -> Self {
        Self { method: Method::POST, path, access: Access::Key, operation, handler }
    }
}

/// Mounts the table, and the page for browsers, which uses it.
pub(super) fn router(app: Arc<App>) -> Router {
    let console = if app.console { console::router() } else { Router::new() };
    let mounted = table().into_iter().fold(console, |router, route| router.route(route.path, route.handler));
    mounted
        .fallback(unknown)
        .method_not_allowed_fallback(not_allowed)
        .layer(axum::middleware::from_fn_with_state(app.clone(), gate::gate))
        .with_state(app)
}

async fn unknown(uri: Uri) -> Refusal {
    Refusal::new(ErrorCode::NotFound, format!("there is nothing at {}", uri.path()))
}

async fn not_allowed(uri: Uri) -> Refusal {
    Refusal::new(ErrorCode::MethodNotAllowed, format!("not a method of {}", uri.path()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_says_what_needs_no_key_and_how_paths_are_called() {
        for route in table() {
            let (path, is_public) = known(Some(route.path));
            assert_eq!((path, is_public), (route.path, route.access == Access::Public));
        }
        for path in [console::PAGE, console::FILE] {
            assert_eq!(known(Some(path)), (path, true));
        }
        assert_eq!(known(Some("/nowhere")), (UNKNOWN, false));
        assert_eq!(known(None), (UNKNOWN, false));
    }
}
