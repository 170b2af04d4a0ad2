//! A proxy, the program's end of a connection to it, servers that note what they are told, and names.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures::channel::mpsc;
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};
use tokio::net::TcpListener;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;

use crate::api::NetworkFilterConfig;
pub(super) use crate::network::dial::fake::Names;
use crate::network::proxy::{LetThrough, Outlet, Proxy, serve};
use crate::network::traffic::Observed;
use crate::network::{Host, Policy};

/// Where programs may go.
pub(super) const ALLOWED: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 2);

/// Where they may not.
pub(super) const FORBIDDEN: Ipv4Addr = Ipv4Addr::LOCALHOST;

/// Nothing here takes as long, unless it hangs.
pub(super) const PATIENCE: Duration = Duration::from_secs(20);

/// A server that answers every connection's first bytes with `token`, and notes all that it is told.
pub(super) struct Origin {
    pub(super) address: SocketAddr,
    heard: Arc<Mutex<Vec<Vec<u8>>>>,
    open: Arc<AtomicUsize>,
    _serving: AbortOnDropHandle<()>,
}

impl Origin {
    /// One at `address` that says `token` in an answer of HTTP.
    pub(super) async fn http(address: impl Into<IpAddr>, port: u16, token: &str) -> Self {
        let answer = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{token}", token.len());
        Self::raw(address, port, answer.into_bytes()).await
    }

    /// One that says `answer`, as it is, whenever it is told something.
    pub(super) async fn raw(address: impl Into<IpAddr>, port: u16, answer: Vec<u8>) -> Self {
        let listener = TcpListener::bind((address.into(), port)).await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let heard = Arc::new(Mutex::new(Vec::new()));
        let (note, open) = (heard.clone(), Arc::new(AtomicUsize::new(0)));
        let count = open.clone();
        let serving = tokio::spawn(async move {
            loop {
                let Ok((mut connection, _)) = listener.accept().await else { continue };
                let (note, answer, count) = (note.clone(), answer.clone(), count.clone());
                count.fetch_add(1, Ordering::SeqCst);
                let index = {
                    let mut heard = note.lock().unwrap_or_else(PoisonError::into_inner);
                    heard.push(Vec::new());
                    heard.len() - 1
                };
                tokio::spawn(async move {
                    let mut buffer = [0; 4096];
                    while let Ok(length @ 1..) = connection.read(&mut buffer).await {
                        note.lock().unwrap_or_else(PoisonError::into_inner)[index].extend(&buffer[..length]);
                        if connection.write_all(&answer).await.is_err() {
                            break;
                        }
                    }
                    count.fetch_sub(1, Ordering::SeqCst);
                });
            }
        });
        Self { address, heard, open, _serving: AbortOnDropHandle::new(serving) }
    }

    pub(super) fn port(&self) -> u16 {
        self.address.port()
    }

    /// How many connections it has.
    pub(super) fn open(&self) -> usize {
        self.open.load(Ordering::SeqCst)
    }

    /// What it was told over each connection.
    pub(super) fn heard(&self) -> Vec<String> {
        let heard = self.heard.lock().unwrap_or_else(PoisonError::into_inner);
        heard.iter().map(|bytes| String::from_utf8_lossy(bytes).into_owned()).collect()
    }
}

/// Two servers with the same port: one that may be reached, and one with a secret.
pub(super) async fn allowed_and_forbidden(token: &str, secret: &str) -> (Origin, Origin) {
    let allowed = Origin::http(ALLOWED, 0, token).await;
    let forbidden = Origin::http(FORBIDDEN, allowed.port(), secret).await;
    (allowed, forbidden)
}

/// What may be reached: at these ports, [`ALLOWED`].
pub(super) fn filter(ports: &[u16]) -> NetworkFilterConfig {
    NetworkFilterConfig {
        ports: Some(ports.to_vec()),
        allow_private: Some(vec![format!("{ALLOWED}/32")]),
        ..NetworkFilterConfig::default()
    }
}

/// The same, and [`FORBIDDEN`], too.
pub(super) fn lifted(ports: &[u16]) -> NetworkFilterConfig {
    NetworkFilterConfig { allow_private: Some(vec!["127.0.0.0/8".to_owned()]), ..filter(ports) }
}

pub(super) fn owned(texts: &[&str]) -> Vec<String> {
    texts.iter().map(|text| (*text).to_owned()).collect()
}

/// A sandbox's way out.
pub(super) struct Exit {
    connections: mpsc::UnboundedSender<(DuplexStream, CancellationToken)>,
    outlet: Arc<Outlet>,
    pub(super) serving: AbortOnDropHandle<()>,
}

impl Exit {
    pub(super) fn open(config: &NetworkFilterConfig, names: Arc<Names>) -> Self {
        Self::with_policy(Policy::compile("networkFilter", config, Vec::new()).expect("a policy"), names)
    }

