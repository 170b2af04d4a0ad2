//! What may be fetched, decided without looking at any network. The numbers are those of the checks in the order in
//! which a fetch passes them; the first that fails says why.

use std::net::IpAddr;
use std::time::Duration;

use sha2::{Digest, Sha256};
use url::{Position, Url};

use super::SourceError;
use super::exact::exact_address;
use crate::api::RemoteCodePolicy;
use crate::network::address::{self, AddressKind};
use crate::network::printable::printable;
use crate::network::{Authority, Host, HostPatterns, PolicyError};

/// More is not shown of a URL that is none.
const MAX_SHOWN: usize = 200;

/// The longest URL that is looked at: what servers commonly take.
const MAX_URL: usize = 16 * 1024;

/// The longest time limit: what a JavaScript timer can hold.
const MAX_TIMEOUT_MS: u64 = i32::MAX as u64;

/// Whether and from where code is fetched.
#[derive(Debug, Clone)]
pub struct Policy {
    enabled: bool,
    schemes: Vec<String>,
    allowed: HostPatterns,
    /// Addresses that `allowed` names, and that may be dialled although they are not public.
    exact: Vec<IpAddr>,
    /// Lists of which each has to allow a host, too.
    within: Vec<HostPatterns>,
    blocked: HostPatterns,
    require_hash: bool,
    pub(super) max_size: u64,
    pub(super) time_limit: Duration,
    /// How long code is remembered; not at all without.
    pub(super) remember: Option<Duration>,
    /// Of all that decides where code may come from.
    pub(super) rules: [u8; 32],
}

impl Policy {
    /// Compiles what `option` says.
    pub fn compile(option: &str, policy: &RemoteCodePolicy) -> Result<Self, PolicyError> {
        let patterns = |list: &str, texts: &[String]| HostPatterns::compile(&format!("{option}.{list}"), texts);
        let within = policy.within.iter().filter(|list| !list.is_empty());
        Ok(Self {
            enabled: policy.enabled,
            schemes: policy.allowed_schemes.clone(),
            allowed: patterns("allowedHosts", &policy.allowed_hosts)?,
            exact: policy.allowed_hosts.iter().filter_map(|pattern| exact_address(pattern)).collect(),
            within: within.map(|list| patterns("allowedHosts", list)).collect::<Result<_, _>>()?,
            blocked: patterns("blockedHosts", &policy.blocked_hosts)?,
            require_hash: policy.require_hash,
            max_size: within_range(option, "maxCodeSize", policy.max_code_size, 1, u32::MAX.into())?,
            time_limit: Duration::from_millis(within_range(
                option,
                "fetchTimeoutMs",
                policy.fetch_timeout_ms,
                1,
                MAX_TIMEOUT_MS,
            )?),
            remember: Some(within_range(option, "cacheTtl", policy.cache_ttl, 0, u32::MAX.into())?)
                .filter(|seconds| policy.enable_cache && *seconds > 0)
                .map(Duration::from_secs),
            rules: rules(policy),
        })
    }

    /// Checks 1 and 2: whether anything is fetched, and whether this is a URL.
    pub(super) fn read(&self, text: &str) -> Result<Url, SourceError> {
        if !self.enabled {
            return Err(SourceError::Disabled);
        }
        if text.trim().is_empty() {
            return Err(SourceError::NoUrl);
        }
        // What stands before an `@` may be a password.
        let refused = || invalid(text.rsplit('@').next().unwrap_or_default());
        if text.len() > MAX_URL {
            return Err(refused());
        }
        let mut url = Url::parse(text).map_err(|_| refused())?;
        // Never sent, so of no account.
        url.set_fragment(None);
        Ok(url)
    }

    /// Checks 3 to 5: whether this URL may be asked for, as far as can be said before its name is resolved.
    pub(super) fn decide(&self, url: &Url, allow_insecure: bool) -> Result<Authority, SourceError> {
        if url.scheme() == "http" && !allow_insecure {
            return Err(SourceError::Insecure);
        }
        let is_listed = self.schemes.iter().any(|scheme| scheme.eq_ignore_ascii_case(url.scheme()));
        if !is_listed || !matches!(url.scheme(), "http" | "https") {
            return Err(SourceError::Scheme(url.scheme().to_owned()));
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(invalid(&url[Position::BeforeHost..]));
        }
        let host = url.host_str().and_then(|host| Host::parse(host).ok());
        let port = url.port_or_known_default().filter(|port| *port > 0);
        let (Some(host), Some(port)) = (host, port) else { return Err(invalid(url.as_str())) };
        let allows = |list: &HostPatterns| list.is_empty() || list.first_match(&host).is_some();
        let is_blocked = self.blocked.first_match(&host).is_some();
        if is_blocked || !allows(&self.allowed) || !self.within.iter().all(allows) {
            return Err(SourceError::Host(host.to_string()));
        }
        Ok(Authority { host, port })
    }

    /// Whether whoever made this policy, rather than a client that tightened it, has named the hosts that may be asked,
    /// this one among them.
    pub(super) fn is_named(&self, host: &Host) -> bool {
        self.allowed.first_match(host).is_some()
    }

    /// Check 6: whether an address that `host` has may be dialled.
    pub(super) fn decide_address(&self, host: &Host, address: IpAddr) -> Result<(), SourceError> {
        match address::kind(address) {
            AddressKind::Public => Ok(()),
            AddressKind::Special(_) if self.exact.contains(&address.to_canonical()) => Ok(()),
            AddressKind::Special(_) | AddressKind::Metadata(_) => Err(SourceError::Host(host.to_string())),
        }
    }

    /// Check 7: whether the code may come without a hash.
    pub(super) fn decide_hash(&self, hash: Option<&str>) -> Result<(), SourceError> {
        let is_missing = hash.is_none_or(|hash| hash.trim().is_empty());
        if self.require_hash && is_missing { Err(SourceError::HashRequired) } else { Ok(()) }
    }
}

fn invalid(url: &str) -> SourceError {
    SourceError::InvalidUrl(printable(url, MAX_SHOWN))
}

fn within_range(option: &str, name: &str, value: u64, least: u64, most: u64) -> Result<u64, PolicyError> {
    if (least..=most).contains(&value) {
        return Ok(value);
    }
    let reason = format!("expected a whole number from {least} to {most}, found {value}");
    Err(PolicyError { option: format!("{option}.{name}"), reason })
}

/// A digest of the lists, in which no two policies are the same.
fn rules(policy: &RemoteCodePolicy) -> [u8; 32] {
    let mut digest = Sha256::new();
    let lists = [&policy.allowed_schemes, &policy.allowed_hosts, &policy.blocked_hosts];
    for list in lists.into_iter().chain(&policy.within) {
        digest.update(list.len().to_be_bytes());
        for text in list {
            digest.update(text.len().to_be_bytes());
            digest.update(text);
        }
    }
    digest.finalize().into()
}
