//! Who may use a server.

use std::fmt;
use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// For how long a key is valid: for some time, and not beyond the calendar (W118).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct KeyLifetime(Duration);

/// No time for which a key can be valid.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[error("ttlMs must be a positive number of milliseconds, at most {}", KeyLifetime::MAX_MS)]
pub struct LifetimeError;

impl KeyLifetime {
    /// A hundred years of milliseconds: as good as for ever, and far from the end of the calendar.
    pub const MAX_MS: i64 = 100 * 365 * 24 * 60 * 60 * 1000;

    /// So many milliseconds. A fraction of one counts as a whole.
    pub fn from_millis(milliseconds: f64) -> Result<Self, LifetimeError> {
        let whole = milliseconds.ceil();
        if whole >= 1.0 && whole <= Self::MAX_MS as f64 {
            Ok(Self(Duration::from_millis(whole as u64)))
        } else {
            Err(LifetimeError)
        }
    }

    /// As a length of time.
    pub fn duration(self) -> Duration {
        self.0
    }
}

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
    #[schemars(description = "Milliseconds for which a new key is valid.", range(min = 1, max = KeyLifetime::MAX_MS))]
    pub default_ttl_ms: i64,
    /// Milliseconds between two removals of expired keys.
    #[schemars(range(min = 1, max = i32::MAX))]
    pub cleanup_interval_ms: u64,
}

impl AuthConfig {
    /// Where keys are kept when nothing else is said.
    pub const DEFAULT_DATABASE: &str = "~/.isol8/auth.db";

    /// Where keys are kept.
    pub fn database(&self) -> &str {
        self.connection_string.as_deref().unwrap_or(Self::DEFAULT_DATABASE)
    }
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
    fn w118_a_lifetime_is_positive_finite_and_bounded() {
        for (milliseconds, expected) in [
            (f64::MIN_POSITIVE, 1),
            (0.5, 1),
            (1.0, 1),
            (60_000.0, 60_000),
            (KeyLifetime::MAX_MS as f64, KeyLifetime::MAX_MS as u64),
        ] {
            let lifetime = KeyLifetime::from_millis(milliseconds).expect("possible");
            assert_eq!(lifetime.duration(), Duration::from_millis(expected), "{milliseconds}");
        }
        let too_long = KeyLifetime::MAX_MS as f64 + 1.0;
        for milliseconds in [0.0, -0.0, -0.5, -1.0, too_long, f64::MAX, f64::MIN, f64::INFINITY, f64::NAN] {
            assert_eq!(KeyLifetime::from_millis(milliseconds), Err(LifetimeError), "{milliseconds}");
        }
    }

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
