//! Engine options, as JavaScript writes them.

use std::collections::HashMap;

use napi::bindgen_prelude::{Either, Unknown};
use napi_derive::napi;
use serde::de::DeserializeOwned;
use serde::de::value::StringDeserializer;

use super::value::{check_names, read};
use crate::api::{self, Secret};

/// Options of an engine. Everything is optional.
#[napi(object, object_to_js = false, js_name = "DockerIsol8Options")]
#[derive(Default)]
pub struct EngineOptions {
    /// `ephemeral` (default) gives every execution a sandbox as new; in `persistent` mode all executions share one,
    /// one after the other, with its files and background processes.
    #[napi(ts_type = "Isol8Mode")]
    pub mode: Option<String>,
    /// What programs can reach on the network: `none` (default), `filtered` for what `networkFilter` allows, over HTTP
    /// and HTTPS, or `host` for all that the host reaches, its own loopback services included.
    #[napi(ts_type = "NetworkMode")]
    pub network: Option<String>,
    /// Which hosts programs can reach with the network mode `filtered`. Default: all public ones.
    #[napi(ts_type = "Partial<NetworkFilterConfig>")]
    pub network_filter: Option<serde_json::Value>,
    /// Tell in `networkLogs` of results what programs asked of the network. Default false.
    pub log_network: Option<bool>,
    /// Cores; fractions allowed. Default 1.
    pub cpu_limit: Option<f64>,
    /// Memory of the whole sandbox, files in `/sandbox` and `/tmp` included, such as `"512m"` (default) or `"1g"`.
    pub memory_limit: Option<String>,
    /// Most processes and threads. Default 64.
    pub pids_limit: Option<f64>,
    /// Whether everything outside `/sandbox` and `/tmp` is read-only. Default true.
    pub readonly_root_fs: Option<bool>,
    /// Bytes of standard output, and of standard error, that are kept. Default 1048576.
    pub max_output_size: Option<f64>,
    /// Time limit of one execution in milliseconds. Default 30000.
    pub timeout_ms: Option<f64>,
    /// Image to use instead of the runtime's own. It must be on the Docker engine already.
    pub image: Option<String>,
    /// Size of `/sandbox`. Default `"512m"`.
    pub sandbox_size: Option<String>,
    /// Size of `/tmp`. Default `"256m"`.
    pub tmp_size: Option<String>,
    /// `fast` (default) resets and reuses sandboxes, `secure` uses each for one execution only.
    #[napi(ts_type = "'fast' | 'secure'")]
    pub pool_strategy: Option<String>,
    /// Sandboxes that are kept warm when idle: `clean` ahead of demand, `dirty` more once they have been used. A
    /// number stands for both. Default 1.
    #[napi(ts_type = "number | PoolSize")]
    pub pool_size: Option<Either<f64, PoolSize>>,
    /// Environment variables of every execution whose values, also in base64, URL-encoded, JSON-escaped and
    /// hexadecimal form, are replaced by `***` in its output.
    pub secrets: Option<HashMap<String, String>>,
    /// What holds user code.
    pub security: Option<SecurityConfig>,
    /// What is recorded of every execution. Default: nothing.
    pub audit: Option<AuditConfig>,
    /// Whether and from where the `codeUrl` of a request may be fetched. Default: from nowhere.
    #[napi(ts_type = "Partial<RemoteCodePolicy>")]
    pub remote_code: Option<serde_json::Value>,
    /// Leave containers running after use, to be looked into; `cleanup()` removes them. Default false.
    pub persist: Option<bool>,
    /// Log what the engine does. Default false.
    pub debug: Option<bool>,
    /// Which Docker engine to use. Default: what `DOCKER_HOST` and its companions say, else the usual socket.
    pub docker: Option<DockerConnection>,
}

/// How many sandboxes are kept warm when idle, per image.
#[napi(object, object_to_js = false)]
pub struct PoolSize {
    /// Ready ahead of demand. Default 1.
    pub clean: Option<f64>,
    /// Kept in addition once they have been used and reset. Default 1.
    pub dirty: Option<f64>,
}

/// What holds user code.
#[napi(object, object_to_js = false)]
pub struct SecurityConfig {
    /// Which system calls user code may make: those of isol8's own profile (`strict`, default), those of a profile of
    /// yours (`custom`), or all that an ordinary user may (`unconfined`).
    #[napi(ts_type = "'strict' | 'unconfined' | 'custom'")]
    pub seccomp: Option<String>,
    /// The profile of `custom`: a file on this host, in Docker's JSON format.
    pub custom_profile_path: Option<String>,
    /// An OCI runtime that the Docker engine knows, such as `runsc` (gVisor). Default: the engine's own default.
    pub runtime: Option<String>,
}

