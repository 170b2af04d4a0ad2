//! A host and a port, as requests name them.

use std::fmt;

use super::name::{Host, InvalidHost};

/// Where a request goes to.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Authority {
    /// The host.
    pub host: Host,
    /// The port, never 0.
    pub port: u16,
}

impl Authority {
    /// The port of a request in absolute form that names none.
    pub const HTTP_PORT: u16 = 80;

    /// The port of a tunnel that names none.
    pub const TUNNEL_PORT: u16 = 443;

    /// Reads `host`, `host:port`, `[address]` or `[address]:port`.
    pub fn parse(text: &str, default_port: u16) -> Result<Self, InvalidHost> {
        if text.contains('@') {
            return Err(InvalidHost::UserInfo);
        }
        let (host, port) = split(text);
        let port = port.map_or(Ok(default_port), parse_port)?;
        Ok(Self { host: Host::parse(host)?, port })
    }
}

impl fmt::Display for Authority {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.host {
            Host::Ip(address) if address.is_ipv6() => write!(f, "[{address}]:{}", self.port),
            _ => write!(f, "{}:{}", self.host, self.port),
        }
    }
}

/// At the first colon that is not within brackets. With several, the port is none.
fn split(text: &str) -> (&str, Option<&str>) {
    let host_end = text.find(']').unwrap_or_default();
    match text[host_end..].find(':') {
        Some(colon) => (&text[..host_end + colon], Some(&text[host_end + colon + 1..])),
        None => (text, None),
    }
}

fn parse_port(text: &str) -> Result<u16, InvalidHost> {
    // The standard parser would take a sign, too.
    let is_number = (1..=5).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit());
    match text.parse() {
        Ok(port) if is_number && port > 0 => Ok(port),
        _ => Err(InvalidHost::Port),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<String, InvalidHost> {
        Authority::parse(text, Authority::TUNNEL_PORT).map(|authority| authority.to_string())
    }

    #[test]
    fn the_port_is_that_of_the_kind_of_request_unless_it_is_named() {
        assert_eq!(read("example.com").as_deref(), Ok("example.com:443"));
        assert_eq!(read("example.com:8443").as_deref(), Ok("example.com:8443"));
        assert_eq!(read("2130706433:00080").as_deref(), Ok("127.0.0.1:80"));
        let http = Authority::parse("example.com", Authority::HTTP_PORT).expect("a host");
        assert_eq!(http.to_string(), "example.com:80");
    }

    // W61: IPv6 literals were misparsed.
    #[test]
    fn w61_addresses_with_colons_stand_in_brackets() {
        assert_eq!(read("[::1]").as_deref(), Ok("[::1]:443"));
        assert_eq!(read("[FD00::0001]:80").as_deref(), Ok("[fd00::1]:80"));
        assert_eq!(read("[::ffff:1.2.3.4]:80").as_deref(), Ok("1.2.3.4:80"));
        for text in ["::1", "fd00::1:80", "::1]:80", "[::1", "[::1]x:80", "[::1]80"] {
            assert!(read(text).is_err(), "{text}");
        }
    }

    #[test]
    fn what_is_no_port_is_refused() {
        for port in
            ["", "0", "00000", "65536", "-1", "+80", " 80", "80 ", "8a", "0x50", "８０", "80:80", "000080", "80/"]
        {
            assert_eq!(read(&format!("example.com:{port}")), Err(InvalidHost::Port), "{port:?}");
        }
    }

    #[test]
    fn user_information_is_refused() {
        for text in ["user@example.com", "user:password@example.com:80", "example.com@evil.test", "@example.com"] {
            assert_eq!(read(text), Err(InvalidHost::UserInfo), "{text}");
        }
        assert_eq!(read(""), Err(InvalidHost::Empty));
        assert_eq!(read(":80"), Err(InvalidHost::Empty));
    }
}
