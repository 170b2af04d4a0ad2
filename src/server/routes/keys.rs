//! `/auth`: keys that a database holds, made, listed and revoked by holders of the master key.

use std::sync::Arc;

use axum::Json;
use axum::body::Body;
use axum::extract::{Extension, State};
use axum::http::StatusCode;
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::api::wire::{KeyRequest, Login};
use crate::api::{ErrorCode, KeyLifetime, Secret};
use crate::server::app::App;
use crate::server::auth::{ApiKeyInfo, CreatedKey, InvalidKey, KeyId, NewKey, Tenant};
use crate::server::body;
use crate::server::caller::Caller;
use crate::server::extract::{Name, Params};
use crate::server::refusal::Refusal;

/// A key that was just made.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "NewKey")]
pub(super) struct Made {
    /// By which it is revoked.
    id: String,
    /// The key itself, which is shown this once.
    key: String,
    /// What it is called.
    name: String,
    /// How it begins.
    key_prefix: String,
    /// Whose it is.
    tenant_id: String,
    /// When it stops being valid, ISO 8601.
    expires_at: String,
}

/// What `GET /auth/keys` answers.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "KeyList")]
pub(super) struct List {
    /// The newest first.
    keys: Vec<ApiKeyInfo>,
}

/// A key was revoked.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "RevokedKey")]
pub(super) struct Revoked {
    /// Always true.
    ok: bool,
    /// Which.
    id: String,
}

/// Whose keys are meant.
#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct Whose {
    /// Everybody's when absent.
    tenant_id: Option<String>,
}

pub(super) async fn create(
    State(app): State<Arc<App>>,
    Extension(caller): Extension<Caller>,
    body: Body,
) -> Result<(StatusCode, Json<Made>), Refusal> {
    app.access.keys(&caller)?;
    let wanted: KeyRequest = body::optional_json(body, app.body_size).await?;
    let name = wanted.name.clone().unwrap_or_default();
    let CreatedKey { key, info } = make(&app, &caller, wanted, &name).await?;
    let made = Made {
        id: info.id.to_string(),
        key: key.expose().to_owned(),
        name: info.name,
        key_prefix: info.key_prefix,
        tenant_id: info.tenant.to_string(),
        expires_at: iso(info.expires_at),
    };
    Ok((StatusCode::CREATED, Json(made)))
}

pub(super) async fn login(
    State(app): State<Arc<App>>,
    Extension(caller): Extension<Caller>,
    body: Body,
) -> Result<Json<Login>, Refusal> {
    app.access.keys(&caller)?;
    let wanted: KeyRequest = body::optional_json(body, app.body_size).await?;
    let name = wanted.name.clone().unwrap_or_else(|| format!("login-{}", iso(Timestamp::now())));
    let CreatedKey { key, info } = make(&app, &caller, wanted, &name).await?;
    let token = Secret::new(key.expose().to_owned());
    Ok(Json(Login { token, expires_at: iso(info.expires_at), key_id: info.id.to_string() }))
}

async fn make(app: &App, caller: &Caller, wanted: KeyRequest, name: &str) -> Result<CreatedKey, Refusal> {
    let lifetime = match wanted.ttl_ms {
        Some(milliseconds) => KeyLifetime::from_millis(milliseconds).map_err(InvalidKey::from)?,
        None => app.access.lifetime,
    };
    let key = NewKey::new(name, wanted.tenant_id.as_deref(), lifetime)?;
    Ok(app.access.keys(caller)?.create_key(key).await?)
}

pub(super) async fn list(
    State(app): State<Arc<App>>,
    Extension(caller): Extension<Caller>,
    Params(Whose { tenant_id }): Params<Whose>,
) -> Result<Json<List>, Refusal> {
    let keys = app.access.keys(&caller)?;
    let tenant = tenant_id.map(|tenant| tenant.parse::<Tenant>()).transpose().map_err(InvalidKey::from)?;
    Ok(Json(List { keys: keys.list_keys(tenant.as_ref()).await? }))
}

pub(super) async fn revoke(
    State(app): State<Arc<App>>,
    Extension(caller): Extension<Caller>,
    Name(id): Name,
) -> Result<Json<Revoked>, Refusal> {
    let keys = app.access.keys(&caller)?;
    let revoked = match id.parse::<KeyId>() {
        Ok(id) => keys.revoke_key(id).await?,
        // No key has such an id.
        Err(_) => false,
    };
    match revoked {
        true => Ok(Json(Revoked { ok: true, id })),
        false => Err(Refusal::new(ErrorCode::NotFound, "Key not found")),
    }
}

fn iso(at: Timestamp) -> String {
    format!("{at:.3}")
}
