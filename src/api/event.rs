//! What a streaming run yields.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// One event of a run. Exactly one `exit` with phase `code` ends a run that started.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct StreamEvent {
    /// What happened.
    #[serde(rename = "type")]
    pub kind: StreamEventKind,
    /// Output text, the exit code in decimal, or an error message.
    pub data: String,
    /// Which part of the run it belongs to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub phase: Option<Phase>,
}

impl StreamEvent {
    /// Whether nothing follows: the program has ended, or a setup script has failed.
    pub fn is_last(&self) -> bool {
        self.kind == StreamEventKind::Exit && (self.phase != Some(Phase::Setup) || self.data != "0")
    }
}

/// Kinds of events.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum StreamEventKind {
    /// Text on standard output.
    Stdout,
    /// Text on standard error.
    Stderr,
    /// The end, with the exit code.
    Exit,
    /// What went wrong; an `exit` follows.
    Error,
}

/// Parts of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Phase {
    /// A setup script.
    Setup,
    /// The main command.
    Code,
}
