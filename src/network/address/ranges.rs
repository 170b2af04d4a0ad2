//! Addresses that are not like others, as data.
//!
//! Sources: the IANA IPv4 and IPv6 Special-Purpose Address Registries (RFC 6890), of which everything is here that is
//! not globally reachable, and the address space registries for multicast and what is not allocated. A few ranges
//! within 192.0.0.0/24 and 2001::/23 are reachable, but serve protocols other than HTTP: those ranges are whole here.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::{IpNet, Ipv4Net, Ipv6Net};

/// Addresses that cannot be reached from everywhere.
#[derive(Debug, PartialEq, Eq)]
pub struct SpecialRange {
    /// The addresses.
    pub network: IpNet,
    /// What they are for.
    pub name: &'static str,
    /// Where that is said.
    pub source: &'static str,
}

/// An address at which a cloud provider tells a machine its secrets.
#[derive(Debug, PartialEq, Eq)]
pub struct MetadataService {
    /// The address.
    pub address: IpAddr,
    /// Whose it is.
    pub name: &'static str,
    /// The page of the provider's documentation that names it.
    pub source: &'static str,
}

const fn v4(octets: [u8; 4], prefix: u8, name: &'static str, source: &'static str) -> SpecialRange {
    let [a, b, c, d] = octets;
    let network = IpNet::V4(Ipv4Net::new_assert(Ipv4Addr::new(a, b, c, d), prefix));
    SpecialRange { network, name, source }
}

const fn v6(network: Ipv6Net, name: &'static str, source: &'static str) -> SpecialRange {
    SpecialRange { network: IpNet::V6(network), name, source }
}

/// The network that begins with these segments.
const fn net(segments: [u16; 4], prefix: u8) -> Ipv6Net {
    let [a, b, c, d] = segments;
    Ipv6Net::new_assert(Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0), prefix)
}

/// IPv4 addresses as seen by hosts without IPv4 (RFC 6052, section 2.1): as public as the address within.
pub(super) const NAT64: Ipv6Net = net([0x64, 0xff9b, 0, 0], 96);

/// Addresses made of an IPv4 address, reached by a tunnel to it (RFC 3056).
pub(super) const SIX_TO_FOUR: Ipv6Net = net([0x2002, 0, 0, 0], 16);

/// Addresses made of two IPv4 addresses, reached by a tunnel (RFC 4380).
pub(super) const TEREDO: Ipv6Net = net([0x2001, 0, 0, 0], 32);

/// All that has been allocated of IPv6 for single hosts (RFC 4291, section 4; IANA IPv6 Address Space registry).
pub(super) const GLOBAL_UNICAST: Ipv6Net = net([0x2000, 0, 0, 0], 3);

/// All IPv6 addresses that are not in [`GLOBAL_UNICAST`] and have no range of their own.
pub(super) static UNALLOCATED: SpecialRange = v6(net([0, 0, 0, 0], 0), "unallocated", "RFC 4291");

