//! How a buffered run ended.

use std::collections::BTreeMap;

use bytes::Bytes;
use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::{NetworkLogEntry, ResourceUsage, content};

/// What came of an execution, whatever the program's exit code.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ExecutionResult {
    /// Standard output: limited, trailing white space removed.
    pub stdout: String,
    /// Standard error, likewise.
    pub stderr: String,
    /// Exit code; 137 when killed at the time limit or for memory.
    pub exit_code: i32,
    /// Wall time of the program itself.
    pub duration_ms: u64,
    /// The same to the microsecond: in JSON, milliseconds with three decimals.
    #[serde(rename = "programMs", with = "micros_as_millis")]
    #[schemars(with = "f64")]
    pub duration_us: u64,
    /// How long packages took to be installed before, if any had to be.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub install_ms: Option<u64>,
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
    #[serde(default, with = "content::base64_files", skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<BTreeMap<String, String>>")]
    pub files: Option<BTreeMap<String, Bytes>>,
    /// What it used, where the audit settings ask for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resource_usage: Option<ResourceUsage>,
    /// What it asked of the network, where the options ask for it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub network_logs: Vec<NetworkLogEntry>,
}

mod micros_as_millis {
    use super::*;

    pub(super) fn serialize<S: Serializer>(micros: &u64, serializer: S) -> Result<S::Ok, S::Error> {
        (*micros as f64 / 1000.0).serialize(serializer)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u64, D::Error> {
        Ok((f64::deserialize(deserializer)? * 1000.0).round() as u64)
    }
}
