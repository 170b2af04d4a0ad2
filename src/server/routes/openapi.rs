//! `GET /openapi.json`: what the server can be asked.

use std::sync::LazyLock;

use axum::http::header::CONTENT_TYPE;
use axum::response::IntoResponse;
use bytes::Bytes;

use super::table;
use crate::server::openapi;

static DOCUMENT: LazyLock<Bytes> = LazyLock::new(|| openapi::document(&table()).to_string().into());

pub(super) async fn document() -> impl IntoResponse {
    ([(CONTENT_TYPE, "application/json")], DOCUMENT.clone())
}
