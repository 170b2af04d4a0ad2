//! What a policy says to a request, and why.

use std::fmt;

use ipnet::IpNet;

use super::address::{MetadataService, SpecialRange};
use crate::api::NetworkAction;

/// What a policy says to a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decision {
    reason: Reason,
    rule: Option<Rule>,
}

/// Why a request is let through or refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Reason {
    /// A pattern of the whitelist matches.
    Whitelist,
    /// There is no whitelist.
    NoWhitelist,
    /// It is a package registry that the image was configured for.
    Registry,
    /// The address can be reached from everywhere.
    PublicAddress,
    /// A network of `allowPrivate` contains the address.
    AllowPrivate,
    /// What is said to the host names that host.
    SameHost,
    /// A TLS client says no name, and none is needed: it was the address that was allowed.
    HostIsAddress,
    /// A pattern of the blacklist matches.
    Blacklist,
    /// There is a whitelist, and none of its patterns matches.
    NotWhitelisted,
    /// The port is none of those that may be reached.
    Port,
    /// The address is of this machine, of its network, or of none.
    PrivateAddress,
    /// The address is that of a cloud provider's metadata service.
    MetadataAddress,
    /// It is this process that listens there.
    OwnListener,
    /// The host or port of the request cannot be read.
    InvalidHost,
    /// The `Host` header names another host or port than the request.
    HostMismatch,
    /// The TLS client asks for another name than that of the tunnel.
    SniMismatch,
    /// The TLS client does not say which name it asks for.
    NoSni,
    /// The TLS client says it so that only the server can read it.
    EncryptedClientHello,
    /// What comes through the tunnel is not TLS.
    NotTls,
    /// It begins like TLS, but is not what a client may say first, or is too long.
    InvalidClientHello,
}

impl Reason {
    /// Every reason.
    pub const ALL: [Self; 20] = [
        Self::Registry,
        Self::Whitelist,
        Self::NoWhitelist,
        Self::PublicAddress,
        Self::AllowPrivate,
        Self::SameHost,
        Self::HostIsAddress,
        Self::Blacklist,
        Self::NotWhitelisted,
        Self::Port,
        Self::PrivateAddress,
        Self::MetadataAddress,
        Self::OwnListener,
        Self::InvalidHost,
        Self::HostMismatch,
        Self::SniMismatch,
        Self::NoSni,
        Self::EncryptedClientHello,
        Self::NotTls,
        Self::InvalidClientHello,
    ];

    /// What becomes of the request.
    pub fn action(self) -> NetworkAction {
        match self {
            Self::Whitelist
            | Self::Registry
            | Self::NoWhitelist
            | Self::PublicAddress
            | Self::AllowPrivate
            | Self::SameHost
            | Self::HostIsAddress => NetworkAction::Allow,
            Self::Blacklist
            | Self::NotWhitelisted
            | Self::Port
            | Self::PrivateAddress
            | Self::MetadataAddress
            | Self::OwnListener
            | Self::InvalidHost
            | Self::HostMismatch
            | Self::SniMismatch
            | Self::NoSni
            | Self::EncryptedClientHello
            | Self::NotTls
            | Self::InvalidClientHello => NetworkAction::Block,
        }
    }

    /// What programs may rely on: it stays the same, and can stand in a header.
    pub fn name(self) -> &'static str {
        match self {
            Self::Whitelist => "whitelist",
            Self::Registry => "registry",
            Self::NoWhitelist => "no-whitelist",
            Self::PublicAddress => "public-address",
            Self::AllowPrivate => "allow-private",
            Self::SameHost => "same-host",
            Self::HostIsAddress => "host-is-address",
            Self::Blacklist => "blacklist",
            Self::NotWhitelisted => "not-whitelisted",
            Self::Port => "port",
            Self::PrivateAddress => "private-address",
            Self::MetadataAddress => "metadata-address",
            Self::OwnListener => "own-listener",
            Self::InvalidHost => "invalid-host",
            Self::HostMismatch => "host-mismatch",
            Self::SniMismatch => "sni-mismatch",
            Self::NoSni => "no-sni",
            Self::EncryptedClientHello => "encrypted-client-hello",
            Self::NotTls => "not-tls",
            Self::InvalidClientHello => "invalid-client-hello",
        }
    }
}

/// The rule that decided.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Rule {
    /// A pattern, of whichever list.
    Pattern(String),
    /// A network of `allowPrivate`.
    Network(IpNet),
    /// A range of addresses that are not public.
    Special(&'static SpecialRange),
    /// The address of a metadata service.
    Metadata(&'static MetadataService),
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Pattern(pattern) => f.write_str(pattern),
            Self::Network(network) => network.fmt(f),
            Self::Special(range) => write!(f, "{}, {} ({})", range.network, range.name, range.source),
            Self::Metadata(service) => write!(f, "{}, {}", service.address, service.name),
        }
    }
}

impl Decision {
    /// A decision that follows from no particular pattern, network or range.
    pub(super) fn new(reason: Reason) -> Self {
        Self { reason, rule: None }
    }

    pub(super) fn by(reason: Reason, rule: Rule) -> Self {
        Self { reason, rule: Some(rule) }
    }

    /// What a request gets whose host or port cannot be read.
    pub fn invalid_host() -> Self {
        Self::new(Reason::InvalidHost)
    }

    /// Why.
    pub fn reason(&self) -> Reason {
        self.reason
    }

    /// By which rule, if it was one of several.
    pub fn rule(&self) -> Option<&Rule> {
        self.rule.as_ref()
    }

    /// What becomes of the request.
    pub fn action(&self) -> NetworkAction {
        self.reason.action()
    }

    /// Whether the request goes on.
    pub fn is_allowed(&self) -> bool {
        self.action() == NetworkAction::Allow
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn every_reason_has_a_name_of_its_own_that_fits_into_a_header() {
        let names: HashSet<_> = Reason::ALL.map(Reason::name).into();
        assert_eq!(names.len(), Reason::ALL.len());
        for name in names {
            assert!(name.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'-'), "{name}");
        }
    }
}
