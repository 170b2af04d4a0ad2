//! Settings of a server: what the requests of others may ask for, and how many of them there may be.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::api::NetworkMode;
use crate::engine::settings;

/// Settings of a server.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct ServerConfig {
    /// What requests may ask for, and how many there may be. No request can widen it.
    pub limits: ServerLimits,
    /// Most connections at a time. When there are more, those that wait for a request are closed, oldest first.
    #[schemars(range(min = 1, max = u32::MAX))]
    pub max_connections: u64,
    /// Milliseconds that executions have to end by themselves when the server is asked to.
    #[schemars(range(max = i32::MAX))]
    pub shutdown_timeout_ms: u64,
}

/// What requests may ask for, and how many there may be.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct ServerLimits {
    /// The longest time limit of an execution, in milliseconds.
    #[schemars(range(min = 1, max = settings::MAX_TIMEOUT_MS))]
    pub timeout_ms: u64,
    /// The most memory of a sandbox.
    pub memory_limit: String,
    /// The most cores of a sandbox.
    #[schemars(range(min = settings::MIN_CPUS, max = settings::MAX_CPUS))]
    pub cpu_limit: f64,
    /// The most processes and threads of a sandbox.
    #[schemars(range(min = 2, max = 4_194_304))]
    pub pids_limit: u64,
    /// The largest `/sandbox`.
    pub sandbox_size: String,
    /// The largest `/tmp`.
    pub tmp_size: String,
    /// The most bytes that are kept of standard output, and of standard error.
    #[schemars(range(min = 1, max = u32::MAX))]
    pub max_output_size: u64,
    /// The network modes that keys other than the master key may ask for.
    pub network: Vec<NetworkMode>,
    /// The images that keys other than the master key may name; `*` stands for any text. Those of `prebuiltImages` are
    /// always among them.
    pub images: Vec<String>,
    /// Whether keys other than the master key may have a root file system that is not read-only.
    pub writable_root: bool,
    /// Whether keys other than the master key may leave containers running.
    pub persist: bool,
    /// The longest body of a request, such as `64m`.
    pub body_size: String,
    /// The most bytes of requests and answers of one tenant that are held in memory at a time, such as `512m`; one body
    /// always fits.
    pub held_size: String,
    /// How much one key may do. The master key is not bound by it.
    pub per_key: Quota,
    /// How much all keys of a tenant may do together.
    pub per_tenant: Quota,
    /// The most executions of one tenant that wait for their turn.
    #[schemars(range(max = 1_000_000))]
    pub queue: u64,
    /// The most sessions of one tenant.
    #[schemars(range(max = 1_000_000))]
    pub sessions: u64,
}

/// How much somebody may do. What is absent is not limited.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct Quota {
    /// Executions at a time. Further ones wait.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = u32::MAX))]
    pub concurrent: Option<u64>,
    /// Requests in a minute. Further ones are refused.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = u32::MAX))]
    pub per_minute: Option<u64>,
}

impl Default for ServerConfig {
    fn default() -> Self {
        Self { limits: ServerLimits::default(), max_connections: 20_000, shutdown_timeout_ms: 10_000 }
    }
}

impl Default for ServerLimits {
    fn default() -> Self {
        Self {
            timeout_ms: 60 * 60 * 1000,
            memory_limit: "4g".to_owned(),
            cpu_limit: 4.0,
            pids_limit: 4096,
            sandbox_size: "4g".to_owned(),
            tmp_size: "4g".to_owned(),
            max_output_size: 64 << 20,
            network: vec![NetworkMode::None, NetworkMode::Filtered],
            images: vec!["isol8:*".to_owned()],
            writable_root: false,
            persist: false,
            body_size: "64m".to_owned(),
            held_size: "512m".to_owned(),
            per_key: Quota::default(),
            per_tenant: Quota::default(),
            queue: 4096,
            sessions: 32,
        }
    }
}
