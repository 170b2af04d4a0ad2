//! What holds for every host, however it is spelled.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

use super::*;
use crate::api::NetworkFilterConfig;

fn policy(whitelist: &[&str], blacklist: &[&str]) -> Policy {
    let owned = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect();
    let config = NetworkFilterConfig {
        whitelist: owned(whitelist),
        blacklist: owned(blacklist),
        ..NetworkFilterConfig::default()
    };
    Policy::compile("network", &config, Vec::new()).expect("a policy")
}

/// IPv4 addresses that nobody may reach by default, at the ends of their ranges, too.
fn forbidden_v4() -> impl Strategy<Value = Ipv4Addr> {
    let ranges = [
        ([0, 0, 0, 0], 8),
        ([10, 0, 0, 0], 8),
        ([100, 64, 0, 0], 10),
        ([127, 0, 0, 0], 8),
        ([169, 254, 0, 0], 16),
        ([172, 16, 0, 0], 12),
        ([192, 168, 0, 0], 16),
        ([198, 18, 0, 0], 15),
        ([224, 0, 0, 0], 3),
    ];
    let host = prop_oneof![Just(0), Just(1), Just(u32::MAX), any::<u32>()];
    (select(ranges.to_vec()), host).prop_map(|((network, prefix), host)| {
        Ipv4Addr::from_bits(u32::from_be_bytes(network) | (host & (u32::MAX >> prefix)))
    })
}

/// A number as `inet_aton` reads it.
fn number(value: u32) -> impl Strategy<Value = String> {
    (0..4, 0..3usize).prop_map(move |(base, zeros)| {
        let zeros = "0".repeat(zeros);
        match base {
            0 => format!("{value}"),
            1 => format!("0{zeros}{value:o}"),
            2 => format!("0x{zeros}{value:x}"),
            _ => format!("0X{zeros}{value:X}"),
        }
    })
}

/// `address` in one to four numbers of any base, with or without a dot at the end.
fn as_numbers(address: Ipv4Addr) -> impl Strategy<Value = String> {
    (1..=4usize, any::<bool>()).prop_flat_map(move |(parts, has_final_dot)| {
        let [a, b, c, _] = address.octets();
        let mut numbers: Vec<u32> = [a, b, c][..parts - 1].iter().copied().map(u32::from).collect();
        numbers.push(address.to_bits() & u32::MAX.checked_shr(8 * (parts as u32 - 1)).unwrap_or_default());
        let numbers: Vec<_> = numbers.into_iter().map(number).collect();
        numbers.prop_map(move |numbers| numbers.join(".") + if has_final_dot { "." } else { "" })
    })
}

/// `address` in an IPv6 address that is nothing but its clothes.
fn as_mapped(address: Ipv4Addr) -> impl Strategy<Value = String> {
    let hex = address.to_ipv6_mapped().segments().map(|segment| format!("{segment:04X}")).join(":");
    let [_, _, _, _, _, _, high, low] = address.to_ipv6_mapped().segments();
    select(vec![format!("[{hex}]"), format!("[::ffff:{address}]"), format!("[0::FFFF:{high:x}:{low:x}]")])
}

/// The same in letters, digits and dots that Unicode has besides ASCII's, for the characters that `which` says.
fn in_unicode(text: &str, which: &[bool]) -> String {
    if text.starts_with('[') {
        return text.to_owned();
    }
    let wide = |character: char| match character {
        '.' => '。',
        '!'..='~' => char::from_u32(u32::from(character) - 0x21 + 0xff01).unwrap_or(character),
        other => other,
    };
    text.chars().zip(which.iter().cycle()).map(|(c, is_wide)| if *is_wide { wide(c) } else { c }).collect()
}

/// An address that nobody may reach, and one of its spellings.
fn spelled_v4() -> impl Strategy<Value = (Ipv4Addr, String)> {
    forbidden_v4().prop_flat_map(|address| {
        let spelling = prop_oneof![3 => as_numbers(address), 1 => as_mapped(address)];
        (spelling, vec(any::<bool>(), 1..8)).prop_map(move |(text, which)| (address, in_unicode(&text, &which)))
    })
}

/// Names, mostly valid ones.
fn name() -> impl Strategy<Value = String> {
    "[a-z0-9_üß-]{1,12}(\\.[a-zA-Z0-9]{1,5}){0,3}"
}