    pub(super) fn with_policy(policy: Policy, names: Arc<Names>) -> Self {
        let (connections, incoming) = mpsc::unbounded();
        let outlet = Arc::new(Outlet::new(Proxy::with_lookup(policy, names)));
        let serving = tokio::spawn(serve(outlet.clone(), incoming));
        Self { connections, outlet, serving: AbortOnDropHandle::new(serving) }
    }

    /// Lets these through, as long as what is returned lives.
    pub(super) fn let_through(&self, registries: &[&str]) -> LetThrough {
        self.outlet.let_through(registries.iter().map(|host| Host::parse(host).expect(host)).collect())
    }

    /// A connection of a program.
    pub(super) fn connect(&self) -> DuplexStream {
        self.connect_until(CancellationToken::new())
    }

    /// One that nobody waits for once `gone` is cancelled.
    pub(super) fn connect_until(&self, gone: CancellationToken) -> DuplexStream {
        let (program, proxy) = tokio::io::duplex(64 * 1024);
        self.connections.unbounded_send((proxy, gone)).expect("it is being served");
        program
    }

    /// Says `bytes` and no more on a connection of its own, and resolves with all that comes back.
    pub(super) async fn say(&self, bytes: impl AsRef<[u8]>) -> String {
        let mut connection = self.connect();
        connection.write_all(bytes.as_ref()).await.expect("it is read");
        connection.shutdown().await.expect("an end");
        rest(&mut connection).await
    }

    /// Asks for `url`.
    pub(super) async fn get(&self, host: &str, port: u16) -> String {
        self.say(format!("GET http://{host}:{port}/ HTTP/1.1\r\nHost: {host}:{port}\r\n\r\n")).await
    }

    /// What came of `bytes` that are said in a tunnel to `to`.
    pub(super) async fn tunnel(&self, to: &str, bytes: impl AsRef<[u8]>) -> String {
        let mut connection = self.connect();
        let head = format!("CONNECT {to} HTTP/1.1\r\nHost: {to}\r\n\r\n");
        connection.write_all(head.as_bytes()).await.expect("it is read");
        let answer = head_of(&mut connection).await;
        if !answer.starts_with("HTTP/1.1 200") {
            return answer;
        }
        // Fails when the tunnel has been closed already.
        let _ = connection.write_all(bytes.as_ref()).await;
        let _ = connection.shutdown().await;
        rest(&mut connection).await
    }

    pub(super) fn observed(&self) -> Observed {
        self.outlet.traffic().take()
    }

    /// Method, host, path, and whether it passed, of all requests since the last time.
    pub(super) fn log(&self) -> Vec<String> {
        let entries = self.observed().requests.entries;
        let shown = entries.iter().map(|entry| {
            format!("{} {} {} {:?}", entry.method, entry.host, entry.path.as_deref().unwrap_or("-"), entry.action)
        });
        shown.collect()
    }
}

/// All that comes until the end.
pub(super) async fn rest(connection: &mut DuplexStream) -> String {
    let mut answer = Vec::new();
    timeout(PATIENCE, connection.read_to_end(&mut answer)).await.expect("an end").expect("no error");
    String::from_utf8_lossy(&answer).into_owned()
}

/// An answer's head.
pub(super) async fn head_of(connection: &mut DuplexStream) -> String {
    timeout(PATIENCE, head(connection)).await.expect("an answer")
}

/// The same, however long it takes.
pub(super) async fn head(connection: &mut DuplexStream) -> String {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        match connection.read_u8().await {
            Ok(byte) => head.push(byte),
            Err(_) => break,
        }
    }
    String::from_utf8_lossy(&head).into_owned()
}

/// Waits for something that happens elsewhere.
pub(super) async fn until(mut happened: impl FnMut() -> bool) {
    let looking = async {
        while !happened() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    timeout(PATIENCE, looking).await.expect("it happens in time");
}

/// The first message of a TLS client that asks for `name`, if any.
pub(super) fn client_hello(name: Option<&str>) -> Vec<u8> {
    let with_length = |bytes: &[u8]| [&(bytes.len() as u16).to_be_bytes(), bytes].concat();
    let extensions = match name {
        Some(name) => {
            let entry = [&[0][..], &with_length(name.as_bytes())].concat();
            [&[0, 0][..], &with_length(&with_length(&entry))].concat()
        }
        None => Vec::new(),
    };
    let body = [&[3, 3][..], &[7; 32], &[0], &with_length(&[0x13, 0x01]), &[1, 0], &with_length(&extensions)].concat();
    let message = [&[1][..], &(body.len() as u32).to_be_bytes()[1..], &body].concat();
    [&[22, 3, 1][..], &with_length(&message)].concat()
}
