//! `POST /execute/stream`: runs a program and sends its output as it comes, as server-sent events.
//!
//! A task of its own reads the run and puts frames into a short queue, from which the connection takes them; so a
//! client that reads slowly slows its program down. One that does not read at all for a while, or goes away, loses it.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::extract::{Extension, State};
use axum::http::header::{CACHE_CONTROL, CONNECTION, CONTENT_TYPE};
use axum::http::{HeaderName, HeaderValue};
use axum::response::{IntoResponse, Response};
use bytes::{BufMut, Bytes, BytesMut};
use futures::stream;
use tokio::sync::mpsc;
use tokio::time::{Instant, MissedTickBehavior, interval_at};

use super::execute::OVERRULED;
use crate::api::wire::{ExecuteBody, ServerEvent};
use crate::engine::Controls;
use crate::server::app::App;
use crate::server::caller::Caller;
use crate::server::gate::Note;
use crate::server::refusal::Refusal;
use crate::server::run::Wish;

/// Frames that wait for the connection.
const QUEUE: usize = 4;

/// How often something is sent even if there is nothing to say, so that nobody between takes the connection for dead.
pub(super) const HEARTBEAT: Duration = Duration::from_secs(15);

/// How long a client may take to read what there is.
pub(super) const PATIENCE: Duration = Duration::from_secs(60);

/// A comment, which clients pass over.
const COMMENT: Bytes = Bytes::from_static(b": \n\n");

pub(super) async fn stream(
    State(app): State<Arc<App>>,
    Extension(caller): Extension<Caller>,
    Extension(note): Extension<Note>,
    body: Body,
) -> Result<Response, Refusal> {
    let (body, share) = app.read::<ExecuteBody>(&caller, body).await?;
    let wish = app.accept(&caller, body, share)?;
    let is_overruled = wish.is_overruled();
    let (frames, queue) = mpsc::channel(QUEUE);
    tokio::spawn(async move {
        tokio::select! {
            // What is under way here is dropped, and the program killed.
            () = frames.closed() => {}
            () = send(&app, wish, &frames, &note) => {}
        }
    });
    let frames = stream::unfold(queue, |mut queue| async move {
        let frame = queue.recv().await?;
        Some((Ok::<_, Infallible>(frame), queue))
    });
    let headers = [
        (CONTENT_TYPE, HeaderValue::from_static("text/event-stream")),
        (CACHE_CONTROL, HeaderValue::from_static("no-cache")),
        (CONNECTION, HeaderValue::from_static("keep-alive")),
        (HeaderName::from_static("x-accel-buffering"), HeaderValue::from_static("no")),
    ];
    let mut response = (headers, Body::from_stream(frames)).into_response();
    if is_overruled {
        response.headers_mut().insert(OVERRULED.0, HeaderValue::from_static(OVERRULED.1));
    }
    Ok(response)
}

/// Runs what was wished for and sends all that happens. Ends early when the client has stopped reading.
async fn send(app: &App, wish: Wish, frames: &mpsc::Sender<Bytes>, note: &Note) {
    let mut beat = interval_at(Instant::now() + HEARTBEAT, HEARTBEAT);
    beat.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut admission = std::pin::pin!(app.admit(wish));
    let granted = loop {
        tokio::select! {
            granted = &mut admission => break granted,
            _ = beat.tick() => if put(frames, COMMENT).await.is_err() { return },
        }
    };
    let mut run = match granted.and_then(|grant| grant.stream(Controls::default())) {
        Ok(run) => run,
        Err(refusal) => {
            let event = refusal.into_event();
            note.told(&event);
            let _ = put(frames, frame(&event)).await;
            return;
        }
    };
    loop {
        let sent = tokio::select! {
            biased;
            event = run.next() => match event {
                Some(event) => {
                    note.told(&event);
                    put(frames, frame(&event)).await
                }
                None => return,
            },
            _ = beat.tick() => put(frames, COMMENT).await,
        };
        if sent.is_err() {
            return;
        }
    }
}

/// Fails when the client is not there any more, or as good as.
async fn put(frames: &mpsc::Sender<Bytes>, frame: Bytes) -> Result<(), ()> {
    frames.send_timeout(frame, PATIENCE).await.map_err(|_| ())
}

fn frame(event: &ServerEvent) -> Bytes {
    let mut frame = BytesMut::from(&b"data: "[..]).writer();
    // Plain data, into memory.
    let _ = serde_json::to_writer(&mut frame, event);
    let mut frame = frame.into_inner();
    frame.extend_from_slice(b"\n\n");
    frame.freeze()
}
