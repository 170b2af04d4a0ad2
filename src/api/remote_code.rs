//! Whether and from where source text may be fetched.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Hosts that are on this machine, in its network or in its cloud provider's: what an attacker would have us ask.
const BLOCKED_HOSTS: [&str; 8] = [
    r"^localhost$",
    r"^127(\.[0-9]{1,3}){3}$",
    r"^10(\.[0-9]{1,3}){3}$",
    r"^172\.(1[6-9]|2[0-9]|3[01])(\.[0-9]{1,3}){2}$",
    r"^192\.168(\.[0-9]{1,3}){2}$",
    // The metadata address 169.254.169.254 is one of these.
    r"^169\.254(\.[0-9]{1,3}){2}$",
    r"^(::1|\[::1\])$",
    r"^metadata\.google\.internal$",
];

/// The policy for code that is given by its URL. What is absent takes its default, the blocked hosts too.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct RemoteCodePolicy {
    /// Whether code may be fetched at all.
    pub enabled: bool,
    /// URL schemes that are allowed, in any case.
    pub allowed_schemes: Vec<String>,
    /// Regular expressions on host names. If there are any, only hosts that match one are allowed.
    pub allowed_hosts: Vec<String>,
    /// Regular expressions on host names. Hosts that match one are refused, whatever `allowedHosts` says.
    pub blocked_hosts: Vec<String>,
    /// Most bytes of code.
    #[schemars(range(min = 1, max = u32::MAX))]
    pub max_code_size: u64,
    /// Time limit of a whole fetch in milliseconds.
    #[schemars(range(min = 1, max = i32::MAX))]
    pub fetch_timeout_ms: u64,
    /// Whether requests have to bring the hash of the code.
    pub require_hash: bool,
    /// Whether fetched code is remembered.
    pub enable_cache: bool,
    /// Seconds for which fetched code is remembered.
    #[schemars(range(max = u32::MAX))]
    pub cache_ttl: u64,
}

impl Default for RemoteCodePolicy {
    fn default() -> Self {
        Self {
            enabled: false,
            allowed_schemes: vec!["https".to_owned()],
            allowed_hosts: Vec::new(),
            blocked_hosts: BLOCKED_HOSTS.map(str::to_owned).into(),
            max_code_size: 10 << 20,
            fetch_timeout_ms: 30_000,
            require_hash: false,
            enable_cache: true,
            cache_ttl: 3600,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::host_pattern;
    use super::*;

    fn is_blocked(host: &str) -> bool {
        BLOCKED_HOSTS.iter().any(|pattern| host_pattern(pattern).expect("a pattern").is_match(host))
    }

    #[test]
    fn hosts_of_this_machine_and_its_network_are_blocked_by_default() {
        for host in ["localhost", "LOCALHOST", "127.0.0.1", "127.255.1.2", "10.1.2.3", "172.16.0.1", "172.31.255.255"] {
            assert!(is_blocked(host), "{host}");
        }
        for host in ["192.168.1.1", "169.254.169.254", "::1", "[::1]", "metadata.google.internal"] {
            assert!(is_blocked(host), "{host}");
        }
    }

    #[test]
    fn hosts_that_only_look_like_those_are_not() {
        for host in ["localhost.example.com", "10.example.com", "172.15.0.1", "172.32.0.1", "192.169.0.1", "110.1.2.3"]
        {
            assert!(!is_blocked(host), "{host}");
        }
        for host in ["169.253.1.1", "metadatazgoogle.internal", "::11", "example.com"] {
            assert!(!is_blocked(host), "{host}");
        }
    }

    #[test]
    fn a_policy_that_leaves_hosts_open_blocks_the_usual_ones() {
        let policy: RemoteCodePolicy = serde_json::from_str(r#"{ "enabled": true }"#).expect("a policy");
        assert_eq!(policy, RemoteCodePolicy { enabled: true, ..RemoteCodePolicy::default() });
        assert_eq!(policy.blocked_hosts, BLOCKED_HOSTS);
    }
}
