//! `GET /execute/ws`: one execution over a WebSocket, with live standard input and signals.
//!
//! One task reads what the client says, another runs the program and sends its events; both end when either does. What
//! the program does not read stays in a short queue, and beyond that the client is not read from. A client that goes
//! away, says nothing (not even to pings) or does not read loses its program.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::ws::{CloseFrame, Message, Utf8Bytes, WebSocket, WebSocketUpgrade, close_code};
use axum::extract::{Extension, State};
use axum::response::Response;
use bytes::Bytes;
use futures::stream::{SplitSink, SplitStream};
use futures::{SinkExt, StreamExt};
use serde::{Deserialize, Serialize};
use tokio::sync::mpsc;
use tokio::time::{Instant, MissedTickBehavior, interval_at, timeout};

use super::stream::{HEARTBEAT, PATIENCE};
use crate::api::wire::{ClientMessage, ExecuteBody, ProgramSignal, ServerEvent};
use crate::api::{ErrorCode, object};
use crate::engine::Controls;
use crate::server::app::App;
use crate::server::body::malformed;
use crate::server::caller::{Caller, PROTOCOL};
use crate::server::listen::Upgraded;
use crate::server::refusal::Refusal;
use crate::server::telling::{Telling, Told};

/// How long a client may say nothing at all: pings are answered by every WebSocket.
const SILENCE: Duration = Duration::from_secs(45);

/// How long a client may take to say what it wants.
const HESITATION: Duration = Duration::from_secs(300);

/// Chunks of standard input that wait for the program.
const STDIN_QUEUE: usize = 32;

/// Signals that wait for it. More are lost: nobody needs them.
const SIGNAL_QUEUE: usize = 8;

type Sink = SplitSink<WebSocket, Message>;

pub(super) async fn upgrade(
    State(app): State<Arc<App>>,
    Extension(caller): Extension<Caller>,
    upgrade: Result<WebSocketUpgrade, axum::extract::ws::rejection::WebSocketUpgradeRejection>,
) -> Result<Response, Refusal> {
    let upgrade = upgrade.map_err(|rejection| {
        Refusal::new(ErrorCode::InvalidRequest, format!("expected a WebSocket: {rejection}"))
            .with_status(rejection.status())
    })?;
    let limit = usize::try_from(app.body_size).unwrap_or(usize::MAX);
    let upgrade = upgrade.protocols([PROTOCOL]).max_message_size(limit).max_frame_size(limit);
    let connection = app.connections.upgrade();
    Ok(upgrade.on_upgrade(move |socket| serve(app, caller, socket, connection)))
}

/// How a connection ends.
enum End {
    /// The execution is over, whatever came of it.
    Complete,
    /// The client speaks no JSON.
    InvalidJson,
    /// The server ends, and nothing has been asked of it.
    Leaving,
    /// The client is gone, or as good as.
    Gone,
}

async fn serve(app: Arc<App>, caller: Caller, socket: WebSocket, connection: Upgraded) {
    tokio::select! {
        () = hold(&app, caller, socket, &connection) => {}
        () = connection.over() => {}
    }
}

async fn hold(app: &App, caller: Caller, socket: WebSocket, connection: &Upgraded) {
    let (mut sink, mut source) = socket.split();
    let opening = tokio::select! {
        opening = opening(&mut sink, &mut source) => opening,
        () = connection.ending() => Err(End::Leaving),
    };
    let end = match opening {
        Ok(opening) => converse(app, caller, opening, &mut sink, &mut source).await,
        Err(end) => end,
    };
    let (code, reason) = match end {
        End::Complete => (close_code::NORMAL, "Execution complete"),
        End::InvalidJson => (close_code::UNSUPPORTED, "Invalid JSON"),
        End::Leaving => (close_code::AWAY, "Server is shutting down"),
        End::Gone => return,
    };
    let close = Message::Close(Some(CloseFrame { code, reason: Utf8Bytes::from_static(reason) }));
    if put(&mut sink, close).await.is_ok() {
        // The client's answer; without reading it, what it last sent may take our last events down.
        let _ = timeout(Duration::from_secs(5), async { while let Some(Ok(_)) = source.next().await {} }).await;
    }
}

