//! Networks that a policy names.

use std::net::IpAddr;

use ipnet::IpNet;

use crate::network::printable::printable;

/// Reads `address/prefix`, or an address that stands for itself alone.
pub(super) fn parse(text: &str) -> Result<IpNet, String> {
    let network = match text.parse::<IpNet>() {
        Ok(network) => network,
        Err(_) => IpNet::from(text.parse::<IpAddr>().map_err(|_| {
            format!(
                "expected a network such as \"10.0.0.0/8\" or \"fd00::/8\", found \"{}\"",
                printable(text, MAX_SHOWN)
            )
        })?),
    };
    if network.addr() != network.network() {
        // Was one address meant, or its network?
        return Err(format!("{network} has bits set beyond its prefix: did you mean {}?", network.trunc()));
    }
    match network.addr().to_canonical() {
        // Addresses are compared in their canonical form, so this would contain none.
        IpAddr::V4(address) if network.addr().is_ipv6() => {
            Err(format!("expected the IPv4 network that {network} stands for, such as {address}/32"))
        }
        _ => Ok(network),
    }
}

/// Of longer texts the beginning is shown.
const MAX_SHOWN: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn networks_and_single_addresses_are_read() {
        for (text, network) in [
            ("10.0.0.0/8", "10.0.0.0/8"),
            ("0.0.0.0/0", "0.0.0.0/0"),
            ("192.168.1.2", "192.168.1.2/32"),
            ("fd00::/8", "fd00::/8"),
            ("::1", "::1/128"),
        ] {
            assert_eq!(parse(text).map(|network| network.to_string()).as_deref(), Ok(network));
        }
    }

    #[test]
    fn what_is_no_network_is_refused_with_what_it_should_be() {
        for text in
            ["", "10.0.0.0/33", "10.0.0/8", "10.0.0.0/", "0x7f.1", "example.com", "[::1]", "fe80::1%eth0", "a/8"]
        {
            let expected = format!("expected a network such as \"10.0.0.0/8\" or \"fd00::/8\", found \"{text}\"");
            assert_eq!(parse(text), Err(expected));
        }
        let expected = "10.0.0.1/8 has bits set beyond its prefix: did you mean 10.0.0.0/8?";
        assert_eq!(parse("10.0.0.1/8"), Err(expected.to_owned()));
        let expected = "expected the IPv4 network that ::ffff:10.0.0.0/104 stands for, such as 10.0.0.0/32";
        assert_eq!(parse("::ffff:10.0.0.0/104"), Err(expected.to_owned()));
    }

    #[test]
    fn hostile_text_is_shown_in_part_and_cannot_move_the_cursor() {
        let error = parse(&format!("\u{1b}[2J{}", "x".repeat(10_000))).expect_err("no network");
        assert!(error.len() < 200 && !error.contains('\u{1b}'), "{error}");
    }
}
