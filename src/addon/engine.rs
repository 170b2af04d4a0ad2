//! `DockerIsol8`.

use napi::bindgen_prelude::{Buffer, ClassInstance, Either, PromiseRaw, Unknown, within_runtime_if_available};
use napi::{Env, Result};
use napi_derive::napi;

use super::cleanup::{CleanupResult, selection};
use super::controls::{RunControls, for_engine};
use super::exit;
use super::failure::{Failure, settle};
use super::options::{DockerConnection, EngineOptions};
use super::request::{Adapter, ExecutionRequest, buffer, bytes};
use super::result::ExecutionResult;
use super::stream::{Events, ExecutionStream};
use super::value::read;
use crate::engine::{self, Engine, Error, EventStream, PlanError, SettingsError};
use crate::runtime::{self, Language};
use crate::{api, telemetry};

/// Runs untrusted code in locked-down containers on a Docker engine.
#[napi]
pub struct DockerIsol8 {
    engine: Engine,
}

/// How an engine is started.
#[napi(object, object_to_js = false)]
pub struct StartOptions {
    /// Which runtimes get sandboxes that stand ready: all of them, none (default), or these.
    #[napi(ts_type = "boolean | { runtimes?: Runtime[] }")]
    pub prewarm: Option<Either<bool, Prewarm>>,
}

/// Runtimes that get sandboxes that stand ready.
#[napi(object, object_to_js = false)]
pub struct Prewarm {
    /// Their names; all of them when absent or empty.
    pub runtimes: Option<Vec<String>>,
}

/// A runtime of the caller's.
#[napi(object, object_to_js = false)]
pub struct CustomRuntime {
    /// Its name.
    pub name: String,
    /// The image that it runs in.
    pub image: String,
}

#[napi]
impl DockerIsol8 {
    /// Checks the options; throws if one makes no sense. Nothing is connected or started yet. At most
    /// `maxConcurrent` (default 10) executions run at a time, the others wait their turn.
    #[napi(constructor)]
    pub fn new(
        env: &Env,
        #[napi(ts_arg_type = "DockerIsol8Options | undefined | null")] options: Option<Unknown<'_>>,
        max_concurrent: Option<f64>,
    ) -> Result<Self> {
        let engine = engine(options, max_concurrent);
        let engine = engine.map_err(|error| Failure::from(error).into_error(env))?;
        exit::watch(env)?;
        Ok(Self { engine })
    }

