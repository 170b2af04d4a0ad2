//! What isol8 left on a Docker engine. Removing it is `DockerIsol8.cleanup` and `DockerIsol8.cleanupImages`.

use napi::bindgen_prelude::{PromiseRaw, Unknown};
use napi::{Env, Result};
use napi_derive::napi;

use super::engine::connection;
use super::failure::settle;
use crate::engine::{self, OwnedContainer, OwnedImage, Removal, Selection};

/// What a clean-up removed.
#[napi(object, object_from_js = false)]
pub struct CleanupResult {
    /// How many are gone.
    pub removed: u32,
    /// How many are not.
    pub failed: u32,
    /// Why, one line for each failure.
    pub errors: Vec<String>,
}

impl From<Removal> for CleanupResult {
    fn from(Removal { removed, failed, errors }: Removal) -> Self {
        Self { removed, failed, errors }
    }
}

/// An isol8 container.
#[napi(object, object_from_js = false)]
pub struct ContainerInfo {
    /// Its full id.
    pub id: String,
    /// The reference or the id of the image that it was started from.
    pub image: String,
    /// Whether it has been started and has not ended.
    pub running: bool,
    /// When it was created, as ISO 8601.
    pub created_at: String,
    /// Whether another living process owns it. `DockerIsol8.cleanup` leaves it alone then.
    pub in_use: bool,
}

impl From<OwnedContainer> for ContainerInfo {
    fn from(OwnedContainer { id, image, running, created, in_use }: OwnedContainer) -> Self {
        Self { id: id.to_string(), image, running, created_at: created.to_string(), in_use }
    }
}

/// An isol8 image.
#[napi(object, object_from_js = false)]
pub struct ImageInfo {
    /// Its full id.
    pub id: String,
    /// Its tags as far as they are ours; none if it has no name.
    pub tags: Vec<String>,
    /// Bytes, with what it shares with others.
    pub size: f64,
    /// When it was built, as ISO 8601.
    pub created_at: String,
}

impl From<OwnedImage> for ImageInfo {
    fn from(OwnedImage { id, tags, size, created }: OwnedImage) -> Self {
        Self { id, tags, size: size as f64, created_at: created.to_string() }
    }
}

/// All isol8 containers, running or not. What is not in use is what `DockerIsol8.cleanup` removes.
#[napi(ts_return_type = "Promise<Array<ContainerInfo>>")]
pub fn list_containers<'env>(
    env: &'env Env,
    #[napi(ts_arg_type = "DockerConnection | undefined | null")] docker: Option<Unknown<'_>>,
) -> Result<PromiseRaw<'env, Vec<ContainerInfo>>> {
    let docker = connection(docker);
    let list = async move { engine::list_containers(docker?.as_ref()).await };
    settle(env, list, |containers| containers.into_iter().map(Into::into).collect())
}

/// All isol8 images, which is what `DockerIsol8.cleanupImages` removes.
#[napi(ts_return_type = "Promise<Array<ImageInfo>>")]
pub fn list_images<'env>(
    env: &'env Env,
    #[napi(ts_arg_type = "DockerConnection | undefined | null")] docker: Option<Unknown<'_>>,
) -> Result<PromiseRaw<'env, Vec<ImageInfo>>> {
    let docker = connection(docker);
    let list = async move { engine::list_images(docker?.as_ref()).await };
    settle(env, list, |images| images.into_iter().map(Into::into).collect())
}

pub(super) fn selection(ids: Option<Vec<String>>) -> Selection {
    ids.map_or(Selection::All, |ids| Selection::Ids(ids.into_iter().collect()))
}
