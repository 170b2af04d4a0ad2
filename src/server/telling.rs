//! What a client hears of its execution over a WebSocket: events while it goes on, or one result at its end.

use futures::future::BoxFuture;
use serde::Serialize;

use super::refusal::Refusal;
use super::run::{Grant, Run};
use crate::api::ExecutionResult;
use crate::api::wire::{ServerEvent, ServerResult};
use crate::engine::Controls;

/// An execution that goes on, as its client wants to hear of it.
pub(super) enum Telling {
    Events(Box<Run>),
    /// Absent when it has been told.
    Result(Option<BoxFuture<'static, Result<ExecutionResult, Refusal>>>),
}

/// Something that the client hears.
#[derive(Serialize)]
#[serde(untagged)]
pub(super) enum Told {
    Event(ServerEvent),
    Result(Box<ServerResult>),
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
                Some(match outcome {
                    Ok(result) => Told::Result(Box::new(result.into())),
                    Err(refusal) => Told::Event(refusal.into_event()),
                })
            }
        }
    }
}