    /// Connects to Docker and makes sandboxes ready, also for the caller's own runtimes in `custom`. Optional: the
    /// first execution does what is missing.
    #[napi(ts_return_type = "Promise<void>")]
    pub fn start<'env>(
        &self,
        env: &'env Env,
        options: Option<StartOptions>,
        custom: Option<Vec<CustomRuntime>>,
    ) -> Result<PromiseRaw<'env, ()>> {
        let engine = self.engine.clone();
        let start = async move {
            let built_in = match options.and_then(|options| options.prewarm) {
                None | Some(Either::A(false)) => Vec::new(),
                Some(Either::A(true)) => runtime::ALL.to_vec(),
                Some(Either::B(prewarm)) => engine::runtimes(&prewarm.runtimes.unwrap_or_default())?,
            };
            let custom = custom
                .unwrap_or_default()
                .into_iter()
                .map(|CustomRuntime { name, image }| Language::custom(name, image));
            let runtimes: Vec<_> = built_in.into_iter().map(Language::from).chain(custom).collect();
            engine.start(&runtimes).await
        };
        settle(env, start, |()| ())
    }

    /// Ends every execution that has begun and removes every container of this engine. It can be used again at once.
    #[napi(ts_return_type = "Promise<void>")]
    pub fn stop<'env>(&self, env: &'env Env) -> Result<PromiseRaw<'env, ()>> {
        let stopped = self.engine.stop();
        let stop = async move {
            stopped.await;
            Ok::<_, Failure>(())
        };
        settle(env, stop, |()| ())
    }

    /// Runs a request and resolves when the program has ended, whatever its exit code.
    #[napi(ts_return_type = "Promise<ExecutionResult>")]
    pub fn execute<'env>(
        &self,
        env: &'env Env,
        #[napi(ts_arg_type = "ExecutionRequest")] request: Unknown<'_>,
        controls: Option<ClassInstance<'_, RunControls>>,
        adapter: Option<Adapter>,
    ) -> Result<PromiseRaw<'env, ExecutionResult>> {
        let controls = for_engine(controls);
        let execution = request_from(request, adapter)
            .map(|request| within_runtime_if_available(|| self.engine.execute(request, controls)));
        settle(env, async move { execution?.await }, Into::into)
    }

    /// Runs a request and yields its output as it comes. Leaving the loop early kills the program.
    #[napi(
        ts_return_type = "AsyncIterableIterator<StreamEvent> & { readonly networkLogs?: NetworkLogEntry[] | null, readonly installMs?: number | null }"
    )]
    pub fn execute_stream(
        &self,
        #[napi(ts_arg_type = "ExecutionRequest")] request: Unknown<'_>,
        controls: Option<ClassInstance<'_, RunControls>>,
        adapter: Option<Adapter>,
    ) -> ExecutionStream {
        let controls = for_engine(controls);
        ExecutionStream::new(Events::Here(match request_from(request, adapter) {
            Ok(request) => within_runtime_if_available(|| self.engine.stream(request, controls)),
            Err(error) => EventStream::failed(error),
        }))
    }

    /// Where the source text of an execution is to be written, for adapters that have to know before.
    #[napi]
    pub fn script_path(&self, env: &Env, extension: String) -> Result<String> {
        let path = self.engine.script_path(extension);
        path.map_err(|error| Failure::from(error).into_error(env))
    }

    /// Id of the container of a persistent engine; `null` for others.
    #[napi(getter)]
    pub fn container_id(&self) -> Option<String> {
        self.engine.container_id().map(|id| id.to_string())
    }

    /// Writes a file in the container of a persistent engine: an absolute path, or one relative to `/sandbox`.
    #[napi(ts_return_type = "Promise<void>")]
    pub fn put_file<'env>(
        &self,
        env: &'env Env,
        path: String,
        #[napi(ts_arg_type = "string | Uint8Array")] content: Either<String, Buffer>,
    ) -> Result<PromiseRaw<'env, ()>> {
        let (engine, content) = (self.engine.clone(), bytes(content));
        settle(env, async move { engine.put_file(&path, content).await }, |()| ())
    }

    /// Reads a file in the container of a persistent engine, at most 256 MiB long.
    #[napi(ts_return_type = "Promise<Buffer>")]
    pub fn get_file<'env>(&self, env: &'env Env, path: String) -> Result<PromiseRaw<'env, Buffer>> {
        let engine = self.engine.clone();
        settle(env, async move { engine.get_file(&path).await }, buffer)
    }

    /// Removes isol8 containers, running or not, except those that another living process owns: all of them, or
    /// those with these full ids, as `listContainers` gives them.
    #[napi(ts_return_type = "Promise<CleanupResult>")]
    pub fn cleanup<'env>(
        env: &'env Env,
        #[napi(ts_arg_type = "DockerConnection | undefined | null")] docker: Option<Unknown<'_>>,
        ids: Option<Vec<String>>,
    ) -> Result<PromiseRaw<'env, CleanupResult>> {
        let (docker, selection) = (connection(docker), selection(ids));
        settle(env, async move { engine::cleanup(docker?.as_ref(), &selection).await }, Into::into)
    }

    /// Removes isol8 images: all of them, or those with these full ids, as `listImages` gives them. Those that a
    /// container uses stay, and count as failed.
    #[napi(ts_return_type = "Promise<CleanupResult>")]
    pub fn cleanup_images<'env>(
        env: &'env Env,
        #[napi(ts_arg_type = "DockerConnection | undefined | null")] docker: Option<Unknown<'_>>,
        ids: Option<Vec<String>>,
    ) -> Result<PromiseRaw<'env, CleanupResult>> {
        let (docker, selection) = (connection(docker), selection(ids));
        settle(env, async move { engine::cleanup_images(docker?.as_ref(), &selection).await }, Into::into)
    }
}

fn engine(options: Option<Unknown<'_>>, max_concurrent: Option<f64>) -> std::result::Result<Engine, Error> {
    let options = options.map(EngineOptions::read).transpose().map_err(malformed)?.unwrap_or_default();
    telemetry::start(options.debug == Some(true));
    Engine::new(options.parse(max_concurrent).map_err(malformed)?)
}

/// The request as the engine takes it.
pub(super) fn request_from(request: Unknown<'_>, adapter: Option<Adapter>) -> std::result::Result<api::Request, Error> {
    let request = read::<ExecutionRequest>(request, "request", &["env", "files", "metadata"]);
    let adapter = adapter.map(Into::into);
    Ok(api::Request { adapter, ..request.map_err(PlanError::Malformed)?.into() })
}

/// Which Docker engine the caller means. Anything that is not understood must not come to mean the usual one.
pub(super) fn connection(docker: Option<Unknown<'_>>) -> std::result::Result<Option<api::DockerConnection>, Error> {
    let docker = docker.map(|docker| read::<DockerConnection>(docker, "docker", &[]).map_err(malformed)).transpose()?;
    Ok(docker.map(Into::into))
}

fn malformed(message: String) -> Error {
    SettingsError::Malformed(message).into()
}
