//! The egress proxy: the only way out of a filtered sandbox, and it is in this process.
//!
//! The guest carries each connection that a program makes to the proxy's port here, on a stream of the sandbox's
//! channel. What comes is HTTP/1.1: `CONNECT`, or requests in absolute form. Each is decided by the
//! [policy](crate::network::Policy) first, then its name is resolved, then the addresses are decided, and one that was
//! allowed is dialled, that very one. What passes is written anew by us, never copied as it came, so that nobody can
//! read it in two ways; only what is inside TLS is relayed as it is, once the client has said for whom it is.
//!
//! | part | what it is |
//! |---|---|
//! | `connection` | one connection of a program: its requests, one after the other |
//! | `request` | one request: checked, forwarded, answered |
//! | `tunnel` | what follows `CONNECT` |
//! | `rewrite` | the request as the server gets it |
//! | `upload` | its body, on its way there |
//! | `dial` | from where a request goes to a connection |
//! | `registries` | hosts that are let through for a time |
//! | `answer` | what the proxy says in its own name |
//! | `counted`, `rewound` | streams that are counted, and streams of which something was read already |
//!
//! Everything ends when [`serve`] is dropped: no connection outlives the execution (or session) it belongs to. One that
//! nobody waits for any more, or over which nothing has moved for long, ends with what it had begun.

mod answer;
mod connection;
mod counted;
mod dial;
mod registries;
mod request;
mod rewound;
mod rewrite;
mod tunnel;
mod upload;

use std::sync::Arc;

use futures::{Stream, StreamExt};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::dial::{Lookup, Resolver, SystemLookup};
use super::guard::{Guard, stands};
use super::traffic::{Traffic, Watcher};
use super::{Authority, Decision, Host, Policy, Reason};
use crate::output::Patterns;
use registries::Registries;

pub use registries::LetThrough;

/// Decides and forwards what the sandboxes of one engine ask for. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Proxy {
    policy: Arc<Policy>,
    resolver: Resolver,
    watcher: Option<Arc<dyn Watcher>>,
    /// What logs must not show of the requests.
    secrets: Arc<[Patterns]>,
}

impl Proxy {
    /// A proxy that resolves names as this machine does.
    pub fn new(policy: Policy) -> Self {
        Self::with_lookup(policy, Arc::new(SystemLookup))
    }

    /// The same with another policy, made of this one's.
    pub fn with_policy(self, change: impl FnOnce(Policy) -> Policy) -> Self {
        Self { policy: Arc::new(change(Arc::unwrap_or_clone(self.policy))), ..self }
    }

    /// The same, with somebody who is told of what it decides.
    pub fn watched(self, watcher: Arc<dyn Watcher>) -> Self {
        Self { watcher: Some(watcher), ..self }
    }

    /// The same, with what `secrets` find masked in what is logged.
    pub fn masking(self, secrets: impl IntoIterator<Item = Patterns>) -> Self {
        Self { secrets: secrets.into_iter().collect(), ..self }
    }

    /// A proxy that resolves names in another way.
    pub fn with_lookup(policy: Policy, lookup: Arc<dyn Lookup>) -> Self {
        let resolver = Resolver::for_programs(lookup);
        Self { policy: Arc::new(policy), resolver, watcher: None, secrets: Arc::default() }
    }

    /// What it decides by.
    pub fn policy(&self) -> &Policy {
        &self.policy
    }
}

/// The proxy of one sandbox: the engine's, and what that sandbox may reach besides.
#[derive(Debug)]
pub struct Outlet {
    proxy: Proxy,
    resolver: Resolver,
    traffic: Traffic,
    registries: Registries,
}

impl Outlet {
    /// A sandbox's way to `proxy`.
    pub fn new(proxy: Proxy) -> Self {
        let traffic = Traffic::new(proxy.watcher.clone(), proxy.secrets.clone());
        Self { resolver: proxy.resolver.for_sandbox(), proxy, traffic, registries: Registries::default() }
    }

    /// What goes through it.
    pub fn traffic(&self) -> &Traffic {
        &self.traffic
    }

    /// Whether the program must not learn of a decision against `to`: that a name has an address, though a private one.
    ///
    /// Where no pattern names the hosts that may be reached, every name is resolved, those of the network around this
    /// machine too. If names that exist there were refused, and those that do not could not be found, a program could
    /// list what there is. So both are told to be unreachable; the log, which is not the program's, says which it was.
    /// Of a server, the log is its client's, who must not learn it either: the audit records have it. The address of
    /// `localhost` is known to everybody (RFC 6761).
    fn secrecy(&self, to: &Authority, decision: &Decision) -> Secrecy {
        let policy = &self.proxy.policy;
        match &to.host {
            Host::Name(name)
                if stands(Guard::Secret)
                    && matches!(
                        decision.reason(),
                        Reason::PrivateAddress | Reason::MetadataAddress | Reason::OwnListener
                    )
                    && !policy.is_named(&to.host)
                    && !name.is_localhost() =>
            {
                if policy.is_for_clients() {
                    Secrecy::FromClients
                } else {
                    Secrecy::FromPrograms
                }
            }
            _ => Secrecy::Open,
        }
    }
}

/// Who must not learn why a request was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Secrecy {
    /// Nobody.
    Open,
    /// The program.
    FromPrograms,
    /// The program, and who has it run: the client of a server.
    FromClients,
}

/// Serves the connections of one sandbox until there can be no more, each until its token says that nobody waits for it.
/// How many there are is bounded by whoever brings them. Dropping it ends them all.
pub async fn serve<C>(outlet: Arc<Outlet>, mut connections: impl Stream<Item = (C, CancellationToken)> + Unpin)
where
    C: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let mut tasks = JoinSet::new();
    loop {
        tokio::select! {
            connection = connections.next() => match connection {
                Some((connection, gone)) => {
                    let serving = connection::serve(outlet.clone(), connection);
                    tasks.spawn(async move { gone.run_until_cancelled_owned(serving).await });
                }
                None => return while tasks.join_next().await.is_some() {},
            },
            Some(_) = tasks.join_next() => {}
        }
    }
}

#[cfg(test)]
mod tests;
