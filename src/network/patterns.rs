//! Lists of patterns on host names, compiled.

use std::net::IpAddr;

use regex::Regex;

use super::name::Host;
use super::policy::{PolicyError, compile_each};
use crate::api::host_pattern;

/// Patterns of which one may match a host.
#[derive(Debug, Clone, Default)]
pub struct HostPatterns(Vec<Regex>);

impl HostPatterns {
    /// Compiles the list that stands in `option`, such as `network.whitelist`.
    pub fn compile(option: &str, texts: &[String]) -> Result<Self, PolicyError> {
        compile_each(option, texts, host_pattern).map(Self)
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The first that matches `host`. IPv6 addresses may be written with their brackets and without.
    pub fn first_match(&self, host: &Host) -> Option<&str> {
        let plain = host.to_string();
        let bracketed = matches!(host, Host::Ip(IpAddr::V6(_))).then(|| format!("[{plain}]"));
        let matches = |pattern: &&Regex| {
            pattern.is_match(&plain) || bracketed.as_ref().is_some_and(|bracketed| pattern.is_match(bracketed))
        };
        self.0.iter().find(matches).map(Regex::as_str)
    }
}
