//! A server that does, on each connection, what a test says: raw bytes over a real socket.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use futures::{SinkExt, StreamExt};
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use tokio_tungstenite::tungstenite::protocol::Role;

use crate::api::{Options, Secret};
use crate::client::{Client, RemoteOptions};

pub(super) const KEY: &str = "isol8_key-that-nobody-may-see";

/// What a client asked for.
#[derive(Debug, Clone)]
pub(super) struct Asked {
    /// Method and path.
    pub(super) line: String,
    head: String,
    pub(super) body: Vec<u8>,
}

impl Asked {
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().find_map(|line| {
            let (key, value) = line.split_once(':')?;
            key.eq_ignore_ascii_case(name).then_some(value.trim())
        })
    }

    pub(super) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).expect("a body of JSON")
    }
}

/// One connection of a client.
pub(super) struct Conn {
    stream: TcpStream,
    asked: Arc<Mutex<Vec<Asked>>>,
}

impl Conn {
    /// The next request; `None` when the client has gone.
    pub(super) async fn request(&mut self) -> Option<Asked> {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(self.stream.read_u8().await.ok()?);
        }
        let head = String::from_utf8(head).expect("a head of text");
        let line = head.lines().next().expect("a request line").replace(" HTTP/1.1", "");
        let mut asked = Asked { line, head, body: Vec::new() };
        let length = asked.header("content-length").map_or(0, |length| length.parse().expect("a length"));
        asked.body.resize(length, 0);
        self.stream.read_exact(&mut asked.body).await.ok()?;
        self.asked.lock().expect("unpoisoned").push(asked.clone());
        Some(asked)
    }

    pub(super) async fn send(&mut self, bytes: impl AsRef<[u8]>) {
        // The client may have gone, which is for the test to notice.
        let _ = self.stream.write_all(bytes.as_ref()).await;
    }

    pub(super) async fn answer(&mut self, status: &str, body: impl AsRef<[u8]>) {
        let body = body.as_ref();
        self.send(format!("HTTP/1.1 {status}\r\ncontent-length: {}\r\n\r\n", body.len())).await;
        self.send(body).await;
    }

    /// Begins an event stream.
    pub(super) async fn begin_events(&mut self) {
        self.send("HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n").await;
    }

    /// Resolves when the client has closed the connection.
    pub(super) async fn closed(&mut self) {
        let mut rest = Vec::new();
        let _ = self.stream.read_to_end(&mut rest).await;
    }

    /// The other end of the WebSocket that `asked` is for.
    pub(super) async fn upgrade(mut self, asked: &Asked) -> Socket {
        let key = asked.header("sec-websocket-key").expect("a key of a WebSocket");
        let accept = derive_accept_key(key.as_bytes());
        self.send(format!(
            "HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: {accept}\r\n\r\n"
        ))
        .await;
        Socket(WebSocketStream::from_raw_socket(self.stream, Role::Server, None).await)
    }
}

/// An open WebSocket, from the server's side.
pub(super) struct Socket(WebSocketStream<TcpStream>);

impl Socket {
    /// The next message of text; `None` when the client has gone.
    pub(super) async fn message(&mut self) -> Option<Value> {
        while let Some(Ok(message)) = self.0.next().await {
            if let Message::Text(text) = message {
                return Some(serde_json::from_str(&text).expect("a message of JSON"));
            }
        }
        None
    }

    pub(super) async fn send(&mut self, message: Message) {
        let _ = self.0.send(message).await;
    }

    pub(super) async fn text(&mut self, text: &str) {
        self.send(Message::text(text)).await;
    }

    pub(super) async fn close(mut self) {
        let _ = self.0.close(None).await;
        while self.message().await.is_some() {}
    }
}

/// The server.
pub(super) struct Fake {
    pub(super) host: String,
    asked: Arc<Mutex<Vec<Asked>>>,
    connections: Arc<AtomicUsize>,
}

impl Fake {
    /// `serve` is given each connection, with how many there were before.
    pub(super) async fn start<F: Future<Output = ()> + Send>(
        serve: impl Fn(usize, Conn) -> F + Clone + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        Self::on(listener, serve)
    }

    pub(super) fn on<F: Future<Output = ()> + Send>(
        listener: TcpListener,
        serve: impl Fn(usize, Conn) -> F + Clone + Send + Sync + 'static,
    ) -> Self {
        let host = format!("http://{}", listener.local_addr().expect("an address"));
        let (asked, connections) = (Arc::<Mutex<Vec<Asked>>>::default(), Arc::<AtomicUsize>::default());
        let (log, count) = (asked.clone(), connections.clone());
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (before, conn) = (count.fetch_add(1, Ordering::Relaxed), Conn { stream, asked: log.clone() });
                let serve = serve.clone();
                tokio::spawn(async move { serve(before, conn).await });
            }
        });
        Self { host, asked, connections }
    }

    /// What it was asked for: methods and paths.
    pub(super) fn lines(&self) -> Vec<String> {
        self.asked.lock().expect("unpoisoned").iter().map(|asked| asked.line.clone()).collect()
    }

    pub(super) fn asked(&self, index: usize) -> Asked {
        self.asked.lock().expect("unpoisoned")[index].clone()
    }

    pub(super) fn connections(&self) -> usize {
        self.connections.load(Ordering::Relaxed)
    }

    /// A client of this server.
    pub(super) fn client(&self, session: Option<&str>) -> Client {
        client(&self.host, session, None)
    }
}

pub(super) fn client(host: &str, session: Option<&str>, options: Option<Options>) -> Client {
    let remote = RemoteOptions {
        host: host.to_owned(),
        api_key: Secret::new(KEY.to_owned()),
        session_id: session.map(str::to_owned),
    };
    Client::new(remote, options).expect("a client")
}
