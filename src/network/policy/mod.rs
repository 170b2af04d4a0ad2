//! Which hosts may be asked for, and which addresses may be dialled for them.
//!
//! A policy is compiled once and then only read. What does not compile is an error that names the option, before
//! anything runs: there is no policy that lacks one of its rules.

mod advice;
mod consistency;
mod network;

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use ipnet::IpNet;

pub use advice::explain;
pub use consistency::{check_http, check_tls};

use super::address::{self, AddressKind};
use super::authority::Authority;
use super::decision::{Decision, Reason, Rule};
use super::guard::{Guard, stands};
use super::name::Host;
use super::patterns::HostPatterns;
use crate::api::NetworkFilterConfig;

/// The filter of a network.
#[derive(Debug, Clone)]
pub struct Policy {
    whitelist: HostPatterns,
    blacklist: HostPatterns,
    ports: Vec<u16>,
    allow_private: Vec<IpNet>,
    own_listeners: Vec<SocketAddr>,
    /// What has to allow it as well.
    bounds: Option<Arc<Policy>>,
    /// Whether those who run programs are not those who run this process.
    for_clients: bool,
}

/// An option that makes no sense.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{option}: {reason}")]
pub struct PolicyError {
    /// Which, such as `network.whitelist[0]`.
    pub option: String,
    /// What is wrong with it.
    pub reason: String,
}

impl Policy {
    /// Compiles what `option` says.
    ///
    /// `own_listeners` are where this process itself accepts connections: those are never dialled, whatever is allowed.
    /// One at the unspecified address stands for every address of its port that is not public.
    pub fn compile(
        option: &str,
        config: &NetworkFilterConfig,
        own_listeners: Vec<SocketAddr>,
    ) -> Result<Self, PolicyError> {
        let config = config.clone().with_defaults();
        Ok(Self {
            whitelist: HostPatterns::compile(&format!("{option}.whitelist"), &config.whitelist)?,
            blacklist: HostPatterns::compile(&format!("{option}.blacklist"), &config.blacklist)?,
            ports: ports(option, config.ports.unwrap_or_default())?,
            allow_private: compile_each(
                &format!("{option}.allowPrivate"),
                &config.allow_private.unwrap_or_default(),
                network::parse,
            )?,
            own_listeners,
            bounds: None,
            for_clients: false,
        })
    }

    /// Whether it names the hosts that may be reached, rather than all but some.
    pub fn has_whitelist(&self) -> bool {
        !self.whitelist.is_empty()
    }

    /// The same, where this process accepts connections at these addresses too.
    pub fn sparing(mut self, listeners: Vec<SocketAddr>) -> Self {
        self.own_listeners.extend(listeners);
        self
    }

    /// The same for programs of others: what is logged for them must not tell more than the programs may know.
    pub fn for_clients(self) -> Self {
        Self { for_clients: true, ..self }
    }

    /// Whether what is logged of requests is read by others than those who run this process.
    pub fn is_for_clients(&self) -> bool {
        self.for_clients
    }

    /// Whether whoever runs this process has named the hosts that may be reached, this one among them.
    pub fn is_named(&self, host: &Host) -> bool {
        match &self.bounds {
            Some(bounds) => bounds.is_named(host),
            None => self.whitelist.first_match(host).is_some(),
        }
    }

    /// The same, but nothing that `bounds` does not allow.
    pub fn within(self, bounds: Arc<Policy>) -> Self {
        Self { bounds: Some(bounds), ..self }
    }

    /// Whether a request may be made. Looks at no more than its host and port, so a name need not have been resolved;
    /// each address that it turns out to have is for [`Policy::decide_address`].
    pub fn decide(&self, authority: &Authority) -> Decision {
        self.decide_as(authority, false)
    }

    /// The same where the host may be one of the package registries that are let through: a whitelist need not name
    /// those, neither this one's nor that of its bounds. All else holds for them as for others.
    pub fn decide_as(&self, authority: &Authority, is_registry: bool) -> Decision {
        let bounds = self.bounds.as_ref().map(|bounds| bounds.decide_as(authority, is_registry));
        both(bounds, || self.decide_alone(authority, is_registry))
    }

