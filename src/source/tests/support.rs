//! Servers of code, and fetches from them.

use std::net::{IpAddr, Ipv4Addr};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rustls::ServerConfig;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;
use tokio_util::task::AbortOnDropHandle;

use crate::api::RemoteCodePolicy;
use crate::network::dial::fake::Names;
use crate::source::{Cache, Fetcher, Policy, SourceError, Wanted};
use crate::telemetry::chain;

/// Where code may come from.
pub(super) const ALLOWED: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 2);

/// Where it may not.
pub(super) const FORBIDDEN: Ipv4Addr = Ipv4Addr::LOCALHOST;

pub(super) const CODE: &str = "print(1)\n";

/// What a server says.
pub(super) enum Reply {
    /// This, and nothing after it.
    Whole(Vec<u8>),
    /// This, and then nothing for ever.
    Stall(Vec<u8>),
    /// This, and then that again and again.
    Endless(Vec<u8>, Vec<u8>),
}

/// A success with this body.
pub(super) fn ok(body: impl AsRef<[u8]>) -> Reply {
    with_headers("", body)
}

/// A success with this body and more headers, each with its line end.
pub(super) fn with_headers(headers: &str, body: impl AsRef<[u8]>) -> Reply {
    let body = body.as_ref();
    let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n{headers}\r\n", body.len());
    Reply::Whole([head.as_bytes(), body].concat())
}

pub(super) fn redirect(to: &str) -> Reply {
    Reply::Whole(format!("HTTP/1.1 302 Found\r\nLocation: {to}\r\nContent-Length: 0\r\n\r\n").into_bytes())
}

pub(super) fn status(line: &str) -> Reply {
    Reply::Whole(format!("HTTP/1.1 {line}\r\nContent-Length: 0\r\n\r\n").into_bytes())
}

/// A server that answers by path, and notes what it is asked.
pub(super) struct Site {
    pub(super) port: u16,
    heard: Arc<Mutex<Vec<String>>>,
    _serving: AbortOnDropHandle<()>,
}

impl Site {
    /// At an address and, unless it is 0, a port.
    pub(super) async fn open(
        address: impl Into<IpAddr>,
        port: u16,
        tls: Option<Arc<ServerConfig>>,
        answer: impl Fn(&str) -> Reply + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind((address.into(), port)).await.expect("a port");
        let port = listener.local_addr().expect("an address").port();
        let heard = Arc::new(Mutex::new(Vec::new()));
        let (note, answer) = (heard.clone(), Arc::new(answer));
        let serving = tokio::spawn(async move {
            loop {
                let Ok((connection, _)) = listener.accept().await else { continue };
                let (note, answer, tls) = (note.clone(), answer.clone(), tls.clone());
                tokio::spawn(async move {
                    match tls {
                        None => converse(connection, &note, &*answer).await,
                        Some(tls) => match TlsAcceptor::from(tls).accept(connection).await {
                            Ok(connection) => converse(connection, &note, &*answer).await,
                            Err(_) => note.lock().unwrap_or_else(PoisonError::into_inner).push("no TLS".to_owned()),
                        },
                    }
                });
            }
        });
        Self { port, heard, _serving: AbortOnDropHandle::new(serving) }
    }

    /// One at [`ALLOWED`] that has `reply` at every path.
    pub(super) async fn saying(reply: impl Fn(&str) -> Reply + Send + Sync + 'static) -> Self {
        Self::open(ALLOWED, 0, None, reply).await
    }

    pub(super) fn url(&self) -> String {
        format!("http://{ALLOWED}:{}/a.py", self.port)
    }

    /// The heads of the requests.
    pub(super) fn heard(&self) -> Vec<String> {
        self.heard.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

async fn converse(
    mut connection: impl AsyncRead + AsyncWrite + Unpin,
    note: &Mutex<Vec<String>>,
    answer: &(dyn Fn(&str) -> Reply + Send + Sync),
) {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let Ok(byte) = connection.read_u8().await else { return };
        head.push(byte);
    }
    let head = String::from_utf8_lossy(&head).into_owned();
    let path = head.split(' ').nth(1).unwrap_or_default().to_owned();
    note.lock().unwrap_or_else(PoisonError::into_inner).push(head);
    // Whoever asked may have gone: for the tests that is as good.
    match answer(&path) {
        Reply::Whole(bytes) => {
            let _ = connection.write_all(&bytes).await;
            let _ = connection.shutdown().await;
        }
        Reply::Stall(bytes) => {
            let _ = connection.write_all(&bytes).await;
            std::future::pending::<()>().await;
        }
        Reply::Endless(first, more) => {
            let _ = connection.write_all(&first).await;
            while connection.write_all(&more).await.is_ok() {}
        }
    }
}

/// A policy that lets code come from [`ALLOWED`] and from names that end in `.test`.
pub(super) fn lenient() -> RemoteCodePolicy {
    RemoteCodePolicy {
        enabled: true,
        allowed_schemes: vec!["http".to_owned(), "https".to_owned()],
        allowed_hosts: vec![format!("^{}$", ALLOWED.to_string().replace('.', r"\.")), r"\.test$".to_owned()],
        blocked_hosts: vec![r"^evil\.".to_owned()],
        fetch_timeout_ms: 20_000,
        enable_cache: false,
        ..RemoteCodePolicy::default()
    }
}

pub(super) fn fetcher(policy: &RemoteCodePolicy, names: &Arc<Names>) -> Fetcher {
    Fetcher::new(Policy::compile("remoteCode", policy).expect("a policy"), None).with(names.clone(), None)
}

pub(super) fn remembering(policy: &RemoteCodePolicy, names: &Arc<Names>, folder: &Path) -> Fetcher {
    let policy = Policy::compile("remoteCode", policy).expect("a policy");
    Fetcher::new(policy, Some(Cache::at(folder))).with(names.clone(), None)
}

/// What a request without a hash wants, with TLS or without.
pub(super) fn wanted(url: &str) -> Wanted {
    Wanted { url: url.to_owned(), hash: None, allow_insecure: true }
}

/// What comes of a fetch without names, under a policy.
pub(super) async fn fetch(policy: &RemoteCodePolicy, url: &str) -> Result<String, String> {
    said(fetcher(policy, &Names::new(&[])).fetch(&wanted(url)).await)
}

/// What callers see of a failure.
pub(super) fn said(outcome: Result<String, SourceError>) -> Result<String, String> {
    outcome.map_err(|error| chain(&error))
}

/// The same, and how long it took.
pub(super) async fn timed<T>(work: impl Future<Output = T>) -> (T, Duration) {
    let began = std::time::Instant::now();
    (work.await, began.elapsed())
}
