//! One connection of a program: its requests, one after the other, and what it becomes after the last of them.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::upgrade::OnUpgrade;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time::sleep;

use super::counted::Counted;
use super::registries::Term;
use super::request::Requests;
use super::{Outlet, tunnel};
use crate::network::Authority;

/// How long the head of a request may take, the time before it included.
const HEAD_LIMIT: Duration = Duration::from_secs(60);

/// How long nothing may move, either way, before a connection is let go of: longer than the usual pings of protocols
/// that keep one open, and than any other limit here.
const IDLE_LIMIT: Duration = Duration::from_secs(5 * 60);

/// The longest head of a request.
const MAX_HEAD: usize = 64 * 1024;

/// What a connection turns into when HTTP is over on it.
pub(super) enum Next {
    /// A tunnel to this host.
    Tunnel { to: Authority, program: OnUpgrade, server: TcpStream },
    /// Another protocol, which both ends have agreed on.
    Upgraded { program: OnUpgrade, server: OnUpgrade },
}

/// Where a request leaves what comes next.
pub(super) type NextSlot = Arc<Mutex<Option<Next>>>;

/// Serves a connection to its end.
pub(super) async fn serve<C>(outlet: Arc<Outlet>, connection: C)
where
    C: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let connection = Counted::new(connection, outlet.clone());
    let (moved, term) = (connection.moved(), Term::new());
    let serving = async {
        match http(&outlet, connection, None, &term).await {
            Some(Next::Tunnel { to, program, server }) => {
                if let Ok(program) = program.await {
                    tunnel::serve(&outlet, to, TokioIo::new(program), server, &term).await;
                }
            }
            Some(next) => next.relay().await,
            None => {}
        }
    };
    tokio::select! {
        () = serving => {}
        () = idle(&moved) => tracing::debug!("a connection of a program was idle for too long"),
        () = term.end() => tracing::debug!("a connection to a registry ended with the installation that it was for"),
    }
}

/// Resolves when nothing has moved for [`IDLE_LIMIT`], or up to twice as long.
async fn idle(moved: &AtomicU64) {
    let mut before = None;
    loop {
        let now = Some(moved.load(Ordering::Relaxed));
        if now == before {
            return;
        }
        before = now;
        sleep(IDLE_LIMIT).await;
    }
}

impl Next {
    /// Lets both ends talk as they have agreed to.
    pub(super) async fn relay(self) {
        if let Self::Upgraded { program, server } = self
            && let (Ok(program), Ok(server)) = futures::join!(program, server)
        {
            tunnel::copy(TokioIo::new(program), TokioIo::new(server)).await;
        }
    }
}

/// Serves the requests on `connection`. Within a tunnel, all of them are for the host at its end.
pub(super) async fn http<C>(outlet: &Arc<Outlet>, connection: C, tunnel: Option<Authority>, term: &Term) -> Option<Next>
where
    C: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let next = NextSlot::default();
    let requests = Arc::new(Requests::new(outlet.clone(), tunnel, term.clone(), next.clone()));
    let service = service_fn(move |request| {
        let requests = requests.clone();
        async move { requests.serve(request).await }
    });
    let mut server = http1::Builder::new();
    server.timer(TokioTimer::new()).header_read_timeout(HEAD_LIMIT).max_buf_size(MAX_HEAD).half_close(true);
    let served = server.serve_connection(TokioIo::new(connection), service).with_upgrades().await;
    if let Err(error) = served {
        tracing::debug!(error = %error, "a connection of a program broke");
    }
    next.lock().unwrap_or_else(PoisonError::into_inner).take()
}