    /// Without the bounds.
    fn decide_alone(&self, authority: &Authority, is_registry: bool) -> Decision {
        let host = &authority.host;
        if let Some(pattern) = self.blacklist.first_match(host) {
            return Decision::by(Reason::Blacklist, Rule::Pattern(pattern.to_owned()));
        }
        if stands(Guard::Port) && !self.ports.contains(&authority.port) {
            return Decision::new(Reason::Port);
        }
        let named = match self.whitelist.first_match(host) {
            Some(pattern) => Decision::by(Reason::Whitelist, Rule::Pattern(pattern.to_owned())),
            None if self.whitelist.is_empty() => Decision::new(Reason::NoWhitelist),
            None if is_registry => Decision::new(Reason::Registry),
            None => return Decision::new(Reason::NotWhitelisted),
        };
        match host.ip().map(|address| self.decide_address_as(address, authority.port, is_registry)) {
            Some(denied) if !denied.is_allowed() => denied,
            _ => named,
        }
    }

    /// Whether an address that an allowed host has may be dialled.
    pub fn decide_address(&self, address: IpAddr, port: u16) -> Decision {
        self.decide_address_as(address, port, false)
    }

    /// The same where the host may be a package registry that is let through: those may be on a private network, as a
    /// company's mirror is.
    pub fn decide_address_as(&self, address: IpAddr, port: u16, is_registry: bool) -> Decision {
        if !stands(Guard::Address) {
            return Decision::new(Reason::PublicAddress);
        }
        let bounds = self.bounds.as_ref().map(|bounds| bounds.decide_address_as(address, port, is_registry));
        both(bounds, || self.decide_address_alone(address.to_canonical(), port, is_registry))
    }

    /// Without the bounds.
    fn decide_address_alone(&self, address: IpAddr, port: u16, is_registry: bool) -> Decision {
        if self.own_listeners.iter().any(|listener| is_reached_by(*listener, address, port)) {
            return Decision::new(Reason::OwnListener);
        }
        match address::kind(address) {
            AddressKind::Public => Decision::new(Reason::PublicAddress),
            AddressKind::Metadata(service) => Decision::by(Reason::MetadataAddress, Rule::Metadata(service)),
            AddressKind::Special(range) => match self.allow_private.iter().find(|network| network.contains(&address)) {
                Some(network) => Decision::by(Reason::AllowPrivate, Rule::Network(*network)),
                None if is_registry && address::is_on_a_network(address) => Decision::new(Reason::Registry),
                None => Decision::by(Reason::PrivateAddress, Rule::Special(range)),
            },
        }
    }
}

/// What follows when bounds, if there are any, and a policy decide: what either is against is refused, and what either
/// lets through only as a registry is let through as such.
fn both(bounds: Option<Decision>, own: impl FnOnce() -> Decision) -> Decision {
    match bounds {
        Some(denied) if !denied.is_allowed() => denied,
        Some(registry) if registry.reason() == Reason::Registry => {
            Some(own()).filter(|own| !own.is_allowed()).unwrap_or(registry)
        }
        _ => own(),
    }
}

/// More of one kind than anybody writes. Matching takes time for each, on every request.
const MAX_RULES: usize = 1000;

/// Compiles the list that stands in `option`; what is wrong with an entry is told with its place.
fn compile_each<T, E: ToString>(
    option: &str,
    texts: &[String],
    compile: impl Fn(&str) -> Result<T, E>,
) -> Result<Vec<T>, PolicyError> {
    check_count(option, texts.len())?;
    let compile_at = |(index, text): (usize, &String)| {
        compile(text).map_err(|error| PolicyError { option: format!("{option}[{index}]"), reason: error.to_string() })
    };
    texts.iter().enumerate().map(compile_at).collect()
}

/// Refuses lists that are longer than anybody writes them.
pub(super) fn check_count(option: &str, count: usize) -> Result<(), PolicyError> {
    if count <= MAX_RULES {
        return Ok(());
    }
    let reason = format!("expected at most {MAX_RULES} entries, found {count}");
    Err(PolicyError { option: option.to_owned(), reason })
}

fn ports(option: &str, ports: Vec<u16>) -> Result<Vec<u16>, PolicyError> {
    if ports.is_empty() {
        // It could be meant to allow none, or, as an empty whitelist does, all.
        let reason = "expected at least one port".to_owned();
        return Err(PolicyError { option: format!("{option}.ports"), reason });
    }
    if let Some(index) = ports.iter().position(|port| *port == 0) {
        let reason = "expected a port from 1 to 65535, found 0".to_owned();
        return Err(PolicyError { option: format!("{option}.ports[{index}]"), reason });
    }
    Ok(ports)
}

fn is_reached_by(listener: SocketAddr, address: IpAddr, port: u16) -> bool {
    let at = listener.ip().to_canonical();
    let is_here = at == address || (at.is_unspecified() && address::kind(address) != AddressKind::Public);
    listener.port() == port && is_here
}

#[cfg(test)]
mod tests;
