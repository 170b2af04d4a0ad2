//! Whether a request may go where it wants to, and the connection to there.

use tokio::net::TcpStream;

use super::Outlet;
use super::registries::Term;
use crate::network::dial::connect;
use crate::network::guard::{Guard, stands};
use crate::network::{Authority, Decision, Reason};

/// Why there is no connection.
pub(super) enum NoConnection {
    /// The policy is against it.
    Denied(Decision),
    /// Nobody answers there.
    Failed,
}

impl Outlet {
    /// Whether a host may be asked for, by a connection that may be used for `term`.
    pub(super) fn decide(&self, to: &Authority, term: &Term) -> Decision {
        let registry = self.registries.of(&to.host);
        let decision = self.proxy.policy.decide_as(to, registry.is_some());
        if let (Reason::Registry, Some(closed)) = (decision.reason(), registry) {
            term.ends_with(closed);
        }
        decision
    }

    /// Connects to a host that may be asked for, if one of its addresses may be dialled.
    pub(super) async fn dial(&self, to: &Authority, term: &Term) -> Result<TcpStream, NoConnection> {
        let addresses = self.resolver.resolve(&to.host).await.map_err(|_| NoConnection::Failed)?;
        let registry = self.registries.of(&to.host);
        let (mut allowed, mut denied, mut is_as_registry) = (Vec::new(), None, false);
        for address in addresses {
            match self.proxy.policy.decide_address_as(address, to.port, registry.is_some()) {
                decision if decision.is_allowed() => {
                    is_as_registry |= decision.reason() == Reason::Registry;
                    allowed.push(address);
                }
                decision => denied = denied.or(Some(decision)),
            }
        }
        if let (true, Some(closed)) = (is_as_registry, registry) {
            term.ends_with(closed);
        }
        match denied {
            Some(decision) if allowed.is_empty() => Err(NoConnection::Denied(decision)),
            _ if !stands(Guard::DialChecked) => {
                let again = self.resolver.resolve(&to.host).await.map_err(|_| NoConnection::Failed)?;
                connect(&again, to.port).await.ok_or(NoConnection::Failed)
            }
            _ => connect(&allowed, to.port).await.ok_or(NoConnection::Failed),
        }
    }
}
