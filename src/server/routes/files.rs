//! `/file`: what is put into the sandbox of a session, and got out of it.

use std::sync::Arc;

use axum::Json;
use axum::body::Body;
use axum::extract::{Extension, State};
use axum::response::Response;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::sessions::Whose;
use crate::api::ErrorCode;
use crate::api::wire::{FileAnswer, FileBody};
use crate::server::app::App;
use crate::server::caller::Caller;
use crate::server::extract::Params;
use crate::server::held;
use crate::server::refusal::Refusal;

/// Something was done.
#[derive(Serialize, JsonSchema)]
pub(super) struct Done {
    /// Always true.
    ok: bool,
}

/// It was done.
pub(super) const DONE: Json<Done> = Json(Done { ok: true });

/// The query of `GET /file`.
#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct Which {
    /// The session.
    #[schemars(required)]
    session_id: Option<String>,
    /// Path of the file: absolute, or relative to `/sandbox`.
    #[schemars(required)]
    path: Option<String>,
    /// The tenant whose session it is, for holders of the master key.
    tenant_id: Option<String>,
}

pub(super) async fn put(
    State(app): State<Arc<App>>,
    Extension(caller): Extension<Caller>,
    Params(Whose { tenant_id }): Params<Whose>,
    body: Body,
) -> Result<Json<Done>, Refusal> {
    let (FileBody { session_id, path, content }, _share) = app.read(&caller, body).await?;
    let visit = app.sessions.find(&caller, tenant_id.as_deref(), &session_id)?;
    visit.engine().put_file(&path, content).await?;
    Ok(DONE)
}

pub(super) async fn get(
    State(app): State<Arc<App>>,
    Extension(caller): Extension<Caller>,
    Params(which): Params<Which>,
) -> Result<Response, Refusal> {
    let named = |value: Option<String>| value.filter(|value| !value.is_empty());
    let (Some(session_id), Some(path)) = (named(which.session_id), named(which.path)) else {
        return Err(Refusal::new(ErrorCode::InvalidRequest, "Missing sessionId or path"));
    };
    let visit = app.sessions.find(&caller, which.tenant_id.as_deref(), &session_id)?;
    // Before it is read: what has not been sent yet counts.
    let mut share = app.memory.share(caller.tenant());
    share.take(1)?;
    let _turn = visit.reading().await?;
    let content = visit.engine().get_file(&path).await?;
    held::json(&FileAnswer { content }, share)
}
