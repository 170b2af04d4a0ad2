//! Executions over a WebSocket. The upgrade is a request like any other, over the same connections and through the same
//! proxies; what follows it is framed here.

use std::time::Duration;

use futures::stream::{SplitSink, SplitStream};
use futures::{SinkExt, StreamExt};
use reqwest::header::{CONNECTION, SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_KEY, SEC_WEBSOCKET_VERSION, UPGRADE};
use reqwest::{Response, StatusCode, Upgraded};
use tokio::sync::mpsc;
use tokio::time::{MissedTickBehavior, interval, timeout};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::handshake::client::generate_key;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, Role, WebSocketConfig};
use tokio_tungstenite::tungstenite::{Error as SocketError, Message};

use super::connection::{Connection, quoted};
use super::error::{Doing, Error};
use super::events::{self, Failed, Sender, pass_on};
use super::input::Chunk;
use crate::api::ExecutionResult;
use crate::api::wire::{ClientMessage, ExecuteBody, ServerResult};
use crate::telemetry::chain;

/// How long the upgrade may take.
const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(15);

/// Bytes of one event: a piece of output, which is short, or the end with all that the program asked of the network.
pub(super) const MAX_EVENT: usize = 16 << 20;

/// Bytes of standard input in one message.
const MAX_INPUT: usize = 64 << 10;

/// How often something goes over the connection, so that nobody on the way takes it for dead.
const HEARTBEAT: Duration = Duration::from_secs(20);

/// How long the end of the connection is waited for after the last event.
const LINGER: Duration = Duration::from_secs(1);

/// An open one.
pub(super) type Socket = WebSocketStream<Upgraded>;

/// Why there is no WebSocket.
pub(super) struct NoWebSocket {
    pub(super) reason: String,
    /// Whether it will be the same the next time.
    pub(super) lasting: bool,
}

/// Opens one, for messages of at most `limit` bytes. The outer failure is one of the server as a whole.
pub(super) async fn open(connection: &Connection, limit: usize) -> Result<Result<Socket, NoWebSocket>, Error> {
    let key = generate_key();
    let upgrade = connection
        .get(connection.endpoint.url(&["execute", "ws"]))
        .header(CONNECTION, "Upgrade")
        .header(UPGRADE, "websocket")
        .header(SEC_WEBSOCKET_VERSION, "13")
        .header(SEC_WEBSOCKET_KEY, &key);
    Ok(match timeout(HANDSHAKE_TIMEOUT, connection.send(Doing::Stream, upgrade)).await {
        Ok(Ok(answer)) => upgraded(answer, &key, limit).await,
        Ok(Err(error @ Error::Unreachable { .. })) => return Err(error),
        Ok(Err(error)) => Err(NoWebSocket { reason: error.to_string(), lasting: true }),
        Err(_) => Err(NoWebSocket { reason: "no answer in time".to_owned(), lasting: false }),
    })
}

async fn upgraded(answer: Response, key: &str, limit: usize) -> Result<Socket, NoWebSocket> {
    let status = answer.status();
    if status != StatusCode::SWITCHING_PROTOCOLS {
        // One that is overloaded or out of order may do better the next time.
        let lasting = !status.is_server_error() && status != StatusCode::TOO_MANY_REQUESTS;
        return Err(NoWebSocket { reason: status.to_string(), lasting });
    }
    let accepted = answer.headers().get(SEC_WEBSOCKET_ACCEPT);
    if accepted.is_none_or(|accepted| accepted.as_bytes() != derive_accept_key(key.as_bytes()).as_bytes()) {
        return Err(NoWebSocket { reason: "not a handshake of a WebSocket".to_owned(), lasting: true });
    }
    let upgraded = answer.upgrade().await;
    let connection = upgraded.map_err(|error| NoWebSocket { reason: chain(&error), lasting: true })?;
    let config = WebSocketConfig::default().max_message_size(Some(limit)).max_frame_size(Some(limit));
    Ok(WebSocketStream::from_raw_socket(connection, Role::Client, Some(config)).await)
}

/// Has the server begin, feeds the program, and passes events on up to the last.
pub(super) async fn run(
    socket: Socket,
    body: ExecuteBody,
    stdin: Option<mpsc::Receiver<Chunk>>,
    events: &Sender,
) -> Result<(), Error> {
    converse(socket, body, stdin, Passing { events }).await
}

/// Has the server begin, feeds the program, and resolves with how it ended.
pub(super) async fn run_buffered(
    socket: Socket,
    body: ExecuteBody,
    stdin: Option<mpsc::Receiver<Chunk>>,
) -> Result<ExecutionResult, Error> {
    converse(socket, body, stdin, Awaiting).await
}

