//! Who may use a server.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A hundred years of milliseconds: as good as for ever, and far from the end of the calendar.
const MAX_TTL_MS: i64 = 100 * 365 * 24 * 60 * 60 * 1000;

/// Keys that are kept in a database.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct AuthConfig {
    /// Whether a server keeps keys in a database even if no flag says so.
    pub enabled: bool,
    /// Path or URL of the database; `~/.isol8/auth.db` when absent. May contain a password.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub connection_string: Option<String>,
    /// Milliseconds for which a new key is valid. Signed, since napi makes a BigInt of a large unsigned number.
    #[schemars(description = "Milliseconds for which a new key is valid.", range(min = 1, max = MAX_TTL_MS))]
    pub default_ttl_ms: i64,
    /// Milliseconds between two removals of expired keys.
    #[schemars(range(min = 1, max = i32::MAX))]
    pub cleanup_interval_ms: u64,
}

impl Default for AuthConfig {
    fn default() -> Self {
        Self {
            enabled: false,
            connection_string: None,
            default_ttl_ms: 24 * 60 * 60 * 1000,
            cleanup_interval_ms: 60 * 60 * 1000,
        }
    }
}

/// Without the connection string.
impl fmt::Debug for AuthConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AuthConfig")
            .field("enabled", &self.enabled)
            .field("connection_string", &self.connection_string.as_ref().map(|_| "***"))
            .field("default_ttl_ms", &self.default_ttl_ms)
            .field("cleanup_interval_ms", &self.cleanup_interval_ms)
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_connection_string_does_not_show_itself() {
        let auth = AuthConfig {
            connection_string: Some("postgres://isol8:hunter2@db/keys".to_owned()),
            ..AuthConfig::default()
        };
        let text = format!("{auth:?}");
        assert!(!text.contains("hunter2") && text.contains("***"), "{text}");
    }
}
