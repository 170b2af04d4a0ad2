//! WebSockets: the handshake, and a stream of messages none of which is too long, nor too much beside what else is held
//! for its tenant.
//!
//! What has come of a message counts in a [`Share`] while the rest of it is on its way, and until the message is
//! [done](Source::done) with. A client that breaks the rules is told which by the code that the connection is closed
//! with.

use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};

use axum::extract::FromRequestParts;
use axum::http::header::{
    CONNECTION, SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_KEY, SEC_WEBSOCKET_PROTOCOL, SEC_WEBSOCKET_VERSION, UPGRADE,
};
use axum::http::request::Parts;
use axum::http::{HeaderName, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use futures::stream::{SplitSink, SplitStream};
use futures::{SinkExt, StreamExt};
use hyper::upgrade::OnUpgrade;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadBuf};
use tokio::time::timeout;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, Role, WebSocketConfig};
use tokio_tungstenite::tungstenite::{Error, Utf8Bytes};

use super::connections::PARTING_TIME;
use super::memory::Share;
use super::refusal::Refusal;
use crate::api::ErrorCode;

pub(super) use tokio_tungstenite::tungstenite::Message;

/// Read at once. Every connection has a buffer of that size.
const READ_BUFFER: usize = 16 * 1024;

/// Bytes that are still read of a client that has broken the rules, so that it learns of that.
const MAX_IGNORED: u64 = 16 << 20;

/// A request for a WebSocket.
pub(super) struct Handshake {
    accept: HeaderValue,
    /// What the client can speak.
    protocols: Vec<String>,
    upgrade: OnUpgrade,
}

impl<S: Send + Sync> FromRequestParts<S> for Handshake {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Refusal> {
        let tokens = |name: &HeaderName| {
            let values = parts.headers.get_all(name).into_iter().filter_map(|value| value.to_str().ok());
            values.flat_map(|value| value.split(',')).map(|token| token.trim().to_owned()).collect::<Vec<_>>()
        };
        let has = |name, token: &str| tokens(name).iter().any(|given| given.eq_ignore_ascii_case(token));
        let protocols = tokens(&SEC_WEBSOCKET_PROTOCOL);
        if !has(&CONNECTION, "upgrade") || !has(&UPGRADE, "websocket") {
            return Err(no_websocket("the headers do not ask for one"));
        }
        if !has(&SEC_WEBSOCKET_VERSION, "13") {
            return Err(no_websocket("the version has to be 13"));
        }
        let key = parts.headers.get(SEC_WEBSOCKET_KEY).filter(|key| is_key(key.as_bytes()));
        let Some(key) = key else { return Err(no_websocket("Sec-WebSocket-Key has to be 16 bytes in base64")) };
        let accept = HeaderValue::try_from(derive_accept_key(key.as_bytes()));
        let accept = accept.map_err(|_| no_websocket("Sec-WebSocket-Key makes no sense"))?;
        let upgrade = parts.extensions.remove::<OnUpgrade>();
        let upgrade = upgrade.ok_or_else(|| no_websocket("the connection is for nothing else"))?;
        Ok(Self { accept, protocols, upgrade })
    }
}

fn is_key(key: &[u8]) -> bool {
    base64_simd::STANDARD.decode_to_vec(key).is_ok_and(|bytes| bytes.len() == 16)
}

fn no_websocket(reason: &str) -> Refusal {
    Refusal::new(ErrorCode::InvalidRequest, format!("expected a WebSocket: {reason}"))
}

impl Handshake {
    /// The answer, after which `serve` has the connection. `protocol` is spoken if the client asks for it.
    pub(super) fn accept<F: Future<Output = ()> + Send + 'static>(
        self,
        protocol: &'static str,
        limit: u64,
        share: Share,
        serve: impl FnOnce(Sink, Source) -> F + Send + 'static,
    ) -> Response {
        let Self { accept, protocols, upgrade } = self;
        tokio::spawn(async move {
            match upgrade.await {
                Ok(connection) => {
                    let (sink, source) = open(TokioIo::new(connection), limit, share).await;
                    serve(sink, source).await;
                }
                Err(error) => tracing::debug!(error = %error, "a WebSocket broke before it began"),
            }
        });
        let headers = [
            (CONNECTION, HeaderValue::from_static("upgrade")),
            (UPGRADE, HeaderValue::from_static("websocket")),
            (SEC_WEBSOCKET_ACCEPT, accept),
        ];
        let spoken = protocols.iter().any(|asked| asked == protocol);
        let spoken = spoken.then_some([(SEC_WEBSOCKET_PROTOCOL, HeaderValue::from_static(protocol))]);
        match spoken {
            Some(spoken) => (StatusCode::SWITCHING_PROTOCOLS, headers, spoken).into_response(),
            None => (StatusCode::SWITCHING_PROTOCOLS, headers).into_response(),
        }
    }
}

