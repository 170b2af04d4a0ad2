//! Whether the server is there, and whether it is of use.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use schemars::JsonSchema;
use serde::Serialize;

use crate::server::app::App;
use crate::server::readiness::Answers;

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

/// The answer of `GET /ready`.
#[derive(Serialize, JsonSchema)]
pub(super) struct Ready {
    /// `ready` or `unready`.
    status: &'static str,
    /// Whether the Docker engine answers.
    docker: bool,
    /// Whether the database of keys answers, where there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    keys: Option<bool>,
    /// Whether the server is about to end.
    ending: bool,
}

/// Whether a load balancer should send anything here. Says no more than that to people without a key.
pub(super) async fn ready(State(app): State<Arc<App>>) -> (StatusCode, Json<Ready>) {
    let (Answers { docker, keys }, ending) = (app.readiness.answers().await, app.ending.is_cancelled());
    let (code, status) = match docker && keys != Some(false) && !ending {
        true => (StatusCode::OK, "ready"),
        false => (StatusCode::SERVICE_UNAVAILABLE, "unready"),
    };
    (code, Json(Ready { status, docker, keys, ending }))
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
