//! What is recorded of every execution, as the caller wrote it.

use serde::{Deserialize, Serialize};

/// Audit settings. What is absent takes the default that the audit module documents.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct AuditConfig {
    /// Whether anything is recorded at all.
    pub enabled: Option<bool>,
    /// `filesystem` (or `file`), or `stdout`.
    pub destination: Option<String>,
    /// Directory of the log files.
    pub log_dir: Option<String>,
    /// Program that is run after each record, with the path of the log file.
    pub post_log_script: Option<String>,
    /// Whether to measure and record what executions use.
    pub track_resources: Option<bool>,
    /// Days after which log files are deleted; 0 or less keeps them.
    pub retention_days: Option<f64>,
    /// Whether to record the source text.
    pub include_code: Option<bool>,
    /// Whether to record the (masked) output.
    pub include_output: Option<bool>,
}
