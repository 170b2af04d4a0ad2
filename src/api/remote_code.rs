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
    /// Most bytes of code, once it is decompressed.
    #[schemars(range(min = 1, max = u32::MAX))]
    pub max_code_size: u64,
    /// Time limit of a whole fetch in milliseconds.
    #[schemars(range(min = 1, max = i32::MAX))]
    pub fetch_timeout_ms: u64,
    /// Whether requests have to bring the hash of the code.
    pub require_hash: bool,
    /// Whether fetched code is remembered, in a folder that only the user can look into.
    pub enable_cache: bool,
    /// Seconds for which fetched code is remembered.
    #[schemars(range(max = u32::MAX))]
    pub cache_ttl: u64,
    /// Further lists like `allowedHosts`: a host has to be allowed by each of them as well. Made by
    /// [`RemoteCodePolicy::tightened`] only, and never from somebody else.
    #[serde(skip)]
    pub within: Vec<Vec<String>>,
}

/// The same with whatever is left open. What is absent takes its default, or, where a server has a policy, the server's.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct RemoteCodeOptions {
    /// Whether code may be fetched at all.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub enabled: Option<bool>,
    /// URL schemes that are allowed, in any case.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub allowed_schemes: Option<Vec<String>>,
    /// Regular expressions on host names. If there are any, only hosts that match one are allowed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub allowed_hosts: Option<Vec<String>>,
    /// Regular expressions on host names. Hosts that match one are refused, whatever `allowedHosts` says.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub blocked_hosts: Option<Vec<String>>,
    /// Most bytes of code.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_code_size: Option<u64>,
    /// Time limit of a whole fetch in milliseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fetch_timeout_ms: Option<u64>,
    /// Whether requests have to bring the hash of the code.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub require_hash: Option<bool>,
    /// Whether fetched code is remembered.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub enable_cache: Option<bool>,
    /// Seconds for which fetched code is remembered.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cache_ttl: Option<u64>,
    /// See [`RemoteCodePolicy::within`].
    #[serde(skip)]
    pub within: Vec<Vec<String>>,
}

impl RemoteCodePolicy {
    /// This policy, tightened by what a client asks for: it never allows what this one does not. Neither list of hosts
    /// can stand for both, so the client's is one that hosts have to be allowed by as well; an address that is not
    /// public can be allowed by this policy's own list only.
    pub fn tightened(&self, by: &RemoteCodeOptions) -> Self {
        let mut tightened = self.clone();
        tightened.enabled &= by.enabled.unwrap_or(true);
        tightened.require_hash |= by.require_hash.unwrap_or(false);
        tightened.enable_cache &= by.enable_cache.unwrap_or(true);
        tightened.max_code_size = by.max_code_size.unwrap_or(u64::MAX).min(self.max_code_size);
        tightened.fetch_timeout_ms = by.fetch_timeout_ms.unwrap_or(u64::MAX).min(self.fetch_timeout_ms);
        tightened.cache_ttl = by.cache_ttl.unwrap_or(u64::MAX).min(self.cache_ttl);
        if let Some(schemes) = &by.allowed_schemes {
            let is_asked_for = |own: &String| schemes.iter().any(|scheme| scheme.eq_ignore_ascii_case(own));
            tightened.allowed_schemes.retain(is_asked_for);
        }
        tightened.blocked_hosts.extend(by.blocked_hosts.iter().flatten().cloned());
        tightened.within.extend(by.allowed_hosts.clone());
        tightened.within.extend(by.within.iter().cloned());
        tightened
    }
}

impl From<RemoteCodeOptions> for RemoteCodePolicy {
    fn from(options: RemoteCodeOptions) -> Self {
        let default = Self::default();
        Self {
            enabled: options.enabled.unwrap_or(default.enabled),
            allowed_schemes: options.allowed_schemes.unwrap_or(default.allowed_schemes),
            allowed_hosts: options.allowed_hosts.unwrap_or(default.allowed_hosts),
            blocked_hosts: options.blocked_hosts.unwrap_or(default.blocked_hosts),
            max_code_size: options.max_code_size.unwrap_or(default.max_code_size),
            fetch_timeout_ms: options.fetch_timeout_ms.unwrap_or(default.fetch_timeout_ms),
            require_hash: options.require_hash.unwrap_or(default.require_hash),
            enable_cache: options.enable_cache.unwrap_or(default.enable_cache),
            cache_ttl: options.cache_ttl.unwrap_or(default.cache_ttl),
            within: options.within,
        }
    }
}

impl From<RemoteCodePolicy> for RemoteCodeOptions {
    fn from(policy: RemoteCodePolicy) -> Self {
        Self {
            enabled: Some(policy.enabled),
            allowed_schemes: Some(policy.allowed_schemes),
            allowed_hosts: Some(policy.allowed_hosts),
            blocked_hosts: Some(policy.blocked_hosts),
            max_code_size: Some(policy.max_code_size),
            fetch_timeout_ms: Some(policy.fetch_timeout_ms),
            require_hash: Some(policy.require_hash),
            enable_cache: Some(policy.enable_cache),
            cache_ttl: Some(policy.cache_ttl),
            within: policy.within,
        }
    }
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
            within: Vec::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::network::{Host, HostPatterns};