/// What a client wants to have run, and how.
struct Opening {
    body: ExecuteBody,
    live_stdin: bool,
    buffered: bool,
}

async fn converse(
    app: &App,
    caller: Caller,
    opening: Opening,
    sink: &mut Sink,
    source: &mut SplitStream<WebSocket>,
) -> End {
    let Opening { body, live_stdin, buffered } = opening;
    let wish = match app.accept(&caller, body) {
        Ok(wish) => wish,
        Err(refusal) => return complain(sink, refusal.into_event()).await,
    };
    let (stdin, chunks) = mpsc::channel(STDIN_QUEUE);
    let (signals, queue) = mpsc::channel(SIGNAL_QUEUE);
    let (replies, mut complaints) = mpsc::channel(STDIN_QUEUE);
    let stdin = live_stdin.then_some(stdin);
    let controls = Controls { stdin: live_stdin.then_some(chunks), signals: Some(queue), ..Controls::default() };

    let mut listening = std::pin::pin!(listen(source, Ear { stdin, signals, replies }));
    let mut beat = interval_at(Instant::now() + HEARTBEAT, HEARTBEAT);
    beat.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut telling: Option<Telling> = None;
    let mut admission = std::pin::pin!(app.admit(wish));
    let mut controls = Some(controls);
    loop {
        let sent = tokio::select! {
            biased;
            end = &mut listening => return match end {
                End::InvalidJson => complain_of_json(sink).await,
                end => end,
            },
            Some(event) = complaints.recv() => event_to(sink, &event).await,
            granted = &mut admission, if telling.is_none() => {
                let controls = controls.take().unwrap_or_default();
                match granted.and_then(|grant| Telling::begin(grant, controls, buffered)) {
                    Ok(begun) => { telling = Some(begun); Ok(()) }
                    Err(refusal) => return complain(sink, refusal.into_event()).await,
                }
            }
            told = next(&mut telling) => match told {
                Some(told) => tell(sink, &told).await,
                None => return End::Complete,
            },
            _ = beat.tick() => put(sink, Message::Ping(Bytes::new())).await,
        };
        if sent.is_err() {
            return End::Gone;
        }
    }
}

/// Waits for as long as nothing goes on.
async fn next(telling: &mut Option<Telling>) -> Option<Told> {
    match telling {
        Some(telling) => telling.next().await,
        None => std::future::pending().await,
    }
}

/// What the client wants to have run.
async fn opening(sink: &mut Sink, source: &mut SplitStream<WebSocket>) -> Result<Opening, End> {
    let deadline = Instant::now() + HESITATION;
    let mut beat = interval_at(Instant::now() + HEARTBEAT, HEARTBEAT);
    let mut heard = Instant::now();
    loop {
        let message = tokio::select! {
            message = source.next() => message,
            _ = beat.tick() => {
                if heard.elapsed() > SILENCE || Instant::now() > deadline {
                    return Err(End::Gone);
                }
                put(sink, Message::Ping(Bytes::new())).await.map_err(|()| End::Gone)?;
                continue;
            }
        };
        heard = Instant::now();
        let text = match message {
            Some(Ok(Message::Text(text))) => text,
            Some(Ok(Message::Ping(_) | Message::Pong(_))) => continue,
            Some(Ok(Message::Binary(_))) => return Err(complain_of_json(sink).await),
            Some(Ok(Message::Close(_)) | Err(_)) | None => return Err(End::Gone),
        };
        match read(&text) {
            Ok(ClientMessage::Execute { request, options, session_id, live_stdin, buffered }) => {
                let options = options.map(|options| *options);
                let body = ExecuteBody { request: *request, options, session_id };
                return Ok(Opening { body, live_stdin, buffered });
            }
            // Nobody is there for it yet.
            Ok(ClientMessage::Stdin { .. } | ClientMessage::Signal { .. }) => {}
            Err(Unread::NotJson) => return Err(complain_of_json(sink).await),
            Err(Unread::Unknown(event)) => event_to(sink, &event).await.map_err(|()| End::Gone)?,
            Err(Unread::Malformed(event)) => return Err(complain(sink, event).await),
        }
    }
}

