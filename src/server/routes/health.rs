//! Whether the server is there.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use schemars::JsonSchema;
use serde::Serialize;

use crate::server::app::App;

/// The answer of `GET /health`.
#[derive(Serialize, JsonSchema)]
pub(super) struct Health {
    /// Always `ok`.
    status: &'static str,
    /// The version of isol8.
    version: &'static str,
    /// How busy the server is.
    load: Load,
}

/// How busy a server is.
#[derive(Serialize, JsonSchema)]
struct Load {
    /// Executions that run.
    running: usize,
    /// Executions that wait for their turn.
    waiting: usize,
    /// Executions that can run at a time.
    capacity: usize,
    /// Whether whoever comes now has to wait.
    saturated: bool,
}

pub(super) async fn health(State(app): State<Arc<App>>) -> Json<Health> {
    let (load, capacity) = (app.admission.load(), app.admission.capacity());
    Json(Health {
        status: "ok",
        version: env!("CARGO_PKG_VERSION"),
        load: Load {
            running: load.running,
            waiting: load.waiting,
            capacity,
            saturated: load.running + load.waiting >= capacity,
        },
    })
}
