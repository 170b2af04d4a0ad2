//! The sessions that a caller may see, and their end.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Extension, State};
use schemars::JsonSchema;
use serde::Deserialize;

use super::files::{DONE, Done};
use crate::api::wire::{SessionInfo, SessionList};
use crate::server::app::App;
use crate::server::caller::Caller;
use crate::server::extract::{Name, Params};
use crate::server::refusal::Refusal;
use crate::server::sessions::Info;

/// Whose session is meant.
#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct Whose {
    /// The tenant whose session it is, for holders of the master key.
    pub(super) tenant_id: Option<String>,
}

pub(super) async fn list(State(app): State<Arc<App>>, Extension(caller): Extension<Caller>) -> Json<SessionList> {
    let own = caller.tenant();
    let session = |Info { tenant, id, is_active, last_accessed }: Info| SessionInfo {
        id: id.to_string(),
        is_active,
        last_accessed_at: format!("{last_accessed:.3}"),
        tenant_id: if tenant == own { None } else { tenant.name().map(str::to_owned) },
    };
    Json(SessionList { sessions: app.sessions.list(&caller).into_iter().map(session).collect() })
}

pub(super) async fn end(
    State(app): State<Arc<App>>,
    Extension(caller): Extension<Caller>,
    Name(id): Name,
    Params(Whose { tenant_id }): Params<Whose>,
) -> Result<Json<Done>, Refusal> {
    app.sessions.delete(&caller, tenant_id.as_deref(), &id).await?;
    Ok(DONE)
}
