//! Hosts as policies see them: each has one form, however it was spelled.
//!
//! The same host has many spellings: `EXAMPLE.com.`, `ｅｘａｍｐｌｅ。com`, and for addresses also `0x7f.1`,
//! `2130706433` and `[::ffff:127.0.0.1]`. A rule on one of them is no rule unless all become the same first.
//!
//! The host parser of the `url` crate does that, since it is the WHATWG's, which browsers and most HTTP clients share:
//! Unicode is mapped (UTS 46) before anything else, so full-width digits are digits; then everything that the
//! resolver's `inet_aton` would take for a number is an IPv4 address or an error, never a name. A parser of our own
//! would have to follow it in all of this, and every difference would be a way around the policy. Around it we are
//! stricter: nothing percent-encoded, no zone ids, and names have to be such as DNS can hold.

use std::fmt;
use std::net::IpAddr;

use super::guard::{Guard, stands};

/// The longest spelling that is looked at. No name of [`MAX_NAME`] needs as much in Unicode: this bounds the work.
const MAX_SPELLING: usize = 1024;

/// The longest name (RFC 1035, section 2.3.4: 255 octets on the wire, of which two are not part of the text).
const MAX_NAME: usize = 253;

/// The longest part of a name between dots (RFC 1035, section 2.3.4).
const MAX_LABEL: usize = 63;

/// A host in its one form.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Host {
    /// A name.
    Name(DnsName),
    /// An address. An IPv4 address is never in the clothes of an IPv6 one.
    Ip(IpAddr),
}

/// A name that is none of an address: lower case, in ASCII, without the final dot, and of valid labels.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct DnsName(String);

impl DnsName {
    /// The name itself.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether it is a name of this machine for itself (RFC 6761, section 6.3).
    pub fn is_localhost(&self) -> bool {
        self.0.rsplit('.').next() == Some("localhost")
    }
}

/// Why a text is no host, or no host with a port.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidHost {
    /// There is nothing.
    #[error("the host is empty")]
    Empty,
    /// More than a host can be long.
    #[error("the host is too long")]
    TooLong,
    /// `%`: nobody agrees on what it stands for in a host.
    #[error("the host is percent-encoded or has a zone id")]
    Percent,
    /// In brackets or in digits, but not an address.
    #[error("the host is not an IP address, though it looks like one")]
    Address,
    /// Not a name that DNS can hold.
    #[error("the host is not a valid name")]
    Name,
    /// A user name or password before the host.
    #[error("the host has user information before it")]
    UserInfo,
    /// What follows the host is no port.
    #[error("the port is not a number from 1 to 65535")]
    Port,
}

impl Host {
    /// Reads a host as it stands in a URL, in a `Host` header, or as a TLS server name.
    pub fn parse(spelling: &str) -> Result<Self, InvalidHost> {
        if spelling.is_empty() {
            return Err(InvalidHost::Empty);
        }
        if spelling.len() > MAX_SPELLING {
            return Err(InvalidHost::TooLong);
        }
        if !stands(Guard::Canonical) {
            return Ok(Self::Name(DnsName(spelling.to_owned())));
        }
        // A percent sign in full width becomes one of the characters that the parser refuses.
        if spelling.contains('%') {
            return Err(InvalidHost::Percent);
        }
        match url::Host::parse(spelling) {
            Ok(url::Host::Ipv4(address)) => Ok(Self::Ip(address.into())),
            Ok(url::Host::Ipv6(address)) => Ok(Self::Ip(IpAddr::V6(address).to_canonical())),
            Ok(url::Host::Domain(name)) => DnsName::new(name).map(Self::Name),
            Err(url::ParseError::InvalidIpv4Address | url::ParseError::InvalidIpv6Address) => Err(InvalidHost::Address),
            Err(_) => Err(InvalidHost::Name),
        }
    }

    /// The address, if it is one.
    pub fn ip(&self) -> Option<IpAddr> {
        match self {
            Self::Ip(address) => Some(*address),
            Self::Name(_) => None,
        }
    }
}

impl From<IpAddr> for Host {
    fn from(address: IpAddr) -> Self {
        Self::Ip(address.to_canonical())
    }
}

/// The form that patterns are matched against: IPv6 addresses have no brackets.
impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name(name) => f.write_str(name.as_str()),
            Self::Ip(address) => address.fmt(f),
        }
    }
}

impl DnsName {
    fn new(mut name: String) -> Result<Self, InvalidHost> {
        if name.ends_with('.') {
            name.pop();
        }
        if name.len() > MAX_NAME || name.split('.').any(|label| label.len() > MAX_LABEL) {
            return Err(InvalidHost::TooLong);
        }
        if name.split('.').all(is_label) { Ok(Self(name)) } else { Err(InvalidHost::Name) }
    }
}

