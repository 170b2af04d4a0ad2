//! A connection to where a request goes, if the policy lets it go there.

use tokio::net::TcpStream;

use super::Outlet;
use crate::network::dial::{connect, resolve};
use crate::network::guard::{Guard, stands};
use crate::network::{Authority, Decision};

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
        let addresses = resolve(&*self.proxy.lookup, &to.host).await.map_err(|_| NoConnection::Failed)?;
        let (mut allowed, mut denied) = (Vec::new(), None);
        for address in addresses {
            match self.decide_address(to, address) {
                decision if decision.is_allowed() => allowed.push(address),
                decision => denied = denied.or(Some(decision)),
            }
        }
        match denied {
            Some(decision) if allowed.is_empty() => Err(NoConnection::Denied(decision)),
            _ if !stands(Guard::DialChecked) => {
                let again = resolve(&*self.proxy.lookup, &to.host).await.map_err(|_| NoConnection::Failed)?;
                connect(&again, to.port).await.ok_or(NoConnection::Failed)
            }
            _ => connect(&allowed, to.port).await.ok_or(NoConnection::Failed),
        }
    }
}
