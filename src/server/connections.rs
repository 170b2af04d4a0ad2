//! Connections: accepted, bounded in number, and none of them able to hold up the others.
//!
//! A connection that waits for a request (its first or its next) is idle, and so is a WebSocket that has not been told
//! yet what to run. Idle ones are closed after a while, and the oldest at once when there are too many connections; one
//! whose client has not taken what it was told last, a few seconds after that. So any number of them costs others
//! nothing. When all are busy, whoever comes is turned away. While a request is being answered there is no time limit,
//! however long its program runs and says nothing; but a client that does not read its answer for a while loses it.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::Router;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use nix::sys::resource::{Resource, getrlimit};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;
use tokio::time::{Instant, sleep, sleep_until, timeout};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tokio_util::task::task_tracker::TaskTrackerToken;
use tower::Service;

use self::roster::{Connection, Roster};
use super::held::Held;
use super::listen::BACKLOG;
use super::patient::{LastWords, Patient};
use super::refusal::Refusal;
use super::wire::Wire;
use crate::api::ErrorCode;

mod roster;

/// How long a client may take to send the head of a request, and to send another.
const HEAD_TIME: Duration = Duration::from_secs(30);

/// Longest head of a request.
const HEAD_SIZE: usize = 64 * 1024;

/// How long a client may take to read anything of its answer.
pub(super) const PATIENCE: Duration = Duration::from_secs(60);

/// How long a client that has only just connected may still send a request when the server ends.
const LAST_CALL: Duration = Duration::from_secs(3);

/// How long a connection that is over waits for its client to hear of it.
pub(super) const PARTING_TIME: Duration = Duration::from_secs(5);

/// How long a new connection waits for one that was told to go.
const MOVING_TIME: Duration = Duration::from_secs(1);

/// How long is waited when no connection can be accepted, for want of file descriptors for example, until one more is told
/// to go.
const PAUSE: Duration = Duration::from_millis(50);

/// Said to those for whom there is no room.
static FULL: LazyLock<Vec<u8>> = LazyLock::new(|| {
    Refusal::busy("too many connections", Duration::from_secs(1)).last_words("503 Service Unavailable")
});

/// Said to those who have begun a request and do not go on.
static LATE: LazyLock<Vec<u8>> = LazyLock::new(|| {
    Refusal::new(ErrorCode::TooSlow, "the request took too long to arrive").last_words("408 Request Timeout")
});

/// All connections of a server. Cheap to clone; all clones are the same.
#[derive(Debug, Clone)]
pub(super) struct Connections {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    roster: Mutex<Roster>,
    /// Notified when one is gone.
    gone: Notify,
    tasks: TaskTracker,
    /// Cancelled when no further requests are taken.
    ending: CancellationToken,
    /// Cancelled when whatever is still open is closed.
    over: CancellationToken,
}

/// A connection in the roster, until it is dropped.
#[derive(Debug)]
struct Entry {
    inner: Arc<Inner>,
    number: u64,
    connection: Arc<Connection>,
}

impl Drop for Entry {
    fn drop(&mut self) {
        self.inner.roster().leave(self.number);
        self.inner.gone.notify_one();
    }
}

/// A connection that goes on in another protocol, idle at first.
#[derive(Debug)]
pub(super) struct Upgraded {
    entry: Entry,
    _task: TaskTrackerToken,
}

impl Upgraded {
    /// It is busy from now on.
    pub(super) fn begin(&self) {
        self.entry.connection.begin();
    }

    /// Resolves when there is no room for idle ones.
    pub(super) async fn unwanted(&self) {
        self.entry.connection.unwanted.cancelled().await;
    }

    /// Resolves when no further requests are taken.
    pub(super) async fn ending(&self) {
        self.entry.inner.ending.cancelled().await;
    }

    /// Resolves when whatever is still open is to be closed.
    pub(super) async fn over(&self) {
        self.entry.inner.over.cancelled().await;
    }
}

/// Where a request has come from: the client, or a proxy in front of us.
#[derive(Debug, Clone, Copy)]
pub(super) struct Peer(pub(super) IpAddr);

/// Something that keeps a connection busy.
struct Busy(Arc<Connection>);

impl Busy {
    fn new(connection: &Arc<Connection>) -> Self {
        connection.begin();
        Self(connection.clone())
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        self.0.end();
    }
}

impl Connections {
    /// At most `bound`, and no more than this process may have: it opens files for other things, too.
    pub(super) fn new(bound: usize) -> Self {
        let files = getrlimit(Resource::RLIMIT_NOFILE).map_or(u64::MAX, |(soft, _)| soft);
        let possible = usize::try_from(files - files / 4).unwrap_or(usize::MAX);
        let inner = Inner {
            roster: Mutex::new(Roster::new(bound, possible)),
            gone: Notify::new(),
            tasks: TaskTracker::new(),
            ending: CancellationToken::new(),
            over: CancellationToken::new(),
        };
        Self { inner: Arc::new(inner) }
    }

