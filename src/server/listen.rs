//! Where a server listens.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use tokio::net::{TcpListener, TcpSocket};

/// Connections that the kernel keeps until we accept them.
pub(super) const BACKLOG: u32 = 4096;

/// A listener on `host`, or on all addresses of this machine.
pub(super) async fn bind(host: Option<&str>, port: u16) -> io::Result<TcpListener> {
    let Some(host) = host else {
        return match listener((Ipv6Addr::UNSPECIFIED, port).into()) {
            // Both kinds of addresses; where there is only the one, that.
            Err(error) if error.kind() != io::ErrorKind::AddrInUse => listener((Ipv4Addr::UNSPECIFIED, port).into()),
            bound => bound,
        };
    };
    let mut failure = io::Error::new(io::ErrorKind::NotFound, "the host has no address");
    for address in addresses(host, port).await? {
        match listener(address) {
            Ok(listener) => return Ok(listener),
            Err(error) => failure = error,
        }
    }
    Err(failure)
}

async fn addresses(host: &str, port: u16) -> io::Result<Vec<SocketAddr>> {
    let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
    match bare.parse::<IpAddr>() {
        Ok(address) => Ok(vec![(address, port).into()]),
        Err(_) => Ok(tokio::net::lookup_host((host, port)).await?.collect()),
    }
}

fn listener(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = if address.is_ipv6() { TcpSocket::new_v6() } else { TcpSocket::new_v4() }?;
    // So that a server can be started again at once; nobody else can take the port meanwhile.
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}
