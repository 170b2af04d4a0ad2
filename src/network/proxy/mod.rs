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
//! | `dial` | from a name to a connection |
//! | `answer` | what the proxy says in its own name |
//! | `counted`, `rewound` | streams that are counted, and streams of which something was read already |
//!
//! Everything ends when [`serve`] is dropped: no connection outlives the execution (or session) it belongs to.

mod answer;
mod connection;
mod counted;
mod dial;
mod request;
mod rewound;
mod tunnel;

use std::sync::Arc;

use futures::io::{AsyncRead, AsyncWrite};
use futures::{Stream, StreamExt};
use isol8_protocol::MAX_TUNNELS;
use tokio::task::JoinSet;

use super::Policy;
use super::traffic::Traffic;
pub use dial::{Lookup, SystemLookup};

/// Decides and forwards what the sandboxes of one engine ask for.
#[derive(Debug)]
pub struct Proxy {
    policy: Policy,
    lookup: Arc<dyn Lookup>,
}

impl Proxy {
    /// A proxy that resolves names as this machine does.
    pub fn new(policy: Policy) -> Self {
        Self::with_lookup(policy, Arc::new(SystemLookup))
    }

    /// A proxy that resolves names in another way.
    pub fn with_lookup(policy: Policy, lookup: Arc<dyn Lookup>) -> Self {
        Self { policy, lookup }
    }
}

/// Serves the connections of one sandbox until there can be no more. Dropping it ends them all.
pub async fn serve<C>(proxy: Arc<Proxy>, mut connections: impl Stream<Item = C> + Unpin, traffic: Arc<Traffic>)
where
    C: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let mut tasks = JoinSet::new();
    loop {
        tokio::select! {
            connection = connections.next() => match connection {
                // The guest keeps to this number; one that does not is not to be trusted with more.
                Some(_) if tasks.len() >= MAX_TUNNELS => {}
                Some(connection) => drop(tasks.spawn(connection::serve(proxy.clone(), connection, traffic.clone()))),
                None => return while tasks.join_next().await.is_some() {},
            },
            Some(_) = tasks.join_next() => {}
        }
    }
}
