//! Functions on images and on the Docker engine itself.

use std::sync::Arc;

use napi::bindgen_prelude::{Function, PromiseRaw, Unknown};
use napi::threadsafe_function::ThreadsafeFunctionCallMode;
use napi::{Env, Result};
use napi_derive::napi;

use super::engine::connection;
use super::settle;
use crate::engine::{self, Error};
use crate::image::{self, BuildStatus};
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
    let on_progress = on_progress.map(|function| function.build_threadsafe_function().build()).transpose()?;
    let on_progress = Arc::new(on_progress);
    let docker = connection(docker);
    let build = async move {
        let runtimes = engine::runtimes(&only_runtimes.unwrap_or_default())?;
        let docker = Docker::connect(docker?.as_ref()).await?;
        let mut report = |progress: image::BuildProgress| {
            if let Some(function) = on_progress.as_ref() {
                function.call(progress.into(), ThreadsafeFunctionCallMode::NonBlocking);
            }
        };
        Ok(image::build_base_images(&docker, &runtimes, force.unwrap_or(false), &mut report).await?)
    };
    settle(env, build, |()| ())
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
    let ping = async move { Ok(Docker::connect(docker?.as_ref()).await.map(drop)?) };
    settle(env, ping, |()| ())
}