    fn is_blocked(host: &str) -> bool {
        let patterns = HostPatterns::compile("blockedHosts", &BLOCKED_HOSTS.map(str::to_owned)).expect("patterns");
        patterns.first_match(&Host::parse(host).expect("a host")).is_some()
    }

    #[test]
    fn hosts_of_this_machine_and_its_network_are_blocked_by_default() {
        for host in ["localhost", "LOCALHOST", "127.0.0.1", "127.255.1.2", "10.1.2.3", "172.16.0.1", "172.31.255.255"] {
            assert!(is_blocked(host), "{host}");
        }
        for host in ["192.168.1.1", "169.254.169.254", "[::1]", "metadata.google.internal"] {
            assert!(is_blocked(host), "{host}");
        }
    }

    #[test]
    fn hosts_that_only_look_like_those_are_not() {
        for host in ["localhost.example.com", "10.example.com", "172.15.0.1", "172.32.0.1", "192.169.0.1", "110.1.2.3"]
        {
            assert!(!is_blocked(host), "{host}");
        }
        for host in ["169.253.1.1", "metadatazgoogle.internal", "[::11]", "example.com"] {
            assert!(!is_blocked(host), "{host}");
        }
    }

    #[test]
    fn a_policy_that_leaves_hosts_open_blocks_the_usual_ones() {
        let policy: RemoteCodePolicy = serde_json::from_str(r#"{ "enabled": true }"#).expect("a policy");
        assert_eq!(policy, RemoteCodePolicy { enabled: true, ..RemoteCodePolicy::default() });
        assert_eq!(policy.blocked_hosts, BLOCKED_HOSTS);
    }
    #[test]
    fn options_say_what_a_policy_says() {
        let policy = RemoteCodePolicy { enabled: true, within: vec![vec!["a".to_owned()]], ..Default::default() };
        assert_eq!(RemoteCodePolicy::from(RemoteCodeOptions::from(policy.clone())), policy);
        assert_eq!(RemoteCodePolicy::from(RemoteCodeOptions::default()), RemoteCodePolicy::default());
    }

    #[test]
    fn a_client_that_asks_for_nothing_gets_the_policy_of_the_server() {
        let policy = RemoteCodePolicy { enabled: true, require_hash: true, ..Default::default() };
        assert_eq!(policy.tightened(&RemoteCodeOptions::default()), policy);
    }

    /// W102: clients could replace the policy of the server.
    #[test]
    fn w102_a_client_can_only_tighten_the_policy_of_the_server() {
        let server = RemoteCodePolicy::default();
        let wide: RemoteCodeOptions = serde_json::from_str(
            r#"{ "enabled": true, "allowedSchemes": ["https", "http"], "allowedHosts": [], "blockedHosts": [],
                "maxCodeSize": 4294967295, "fetchTimeoutMs": 2147483647, "cacheTtl": 4294967295 }"#,
        )
        .expect("options");
        assert_eq!(server.tightened(&wide), RemoteCodePolicy { within: vec![vec![]], ..server });

        let server = RemoteCodePolicy {
            enabled: true,
            allowed_schemes: vec!["HTTPS".to_owned(), "http".to_owned()],
            allowed_hosts: vec!["example".to_owned()],
            ..RemoteCodePolicy::default()
        };
        let narrow: RemoteCodeOptions = serde_json::from_str(
            r#"{ "allowedSchemes": ["https"], "allowedHosts": ["a"], "blockedHosts": ["b"], "requireHash": true,
                "maxCodeSize": 1, "fetchTimeoutMs": 2, "enableCache": false, "cacheTtl": 3 }"#,
        )
        .expect("options");
        let tightened = server.tightened(&narrow);
        assert_eq!(tightened.allowed_schemes, ["HTTPS"]);
        assert_eq!(
            (&tightened.allowed_hosts, &tightened.within[..]),
            (&server.allowed_hosts, &[vec!["a".to_owned()]][..])
        );
        assert_eq!(tightened.blocked_hosts, [&server.blocked_hosts[..], &["b".to_owned()]].concat());
        assert_eq!((tightened.max_code_size, tightened.fetch_timeout_ms, tightened.cache_ttl), (1, 2, 3));
        assert!(tightened.require_hash && !tightened.enable_cache && tightened.enabled);
        assert!(!server.tightened(&RemoteCodeOptions { enabled: Some(false), ..Default::default() }).enabled);
    }

    #[test]
    fn what_only_a_server_makes_does_not_come_from_outside() {
        assert!(serde_json::from_str::<RemoteCodeOptions>(r#"{ "within": [] }"#).is_err());
        assert!(serde_json::from_str::<RemoteCodePolicy>(r#"{ "within": [] }"#).is_err());
    }
}
