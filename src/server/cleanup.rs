//! Removing what a server has on its Docker engine.
//!
//! Whoever asks for that while it is being done for somebody with the same rights waits for the same [`Passes`], and is
//! told the same. It goes on when nobody waits any more.

use std::collections::HashMap;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::Json;
use axum::body::Body;
use axum::extract::{Extension, State};
use futures::FutureExt;
use futures::future::{BoxFuture, Shared};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tokio::time::timeout;

use super::app::App;
use super::body;
use super::caller::{Caller, Tenant};
use super::refusal::Refusal;
use crate::api::ErrorCode;
use crate::engine::{self, Removal, Selection};
use crate::sandbox::docker::removals_pending;

/// How long the Docker engine may take to say what there is, before what there is is ended.
const LISTING: Duration = Duration::from_secs(5);

/// The body of `POST /cleanup`.
#[derive(Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(rename = "CleanupRequest")]
pub(super) struct Wanted {
    /// Whether images are removed as well: by default for holders of the master key, never for others.
    images: Option<bool>,
}

/// What was removed.
#[derive(Debug, Clone, Serialize, JsonSchema)]
#[schemars(rename = "CleanupResult")]
pub struct Cleaned {
    /// Always true.
    pub ok: bool,
    /// Sessions that were ended.
    pub sessions: Count,
    /// Containers.
    pub containers: Count,
    /// Images, where they were to go.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub images: Option<Count>,
}

/// How much of something was removed.
#[derive(Debug, Clone, Default, Serialize, JsonSchema)]
#[schemars(rename = "RemovalCount")]
pub struct Count {
    /// How many are gone.
    pub removed: u32,
    /// How many are not.
    pub failed: u32,
    /// Why, one line for each failure.
    pub errors: Vec<String>,
}

impl From<Removal> for Count {
    fn from(Removal { removed, failed, errors }: Removal) -> Self {
        Self { removed, failed, errors }
    }
}

pub(super) async fn route(
    State(app): State<Arc<App>>,
    Extension(caller): Extension<Caller>,
    body: Body,
) -> Result<Json<Cleaned>, Refusal> {
    let Wanted { images } = body::optional_json(body, app.body_size).await?;
    if images == Some(true) {
        caller.require_master()?;
    }
    let tenant = (!caller.is_master()).then(|| caller.tenant());
    let images = images.unwrap_or(caller.is_master());
    Ok(Json(clean(&app, tenant, images).await?))
}

/// Ends all sessions and executions of `tenant`, or of everybody, and removes their containers, those that were left
/// running too. What other processes and other engines of this one use stays.
pub(super) async fn clean(app: &Arc<App>, tenant: Option<Tenant>, images: bool) -> Result<Cleaned, Refusal> {
    let (images_as_well, pass) = app.passes.join(app, tenant, images);
    let mut cleaned = pass.await?;
    if images_as_well && !images {
        cleaned.images = None;
    }
    Ok(cleaned)
}

/// A pass that goes on.
type Pass = Shared<BoxFuture<'static, Result<Cleaned, Refusal>>>;

/// All that go on: for whom, and whether they remove images.
#[derive(Debug, Default)]
pub(super) struct Passes(Mutex<HashMap<(Option<Tenant>, bool), Pass>>);

impl Passes {
    /// The one that does what is asked for, begun if there is none; and whether it removes images. One that does takes
    /// care of whoever wants to keep them as well.
    fn join(&self, app: &Arc<App>, tenant: Option<Tenant>, images: bool) -> (bool, Pass) {
        let mut passes = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        passes.retain(|_, pass| pass.peek().is_none());
        for images in [true, images] {
            if let Some(pass) = passes.get(&(tenant.clone(), images)) {
                return (images, pass.clone());
            }
        }
        let pass = pass(app.clone(), tenant.clone(), images).boxed().shared();
        tokio::spawn(pass.clone());
        passes.insert((tenant, images), pass.clone());
        (images, pass)
    }
}

async fn pass(app: Arc<App>, tenant: Option<Tenant>, images: bool) -> Result<Cleaned, Refusal> {
    let tenant = tenant.as_ref();
    let list = || engine::list_service_containers(&app.server, tenant.and_then(Tenant::name));
    // Before they are gone, to tell how many there were. Whatever the Docker engine says, what there is ends.
    let listed = timeout(LISTING, list()).await;
    let ended = app.sessions.end_all(tenant).await;
    app.engines.stop(tenant).await;
    let containers = match listed {
        Ok(listed) => listed?,
        Err(_) => list().await?,
    };
    let found = u32::try_from(containers.len()).unwrap_or(u32::MAX);
    let left = engine::cleanup(None, &Selection::Ids(containers.into_iter().collect())).await?;
    let containers = Count { removed: found.saturating_sub(left.failed), ..left.into() };
    let images = match images {
        true => Some(engine::cleanup_images(None, &Selection::All).await?.into()),
        false => None,
    };
    let sessions = Count { removed: u32::try_from(ended).unwrap_or(u32::MAX), ..Count::default() };
    Ok(Cleaned { ok: true, sessions, containers, images })
}

/// Removes the containers that this server has left running, or could not remove yet, when nothing else of it runs any
/// more.
pub(super) async fn remove_left(app: &App) -> Result<(), Refusal> {
    if !app.leaves.load(Ordering::Relaxed) && !removals_pending() {
        return Ok(());
    }
    let containers = engine::list_service_containers(&app.server, None).await?;
    let removal = engine::cleanup(None, &Selection::Ids(containers.into_iter().collect())).await?;
    match removal.errors.first() {
        None => Ok(()),
        Some(error) => Err(Refusal::new(ErrorCode::DockerFailed, format!("could not remove a container: {error}"))),
    }
}
