//! `DockerIsol8`.

use napi::bindgen_prelude::{Either, PromiseRaw, Unknown, within_runtime_if_available};
use napi::{Env, Result};
use napi_derive::napi;

use super::options::{DockerConnection, EngineOptions};
use super::request::ExecutionRequest;
use super::result::{CleanupResult, ExecutionResult};
use super::stream::ExecutionStream;
use super::{convert, js_error, settle};
use crate::engine::{self, Engine};
use crate::{api, runtime, telemetry};

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
        let invalid = |message| js_error(env, "INVALID_OPTIONS", message);
        let options = match options {
            Some(options) => convert::<EngineOptions>(env, options, "INVALID_OPTIONS", "options")?,
            None => EngineOptions::default(),
        };
        if options.debug == Some(true) {
            telemetry::enable_debug();
        }
        let options = options.parse(max_concurrent).map_err(invalid)?;
        let engine = Engine::new(options).map_err(|error| js_error(env, error.code(), error.full_message()))?;
        Ok(Self { engine })
    }

    /// Connects to Docker and makes sandboxes ready. Optional: the first execution does what is missing.
    #[napi(ts_return_type = "Promise<void>")]
    pub fn start<'env>(&self, env: &'env Env, options: Option<StartOptions>) -> Result<PromiseRaw<'env, ()>> {
        let engine = self.engine.clone();
        let start = async move {
            let runtimes = match options.and_then(|options| options.prewarm) {
                None | Some(Either::A(false)) => Vec::new(),
                Some(Either::A(true)) => runtime::ALL.to_vec(),
                Some(Either::B(prewarm)) => engine::runtimes(&prewarm.runtimes.unwrap_or_default())?,
            };
            engine.start(&runtimes).await
        };
        settle(env, start, |()| ())
    }

    /// Ends every execution and removes every container of this engine. It can be used again afterwards.
    #[napi(ts_return_type = "Promise<void>")]
    pub fn stop<'env>(&self, env: &'env Env) -> Result<PromiseRaw<'env, ()>> {
        let engine = self.engine.clone();
        let stop = async move {
            engine.stop().await;
            Ok(())
        };
        settle(env, stop, |()| ())
    }

    /// Runs a request and resolves when the program has ended, whatever its exit code.
    #[napi(ts_return_type = "Promise<ExecutionResult>")]
    pub fn execute<'env>(
        &self,
        env: &'env Env,
        #[napi(ts_arg_type = "ExecutionRequest")] request: Unknown<'_>,
    ) -> Result<PromiseRaw<'env, ExecutionResult>> {
        let request = self.request(env, request);
        let engine = self.engine.clone();
        match request {
            Ok(request) => settle(env, async move { engine.execute(request).await }, Into::into),
            // A promise that rejects: callers of an async method do not expect it to throw.
            Err(error) => PromiseRaw::reject(env, error),
        }
    }

    /// Runs a request and yields its output as it comes. Leaving the loop early kills the program.
    #[napi(ts_return_type = "AsyncIterableIterator<StreamEvent>")]
    pub fn execute_stream(
        &self,
        env: &Env,
        #[napi(ts_arg_type = "ExecutionRequest")] request: Unknown<'_>,
    ) -> Result<ExecutionStream> {
        let request = self.request(env, request)?;
        Ok(ExecutionStream::new(within_runtime_if_available(|| self.engine.stream(request))))
    }

    /// Id of the container of a persistent engine; `null` for others.
    #[napi(getter)]
    pub fn container_id(&self) -> Option<String> {
        None
    }

    /// Removes isol8 containers, running or not, except those that another living process owns.
    #[napi(ts_return_type = "Promise<CleanupResult>")]
    pub fn cleanup(env: &Env, docker: Option<DockerConnection>) -> Result<PromiseRaw<'_, CleanupResult>> {
        let docker = docker.map(api::DockerConnection::from);
        settle(env, async move { engine::cleanup(docker.as_ref()).await }, Into::into)
    }

    /// Removes isol8 images.
    #[napi(ts_return_type = "Promise<CleanupResult>")]
    pub fn cleanup_images(env: &Env, docker: Option<DockerConnection>) -> Result<PromiseRaw<'_, CleanupResult>> {
        let docker = docker.map(api::DockerConnection::from);
        settle(env, async move { engine::cleanup_images(docker.as_ref()).await }, Into::into)
    }

    fn request(&self, env: &Env, request: Unknown<'_>) -> Result<api::Request> {
        Ok(convert::<ExecutionRequest>(env, request, "INVALID_REQUEST", "request")?.into())
    }
}
