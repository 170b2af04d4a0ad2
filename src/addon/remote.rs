//! `RemoteIsol8`.

use napi::bindgen_prelude::{Buffer, ClassInstance, Either, PromiseRaw, Unknown, within_runtime_if_available};
use napi::{Env, Result};
use napi_derive::napi;

use super::controls::{RunControls, for_engine};
use super::engine::request_from;
use super::failure::{Failure, settle};
use super::options::EngineOptions;
use super::request::{buffer, bytes};
use super::result::ExecutionResult;
use super::stream::{Events, ExecutionStream};
use super::value::{check_own_names, text};
use crate::api::Secret;
use crate::client::{self, Client, EndpointError, RemoteOptions};
use crate::telemetry;

/// Runs untrusted code on a server.
#[napi]
pub struct RemoteIsol8 {
    client: Client,
}

#[napi]
impl RemoteIsol8 {
    /// Checks what it is given; throws if it makes no sense. Nobody is connected to yet.
    #[napi(constructor)]
    pub fn new(
        env: &Env,
        #[napi(ts_arg_type = "{ host: string, apiKey: string, sessionId?: string }")] remote: Unknown<'_>,
        #[napi(ts_arg_type = "DockerIsol8Options | undefined | null")] options: Option<Unknown<'_>>,
    ) -> Result<Self> {
        let client = connect(remote, options);
        Ok(Self { client: client.map_err(|error| Failure::from(error).into_error(env))? })
    }

    /// Asks the server whether it is well. Optional.
    #[napi(ts_return_type = "Promise<void>")]
    pub fn start<'env>(&self, env: &'env Env) -> Result<PromiseRaw<'env, ()>> {
        let client = self.client.clone();
        settle(env, async move { client.start().await }, |()| ())
    }

    /// Ends every execution that has begun, and the session with all that is in it.
    #[napi(ts_return_type = "Promise<void>")]
    pub fn stop<'env>(&self, env: &'env Env) -> Result<PromiseRaw<'env, ()>> {
        let stopped = self.client.stop();
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
    ) -> Result<PromiseRaw<'env, ExecutionResult>> {
        let controls = for_engine(controls);
        let execution = request_from(request, None).map(|request| self.client.execute(request, controls));
        let execution = async move { Ok::<_, Failure>(execution?.await?) };
        settle(env, execution, Into::into)
    }

    /// Runs a request and yields its output as it comes. Leaving the loop early kills the program.
    #[napi(ts_return_type = "AsyncIterableIterator<StreamEvent> & { readonly networkLogs?: NetworkLogEntry[] | null }")]
    pub fn execute_stream(
        &self,
        #[napi(ts_arg_type = "ExecutionRequest")] request: Unknown<'_>,
        controls: Option<ClassInstance<'_, RunControls>>,
    ) -> ExecutionStream {
        let controls = for_engine(controls);
        ExecutionStream::new(match request_from(request, None) {
            Ok(request) => Events::Remote(within_runtime_if_available(|| self.client.stream(request, controls))),
            Err(error) => Events::Here(crate::engine::EventStream::failed(error)),
        })
    }

    /// Writes a file in the session's sandbox: an absolute path, or one relative to `/sandbox`.
    #[napi(ts_return_type = "Promise<void>")]
    pub fn put_file<'env>(
        &self,
        env: &'env Env,
        path: String,
        #[napi(ts_arg_type = "string | Uint8Array")] content: Either<String, Buffer>,
    ) -> Result<PromiseRaw<'env, ()>> {
        let (client, content) = (self.client.clone(), bytes(content));
        settle(env, async move { client.put_file(path, content).await }, |()| ())
    }

    /// Reads a file in the session's sandbox, at most 256 MiB long.
    #[napi(ts_return_type = "Promise<Buffer>")]
    pub fn get_file<'env>(&self, env: &'env Env, path: String) -> Result<PromiseRaw<'env, Buffer>> {
        let client = self.client.clone();
        settle(env, async move { client.get_file(&path).await }, buffer)
    }

    /// The sessions that the key may see.
    #[napi(ts_return_type = "Promise<unknown[]>")]
    pub fn list_sessions<'env>(&self, env: &'env Env) -> Result<PromiseRaw<'env, Vec<serde_json::Value>>> {
        let client = self.client.clone();
        let list = async move { client.list_sessions().await };
        // As their JSON is, which is what JavaScript calls them.
        settle(env, list, |sessions| {
            sessions.iter().map(|session| serde_json::to_value(session).unwrap_or_default()).collect()
        })
    }

    /// Ends a session with all that is in it. One that does not exist is fine.
    #[napi(ts_return_type = "Promise<void>")]
    pub fn delete_session<'env>(&self, env: &'env Env, id: String) -> Result<PromiseRaw<'env, ()>> {
        let client = self.client.clone();
        settle(env, async move { client.delete_session(&id).await }, |()| ())
    }

    /// Has the server make a key, which only holders of its master key can.
    #[napi(ts_return_type = "Promise<unknown>")]
    pub fn login<'env>(
        &self,
        env: &'env Env,
        name: Option<String>,
        ttl_ms: Option<f64>,
    ) -> Result<PromiseRaw<'env, serde_json::Value>> {
        let client = self.client.clone();
        let login = async move { client.login(name, ttl_ms).await };
        settle(env, login, |login| serde_json::to_value(login).unwrap_or_default())
    }
}

fn connect(remote: Unknown<'_>, options: Option<Unknown<'_>>) -> std::result::Result<Client, client::Error> {
    let remote = remote_options(remote).map_err(EndpointError::Malformed)?;
    let options = options
        .map(|options| EngineOptions::read(options)?.parse(None))
        .transpose()
        .map_err(EndpointError::Malformed)?;
    telemetry::start(options.as_ref().is_some_and(|options| options.debug == Some(true)));
    Client::new(remote, options)
}

/// A misspelt `sessionId` would silently be none.
fn remote_options(remote: Unknown<'_>) -> std::result::Result<RemoteOptions, String> {
    check_own_names(remote, "options", &["host", "apiKey", "sessionId"])?;
    let required = |name| text(remote, name)?.ok_or_else(|| format!("{name} must be a string"));
    Ok(RemoteOptions {
        host: required("host")?,
        api_key: Secret::new(required("apiKey")?),
        session_id: text(remote, "sessionId")?,
    })
}
