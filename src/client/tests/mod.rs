//! The client against a server that does what a test says.

mod fake;
mod http;
mod sse;
mod websocket;

use bytes::Bytes;
use tokio::sync::mpsc;

use super::{Error, Events};
use crate::api::{Phase, Request, StreamEvent, StreamEventKind};
use crate::engine::Controls;

const RESULT: &str = r#"{"stdout":"hi","stderr":"","exitCode":3,"durationMs":1,"programMs":0.5,"truncated":false,
    "timedOut":false,"outOfMemory":false,"executionId":"e","runtime":"bash","timestamp":"t","containerId":"c"}"#;

const HI: &str = r#"{"type":"stdout","data":"hi","phase":"code"}"#;
const EXIT: &str = r#"{"type":"exit","data":"0","phase":"code"}"#;

fn request() -> Request {
    Request { runtime: "bash".to_owned(), cmd: Some("echo hi".to_owned()), ..Request::default() }
}

/// Controls of an execution that reads what is sent.
fn live() -> (Controls, mpsc::Sender<Bytes>) {
    let (sender, receiver) = mpsc::channel(1);
    (Controls { stdin: Some(receiver), ..Controls::default() }, sender)
}

fn event(kind: StreamEventKind, data: &str) -> StreamEvent {
    StreamEvent { kind, data: data.to_owned(), phase: Some(Phase::Code) }
}

fn hi_and_exit() -> Vec<StreamEvent> {
    vec![event(StreamEventKind::Stdout, "hi"), event(StreamEventKind::Exit, "0")]
}

/// All events, and how it failed if it did.
async fn collect(mut events: Events) -> (Vec<StreamEvent>, Option<Error>) {
    let mut collected = Vec::new();
    while let Some(event) = events.next().await {
        match event {
            Ok(event) => collected.push(event),
            Err(error) => {
                assert!(events.next().await.is_none(), "nothing follows an error");
                return (collected, Some(error));
            }
        }
    }
    (collected, None)
}
