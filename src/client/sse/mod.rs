//! Streaming as an event stream: one `POST`, whose answer goes on as long as the execution does.

mod parser;

use std::time::Duration;

use reqwest::header::ACCEPT;
use reqwest::{Response, StatusCode};
use tokio::time::timeout;

use super::connection::Connection;
use super::error::{Doing, Error};
use super::events::{Sender, pass_on};
use super::websocket::MAX_EVENT;
use crate::api::wire::ExecuteBody;
use parser::Parser;

/// How long the end of an answer is waited for after the last event, so that its connection can be used again.
const LINGER: Duration = Duration::from_secs(1);

/// Has the server begin.
pub(super) async fn open(connection: &Connection, body: &ExecuteBody) -> Result<Response, Error> {
    let url = connection.endpoint.url(&["execute", "stream"]);
    let post = connection.post(url, body)?.header(ACCEPT, "text/event-stream");
    let answer = connection.send(Doing::Stream, post).await?;
    if !answer.status().is_success() {
        return Err(connection.refusal(Doing::Stream, answer).await);
    }
    if answer.status() == StatusCode::NO_CONTENT || answer.content_length() == Some(0) {
        return Err(Error::NoBody);
    }
    Ok(answer)
}

/// Passes events on up to the last.
pub(super) async fn run(mut answer: Response, events: &Sender) -> Result<(), Error> {
    let mut parser = Parser::new(MAX_EVENT);
    loop {
        let chunk = answer.chunk().await.map_err(|error| Error::receiving(Doing::Stream, error))?;
        let is_end = chunk.is_none();
        let parsed = match &chunk {
            Some(chunk) => parser.push(chunk),
            None => Ok(parser.finish().into_iter().collect()),
        };
        let parsed = parsed.map_err(|error| Error::Protocol { doing: Doing::Stream, reason: error.to_string() })?;
        for data in parsed {
            if pass_on(&data, events).await? {
                // Nothing of interest follows: whatever comes of it is fine.
                let _ = timeout(LINGER, async { while let Ok(Some(_)) = answer.chunk().await {} }).await;
                return Ok(());
            }
        }
        if is_end {
            return Err(Error::Unfinished);
        }
    }
}
