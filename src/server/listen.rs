//! Connections: accepted, bounded in number, and none of them able to hold up the others.
//!
//! A connection that waits for a request (its first or its next) is idle. Idle ones are closed after a while, and the
//! oldest at once when there are too many connections: so any number of them costs others nothing. While a request is
//! being answered there is no time limit, however long its program runs and says nothing.

use std::collections::BTreeMap;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::Router;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tokio_util::task::task_tracker::TaskTrackerToken;
use tower::Service;

use super::wire::Wire;

/// How long a client may take to send the head of a request, and to send another.
const HEAD_TIME: Duration = Duration::from_secs(30);

/// Longest head of a request.
const HEAD_SIZE: usize = 64 * 1024;

/// Connections that the kernel keeps until we accept them.
const BACKLOG: u32 = 4096;

/// How long is waited when no connection can be accepted, for want of file descriptors for example.
const PAUSE: Duration = Duration::from_millis(50);

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

/// All connections of a server. Cheap to clone; all clones are the same.
#[derive(Debug, Clone)]
pub(super) struct Connections {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    bound: usize,
    /// By the order in which they came.
    open: Mutex<BTreeMap<u64, Arc<Connection>>>,
    /// Those that go on in another protocol.
    upgraded: AtomicUsize,
    tasks: TaskTracker,
    /// Cancelled when no further requests are taken.
    ending: CancellationToken,
    /// Cancelled when whatever is still open is closed.
    over: CancellationToken,
}

#[derive(Debug, Default)]
struct Connection {
    /// Requests that are being answered, and upgraded connections.
    busy: AtomicUsize,
    unwanted: CancellationToken,
}

/// A connection that goes on in another protocol.
#[derive(Debug)]
pub(super) struct Upgraded {
    inner: Arc<Inner>,
    _task: TaskTrackerToken,
}

impl Upgraded {
    /// Resolves when no further requests are taken.
    pub(super) async fn ending(&self) {
        self.inner.ending.cancelled().await;
    }

    /// Resolves when whatever is still open is to be closed.
    pub(super) async fn over(&self) {
        self.inner.over.cancelled().await;
    }
}

impl Drop for Upgraded {
    fn drop(&mut self) {
        self.inner.upgraded.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Something that keeps a connection busy.
struct Busy(Arc<Connection>);

impl Busy {
    fn new(connection: &Arc<Connection>) -> Self {
        connection.busy.fetch_add(1, Ordering::Relaxed);
        Self(connection.clone())
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        self.0.busy.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Connections {
    pub(super) fn new(bound: usize) -> Self {
        let inner = Inner {
            bound,
            open: Mutex::default(),
            upgraded: AtomicUsize::new(0),
            tasks: TaskTracker::new(),
            ending: CancellationToken::new(),
            over: CancellationToken::new(),
        };
        Self { inner: Arc::new(inner) }
    }

    /// Accepts connections until [`Connections::end`].
    pub(super) async fn serve(&self, listener: TcpListener, router: Router) {
        for number in 0u64.. {
            let accepted = tokio::select! {
                biased;
                () = self.inner.ending.cancelled() => return,
                accepted = listener.accept() => accepted,
            };
            match accepted {
                Ok((stream, _)) => self.open(number, stream, router.clone()),
                Err(error) => {
                    tracing::debug!(error = %error, "could not accept a connection");
                    self.make_room(0);
                    tokio::time::sleep(PAUSE).await;
                }
            }
        }
    }

    /// Takes no more connections, and no more requests on those that there are.
    pub(super) fn end(&self) {
        self.inner.ending.cancel();
        self.inner.tasks.close();
    }

    /// Resolves when the last connection is closed.
    pub(super) async fn closed(&self) {
        self.inner.tasks.wait().await;
    }

    /// Closes whatever is still open.
    pub(super) fn abort(&self) {
        self.inner.over.cancel();
    }

    /// How many there are.
    pub(super) fn count(&self) -> usize {
        self.inner.open().len() + self.inner.upgraded.load(Ordering::Relaxed)
    }

    /// A connection is about to go on in another protocol. It counts until the value is dropped.
    pub(super) fn upgrade(&self) -> Upgraded {
        self.inner.upgraded.fetch_add(1, Ordering::Relaxed);
        Upgraded { inner: self.inner.clone(), _task: self.inner.tasks.token() }
    }

    fn open(&self, number: u64, stream: TcpStream, router: Router) {
        self.make_room(1);
        // Answers are written whole; waiting for more only makes them late.
        let _ = stream.set_nodelay(true);
        let connection = Arc::<Connection>::default();
        self.inner.open().insert(number, connection.clone());
        let inner = self.inner.clone();
        self.inner.tasks.spawn(async move {
            inner.converse(&connection, stream, router).await;
            inner.open().remove(&number);
        });
    }

    /// Closes the oldest idle connections so that there is room for as many more as `wanted`, if there are any.
    fn make_room(&self, wanted: usize) {
        let open = self.inner.open();
        let surplus = if wanted == 0 { 1 } else { (open.len() + wanted).saturating_sub(self.inner.bound) };
        if surplus == 0 {
            return;
        }
        let is_idle = |connection: &&Arc<Connection>| {
            connection.busy.load(Ordering::Relaxed) == 0 && !connection.unwanted.is_cancelled()
        };
        open.values().filter(is_idle).take(surplus).for_each(|connection| connection.unwanted.cancel());
    }
}

impl Inner {
    /// Held for some bookkeeping at the most.
    fn open(&self) -> MutexGuard<'_, BTreeMap<u64, Arc<Connection>>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn converse(&self, connection: &Arc<Connection>, stream: TcpStream, router: Router) {
        let service = service_fn(|request: hyper::Request<Incoming>| {
            let (busy, mut router) = (Busy::new(connection), router.clone());
            async move {
                let response = router.call(request).await;
                // Until the body has been sent as well.
                response.map(|response| response.map(|body| super::held::Held::new(body, busy)))
            }
        });
        let serving = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(HEAD_TIME)
            .max_buf_size(HEAD_SIZE)
            .serve_connection(TokioIo::new(Wire::new(stream)), service)
            .with_upgrades();
        let mut serving = std::pin::pin!(serving);
        let mut is_ending = false;
        loop {
            tokio::select! {
                ended = serving.as_mut() => {
                    if let Err(error) = ended {
                        tracing::debug!(error = %error, "a connection broke");
                    }
                    return;
                }
                () = self.over.cancelled() => return,
                () = async { tokio::select! {
                    () = self.ending.cancelled() => {}
                    () = connection.unwanted.cancelled() => {}
                } }, if !is_ending => {
                    is_ending = true;
                    serving.as_mut().graceful_shutdown();
                }
            }
        }
    }
}