async fn converse<L: Listener>(
    socket: Socket,
    body: ExecuteBody,
    stdin: Option<mpsc::Receiver<Chunk>>,
    listener: L,
) -> Result<L::Outcome, Error> {
    let (mut sink, mut source) = socket.split();
    let ExecuteBody { request, options, session_id } = body;
    let execute = ClientMessage::Execute {
        request: Box::new(request),
        options: options.map(Box::new),
        session_id,
        live_stdin: stdin.is_some(),
        buffered: L::BUFFERED,
    };
    let outcome = {
        let send = async {
            // A connection that broke is noticed by whoever reads from it, and what the server said before may explain it.
            let _ = feed(&mut sink, execute, stdin).await;
            std::future::pending().await
        };
        tokio::select! {
            biased;
            ended = receive(&mut source, listener) => ended?,
            never = send => return never,
        }
    };
    // The execution is over: whatever becomes of the connection is fine.
    let _ = timeout(LINGER, async {
        let _ = sink.close().await;
        while let Some(Ok(_)) = source.next().await {}
    })
    .await;
    Ok(outcome)
}

/// What is made of the server's messages.
trait Listener {
    /// Whether the server should say nothing before the end.
    const BUFFERED: bool;
    type Outcome;

    /// Takes one message; resolves with the outcome if it was the last.
    async fn take(&self, json: &[u8]) -> Result<Option<Self::Outcome>, Error>;
}

/// Passes events on, up to the last.
struct Passing<'a> {
    events: &'a Sender,
}

impl Listener for Passing<'_> {
    const BUFFERED: bool = false;
    type Outcome = ();

    async fn take(&self, json: &[u8]) -> Result<Option<()>, Error> {
        Ok(pass_on(json, self.events).await?.then_some(()))
    }
}

/// Waits for the result.
struct Awaiting;

impl Listener for Awaiting {
    const BUFFERED: bool = true;
    type Outcome = ExecutionResult;

    async fn take(&self, json: &[u8]) -> Result<Option<ExecutionResult>, Error> {
        if let Ok(ServerResult { result, .. }) = serde_json::from_slice(json) {
            return Ok(Some(result));
        }
        match events::failure(json) {
            Some(Failed { code, message: reason, retry_after }) => {
                Err(Error::Refused { doing: Doing::Execute, reason, code, retry_after })
            }
            None => Ok(None),
        }
    }
}

/// Sends all that there is to send, and signs of life after that.
async fn feed(
    sink: &mut SplitSink<Socket, Message>,
    execute: ClientMessage,
    mut stdin: Option<mpsc::Receiver<Chunk>>,
) -> Result<(), SocketError> {
    send(sink, &execute).await?;
    drop(execute);
    let mut heartbeat = interval(HEARTBEAT);
    heartbeat.set_missed_tick_behavior(MissedTickBehavior::Delay);
    heartbeat.tick().await;
    loop {
        let chunk = tokio::select! {
            chunk = next(&mut stdin) => chunk,
            _ = heartbeat.tick() => {
                sink.send(Message::Ping(Default::default())).await?;
                continue;
            }
        };
        match chunk {
            Some(chunk) => {
                for start in (0..chunk.len()).step_by(MAX_INPUT) {
                    let piece = chunk.slice(start..chunk.len().min(start + MAX_INPUT));
                    send(sink, &ClientMessage::Stdin { data: Some(piece), end: false }).await?;
                }
            }
            None => {
                stdin = None;
                send(sink, &ClientMessage::Stdin { data: None, end: true }).await?;
            }
        }
    }
}

/// The next piece of standard input, `None` at its end. Without any, it never resolves.
async fn next(stdin: &mut Option<mpsc::Receiver<Chunk>>) -> Option<Chunk> {
    match stdin {
        Some(chunks) => chunks.recv().await,
        None => std::future::pending().await,
    }
}

async fn send(sink: &mut SplitSink<Socket, Message>, message: &ClientMessage) -> Result<(), SocketError> {
    let text = serde_json::to_string(message).map_err(|error| SocketError::Io(error.into()))?;
    sink.send(Message::text(text)).await
}

/// Listens up to the last message.
async fn receive<L: Listener>(source: &mut SplitStream<Socket>, listener: L) -> Result<L::Outcome, Error> {
    let mut closed = None;
    while let Some(message) = source.next().await {
        match message.map_err(|error| Error::WebSocket(chain(&error)))? {
            Message::Text(text) => {
                if let Some(outcome) = listener.take(text.as_bytes()).await? {
                    return Ok(outcome);
                }
            }
            Message::Close(frame) => closed = frame,
            Message::Binary(_) | Message::Ping(_) | Message::Pong(_) | Message::Frame(_) => {}
        }
    }
    Err(Error::WebSocket(match closed {
        Some(CloseFrame { code, reason }) => {
            format!("closed before the execution had ended ({code} {})", quoted(&reason))
        }
        None => "closed before the execution had ended".to_owned(),
    }))
}