/// Where what the client says goes.
struct Ear {
    stdin: Option<mpsc::Sender<Bytes>>,
    signals: mpsc::Sender<ProgramSignal>,
    replies: mpsc::Sender<ServerEvent>,
}

/// Takes what the client says while its program runs. Resolves when it says no more.
async fn listen(source: &mut SplitStream<WebSocket>, mut ear: Ear) -> End {
    loop {
        let text = match timeout(SILENCE, source.next()).await {
            Ok(Some(Ok(Message::Text(text)))) => text,
            Ok(Some(Ok(Message::Ping(_) | Message::Pong(_)))) => continue,
            Ok(Some(Ok(Message::Binary(_)))) => return End::InvalidJson,
            Ok(Some(Ok(Message::Close(_)) | Err(_)) | None) | Err(_) => return End::Gone,
        };
        let complaint = match read(&text) {
            Ok(ClientMessage::Stdin { data, end }) => {
                if let (Some(stdin), Some(data)) = (&ear.stdin, data) {
                    // A program that has ended reads no more.
                    let _ = stdin.send(data).await;
                }
                if end {
                    ear.stdin = None;
                }
                continue;
            }
            Ok(ClientMessage::Signal { signal }) => {
                let _ = ear.signals.try_send(signal);
                continue;
            }
            Ok(ClientMessage::Execute { .. }) => {
                failure(ErrorCode::InvalidRequest, "a connection is for one execution".to_owned())
            }
            Err(Unread::NotJson) => return End::InvalidJson,
            Err(Unread::Unknown(event) | Unread::Malformed(event)) => event,
        };
        // Nobody has to be told of everything that it does wrong.
        let _ = ear.replies.try_send(complaint);
    }
}

/// Why a message is none.
enum Unread {
    NotJson,
    Unknown(ServerEvent),
    Malformed(ServerEvent),
}

fn read(text: &str) -> Result<ClientMessage, Unread> {
    #[derive(Deserialize)]
    struct Kind {
        #[serde(rename = "type")]
        kind: Option<String>,
    }
    let kind = match object::from_slice::<Kind>(text.as_bytes()) {
        Ok(Kind { kind }) => kind,
        Err(error) if error.is_data() => None,
        Err(_) => return Err(Unread::NotJson),
    };
    if !matches!(kind.as_deref(), Some("execute" | "stdin" | "signal")) {
        let kind = kind.as_deref().unwrap_or("undefined").chars().take(100).collect::<String>();
        return Err(Unread::Unknown(failure(ErrorCode::InvalidRequest, format!("Unknown message type: {kind}"))));
    }
    object::from_slice(text.as_bytes()).map_err(|error| Unread::Malformed(malformed("message", &error).into_event()))
}

fn failure(code: ErrorCode, message: String) -> ServerEvent {
    ServerEvent::failure(code, message)
}

async fn complain(sink: &mut Sink, event: ServerEvent) -> End {
    match event_to(sink, &event).await {
        Ok(()) => End::Complete,
        Err(()) => End::Gone,
    }
}

async fn complain_of_json(sink: &mut Sink) -> End {
    let event = failure(ErrorCode::InvalidRequest, "Invalid JSON message".to_owned());
    match event_to(sink, &event).await {
        Ok(()) => End::InvalidJson,
        Err(()) => End::Gone,
    }
}

async fn event_to(sink: &mut Sink, event: &ServerEvent) -> Result<(), ()> {
    tell(sink, event).await
}

async fn tell(sink: &mut Sink, told: &impl Serialize) -> Result<(), ()> {
    let text = serde_json::to_string(told).map_err(|_| ())?;
    put(sink, Message::Text(text.into())).await
}

/// Fails when the client is not there any more, or as good as.
async fn put(sink: &mut Sink, message: Message) -> Result<(), ()> {
    match timeout(PATIENCE, sink.send(message)).await {
        Ok(Ok(())) => Ok(()),
        Ok(Err(_)) | Err(_) => Err(()),
    }
}
