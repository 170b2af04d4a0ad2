//! How a buffered run ended.

use std::collections::BTreeMap;

use bytes::Bytes;

use super::{NetworkLogEntry, ResourceUsage};

/// What [`execute`](crate::engine::Engine::execute) resolves to, whatever the program's exit code.
#[derive(Debug, Clone, PartialEq)]
pub struct ExecutionResult {
    /// Standard output: limited, trailing white space removed.
    pub stdout: String,
    /// Standard error, likewise.
    pub stderr: String,
    /// Exit code; 137 when killed at the time limit or for memory.
    pub exit_code: i32,
    /// Wall time of the program itself.
    pub duration_ms: u64,
    /// The same in microseconds, as the guest measured it.
    pub duration_us: u64,
    /// Standard output or error was longer than the limit.
    pub truncated: bool,
    /// The program was killed at its time limit.
    pub timed_out: bool,
    /// The program failed, and the kernel had killed something in its sandbox for want of memory.
    pub out_of_memory: bool,
    /// UUID v4 of this execution.
    pub execution_id: String,
    /// Name of the runtime.
    pub runtime: String,
    /// Start of the execution, ISO 8601.
    pub timestamp: String,
    /// The container it ran in.
    pub container_id: String,
    /// Contents of those output paths that could be read; present when any were asked for.
    pub files: Option<BTreeMap<String, Bytes>>,
    /// What it used, where the audit settings ask for it.
    pub resource_usage: Option<ResourceUsage>,
    /// What it asked of the network, where the options ask for it.
    pub network_logs: Vec<NetworkLogEntry>,
}
