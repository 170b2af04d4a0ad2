//! What programs asked of the network.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// One request that went through the filter.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct NetworkLogEntry {
    /// When it was made, ISO 8601.
    pub timestamp: String,
    /// HTTP method; `CONNECT` for a tunnel.
    pub method: String,
    /// The host that was asked for.
    pub host: String,
    /// Path on that host; unknown for a tunnel.
    pub path: Option<String>,
    /// What became of it.
    pub action: NetworkAction,
    /// How long it took; 0 when it was blocked.
    pub duration_ms: u64,
    /// Why it was blocked, and what would allow it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub block: Option<String>,
}

/// What the filter decided about a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "UPPERCASE")]
pub enum NetworkAction {
    /// It was let through.
    Allow,
    /// It was refused.
    Block,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_path_of_a_tunnel_is_null_and_what_was_not_blocked_has_no_reason() {
        let entry = NetworkLogEntry {
            timestamp: "2026-01-02T03:04:05Z".to_owned(),
            method: "CONNECT".to_owned(),
            host: "example.com".to_owned(),
            path: None,
            action: NetworkAction::Allow,
            duration_ms: 0,
            block: None,
        };
        assert_eq!(
            serde_json::to_value(entry).expect("plain data"),
            serde_json::json!({
                "timestamp": "2026-01-02T03:04:05Z", "method": "CONNECT", "host": "example.com", "path": null,
                "action": "ALLOW", "durationMs": 0,
            })
        );
    }
}