/// What is recorded of every execution.
#[napi(object, object_to_js = false)]
pub struct AuditConfig {
    /// Whether anything is recorded at all. Default false.
    pub enabled: Option<bool>,
    /// Where to: `filesystem` (default; `file` is the same), or `stdout`.
    pub destination: Option<String>,
    /// Directory of the log files. Default: `ISOL8_AUDIT_DIR`, else `.isol8_audit` in the working directory.
    pub log_dir: Option<String>,
    /// Program that is run after each record, with the path of the log file as its argument.
    pub post_log_script: Option<String>,
    /// Measure what executions use, for the record and for `resourceUsage` of results. Default true.
    pub track_resources: Option<bool>,
    /// Days after which log files are deleted; 0 or less keeps them for ever. Default 90.
    pub retention_days: Option<f64>,
    /// Record the source text. Default false.
    pub include_code: Option<bool>,
    /// Record the (masked) output. Default false.
    pub include_output: Option<bool>,
}

/// A Docker endpoint: a Unix socket, or a host with a port and, for TLS, a directory of certificates.
#[napi(object, object_to_js = false)]
pub struct DockerConnection {
    /// Path of a Unix socket.
    pub socket_path: Option<String>,
    /// Host name of a TCP endpoint.
    pub host: Option<String>,
    /// Its port. Default 2375.
    pub port: Option<u16>,
    /// Directory with `ca.pem`, `cert.pem` and `key.pem`.
    pub cert_path: Option<String>,
}

impl From<DockerConnection> for api::DockerConnection {
    fn from(connection: DockerConnection) -> Self {
        let DockerConnection { socket_path, host, port, cert_path } = connection;
        Self { socket_path, host, port, cert_path }
    }
}

impl EngineOptions {
    /// As JavaScript has them, or why not.
    pub(super) fn read(options: Unknown<'_>) -> Result<Self, String> {
        let read = read(options, "options", &["docker", "secrets", "security", "audit"])?;
        check_names(options, "security", &["seccomp", "customProfilePath", "runtime"])?;
        Ok(read)
    }

    /// The same in the engine's words; an error names the option and the value.
    pub(super) fn parse(self, max_concurrent: Option<f64>) -> Result<api::Options, String> {
        Ok(api::Options {
            mode: self.mode.map(|name| named("mode", name)).transpose()?,
            network: self.network.map(|name| named("network", name)).transpose()?,
            network_filter: checked("networkFilter", self.network_filter)?,
            log_network: self.log_network,
            cpu_limit: self.cpu_limit,
            memory_limit: self.memory_limit,
            pids_limit: self.pids_limit,
            readonly_root_fs: self.readonly_root_fs,
            max_output_size: self.max_output_size,
            timeout_ms: self.timeout_ms,
            image: self.image,
            sandbox_size: self.sandbox_size,
            tmp_size: self.tmp_size,
            pool_strategy: self.pool_strategy.map(|name| named("poolStrategy", name)).transpose()?,
            pool_size: self.pool_size.map(pool_size),
            secrets: self
                .secrets
                .unwrap_or_default()
                .into_iter()
                .map(|(name, value)| (name, Secret::new(value)))
                .collect(),
            docker: self.docker.map(Into::into),
            security: self.security.map(SecurityConfig::parse).transpose()?,
            audit: self.audit.map(Into::into),
            remote_code: checked("remoteCode", self.remote_code)?,
            debug: self.debug,
            persist: self.persist,
            max_concurrent,
        })
    }
}

/// An option that is read as it stands on the wire: an unknown member of it is an error. `null` is none, as elsewhere.
fn checked<T: DeserializeOwned>(option: &str, value: Option<serde_json::Value>) -> Result<Option<T>, String> {
    let value = value.unwrap_or_default();
    serde_json::from_value(value).map_err(|error| format!("invalid {option}: {error}"))
}

impl SecurityConfig {
    fn parse(self) -> Result<api::SecurityConfig, String> {
        Ok(api::SecurityConfig {
            seccomp: self.seccomp.map(|name| named("security.seccomp", name)).transpose()?,
            custom_profile_path: self.custom_profile_path,
            runtime: self.runtime,
        })
    }
}

impl From<AuditConfig> for api::AuditConfig {
    fn from(config: AuditConfig) -> Self {
        Self {
            enabled: config.enabled,
            destination: config.destination,
            log_dir: config.log_dir,
            post_log_script: config.post_log_script,
            track_resources: config.track_resources,
            retention_days: config.retention_days,
            include_code: config.include_code,
            include_output: config.include_output,
        }
    }
}

/// One of the names that the engine has for a `T`.
fn named<T: DeserializeOwned>(option: &str, name: String) -> Result<T, String> {
    let name = StringDeserializer::<serde::de::value::Error>::new(name);
    T::deserialize(name).map_err(|error| format!("invalid {option}: {error}"))
}

fn pool_size(size: Either<f64, PoolSize>) -> api::PoolSize {
    match size {
        Either::A(both) => api::PoolSize { clean: Some(both), dirty: Some(both) },
        Either::B(PoolSize { clean, dirty }) => api::PoolSize { clean, dirty },
    }
}
