//! From a name to a connection: resolved once, decided, and the address that was decided on is dialled.

use std::fmt;
use std::io;
use std::net::IpAddr;
use std::time::Duration;

use futures::FutureExt;
use futures::future::BoxFuture;
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::Outlet;
use crate::network::{Authority, Decision, Host};

/// How long a name may take to be resolved.
const LOOKUP_LIMIT: Duration = Duration::from_secs(10);

/// How long one address may take to answer.
const CONNECT_LIMIT: Duration = Duration::from_secs(10);

/// Addresses of a name that are tried.
const MAX_TRIES: usize = 4;

/// How names are resolved.
pub trait Lookup: fmt::Debug + Send + Sync {
    /// The addresses of a name, in the order in which they are to be tried.
    fn lookup<'a>(&'a self, name: &'a str) -> BoxFuture<'a, io::Result<Vec<IpAddr>>>;
}

/// As this machine does it.
#[derive(Debug)]
pub struct SystemLookup;

impl Lookup for SystemLookup {
    fn lookup<'a>(&'a self, name: &'a str) -> BoxFuture<'a, io::Result<Vec<IpAddr>>> {
        async move { Ok(tokio::net::lookup_host((name, 0)).await?.map(|address| address.ip()).collect()) }.boxed()
    }
}

/// Why there is no connection.
pub(super) enum NoConnection {
    /// The policy is against it.
    Denied(Decision),
    /// Nobody answers there.
    Failed,
}

impl Outlet {
    /// Connects to a host that may be asked for, if one of its addresses may be dialled.
    pub(super) async fn dial(&self, to: &Authority) -> Result<TcpStream, NoConnection> {
        let addresses = match &to.host {
            Host::Ip(address) => vec![*address],
            Host::Name(name) => {
                let lookup = timeout(LOOKUP_LIMIT, self.proxy.lookup.lookup(name.as_str())).await;
                lookup.ok().and_then(Result::ok).ok_or(NoConnection::Failed)?
            }
        };
        let (mut denied, mut tries) = (None, 0);
        for address in addresses {
            let decision = self.decide_address(to, address);
            if !decision.is_allowed() {
                denied = denied.or(Some(decision));
                continue;
            }
            tries += 1;
            if let Ok(Ok(connection)) = timeout(CONNECT_LIMIT, TcpStream::connect((address, to.port))).await {
                // Small requests and answers should not wait for each other. Not vital.
                let _ = connection.set_nodelay(true);
                return Ok(connection);
            }
            if tries == MAX_TRIES {
                break;
            }
        }
        Err(match denied {
            Some(decision) if tries == 0 => NoConnection::Denied(decision),
            _ => NoConnection::Failed,
        })
    }
}
