//! What a configuration holds. The doc comments of the fields become the descriptions in the JSON Schema.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::schema;
use super::server::ServerConfig;
use crate::api::{
    AuditConfig, AuthConfig, NetworkFilterConfig, NetworkMode, PoolStrategy, PrebuiltImageConfig, RemoteCodePolicy,
    SecurityConfig,
};
use crate::engine::settings;

/// Settings of the isol8 command line and server.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct Isol8Config {
    /// Whether the command line and the server say what they are doing.
    pub debug: bool,
    /// Most executions at a time.
    #[schemars(range(min = 1, max = u32::MAX))]
    pub max_concurrent: u64,
    /// Limits of an execution for which nothing else is said.
    pub defaults: Defaults,
    /// Which hosts can be reached in the network mode `filtered`.
    pub network: NetworkFilterConfig,
    /// What becomes of sessions of a server that nobody uses.
    pub cleanup: Cleanup,
    /// How a server uses warm sandboxes: `fast` resets and reuses them, `secure` uses each for one execution only.
    pub pool_strategy: PoolStrategy,
    /// How many sandboxes a server keeps warm when idle, per image.
    pub pool_size: PoolSize,
    /// What holds user code.
    pub security: SecurityConfig,
    /// Whether and from where source text may be fetched.
    pub remote_code: RemoteCodePolicy,
    /// What is recorded of every execution.
    pub audit: AuditConfig,
    /// Keys of a server that are kept in a database.
    pub auth: AuthConfig,
    /// What the requests of others may ask of a server.
    pub server: ServerConfig,
    /// Images that `isol8 setup` and the start of a server build if they are missing or have changed.
    #[schemars(schema_with = "schema::prebuilt_images")]
    pub prebuilt_images: Vec<PrebuiltImageConfig>,
    /// Packages per runtime that `isol8 setup` puts into an image. Use `prebuiltImages` instead in new files.
    #[schemars(schema_with = "schema::dependencies")]
    pub dependencies: BTreeMap<String, Vec<String>>,
}

/// Limits of an execution for which nothing else is said.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct Defaults {
    /// Time limit in milliseconds.
    #[schemars(range(min = 1, max = settings::MAX_TIMEOUT_MS))]
    pub timeout_ms: u64,
    /// Memory of the whole sandbox, such as `512m` or `1g`.
    pub memory_limit: String,
    /// Cores; fractions allowed.
    #[schemars(range(min = settings::MIN_CPUS, max = settings::MAX_CPUS))]
    pub cpu_limit: f64,
    /// What programs can reach on the network. Of a server only: `isol8 run` has `--net`.
    pub network: NetworkMode,
    /// Size of `/sandbox`.
    pub sandbox_size: String,
    /// Size of `/tmp`.
    pub tmp_size: String,
    /// Whether everything outside `/sandbox` and `/tmp` is read-only.
    pub readonly_root_fs: bool,
}

/// What becomes of sessions of a server that nobody uses.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct Cleanup {
    /// Whether idle sessions are removed.
    pub auto_prune: bool,
    /// Milliseconds without use after which a session is idle.
    #[schemars(range(min = 1, max = u32::MAX))]
    pub max_container_age_ms: u64,
}

/// How many sandboxes are kept warm when idle.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged, deny_unknown_fields)]
pub enum PoolSize {
    /// As many of either kind.
    Both(#[schemars(range(max = settings::MAX_POOL_SIZE))] u64),
    /// Each kind by itself.
    Each {
        /// Sandboxes that stand ready ahead of demand.
        #[schemars(range(max = settings::MAX_POOL_SIZE))]
        clean: u64,
        /// Used ones that are kept in addition once they are clean again.
        #[schemars(range(max = settings::MAX_POOL_SIZE))]
        dirty: u64,
    },
}

impl Isol8Config {
    /// The same with nothing left open that has a default.
    pub(super) fn with_defaults(self) -> Self {
        Self {
            network: self.network.with_defaults(),
            security: self.security.with_defaults(),
            audit: self.audit.with_defaults(),
            ..self
        }
    }
}

impl Default for Isol8Config {
    fn default() -> Self {
        Self {
            debug: false,
            max_concurrent: settings::DEFAULT_MAX_CONCURRENT as u64,
            defaults: Defaults::default(),
            network: NetworkFilterConfig::default().with_defaults(),
            cleanup: Cleanup::default(),
            pool_strategy: PoolStrategy::default(),
            pool_size: PoolSize::Each { clean: settings::DEFAULT_POOL_SIZE, dirty: settings::DEFAULT_POOL_SIZE },
            security: SecurityConfig::default().with_defaults(),
            remote_code: RemoteCodePolicy::default(),
            audit: AuditConfig::default().with_defaults(),
            auth: AuthConfig::default(),
            server: ServerConfig::default(),
            prebuilt_images: Vec::new(),
            dependencies: BTreeMap::new(),
        }
    }
}

impl Default for Defaults {
    fn default() -> Self {
        Self {
            timeout_ms: settings::DEFAULT_TIMEOUT_MS,
            memory_limit: settings::DEFAULT_MEMORY.to_owned(),
            cpu_limit: settings::DEFAULT_CPUS,
            network: NetworkMode::default(),
            sandbox_size: settings::DEFAULT_SANDBOX_SIZE.to_owned(),
            tmp_size: settings::DEFAULT_TMP_SIZE.to_owned(),
            readonly_root_fs: settings::DEFAULT_READONLY_ROOT_FS,
        }
    }
}

impl Default for Cleanup {
    fn default() -> Self {
        Self { auto_prune: true, max_container_age_ms: 60 * 60 * 1000 }
    }
}
