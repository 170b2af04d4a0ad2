//! Results and events, as JavaScript reads them.

use std::collections::HashMap;

use napi::bindgen_prelude::{Either, Null};
use napi_derive::napi;

use crate::api::{self, NetworkAction, Phase, StreamEventKind};

/// How an execution ended, whatever the program's exit code.
#[napi(object, object_from_js = false)]
pub struct ExecutionResult {
    /// Standard output: at most `maxOutputSize` bytes and a marker, trailing white space removed.
    pub stdout: String,
    /// Standard error, likewise.
    pub stderr: String,
    /// Exit code of the program; 137 when it was killed at the time limit or for memory.
    pub exit_code: i32,
    /// Wall time of the program itself in whole milliseconds, rounded up.
    pub duration_ms: f64,
    /// The same in milliseconds with three decimals, as measured inside the sandbox.
    pub program_ms: f64,
    /// How long packages took to be installed before, in milliseconds; present if any had to be.
    pub install_ms: Option<f64>,
    /// Standard output or error was longer than `maxOutputSize`.
    pub truncated: bool,
    /// The program was killed at its time limit.
    pub timed_out: bool,
    /// The program failed, and the kernel had killed something in the sandbox because it ran out of memory.
    pub out_of_memory: bool,
    /// UUID v4 of this execution.
    pub execution_id: String,
    /// The runtime.
    #[napi(ts_type = "Runtime")]
    pub runtime: String,
    /// Start of the execution, ISO 8601.
    pub timestamp: String,
    /// Id of the container that it ran in.
    pub container_id: String,
    /// Base64 contents of those `outputPaths` that could be read; present when any were asked for.
    pub files: Option<HashMap<String, String>>,
    /// What it used; present when `audit` is enabled with `trackResources`.
    pub resource_usage: Option<ResourceUsage>,
    /// What it asked of the network; present with `logNetwork` and the network mode `filtered`, if it asked anything.
    pub network_logs: Option<Vec<NetworkLogEntry>>,
}

/// One request that a program made through the filter.
#[napi(object, object_from_js = false)]
pub struct NetworkLogEntry {
    /// When it was made, ISO 8601.
    pub timestamp: String,
    /// HTTP method; `CONNECT` for a tunnel.
    pub method: String,
    /// The host that it was for.
    pub host: String,
    /// Path of the request; `null` for a tunnel.
    pub path: Either<String, Null>,
    /// What became of it.
    #[napi(ts_type = "'ALLOW' | 'BLOCK'")]
    pub action: &'static str,
    /// How long it took; 0 if it was blocked.
    pub duration_ms: f64,
    /// Why it was blocked, and what would allow it.
    pub block: Option<String>,
}

impl From<api::NetworkLogEntry> for NetworkLogEntry {
    fn from(entry: api::NetworkLogEntry) -> Self {
        Self {
            timestamp: entry.timestamp,
            method: entry.method,
            host: entry.host,
            path: entry.path.map_or(Either::B(Null), Either::A),
            action: match entry.action {
                NetworkAction::Allow => "ALLOW",
                NetworkAction::Block => "BLOCK",
            },
            duration_ms: entry.duration_ms as f64,
            block: entry.block,
        }
    }
}

/// What an execution used, as its guest measured it.
#[napi(object, object_from_js = false)]
pub struct ResourceUsage {
    /// Processor time of all its processes in relation to its wall time, 100 for a full core.
    pub cpu_percent: f64,
    /// Memory of the whole sandbox at the end, files included, in MiB.
    #[napi(js_name = "memoryMB")]
    pub memory_mb: f64,
    /// Most memory of any one of its processes, in MiB.
    #[napi(js_name = "peakMemoryMB")]
    pub peak_memory_mb: Option<f64>,
    /// Bytes received through the filter.
    pub network_bytes_in: f64,
    /// Bytes sent through the filter.
    pub network_bytes_out: f64,
}

impl From<api::ResourceUsage> for ResourceUsage {
    fn from(usage: api::ResourceUsage) -> Self {
        Self {
            cpu_percent: usage.cpu_percent,
            memory_mb: usage.memory_mb as f64,
            peak_memory_mb: usage.peak_memory_mb.map(|mb| mb as f64),
            network_bytes_in: usage.network_bytes_in as f64,
            network_bytes_out: usage.network_bytes_out as f64,
        }
    }
}

impl From<api::ExecutionResult> for ExecutionResult {
    fn from(result: api::ExecutionResult) -> Self {
        let files = result.files.map(|files| {
            files.into_iter().map(|(path, content)| (path, base64_simd::STANDARD.encode_to_string(content))).collect()
        });
        Self {
            stdout: result.stdout,
            stderr: result.stderr,
            exit_code: result.exit_code,
            duration_ms: result.duration_ms as f64,
            program_ms: result.duration_us as f64 / 1000.0,
            install_ms: result.install_ms.map(|ms| ms as f64),
            truncated: result.truncated,
            timed_out: result.timed_out,
            out_of_memory: result.out_of_memory,
            execution_id: result.execution_id,
            runtime: result.runtime,
            timestamp: result.timestamp,
            container_id: result.container_id,
            files,
            resource_usage: result.resource_usage.map(Into::into),
            network_logs: (!result.network_logs.is_empty())
                .then(|| result.network_logs.into_iter().map(Into::into).collect()),
        }
    }
}

/// One event of a streaming execution.
#[napi(object, object_from_js = false)]
pub struct StreamEvent {
    /// What happened.
    #[napi(ts_type = "'stdout' | 'stderr' | 'exit' | 'error'")]
    pub r#type: &'static str,
    /// Output text, the exit code in decimal, or an error message.
    pub data: String,
    /// Which part of the execution it belongs to.
    #[napi(ts_type = "'setup' | 'code'")]
    pub phase: Option<&'static str>,
}

impl From<api::StreamEvent> for StreamEvent {
    fn from(event: api::StreamEvent) -> Self {
        Self {
            r#type: match event.kind {
                StreamEventKind::Stdout => "stdout",
                StreamEventKind::Stderr => "stderr",
                StreamEventKind::Exit => "exit",
                StreamEventKind::Error => "error",
            },
            data: event.data,
            phase: event.phase.map(|phase| match phase {
                Phase::Setup => "setup",
                Phase::Code => "code",
            }),
        }
    }
}
