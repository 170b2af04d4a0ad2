//! Whether what is said to a host is meant for that host.
//!
//! A server with several names looks at what it is told in HTTP or in TLS, not at how it was found. Without this, a
//! tunnel to an allowed name would lead to every other name of the same server.

use crate::network::authority::Authority;
use crate::network::client_hello::ClientHello;
use crate::network::decision::{Decision, Reason};
use crate::network::guard::{Guard, stands};
use crate::network::name::Host;

/// Whether the `Host` header of a request for `authority` names the same host and port.
pub fn check_http(authority: &Authority, host_header: &[u8]) -> Decision {
    let named = std::str::from_utf8(host_header).ok().map(|text| Authority::parse(text, Authority::HTTP_PORT));
    let is_same = matches!(named, Some(Ok(named)) if named == *authority);
    Decision::new(if is_same || !stands(Guard::HostHeader) { Reason::SameHost } else { Reason::HostMismatch })
}

/// Whether the first message of a TLS client in a tunnel to `host` asks for that host.
///
/// Where `host` is an address, it was the address that was allowed, with whatever is found there: so a client need not
/// say a name (RFC 6066 has none for addresses) and may encrypt it, but must not openly ask for another.
pub fn check_tls(host: &Host, hello: &ClientHello) -> Decision {
    let is_address = host.ip().is_some();
    Decision::new(match hello {
        ClientHello::Named(name) if Host::parse(name).as_ref() == Ok(host) => Reason::SameHost,
        ClientHello::Named(_) if !stands(Guard::ServerName) => Reason::SameHost,
        ClientHello::Named(_) => Reason::SniMismatch,
        ClientHello::Unnamed | ClientHello::Encrypted if is_address => Reason::HostIsAddress,
        ClientHello::Unnamed => Reason::NoSni,
        ClientHello::Encrypted => Reason::EncryptedClientHello,
        ClientHello::NotTls => Reason::NotTls,
        ClientHello::Malformed | ClientHello::TooLong => Reason::InvalidClientHello,
    })
}