proptest! {
    #[test]
    fn no_spelling_of_a_forbidden_ipv4_address_gets_through((address, spelling) in spelled_v4()) {
        let authority = Authority::parse(&spelling, 443);
        prop_assert_eq!(authority.clone().map(|authority| authority.host), Ok(Host::Ip(address.into())), "{}", spelling);
        let decision = policy(&[".*"], &[]).decide(&authority.expect("just looked"));
        prop_assert!(matches!(decision.reason(), Reason::PrivateAddress | Reason::MetadataAddress), "{}", spelling);
    }

    #[test]
    fn no_spelling_of_a_forbidden_ipv6_address_gets_through(
        prefix in select(vec![0xfc00_u16, 0xfdff, 0xfe80, 0xfec0, 0xff02, 0x2002, 0, 0x4000]),
        rest: [u16; 7],
        uppercase: bool,
    ) {
        let [b, c, d, e, f, g, h] = rest;
        let address = Ipv6Addr::new(prefix, b, c, d, e, f, g, h);
        let full = address.segments().map(|segment| format!("{segment:04x}")).join(":");
        for spelling in [format!("[{address}]"), format!("[{full}]")] {
            let spelling = if uppercase { spelling.to_uppercase() } else { spelling };
            let authority = Authority::parse(&spelling, 443).expect(&spelling);
            prop_assert_eq!(authority.host.ip(), Some(IpAddr::V6(address)));
            prop_assert!(!policy(&[".*"], &[]).decide(&authority).is_allowed(), "{}", spelling);
        }
    }

    #[test]
    fn the_canonical_form_of_a_host_is_its_own(text in prop_oneof![name(), any::<String>(), "[0-9a-fx.\\[\\]:]{1,20}"]) {
        if let Ok(host) = Host::parse(&text) {
            let form = match host.ip() {
                Some(IpAddr::V6(address)) => format!("[{address}]"),
                _ => host.to_string(),
            };
            prop_assert_eq!(Host::parse(&form), Ok(host));
        }
    }

    #[test]
    fn any_text_is_an_authority_or_an_error(text: String, port: u16) {
        for text in [text.clone(), format!("{text}:{port}"), format!("[{text}]:{port}"), format!("example.com{text}")] {
            if let Ok(authority) = Authority::parse(&text, 443) {
                prop_assert_ne!(authority.port, 0);
                prop_assert_eq!(Authority::parse(&authority.to_string(), 1), Ok(authority));
            }
        }
    }

    #[test]
    fn a_name_never_reads_as_an_address(text in "[0-9a-fxX.]{1,16}") {
        if let Ok(Host::Name(name)) = Host::parse(&text) {
            // As `inet_aton` does: a last part of digits, or `0x` and hexadecimal digits.
            let last = name.as_str().rsplit('.').next().unwrap_or_default();
            let hex = last.strip_prefix("0x").map(|digits| digits.bytes().all(|digit| digit.is_ascii_hexdigit()));
            prop_assert!(!last.bytes().all(|digit| digit.is_ascii_digit()) && hex != Some(true), "{}", name.as_str());
        }
    }

    #[test]
    fn a_decision_depends_on_the_canonical_name_alone(name in name(), which in vec(any::<bool>(), 1..8), dot: bool) {
        let spelling = in_unicode(&name.to_uppercase(), &which) + if dot { "." } else { "" };
        if let (Ok(one), Ok(other)) = (Authority::parse(&name, 443), Authority::parse(&spelling, 443)) {
            let policy = policy(&["[a-m]$", "^[0-9]"], &["e", "ü"]);
            // Upper case has no letter of its own for `ß`: then they are two names.
            if !name.contains('ß') {
                prop_assert_eq!(&one, &other);
            }
            if one == other {
                prop_assert_eq!(policy.decide(&one), policy.decide(&other));
            }
        }
    }

    #[test]
    fn what_is_denied_is_denied_whatever_is_allowed(name in name(), pattern in "[a-z0-9.]{1,2}") {
        if let Ok(authority) = Authority::parse(&name, 443) {
            let is_denied = |whitelist: &[&str]| {
                policy(whitelist, &[&pattern]).decide(&authority).reason() == Reason::Blacklist
            };
            let expected = is_denied(&[]);
            prop_assert_eq!(is_denied(&[".*"]), expected);
            prop_assert_eq!(is_denied(&[&format!("^{}$", regex::escape(&name))]), expected);
            prop_assert_eq!(policy(&[&pattern], &[]).decide(&authority).is_allowed() && authority.host.ip().is_none(),
                expected && authority.host.ip().is_none());
        }
    }
}
