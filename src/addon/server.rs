//! What `createServer` is made of.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use napi::bindgen_prelude::PromiseRaw;
use napi::{Env, Result};
use napi_derive::napi;

use super::exit;
use super::failure::{Failure, settle};
use crate::api::{ErrorCode, Secret};
use crate::config::{self, Loaded};
use crate::server::{self, Cleaned, Count, Server};
use crate::telemetry;

/// A server that accepts requests.
#[napi]
pub struct NativeServer {
    server: Arc<Server>,
}

/// Where a server listens, who may use it, and how it is set up.
#[napi(object, object_to_js = false)]
pub struct NativeServerOptions {
    /// The TCP port; 0 for any that is free.
    pub port: u16,
    /// The address or host name to listen on.
    pub host: Option<String>,
    /// The master key.
    pub api_key: String,
    /// Where further keys are kept.
    pub auth_db_path: Option<String>,
    /// Whether there is a page for browsers at its root. Default true.
    pub console: Option<bool>,
    /// Log what it does.
    pub debug: Option<bool>,
    /// Log every request as a line of JSON on standard error.
    pub log_requests: Option<bool>,
    /// Where its configuration is looked for.
    pub cwd: Option<String>,
    /// The configuration, instead of what a file says.
    #[napi(ts_type = "Isol8UserConfig")]
    pub config: Option<serde_json::Value>,
}

/// How much of something was removed.
#[napi(object, object_from_js = false)]
pub struct CleanedCount {
    /// How many are gone.
    pub removed: u32,
    /// How many are not.
    pub failed: u32,
    /// Why, one line for each failure.
    pub errors: Vec<String>,
}

/// What a clean-up of a server removed.
#[napi(object, object_from_js = false)]
pub struct ServerCleanup {
    /// Sessions that were ended.
    pub sessions: CleanedCount,
    /// Containers.
    pub containers: CleanedCount,
    /// Images, where they were to go.
    pub images: Option<CleanedCount>,
}

impl From<Count> for CleanedCount {
    fn from(Count { removed, failed, errors }: Count) -> Self {
        Self { removed, failed, errors }
    }
}

impl From<Cleaned> for ServerCleanup {
    fn from(Cleaned { sessions, containers, images, .. }: Cleaned) -> Self {
        Self { sessions: sessions.into(), containers: containers.into(), images: images.map(Into::into) }
    }
}

/// Starts a server, and resolves when it accepts requests.
#[napi(ts_return_type = "Promise<NativeServer>")]
pub fn start_server<'env>(env: &'env Env, options: NativeServerOptions) -> Result<PromiseRaw<'env, NativeServer>> {
    exit::watch(env)?;
    let loaded = configuration(options.cwd.as_deref(), options.config);
    let start = async move {
        let Loaded { config, source, warnings, .. } = loaded?;
        telemetry::start(options.debug.unwrap_or(config.debug));
        let source = source.as_deref().unwrap_or(Path::new("config")).display();
        warnings.iter().for_each(|warning| tracing::warn!("{source}: {warning}"));
        let options = server::ServerOptions {
            port: options.port,
            host: options.host,
            api_key: Secret::new(options.api_key),
            auth_db: options.auth_db_path,
            console: options.console.unwrap_or(true),
            log_requests: options.log_requests.unwrap_or(false),
        };
        Ok::<_, Failure>(Server::start(options, config).await?)
    };
    settle(env, start, |server| NativeServer { server: Arc::new(server) })
}

fn configuration(cwd: Option<&str>, config: Option<serde_json::Value>) -> std::result::Result<Loaded, Failure> {
    let directory = cwd.map_or_else(|| PathBuf::from("."), PathBuf::from);
    // A home that is nowhere in particular would be the working directory.
    let home = std::env::home_dir().filter(|home| home.is_absolute());
    match config {
        Some(config) => config::complete(config, &directory, home.as_deref())
            .map_err(|fault| Failure::new(ErrorCode::InvalidConfig, format!("Invalid config: {fault}"))),
        None => Ok(config::load(&directory, home.as_deref())?),
    }
}

#[napi]
impl NativeServer {
    /// The port that it listens on.
    #[napi(getter)]
    pub fn port(&self) -> u16 {
        self.server.address().port()
    }

    /// The address that it listens on.
    #[napi(getter)]
    pub fn address(&self) -> String {
        self.server.address().ip().to_string()
    }

    /// The database of its keys, if there is one, as it can be shown: without a password.
    #[napi(getter)]
    pub fn auth_database(&self) -> Option<String> {
        self.server.auth_database()
    }

    /// Ends all sessions and executions and removes their containers; with `images`, isol8's images as well.
    #[napi(ts_return_type = "Promise<ServerCleanup>")]
    pub fn cleanup<'env>(&self, env: &'env Env, images: bool) -> Result<PromiseRaw<'env, ServerCleanup>> {
        let server = self.server.clone();
        settle(env, async move { server.cleanup(images).await }, Into::into)
    }

    /// Takes no more requests, lets what goes on end until a deadline, and resolves when no container is left.
    #[napi(ts_return_type = "Promise<void>")]
    pub fn shutdown<'env>(&self, env: &'env Env) -> Result<PromiseRaw<'env, ()>> {
        let server = self.server.clone();
        settle(env, async move { server.shutdown().await }, |()| ())
    }
}
