//! `GET /execute/ws`: one execution over a WebSocket, with live standard input and signals.
//!
//! One task reads what the client says, another runs the program and sends its events; both end when either does. What
//! the program does not read stays in a short queue, and beyond that the client is not read from. A client that goes
//! away, says nothing (not even to pings) or does not read loses its program.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use axum::extract::{Extension, State};
use axum::http::HeaderMap;
use axum::response::Response;
use bytes::Bytes;
use serde::Deserialize;
use tokio::sync::mpsc;
use tokio::time::{Instant, MissedTickBehavior, interval_at, timeout};
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;

use super::stream::{HEARTBEAT, PATIENCE};
use crate::api::wire::{ClientMessage, ExecuteBody, ProgramSignal, ServerEvent};
use crate::api::{ErrorCode, object};
use crate::engine::Controls;
use crate::server::app::App;
use crate::server::body::malformed;
use crate::server::caller::{Caller, PROTOCOL};
use crate::server::connections::Upgraded;
use crate::server::gate::Note;
use crate::server::memory::Share;
use crate::server::telling::{Telling, Told};
use crate::server::websocket::{self, Broken, Handshake, Message, Sink, Source};

/// How long a client may say nothing at all: pings are answered by every WebSocket.
const SILENCE: Duration = Duration::from_secs(45);

/// How often a client is asked whether it is there that cannot be read from: its program does not read what it says.
const PROBE: Duration = Duration::from_secs(1);

/// How long a client may take to say what it wants.
const HESITATION: Duration = Duration::from_secs(300);

/// For how long a key that was good when a connection was opened is taken for good. Almost every client says what it wants
/// at once, and need not have the database asked twice.
const FRESH: Duration = Duration::from_secs(1);

/// Chunks of standard input that wait for the program.
const STDIN_QUEUE: usize = 32;

/// The longest of them.
const STDIN_CHUNK: usize = 64 * 1024;

/// Answers that wait for the client. More are lost.
const REPLY_QUEUE: usize = 32;

/// Signals that wait for it. More are lost: nobody needs them.
const SIGNAL_QUEUE: usize = 8;

pub(super) async fn upgrade(
    State(app): State<Arc<App>>,
    Extension(caller): Extension<Caller>,
    Extension(note): Extension<Note>,
    headers: HeaderMap,
    handshake: Handshake,
) -> Response {
    let connection = app.connections.upgrade();
    let share = app.memory.share(caller.tenant());
    handshake.accept(PROTOCOL, app.body_size, share, move |sink, source| async move {
        tokio::select! {
            () = hold(&app, caller, &note, &headers, sink, source, &connection) => {}
            () = connection.over() => {}
        }
    })
}

/// How a connection ends.
enum End {
    /// The execution is over, whatever came of it.
    Complete,
    /// The client speaks no JSON.
    InvalidJson,
    /// The client breaks other rules.
    Broken(Broken),
    /// The server ends, and nothing has been asked of it.
    Leaving,
    /// Nothing has been asked of it, and others wait for a connection.
    Unwanted,
    /// The client is gone, or as good as.
    Gone,
}

impl End {
    /// What the client is told, if it is there.
    fn reason(&self) -> Option<(CloseCode, &'static str)> {
        match self {
            Self::Complete => Some((CloseCode::Normal, "Execution complete")),
            Self::InvalidJson => Some((CloseCode::Unsupported, "Invalid JSON")),
            Self::Broken(Broken::TooLong) => Some((CloseCode::Size, "Message too long")),
            Self::Broken(Broken::NoRoom) => Some((CloseCode::Again, "Too much is held already")),
            Self::Broken(Broken::Protocol) => Some((CloseCode::Protocol, "Protocol error")),
            Self::Broken(Broken::Text) => Some((CloseCode::Invalid, "Text is not UTF-8")),
            Self::Leaving => Some((CloseCode::Away, "Server is shutting down")),
            Self::Unwanted => Some((CloseCode::Again, "Too many connections")),
            Self::Broken(Broken::Closed | Broken::Gone) | Self::Gone => None,
        }
    }
}