type Connection = Metered<TokioIo<hyper::upgrade::Upgraded>>;

/// What a client is sent.
#[derive(Debug)]
pub(super) struct Sink(SplitSink<WebSocketStream<Connection>, Message>);

/// What a client sends.
#[derive(Debug)]
pub(super) struct Source {
    messages: SplitStream<WebSocketStream<Connection>>,
    meter: Meter,
    /// Whether nothing that comes can be understood any more.
    is_broken: bool,
}

/// Why no message comes any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Broken {
    /// The client is gone.
    Gone,
    /// It has closed the connection.
    Closed,
    /// It does not keep to the protocol.
    Protocol,
    /// It has sent text that is none.
    Text,
    /// It has sent a message that is too long.
    TooLong,
    /// There is no room for what it sends.
    NoRoom,
}

async fn open(connection: TokioIo<hyper::upgrade::Upgraded>, limit: u64, share: Share) -> (Sink, Source) {
    let limit = usize::try_from(limit).unwrap_or(usize::MAX);
    let config = WebSocketConfig::default()
        .read_buffer_size(READ_BUFFER)
        .write_buffer_size(0)
        .max_message_size(Some(limit))
        .max_frame_size(Some(limit));
    let meter = Meter { share: Arc::new(Mutex::new(share)) };
    let connection = Metered { connection, meter: meter.clone() };
    let (sink, messages) = WebSocketStream::from_raw_socket(connection, Role::Server, Some(config)).await.split();
    (Sink(sink), Source { messages, meter, is_broken: false })
}

impl Source {
    /// The next message.
    pub(super) async fn next(&mut self) -> Result<Message, Broken> {
        let broken = match self.messages.next().await {
            Some(Ok(Message::Close(_))) => return Err(Broken::Closed),
            Some(Ok(message)) => return Ok(message),
            Some(Err(Error::Capacity(_))) => Broken::TooLong,
            Some(Err(Error::Protocol(_))) => Broken::Protocol,
            Some(Err(Error::Utf8(_))) => Broken::Text,
            Some(Err(Error::Io(error))) if error.kind() == io::ErrorKind::OutOfMemory => Broken::NoRoom,
            Some(Err(_)) | None => return Err(Broken::Gone),
        };
        self.is_broken = true;
        Err(broken)
    }

    /// The last message takes up nothing any more.
    pub(super) fn done(&self) {
        self.meter.share().set(0);
    }

    /// What the last message takes up, for whoever keeps it.
    pub(super) fn share(&self) -> Share {
        self.meter.share().split()
    }
}

impl Sink {
    /// Sends a message, unless the client is gone.
    pub(super) async fn send(&mut self, message: Message) -> Result<(), ()> {
        self.0.send(message).await.map_err(|_| ())
    }
}

/// Closes a connection for that reason, and waits a little for the client to hear of it.
pub(super) async fn close(mut sink: Sink, mut source: Source, code: CloseCode, reason: &'static str) {
    let frame = CloseFrame { code, reason: Utf8Bytes::from_static(reason) };
    let parting = async {
        if sink.send(Message::Close(Some(frame))).await.is_err() {
            return;
        }
        if source.is_broken {
            return ignore(sink, source).await;
        }
        while source.next().await.is_ok() {
            source.done();
        }
    };
    // Whether it has heard or not.
    let _ = timeout(PARTING_TIME, parting).await;
}

/// Reads on for a while, and forgets what comes: what is left unread would take our last words down with it.
async fn ignore(sink: Sink, source: Source) {
    let Ok(stream) = source.messages.reunite(sink.0) else { return };
    let mut connection = stream.into_inner().connection;
    if connection.shutdown().await.is_ok() {
        let mut connection = connection.take(MAX_IGNORED);
        let mut ignored = [0; READ_BUFFER];
        while connection.read(&mut ignored).await.is_ok_and(|bytes| bytes > 0) {}
    }
}

/// Counts what comes in a share.
#[derive(Debug, Clone)]
struct Meter {
    share: Arc<Mutex<Share>>,
}

impl Meter {
    /// Held for some bookkeeping at the most.
    fn share(&self) -> MutexGuard<'_, Share> {
        self.share.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A connection that is read from only while there is room for what comes.
#[derive(Debug)]
struct Metered<S> {
    connection: S,
    meter: Meter,
}

impl<S: AsyncRead + Unpin> AsyncRead for Metered<S> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        let read = Pin::new(&mut self.connection).poll_read(cx, buf);
        let bytes = (buf.filled().len() - before) as u64;
        if self.meter.share().take(bytes).is_err() {
            return Poll::Ready(Err(io::Error::new(io::ErrorKind::OutOfMemory, "no room for what a client sends")));
        }
        read
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Metered<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.connection).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.connection).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.connection).poll_shutdown(cx)
    }
}