/// The first that contains an address is the one that counts.
pub(super) static SPECIAL: [SpecialRange; 34] = [
    v4([0, 0, 0, 0], 8, "this network", "RFC 791"),
    v4([10, 0, 0, 0], 8, "private", "RFC 1918"),
    v4([100, 64, 0, 0], 10, "shared (carrier-grade NAT)", "RFC 6598"),
    v4([127, 0, 0, 0], 8, "loopback", "RFC 1122"),
    v4([169, 254, 0, 0], 16, "link-local", "RFC 3927"),
    v4([172, 16, 0, 0], 12, "private", "RFC 1918"),
    v4([192, 0, 0, 0], 24, "protocol assignments", "RFC 6890"),
    v4([192, 0, 2, 0], 24, "documentation", "RFC 5737"),
    v4([192, 88, 99, 0], 24, "6to4 relay anycast", "RFC 7526"),
    v4([192, 168, 0, 0], 16, "private", "RFC 1918"),
    v4([198, 18, 0, 0], 15, "benchmarking", "RFC 2544"),
    v4([198, 51, 100, 0], 24, "documentation", "RFC 5737"),
    v4([203, 0, 113, 0], 24, "documentation", "RFC 5737"),
    v4([224, 0, 0, 0], 4, "multicast", "RFC 5771"),
    v4([255, 255, 255, 255], 32, "broadcast", "RFC 919"),
    v4([240, 0, 0, 0], 4, "reserved", "RFC 1112"),
    v6(Ipv6Net::new_assert(Ipv6Addr::UNSPECIFIED, 128), "unspecified", "RFC 4291"),
    v6(Ipv6Net::new_assert(Ipv6Addr::LOCALHOST, 128), "loopback", "RFC 4291"),
    v6(net([0, 0, 0, 0], 96), "IPv4-compatible", "RFC 4291"),
    v6(net([0x64, 0xff9b, 1, 0], 48), "local-use NAT64", "RFC 8215"),
    v6(net([0x100, 0, 0, 0], 64), "discard-only", "RFC 6666"),
    v6(net([0x100, 0, 0, 1], 64), "dummy prefix", "RFC 9780"),
    v6(TEREDO, "Teredo", "RFC 4380"),
    v6(net([0x2001, 2, 0, 0], 48), "benchmarking", "RFC 5180"),
    v6(net([0x2001, 0, 0, 0], 23), "protocol assignments", "RFC 2928"),
    v6(net([0x2001, 0xdb8, 0, 0], 32), "documentation", "RFC 3849"),
    v6(SIX_TO_FOUR, "6to4", "RFC 3056"),
    v6(net([0x3fff, 0, 0, 0], 20), "documentation", "RFC 9637"),
    v6(net([0x3ffe, 0, 0, 0], 16), "returned by the 6bone", "RFC 3701"),
    v6(net([0x5f00, 0, 0, 0], 16), "segment routing", "RFC 9602"),
    v6(net([0xfc00, 0, 0, 0], 7), "unique local", "RFC 4193"),
    v6(net([0xfe80, 0, 0, 0], 10), "link-local", "RFC 4291"),
    v6(net([0xfec0, 0, 0, 0], 10), "site-local", "RFC 3879"),
    v6(net([0xff00, 0, 0, 0], 8), "multicast", "RFC 4291"),
];

const fn metadata4(octets: [u8; 4], name: &'static str, source: &'static str) -> MetadataService {
    let [a, b, c, d] = octets;
    MetadataService { address: IpAddr::V4(Ipv4Addr::new(a, b, c, d)), name, source }
}

const fn metadata6(segments: [u16; 8], name: &'static str, source: &'static str) -> MetadataService {
    let [a, b, c, d, e, f, g, h] = segments;
    MetadataService { address: IpAddr::V6(Ipv6Addr::new(a, b, c, d, e, f, g, h)), name, source }
}

/// No policy can allow these.
pub(super) static METADATA: [MetadataService; 14] = [
    metadata4(
        [169, 254, 169, 254],
        "instance metadata of most providers",
        "Amazon EC2 User Guide, \"Access instance metadata\"; Azure, Google Cloud, OpenStack and others use the same",
    ),
    metadata6(
        [0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254],
        "Amazon EC2",
        "Amazon EC2 User Guide, \"Access instance metadata\"",
    ),
    metadata4([169, 254, 170, 2], "Amazon ECS", "Amazon ECS Developer Guide, \"Amazon ECS task IAM role\""),
    metadata4([169, 254, 170, 23], "Amazon EKS", "Amazon EKS User Guide, \"Set up the Amazon EKS Pod Identity Agent\""),
    metadata6(
        [0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x23],
        "Amazon EKS",
        "Amazon EKS User Guide, \"Set up the Amazon EKS Pod Identity Agent\"",
    ),
    metadata4([168, 63, 129, 16], "Azure platform", "Azure Virtual Network, \"What is IP address 168.63.129.16?\""),
    metadata6([0xfd20, 0xce, 0, 0, 0, 0, 0, 0x254], "Google Cloud", "Compute Engine, \"About VM metadata\""),
    metadata4([100, 100, 100, 200], "Alibaba Cloud", "Elastic Compute Service, \"Instance metadata\""),
    metadata4([192, 0, 0, 192], "Oracle Cloud", "Oracle Compute Cloud Service, \"Retrieving instance metadata\""),
    metadata4([169, 254, 0, 23], "Tencent Cloud", "Cloud Virtual Machine, \"Viewing instance metadata\""),
    metadata4([169, 254, 42, 42], "Scaleway", "Scaleway Instances, \"How to use the metadata API\""),
    metadata6([0xfd00, 0x42, 0, 0, 0, 0, 0, 0x42], "Scaleway", "Scaleway Instances, \"How to use the metadata API\""),
    metadata6(
        [0xfd00, 0xa9fe, 0xa9fe, 0, 0, 0, 0, 1],
        "Akamai Cloud",
        "Akamai Cloud, \"Overview of the Metadata service\"",
    ),
    metadata6([0xfe80, 0, 0, 0, 0, 0, 0xa9fe, 0xa9fe], "OpenStack", "OpenStack Nova, \"Metadata service\""),
];
