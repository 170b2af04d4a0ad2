//! `GET /metrics`: for holders of the master key, since how busy others are is not everybody's business.

use std::sync::Arc;

use axum::extract::{Extension, State};
use axum::http::header::CONTENT_TYPE;
use axum::response::IntoResponse;

use crate::server::app::App;
use crate::server::caller::Caller;
use crate::server::refusal::Refusal;

/// OpenMetrics text, which Prometheus reads.
pub(super) const MEDIA_TYPE: &str = "application/openmetrics-text";

pub(super) async fn metrics(
    State(app): State<Arc<App>>,
    Extension(caller): Extension<Caller>,
) -> Result<impl IntoResponse, Refusal> {
    caller.require_master()?;
    let media_type = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    Ok(([(CONTENT_TYPE, media_type)], app.metrics.text(&app)))
}
