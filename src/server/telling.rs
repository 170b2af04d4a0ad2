//! What a client hears of its execution over a WebSocket: events while it goes on, or one result at its end.

use futures::future::BoxFuture;

use super::memory::Share;
use super::refusal::Refusal;
use super::run::{Grant, Run};
use crate::api::wire::{ServerEvent, ServerResult};
use crate::api::{ErrorCode, ExecutionResult};
use crate::engine::Controls;

/// An execution that goes on, as its client wants to hear of it.
pub(super) enum Telling {
    Events(Box<Run>),
    /// Absent when it has been told.
    Result(Option<BoxFuture<'static, Result<(ExecutionResult, Share), Refusal>>>),
}

/// Something that the client hears.
pub(super) enum Told {
    Event(ServerEvent),
    /// A result as JSON, and what that takes up.
    Result(String, Share),
}

impl Telling {
    /// Begins.
    pub(super) fn begin(grant: Grant, controls: Controls, buffered: bool) -> Result<Self, Refusal> {
        if buffered {
            return Ok(Self::Result(Some(Box::pin(grant.execute(controls)))));
        }
        Ok(Self::Events(Box::new(grant.stream(controls)?)))
    }

    /// What comes next; `None` after the last.
    pub(super) async fn next(&mut self) -> Option<Told> {
        match self {
            Self::Events(run) => Some(Told::Event(run.next().await?)),
            Self::Result(execution) => {
                let outcome = execution.as_mut()?.await;
                *execution = None;
                Some(outcome.and_then(whole).unwrap_or_else(|refusal| Told::Event(refusal.into_event())))
            }
        }
    }
}

/// A result that counts, instead of what was asked, until it has been sent.
fn whole((result, mut share): (ExecutionResult, Share)) -> Result<Told, Refusal> {
    let text = serde_json::to_string(&ServerResult::from(result))
        .map_err(|error| Refusal::new(ErrorCode::Internal, format!("a result without JSON form: {error}")))?;
    share.set(text.len() as u64);
    Ok(Told::Result(text, share))
}
