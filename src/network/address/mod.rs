//! Which addresses may be dialled: those that are reachable from everywhere, and so are nobody's inner network.
//!
//! Whatever a name is, the addresses it has are chosen by whoever runs its zone. Without this, an allowed name could
//! lead to this machine, to the network it stands in, or to the service that hands out its cloud credentials.

mod ranges;

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ranges::{GLOBAL_UNICAST, METADATA, NAT64, SIX_TO_FOUR, SPECIAL, TEREDO, UNALLOCATED};
pub use ranges::{MetadataService, SpecialRange};

/// What kind of address it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AddressKind {
    /// Reachable from everywhere.
    Public,
    /// Of a range that is not: of this machine, its network, or of no network at all.
    Special(&'static SpecialRange),
    /// Where a cloud provider tells a machine its secrets.
    Metadata(&'static MetadataService),
}

/// What kind of address `address` is, or leads to.
pub fn kind(address: IpAddr) -> AddressKind {
    let address = address.to_canonical();
    // First of all, since these are within ranges that a policy may allow.
    if let Some(service) = leads_to(address).find_map(metadata_service) {
        return AddressKind::Metadata(service);
    }
    if let Some(range) = SPECIAL.iter().find(|range| range.network.contains(&address)) {
        return AddressKind::Special(range);
    }
    match address {
        IpAddr::V4(_) => AddressKind::Public,
        IpAddr::V6(address) if NAT64.contains(&address) => kind(last_four(address).into()),
        IpAddr::V6(address) if GLOBAL_UNICAST.contains(&address) => AddressKind::Public,
        IpAddr::V6(_) => AddressKind::Special(&UNALLOCATED),
    }
}

fn metadata_service(address: IpAddr) -> Option<&'static MetadataService> {
    METADATA.iter().find(|service| service.address == address)
}

/// The address itself, and those that a translator or a tunnel at it would send on to.
fn leads_to(address: IpAddr) -> impl Iterator<Item = IpAddr> {
    let embedded = match address {
        IpAddr::V4(_) => [None, None],
        IpAddr::V6(address) => embedded(address),
    };
    std::iter::once(address).chain(embedded.into_iter().flatten().map(IpAddr::V4))
}

/// The IPv4 addresses within an IPv6 address.
fn embedded(address: Ipv6Addr) -> [Option<Ipv4Addr>; 2] {
    let [_, second, third, fourth, ..] = address.segments();
    if SIX_TO_FOUR.contains(&address) {
        return [Some(joined(second, third)), None];
    }
    if TEREDO.contains(&address) {
        // The client's own is written with all bits inverted (RFC 4380, section 4).
        return [Some(joined(third, fourth)), Some(Ipv4Addr::from_bits(!last_four(address).to_bits()))];
    }
    // NAT64 with a prefix of 96 bits, whoever's; IPv4-compatible addresses have theirs at the same place.
    [Some(last_four(address)), None]
}

fn joined(high: u16, low: u16) -> Ipv4Addr {
    Ipv4Addr::from_bits(u32::from(high) << 16 | u32::from(low))
}

fn last_four(address: Ipv6Addr) -> Ipv4Addr {
    let [.., high, low] = address.segments();
    joined(high, low)
}

/// Whether an address that is not public is at least that of some machine on some network, rather than of this machine
/// or of none in particular.
pub fn is_on_a_network(address: IpAddr) -> bool {
    let address = address.to_canonical();
    let is_link_local = match address {
        IpAddr::V4(address) => address.is_link_local() || address.is_broadcast() || address.octets()[0] == 0,
        IpAddr::V6(address) => address.is_unicast_link_local(),
    };
    !(address.is_loopback() || address.is_unspecified() || address.is_multicast() || is_link_local)
}

#[cfg(test)]
mod tests;
