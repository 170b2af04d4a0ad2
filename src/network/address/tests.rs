use ipnet::IpNet;
use proptest::prelude::*;

use super::*;

fn kind_of(text: &str) -> AddressKind {
    kind(text.parse().expect(text))
}

fn is_special(text: &str, name: &str) -> bool {
    matches!(kind_of(text), AddressKind::Special(range) if range.name == name)
}

#[test]
fn addresses_of_the_internet_are_public() {
    for text in [
        "1.1.1.1",
        "9.255.255.255",
        "11.0.0.0",
        "100.63.255.255",
        "100.128.0.0",
        "126.255.255.255",
        "128.0.0.0",
        "169.253.255.255",
        "169.255.0.0",
        "172.15.255.255",
        "172.32.0.0",
        "192.0.1.0",
        "192.167.255.255",
        "192.169.0.0",
        "198.17.255.255",
        "198.20.0.0",
        "223.255.255.255",
        "2001:200::1",
        "2001:4860:4860::8888",
        "2606:4700::1111",
        "2a00:1450:4001::1",
        "::ffff:1.1.1.1",
        "64:ff9b::1.1.1.1",
    ] {
        assert_eq!(kind_of(text), AddressKind::Public, "{text}");
    }
}

// W65, W127: such targets were connected to, and mapped ones even when others were not.
#[test]
fn w65_addresses_of_no_public_network_are_special() {
    for (text, name) in [
        ("0.0.0.0", "this network"),
        ("0.255.255.255", "this network"),
        ("10.0.0.0", "private"),
        ("10.255.255.255", "private"),
        ("100.64.0.0", "shared (carrier-grade NAT)"),
        ("100.127.255.255", "shared (carrier-grade NAT)"),
        ("127.0.0.1", "loopback"),
        ("127.255.255.254", "loopback"),
        ("169.254.1.1", "link-local"),
        ("172.16.0.0", "private"),
        ("172.31.255.255", "private"),
        ("192.0.0.1", "protocol assignments"),
        ("192.0.2.1", "documentation"),
        ("192.88.99.1", "6to4 relay anycast"),
        ("192.168.0.1", "private"),
        ("198.18.0.0", "benchmarking"),
        ("198.19.255.255", "benchmarking"),
        ("198.51.100.1", "documentation"),
        ("203.0.113.1", "documentation"),
        ("224.0.0.1", "multicast"),
        ("239.255.255.255", "multicast"),
        ("240.0.0.0", "reserved"),
        ("255.255.255.254", "reserved"),
        ("255.255.255.255", "broadcast"),
        ("::", "unspecified"),
        ("::1", "loopback"),
        ("::2", "IPv4-compatible"),
        ("::1.1.1.1", "IPv4-compatible"),
        ("::ffff:10.0.0.1", "private"),
        ("::ffff:7f00:1", "loopback"),
        ("64:ff9b::127.0.0.1", "loopback"),
        ("64:ff9b::192.168.1.1", "private"),
        ("64:ff9b:1::1.1.1.1", "local-use NAT64"),
        ("64:ff9b:2::1", "unallocated"),
        ("100::1", "discard-only"),
        ("100:0:0:1::1", "dummy prefix"),
        ("200::1", "unallocated"),
        ("2001::1", "Teredo"),
        ("2001:2::1", "benchmarking"),
        ("2001:2:1::1", "protocol assignments"),
        ("2001:1ff::1", "protocol assignments"),
        ("2001:db8::1", "documentation"),
        ("2002:7f00:1::1", "6to4"),
        ("2002:101:101::1", "6to4"),
        ("3ffe::1", "returned by the 6bone"),
        ("3fff::1", "documentation"),
        ("4000::1", "unallocated"),
        ("5f00::1", "segment routing"),
        ("fc00::1", "unique local"),
        ("fdff:ffff::1", "unique local"),
        ("fe80::1", "link-local"),
        ("febf::1", "link-local"),
        ("fec0::1", "site-local"),
        ("ff02::1", "multicast"),
    ] {
        assert!(is_special(text, name), "{text}: {:?}", kind_of(text));
    }
}

#[test]
fn metadata_services_are_found_behind_every_translation() {
    for text in [
        "169.254.169.254",
        "169.254.170.2",
        "168.63.129.16",
        "100.100.100.200",
        "192.0.0.192",
        "fd00:ec2::254",
        "fe80::a9fe:a9fe",
        "::ffff:169.254.169.254",
        "::169.254.169.254",
        "64:ff9b::169.254.169.254",
        "64:ff9b:1::169.254.169.254",
        "fd64::169.254.169.254",
        "2002:a9fe:a9fe::1",
        // Teredo, as the server and as the client.
        "2001:0:a9fe:a9fe::1",
        "2001:0:101:101:0:0:5601:5601",
    ] {
        assert!(matches!(kind_of(text), AddressKind::Metadata(_)), "{text}: {:?}", kind_of(text));
    }
}

#[test]
fn networks_are_written_without_bits_beyond_their_prefix() {
    for range in &SPECIAL {
        assert_eq!(range.network, range.network.trunc(), "{range:?}");
    }
}

#[test]
fn a_network_within_another_comes_before_it() {
    for (index, range) in SPECIAL.iter().enumerate() {
        assert!(!SPECIAL[..index].iter().any(|earlier| earlier.network.contains(&range.network)), "{range:?}");
    }
}

proptest! {
    #[test]
    fn no_address_of_a_special_range_is_public(range in 0..SPECIAL.len(), bits: u128) {
        let range = &SPECIAL[range];
        let address = match range.network {
            IpNet::V4(network) => {
                let within = (bits as u32) & network.hostmask().to_bits();
                IpAddr::V4(Ipv4Addr::from_bits(network.addr().to_bits() | within))
            }
            IpNet::V6(network) => {
                let within = bits & network.hostmask().to_bits();
                IpAddr::V6(Ipv6Addr::from_bits(network.addr().to_bits() | within))
            }
        };
        prop_assert_ne!(kind(address), AddressKind::Public);
        if let IpAddr::V4(address) = address {
            let [a, b, c, d] = address.octets();
            let translated = Ipv6Addr::from_bits(NAT64.addr().to_bits() | u128::from(address.to_bits()));
            prop_assert_ne!(kind(translated.into()), AddressKind::Public);
            prop_assert_ne!(kind(address.to_ipv6_mapped().into()), AddressKind::Public, "{}.{}.{}.{}", a, b, c, d);
        }
    }

    // The standard library's own opinion, as far as it has one.
    #[test]
    fn what_the_standard_library_knows_to_be_special_is(bits: u32) {
        let address = Ipv4Addr::from_bits(bits);
        if address.is_private()
            || address.is_loopback()
            || address.is_link_local()
            || address.is_broadcast()
            || address.is_documentation()
            || address.is_multicast()
            || address.is_unspecified()
        {
            prop_assert_ne!(kind(address.into()), AddressKind::Public);
        }
    }
}