async fn hold(
    app: &App,
    caller: Caller,
    note: &Note,
    headers: &HeaderMap,
    mut sink: Sink,
    mut source: Source,
    connection: &Upgraded,
) {
    let opened = Instant::now();
    let opening = tokio::select! {
        opening = opening(note, &mut sink, &mut source) => opening,
        () = connection.ending() => Err(End::Leaving),
        () = connection.unwanted() => Err(End::Unwanted),
    };
    let end = match opening {
        Ok(opening) => {
            connection.begin();
            let confirmed = if opened.elapsed() > FRESH { app.access.confirm(headers).await } else { Ok(()) };
            match confirmed {
                Ok(()) => converse(app, caller, note, opening, &mut sink, &mut source).await,
                Err(refusal) => complain(note, &mut sink, refusal.into_event()).await,
            }
        }
        Err(end) => end,
    };
    if let Some((code, reason)) = end.reason() {
        websocket::close(sink, source, code, reason).await;
    }
}

/// What a client wants to have run.
struct Opening {
    body: ExecuteBody,
    live_stdin: bool,
    buffered: bool,
    /// What that takes up.
    share: Share,
}

async fn converse(
    app: &App,
    caller: Caller,
    note: &Note,
    opening: Opening,
    sink: &mut Sink,
    source: &mut Source,
) -> End {
    let Opening { body, live_stdin, buffered, share } = opening;
    let wish = match app.accept(&caller, body, share) {
        Ok(wish) => wish,
        Err(refusal) => return complain(note, sink, refusal.into_event()).await,
    };
    let (stdin, chunks) = mpsc::channel(STDIN_QUEUE);
    let (signals, queue) = mpsc::channel(SIGNAL_QUEUE);
    let (replies, mut complaints) = mpsc::channel(REPLY_QUEUE);
    let stdin = live_stdin.then_some(stdin);
    let controls = Controls { stdin: live_stdin.then_some(chunks), signals: Some(queue), ..Controls::default() };

    let is_held_up = AtomicBool::new(false);
    let mut listening = std::pin::pin!(listen(source, Ear { stdin, signals, replies, is_held_up: &is_held_up }));
    let mut probe = interval_at(Instant::now() + PROBE, PROBE);
    probe.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut last_ping = Instant::now();
    let mut telling: Option<Telling> = None;
    let mut admission = std::pin::pin!(app.admit(wish));
    let mut controls = Some(controls);
    loop {
        let sent = tokio::select! {
            biased;
            end = &mut listening => return match end {
                End::InvalidJson => complain_of_json(note, sink).await,
                end => end,
            },
            Some(event) = complaints.recv() => event_to(sink, &event).await,
            granted = &mut admission, if telling.is_none() => {
                let controls = controls.take().unwrap_or_default();
                match granted.and_then(|grant| Telling::begin(grant, controls, buffered)) {
                    Ok(begun) => { telling = Some(begun); Ok(()) }
                    Err(refusal) => return complain(note, sink, refusal.into_event()).await,
                }
            }
            told = next(&mut telling) => match told {
                Some(Told::Event(event)) => {
                    note.told(&event);
                    event_to(sink, &event).await
                }
                Some(Told::Result(text, share)) => {
                    let sent = put(sink, Message::Text(text.into())).await;
                    drop(share);
                    sent
                }
                None => return End::Complete,
            },
            _ = probe.tick() => {
                if !is_held_up.load(Ordering::Relaxed) && last_ping.elapsed() < HEARTBEAT {
                    continue;
                }
                last_ping = Instant::now();
                put(sink, Message::Ping(Bytes::new())).await
            }
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
async fn opening(note: &Note, sink: &mut Sink, source: &mut Source) -> Result<Opening, End> {
    let deadline = Instant::now() + HESITATION;
    let mut beat = interval_at(Instant::now() + HEARTBEAT, HEARTBEAT);
    let mut heard = Instant::now();
    loop {
        let message = tokio::select! {
            message = source.next() => message.map_err(End::Broken)?,
            _ = beat.tick() => {
                if heard.elapsed() > SILENCE || Instant::now() > deadline {
                    return Err(End::Gone);
                }
                put(sink, Message::Ping(Bytes::new())).await.map_err(|()| End::Gone)?;
                continue;
            }
        };
        heard = Instant::now();
        match understand(&message) {
            Ok(Some(ClientMessage::Execute { request, options, session_id, live_stdin, buffered })) => {
                let body = ExecuteBody { request: *request, options: options.map(|options| *options), session_id };
                return Ok(Opening { body, live_stdin, buffered, share: source.share() });
            }
            // Nobody is there for it yet.
            Ok(_) => {}
            Err(Unread::NotJson) => return Err(complain_of_json(note, sink).await),
            Err(Unread::Unknown(event)) => event_to(sink, &event).await.map_err(|()| End::Gone)?,
            Err(Unread::Malformed(event)) => return Err(complain(note, sink, event).await),
        }
        source.done();
    }
}

/// Where what the client says goes.
struct Ear<'a> {
    stdin: Option<mpsc::Sender<Bytes>>,
    signals: mpsc::Sender<ProgramSignal>,
    replies: mpsc::Sender<ServerEvent>,
    /// Whether the program does not read what it is sent.
    is_held_up: &'a AtomicBool,
}

/// Takes what the client says while its program runs. Resolves when it says no more.
async fn listen(source: &mut Source, mut ear: Ear<'_>) -> End {
    loop {
        source.done();
        let message = match timeout(SILENCE, source.next()).await {
            Ok(Ok(message)) => message,
            Ok(Err(broken)) => return End::Broken(broken),
            Err(_) => return End::Gone,
        };
        let complaint = match understand(&message) {
            Ok(None) => continue,
            Ok(Some(ClientMessage::Stdin { data, end })) => {
                // Its parts are kept instead.
                drop(message);
                ear.feed(data.unwrap_or_default(), end).await;
                continue;
            }
            Ok(Some(ClientMessage::Signal { signal })) => {
                let _ = ear.signals.try_send(signal);
                continue;
            }
            Ok(Some(ClientMessage::Execute { .. })) => {
                failure(ErrorCode::InvalidRequest, "a connection is for one execution".to_owned())
            }
            Err(Unread::NotJson) => return End::InvalidJson,
            Err(Unread::Unknown(event) | Unread::Malformed(event)) => event,
        };
        // Nobody has to be told of everything that it does wrong.
        let _ = ear.replies.try_send(complaint);
    }
}

impl Ear<'_> {
    /// Passes standard input on, as fast as the program reads it.
    async fn feed(&mut self, mut data: Bytes, is_last: bool) {
        if let Some(stdin) = &self.stdin {
            while !data.is_empty() {
                // A copy, so that a part that waits does not keep the whole.
                let chunk = Bytes::copy_from_slice(&data.split_to(data.len().min(STDIN_CHUNK)));
                self.is_held_up.store(true, Ordering::Relaxed);
                if stdin.send(chunk).await.is_err() {
                    // A program that has ended reads no more.
                    break;
                }
            }
            self.is_held_up.store(false, Ordering::Relaxed);
        }
        if is_last {
            self.stdin = None;
        }
    }
}

/// Why a message is none.
enum Unread {
    NotJson,
    Unknown(ServerEvent),
    Malformed(ServerEvent),
}

/// What a message says; nothing if it only shows that somebody is there.
fn understand(message: &Message) -> Result<Option<ClientMessage>, Unread> {
    match message {
        Message::Text(text) => read(text).map(Some),
        Message::Binary(_) => Err(Unread::NotJson),
        _ => Ok(None),
    }
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

async fn complain(note: &Note, sink: &mut Sink, event: ServerEvent) -> End {
    note.told(&event);
    match event_to(sink, &event).await {
        Ok(()) => End::Complete,
        Err(()) => End::Gone,
    }
}

async fn complain_of_json(note: &Note, sink: &mut Sink) -> End {
    let event = failure(ErrorCode::InvalidRequest, "Invalid JSON message".to_owned());
    note.told(&event);
    match event_to(sink, &event).await {
        Ok(()) => End::InvalidJson,
        Err(()) => End::Gone,
    }
}

async fn event_to(sink: &mut Sink, event: &ServerEvent) -> Result<(), ()> {
    let text = serde_json::to_string(event).map_err(|_| ())?;
    put(sink, Message::Text(text.into())).await
}

/// Fails when the client is not there any more, or as good as.
async fn put(sink: &mut Sink, message: Message) -> Result<(), ()> {
    match timeout(PATIENCE, sink.send(message)).await {
        Ok(Ok(())) => Ok(()),
        Ok(Err(_)) | Err(_) => Err(()),
    }
}
