//! What is recorded of every execution, as the caller wrote it.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Audit settings; what is absent takes its default.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct AuditConfig {
    /// Whether anything is recorded at all.
    pub enabled: Option<bool>,
    /// `filesystem` (or `file`), or `stdout`.
    pub destination: Option<String>,
    /// Directory of the log files.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub log_dir: Option<String>,
    /// Program that is run after each record, with the path of the log file.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub post_log_script: Option<String>,
    /// Whether to measure and record what executions use.
    pub track_resources: Option<bool>,
    /// Days after which all `.log` and `.jsonl` files of that directory are deleted; 0 or less keeps them.
    pub retention_days: Option<f64>,
    /// Whether to record the source text.
    pub include_code: Option<bool>,
    /// Whether to record the (masked) output.
    pub include_output: Option<bool>,
}

impl AuditConfig {
    /// Where records go by default.
    pub const DEFAULT_DESTINATION: &str = "filesystem";

    /// Whether resources are measured by default.
    pub const DEFAULT_TRACK_RESOURCES: bool = true;

    /// How many days log files are kept by default.
    pub const DEFAULT_RETENTION_DAYS: f64 = 90.0;

    /// The same with nothing left open that has a default.
    pub fn with_defaults(self) -> Self {
        Self {
            enabled: Some(self.enabled.unwrap_or(false)),
            destination: Some(self.destination.unwrap_or_else(|| Self::DEFAULT_DESTINATION.to_owned())),
            log_dir: self.log_dir,
            post_log_script: self.post_log_script,
            track_resources: Some(self.track_resources.unwrap_or(Self::DEFAULT_TRACK_RESOURCES)),
            retention_days: Some(self.retention_days.unwrap_or(Self::DEFAULT_RETENTION_DAYS)),
            include_code: Some(self.include_code.unwrap_or(false)),
            include_output: Some(self.include_output.unwrap_or(false)),
        }
    }
}