/// Letters, digits and inner hyphens (RFC 1123, section 2.1), and underscores, which many names in use have.
fn is_label(label: &str) -> bool {
    let is_valid = |byte: u8| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_');
    !label.is_empty() && label.bytes().all(is_valid) && !label.starts_with('-') && !label.ends_with('-')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn canonical(spelling: &str) -> String {
        Host::parse(spelling).expect(spelling).to_string()
    }

    // W62: matching was case-sensitive, and a trailing dot bypassed it.
    #[test]
    fn w62_spellings_of_a_name_are_one_name() {
        for spelling in [
            "example.com",
            "EXAMPLE.Com",
            "example.com.",
            "ｅｘａｍｐｌｅ．ｃｏｍ",
            "example。com",
            "exam\u{ad}ple.com",
            "ⓔxample.com",
        ] {
            assert_eq!(canonical(spelling), "example.com", "{spelling}");
        }
        for spelling in ["bücher.example", "BÜCHER.example", "bu\u{308}cher.example", "xn--bcher-kva.example"] {
            assert_eq!(canonical(spelling), "xn--bcher-kva.example", "{spelling}");
        }
        assert_eq!(canonical("_service.example"), "_service.example");
        assert_eq!(canonical("a--b.1a.example"), "a--b.1a.example");
    }

    #[test]
    fn spellings_of_an_address_are_that_address() {
        for spelling in [
            "127.0.0.1",
            "127.1",
            "127.0.1",
            "2130706433",
            "0x7f000001",
            "0X7F.1",
            "0177.0.0.1",
            "0177.0x0.0.1",
            "017700000001",
            "0x7f.0.0x0.01",
            "127.0.0.1.",
            "0x0000000000000000000000007f.1",
            "１２７．０．０．１",
            "127。0。0。1",
            "①②⑦.0.0.1",
            "[::ffff:127.0.0.1]",
            "[::FFFF:7f00:1]",
            "[0:0:0:0:0:ffff:127.0.0.1]",
        ] {
            assert_eq!(Host::parse(spelling), Ok(Host::Ip([127, 0, 0, 1].into())), "{spelling}");
        }
        assert_eq!(canonical("0x"), "0.0.0.0");
        assert_eq!(canonical("[0:0::0001]"), "::1");
        assert_eq!(canonical("[FD00:EC2:0:0::254]"), "fd00:ec2::254");
        assert_eq!(canonical("[::7f00:1]"), "::7f00:1");
    }

    #[test]
    fn what_looks_like_an_address_and_is_none_is_no_name_either() {
        for spelling in ["256.1.1.1", "1.2.3.4.5", "0x100000000", "09.1", "example.1", "a.0x1f", "1..1", "[1.2.3.4]"] {
            assert_eq!(Host::parse(spelling), Err(InvalidHost::Address), "{spelling}");
        }
        for spelling in ["[::1", "[]", "[:::]", "[::1]]", "[::1].", "[::1]:80"] {
            assert_eq!(Host::parse(spelling), Err(InvalidHost::Address), "{spelling}");
        }
    }

    #[test]
    fn what_can_be_understood_in_two_ways_is_refused() {
        for spelling in ["[fe80::1%eth0]", "[fe80::1%25eth0]", "127.0.0.%31", "%65xample.com", "example.com%00.test"] {
            assert_eq!(Host::parse(spelling), Err(InvalidHost::Percent), "{spelling}");
        }
        for spelling in [
            "::1",
            "example.com:80",
            "user@example.com",
            "example.com/",
            "example.com\\",
            "a b",
            " example.com",
            "example.com\n",
            "example.com\0",
            "％65xample.com",
            "*.example.com",
            "a,b",
            "example..com",
            ".example.com",
            "example.com..",
            ".",
            "-a.example",
            "a-.example",
            "xn--a.example",
            "a\u{202e}b.example",
        ] {
            assert_eq!(Host::parse(spelling), Err(InvalidHost::Name), "{spelling:?}");
        }
    }

    #[test]
    fn names_are_as_long_as_dns_can_hold() {
        let label = "a".repeat(63);
        assert!(Host::parse(&label).is_ok());
        assert_eq!(Host::parse(&format!("{label}a")), Err(InvalidHost::TooLong));
        let longest = [&label[..], &label, &label, &label[..61]].join(".");
        assert_eq!(longest.len(), MAX_NAME);
        assert!(Host::parse(&longest).is_ok());
        assert!(Host::parse(&format!("{longest}.")).is_ok());
        assert_eq!(Host::parse(&format!("a{longest}")), Err(InvalidHost::TooLong));
        assert_eq!(Host::parse(&"1".repeat(100_000)), Err(InvalidHost::TooLong));
        assert_eq!(Host::parse(""), Err(InvalidHost::Empty));
    }
}
