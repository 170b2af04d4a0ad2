//! The routes: one file per resource, and one table of all of them.

mod execute;
mod files;
mod health;
mod sessions;
mod socket;
mod stream;

use std::sync::Arc;

use axum::Router;
use axum::http::Uri;
use axum::routing::{delete, get, post};

use super::app::App;
use super::refusal::Refusal;
use super::{cleanup, gate};
use crate::api::ErrorCode;

/// Paths that need no key.
pub(super) const PUBLIC: [&str; 1] = ["/health"];

/// Everything that a server answers.
pub(super) fn router(app: Arc<App>) -> Router {
    Router::new()
        .route("/health", get(health::health))
        .route("/execute", post(execute::execute))
        .route("/execute/stream", post(stream::stream))
        .route("/execute/ws", get(socket::upgrade))
        .route("/file", post(files::put).get(files::get))
        .route("/sessions", get(sessions::list))
        .route("/session/{id}", delete(sessions::end))
        .route("/cleanup", post(cleanup::route))
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
