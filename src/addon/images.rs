//! Functions on images and on the Docker engine itself.

use napi::bindgen_prelude::{Function, PromiseRaw, Unknown};
use napi::threadsafe_function::ThreadsafeFunctionCallMode;
use napi::{Env, Result};
use napi_derive::napi;

use super::engine::connection;
use super::failure::settle;
use crate::engine::{self, Error};
use crate::image::{self, BuildStatus, CustomImage, ImageError};
use crate::sandbox::docker::Docker;

/// How far the build of an image is.
#[napi(object, object_from_js = false)]
pub struct BuildProgress {
    /// The runtime whose image it is.
    pub runtime: String,
    /// Where it stands.
    #[napi(ts_type = "'building' | 'done' | 'error'")]
    pub status: &'static str,
    /// The current step, or `Up to date`, or what failed.
    pub message: Option<String>,
}

impl From<image::BuildProgress> for BuildProgress {
    fn from(progress: image::BuildProgress) -> Self {
        Self {
            runtime: progress.runtime.to_owned(),
            status: match progress.status {
                BuildStatus::Building => "building",
                BuildStatus::Done => "done",
                BuildStatus::Error => "error",
            },
            message: progress.message,
        }
    }
}

/// Builds the images of the runtimes, skipping those that are up to date unless `force` is set.
#[napi(ts_return_type = "Promise<void>")]
pub fn build_base_images<'env>(
    env: &'env Env,
    #[napi(ts_arg_type = "DockerConnection | undefined | null")] docker: Option<Unknown<'_>>,
    #[napi(ts_arg_type = "((progress: BuildProgress) => void) | undefined | null")] on_progress: Option<
        Function<'_, BuildProgress, ()>,
    >,
    force: Option<bool>,
    only_runtimes: Option<Vec<String>>,
) -> Result<PromiseRaw<'env, ()>> {
    let mut report = reporter(on_progress)?;
    let docker = connection(docker);
    let build = async move {
        let runtimes = engine::runtimes(&only_runtimes.unwrap_or_default())?;
        let docker = Docker::connect(docker?.as_ref()).await?;
        Ok::<_, Error>(image::build_base_images(&docker, &runtimes, force.unwrap_or(false), &mut report).await?)
    };
    settle(env, build, |()| ())
}

/// Builds an image that extends the one of a runtime: with packages, with a shell script that is run before every
/// execution in it, or with both. Nothing is done if it is up to date, unless `force` is set. Resolves with its tag;
/// without one it gets `isol8:<runtime>-custom-<hash>`.
#[napi(ts_return_type = "Promise<string>")]
#[allow(clippy::too_many_arguments, reason = "callers depend on their order; the macro makes functions with fewer")]
pub fn build_custom_image<'env>(
    env: &'env Env,
    #[napi(ts_arg_type = "DockerConnection | undefined | null")] docker: Option<Unknown<'_>>,
    #[napi(ts_arg_type = "Runtime")] runtime: String,
    packages: Vec<String>,
    tag: Option<String>,
    #[napi(ts_arg_type = "((progress: BuildProgress) => void) | undefined | null")] on_progress: Option<
        Function<'_, BuildProgress, ()>,
    >,
    force: Option<bool>,
    setup_script: Option<String>,
) -> Result<PromiseRaw<'env, String>> {
    let mut report = reporter(on_progress)?;
    let docker = connection(docker);
    let build = async move {
        let image = CustomImage::new(&runtime, &packages, setup_script, tag).map_err(ImageError::from)?;
        let docker = Docker::connect(docker?.as_ref()).await?;
        Ok::<_, Error>(image.build(&docker, force.unwrap_or(false), &mut report).await?)
    };
    settle(env, build, |tag| tag)
}

/// A custom image on the Docker engine.
#[napi(object, object_from_js = false)]
pub struct CustomImageInfo {
    /// Its id, `sha256:` included.
    pub id: String,
    /// Its tags, sorted; at least one.
    pub tags: Vec<String>,
    /// The runtime.
    pub runtime: String,
    /// The packages in it, sorted.
    pub dependencies: Vec<String>,
    /// The script that is run before every execution in it, if it has one.
    pub setup_script: Option<String>,
}

impl From<image::CustomImageInfo> for CustomImageInfo {
    fn from(image: image::CustomImageInfo) -> Self {
        let dependencies = image.packages.names().map(str::to_owned).collect();
        Self { id: image.id, tags: image.tags, runtime: image.runtime, dependencies, setup_script: image.setup }
    }
}

/// The custom images on the Docker engine, by tag: all that carry the label of a runtime, whatever they are called.
#[napi(ts_return_type = "Promise<Array<CustomImageInfo>>")]
pub fn list_custom_images<'env>(
    env: &'env Env,
    #[napi(ts_arg_type = "DockerConnection | undefined | null")] docker: Option<Unknown<'_>>,
) -> Result<PromiseRaw<'env, Vec<CustomImageInfo>>> {
    let docker = connection(docker);
    let list = async move {
        let docker = Docker::connect(docker?.as_ref()).await?;
        Ok::<_, Error>(image::list_custom_images(&docker, None).await?)
    };
    settle(env, list, |images| images.into_iter().map(Into::into).collect())
}

/// What passes progress on to a function of the caller's.
fn reporter(
    on_progress: Option<Function<'_, BuildProgress, ()>>,
) -> Result<impl FnMut(image::BuildProgress) + Send + use<>> {
    let on_progress = on_progress.map(|function| function.build_threadsafe_function().build()).transpose()?;
    Ok(move |progress: image::BuildProgress| {
        if let Some(function) = &on_progress {
            function.call(progress.into(), ThreadsafeFunctionCallMode::NonBlocking);
        }
    })
}

/// Whether an image is on the Docker engine.
#[napi(ts_return_type = "Promise<boolean>")]
pub fn image_exists<'env>(
    env: &'env Env,
    #[napi(ts_arg_type = "DockerConnection | undefined | null")] docker: Option<Unknown<'_>>,
    name: String,
) -> Result<PromiseRaw<'env, bool>> {
    let docker = connection(docker);
    let exists = async move {
        let docker = Docker::connect(docker?.as_ref()).await?;
        Ok::<_, Error>(image::LocalImage::find(&docker, &name).await?.is_some())
    };
    settle(env, exists, |exists| exists)
}

/// Resolves if a Docker engine answers.
#[napi(ts_return_type = "Promise<void>")]
pub fn ping_docker<'env>(
    env: &'env Env,
    #[napi(ts_arg_type = "DockerConnection | undefined | null")] docker: Option<Unknown<'_>>,
) -> Result<PromiseRaw<'env, ()>> {
    let docker = connection(docker);
    let ping = async move { Ok::<_, Error>(Docker::connect(docker?.as_ref()).await.map(drop)?) };
    settle(env, ping, |()| ())
}