    /// Accepts connections until [`Connections::end`].
    pub(super) async fn serve(&self, listener: TcpListener, router: Router) {
        let _task = self.inner.tasks.token();
        loop {
            let accepted = tokio::select! {
                biased;
                () = self.inner.ending.cancelled() => break,
                accepted = self.inner.accept(&listener) => accepted,
            };
            match accepted {
                Ok((stream, from)) => self.open(stream, Peer(from.ip()), router.clone()),
                Err(error) => {
                    tracing::debug!(error = %error, "could not accept a connection");
                    self.inner.roster().dismiss(1);
                    sleep(PAUSE).await;
                }
            }
        }
        // For the system they have been accepted already. The system is asked itself: tokio hears of them a little later.
        let Ok(listener) = listener.into_std() else { return };
        // Others may still come; whoever had come by now is among the first.
        for _ in 0..BACKLOG {
            match listener.accept() {
                Ok((stream, from)) => {
                    if let Ok(stream) = stream.set_nonblocking(true).and_then(|()| TcpStream::from_std(stream)) {
                        self.open(stream, Peer(from.ip()), router.clone());
                    }
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                // One that is gone already, for example.
                Err(_) => {}
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
        self.inner.roster().len()
    }

    /// A connection is about to go on in another protocol. It counts until the value is dropped.
    pub(super) fn upgrade(&self) -> Upgraded {
        Upgraded { entry: self.inner.enter(), _task: self.inner.tasks.token() }
    }

    fn open(&self, stream: TcpStream, from: Peer, router: Router) {
        if !self.inner.roster().make_room() {
            // As much as goes at once: whoever is turned away is not waited for.
            let _ = stream.try_write(&FULL);
            return;
        }
        // Answers are written whole; waiting for more only makes them late.
        let _ = stream.set_nodelay(true);
        let entry = self.inner.enter();
        self.inner.tasks.spawn(async move { entry.inner.converse(&entry.connection, stream, from, router).await });
    }
}

impl Inner {
    /// Held for some bookkeeping at the most.
    fn roster(&self) -> MutexGuard<'_, Roster> {
        self.roster.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn enter(self: &Arc<Self>) -> Entry {
        let (number, connection) = self.roster().enter();
        Entry { inner: self.clone(), number, connection }
    }

    /// Accepts a connection, not before there is room for it, unless that takes long: connections come faster than others
    /// go for them.
    async fn accept(&self, listener: &TcpListener) -> io::Result<(TcpStream, SocketAddr)> {
        let room = async {
            while self.roster().has_to_wait() {
                let _ = timeout(PAUSE, self.gone.notified()).await;
            }
        };
        let _ = timeout(MOVING_TIME, room).await;
        listener.accept().await
    }

    async fn converse(&self, connection: &Arc<Connection>, stream: TcpStream, from: Peer, router: Router) {
        let last_words = LastWords::default();
        let stream = Wire::new(Patient::new(stream, PATIENCE, last_words.clone()));
        let service = service_fn(|mut request: hyper::Request<Incoming>| {
            request.extensions_mut().insert(from);
            let (busy, mut router) = (Busy::new(connection), router.clone());
            async move {
                let response = router.call(request).await;
                // Until the body has been sent as well.
                response.map(|response| response.map(|body| Held::new(body, busy)))
            }
        });
        let serving = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(HEAD_TIME)
            .max_buf_size(HEAD_SIZE)
            .serve_connection(TokioIo::new(stream), service)
            .with_upgrades();
        let mut serving = std::pin::pin!(serving);
        let mut overdue = std::pin::pin!(overdue(connection));
        let (mut is_ending, mut is_told) = (false, false);
        // Until when a first request is waited for.
        let mut last_call: Option<Instant> = None;
        loop {
            tokio::select! {
                ended = serving.as_mut() => {
                    if let Err(error) = ended {
                        if error.is_timeout() {
                            last_words.say(&LATE);
                        }
                        tracing::debug!(error = %error, "a connection broke");
                    }
                    return;
                }
                () = self.over.cancelled() => return,
                () = overdue.as_mut() => return,
                () = sleep_until(last_call.unwrap_or_else(Instant::now)), if last_call.is_some() => {
                    if !connection.begun.is_cancelled() {
                        if connection.unwanted.is_cancelled() {
                            last_words.say(&FULL);
                        }
                        return;
                    }
                    last_call = None;
                }
                patience = self.farewell(connection), if !is_ending => {
                    is_ending = true;
                    last_call = Some(Instant::now() + patience);
                }
                // Not before there is a first request: hyper closes a connection that it has read nothing of, whatever
                // is on its way.
                () = connection.begun.cancelled(), if is_ending && !is_told => {
                    is_told = true;
                    serving.as_mut().graceful_shutdown();
                }
            }
        }
    }

    /// Resolves when a connection is to take no further requests, with how long a first one may still take.
    async fn farewell(&self, connection: &Connection) -> Duration {
        tokio::select! {
            () = self.ending.cancelled() => LAST_CALL,
            () = connection.unwanted.cancelled() => Duration::ZERO,
        }
    }
}

/// Resolves when a connection was told to go, has had nothing to do for a while, and is still there: its client does not
/// take what it was told last, or is slow at it.
async fn overdue(connection: &Connection) {
    connection.unwanted.cancelled().await;
    loop {
        let answered = connection.answered();
        sleep(PARTING_TIME).await;
        if connection.is_idle() && connection.answered() == answered {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::pin::pin;

    use futures::poll;
    use tokio::time::advance;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_connection_that_was_told_to_go_has_a_while_after_its_last_answer() {
        let connection = Connection::default();
        let mut overdue = pin!(overdue(&connection));
        let mut is_overdue_after = async |time| {
            advance(time).await;
            poll!(overdue.as_mut()).is_ready()
        };
        assert!(!is_overdue_after(10 * PARTING_TIME).await);
        connection.unwanted.cancel();
        assert!(!is_overdue_after(Duration::ZERO).await);
        // It had been sent before.
        connection.begin();
        assert!(!is_overdue_after(PARTING_TIME).await);
        assert!(!is_overdue_after(10 * PARTING_TIME).await);
        connection.end();
        assert!(!is_overdue_after(PARTING_TIME).await);
        assert!(is_overdue_after(PARTING_TIME).await);
    }
}
