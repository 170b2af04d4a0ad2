//! The only way out of a filtered sandbox: what connects to the proxy's address in here is carried to the engine, one
//! stream for each connection. The engine decides what becomes of it; nothing is looked at on this side.
//!
//! The number of connections is bounded; more wait in the kernel's queue. A reset ends them all.

use std::cell::Cell;
use std::io;
use std::net::{Ipv4Addr, SocketAddrV4};

use futures::StreamExt;
use futures::stream::FuturesUnordered;
use isol8_protocol::mux::{Opener, Stream};
use isol8_protocol::{MAX_TUNNELS, PROXY_PORT};
use tokio::io::copy_bidirectional_with_sizes;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;
use tokio_util::compat::FuturesAsyncReadCompatExt;

/// Bytes that are moved at a time, in each direction.
const CHUNK: usize = 64 * 1024;

/// Where programs find the proxy.
const ADDRESS: SocketAddrV4 = SocketAddrV4::new(Ipv4Addr::LOCALHOST, PROXY_PORT);

/// The connections that are being carried.
#[derive(Debug, Default)]
pub(crate) struct Tunnels {
    open: Cell<usize>,
    end: Notify,
    changed: Notify,
}

/// One of them; counted as long as it lives.
struct Carried<'a>(&'a Tunnels);

impl Drop for Carried<'_> {
    fn drop(&mut self) {
        self.0.open.set(self.0.open.get() - 1);
        self.0.changed.notify_waiters();
    }
}

impl Tunnels {
    /// Accepts connections and carries them. Resolves only with an error, without which nobody could get out.
    pub(crate) async fn serve(&self, opener: Opener) -> io::Error {
        let listener = match TcpListener::bind(ADDRESS).await {
            Ok(listener) => listener,
            Err(error) => return error,
        };
        let mut carried = FuturesUnordered::new();
        loop {
            tokio::select! {
                accepted = listener.accept(), if carried.len() < MAX_TUNNELS => match accepted {
                    Ok((connection, _)) => {
                        self.open.set(self.open.get() + 1);
                        carried.push(self.carry(Carried(self), connection, opener.clone()));
                    }
                    // The program has given up before its turn came, or there are no descriptors left for a moment.
                    Err(_) => tokio::task::yield_now().await,
                },
                Some(()) = carried.next() => {}
            }
        }
    }

    async fn carry(&self, _carried: Carried<'_>, connection: TcpStream, opener: Opener) {
        // Small requests and answers should not wait for each other.
        let _ = connection.set_nodelay(true);
        tokio::select! {
            () = forward(connection, opener) => {}
            () = self.end.notified() => {}
        }
    }

    /// Ends all connections, and returns when they are gone. There must be nobody left who could make new ones.
    pub(crate) async fn end_all(&self) {
        while self.open.get() > 0 {
            let changed = self.changed.notified();
            self.end.notify_waiters();
            changed.await;
        }
    }
}

/// Gives a connection a stream, once there is something to say on it: the engine hears of a stream with its first byte,
/// and would never end one on which there is none.
async fn forward(connection: TcpStream, opener: Opener) {
    if matches!(connection.peek(&mut [0]).await, Ok(1..))
        && let Ok(stream) = opener.open().await
    {
        copy(connection, stream).await;
    }
}

/// Copies both ways until both have ended, or one has failed, which ends the other.
async fn copy(mut connection: TcpStream, stream: Stream) {
    let mut stream = stream.compat();
    // Whoever of the two is still there notices.
    let _ = copy_bidirectional_with_sizes(&mut connection, &mut stream, CHUNK, CHUNK).await;
}
