//! What holds user code, as far as the caller has a say in it, and what it ran into.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Security settings of an engine.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SecurityConfig {
    /// Which system calls user code may make.
    pub seccomp: Option<SeccompMode>,
    /// The profile of `custom`: a file on the engine's host, in Docker's JSON format.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub custom_profile_path: Option<String>,
    /// An OCI runtime that the Docker engine knows, such as `runsc`; its default when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub runtime: Option<String>,
}

impl SecurityConfig {
    /// The same with nothing left open that has a default.
    pub fn with_defaults(self) -> Self {
        Self { seccomp: Some(self.seccomp.unwrap_or_default()), ..self }
    }
}

/// Which system calls user code may make.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum SeccompMode {
    /// Those of isol8's own profile.
    #[default]
    Strict,
    /// All of them.
    Unconfined,
    /// Those of the caller's profile.
    Custom,
}

/// Something that user code was kept from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SecurityEvent {
    /// What kind, such as `network_blocked`.
    #[serde(rename = "type")]
    pub kind: String,
    /// The same for humans.
    pub message: String,
    /// What exactly.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub details: BTreeMap<String, String>,
    /// When, ISO 8601.
    pub timestamp: String,
}
