//! The events of one execution at a server, from the task that has its connection to its consumer.

use std::time::Duration;

use tokio::sync::mpsc;

use super::connection::MAX_RETRY_AFTER;
use super::error::Error;
use crate::api::wire::ServerEvent;
use crate::api::{ErrorCode, NetworkLogEntry, StreamEvent, StreamEventKind};

/// The task's end.
pub(super) type Sender = mpsc::Sender<Result<ServerEvent, Error>>;

/// The consumer's end. Dropping it closes the connection, and the server kills the program.
#[derive(Debug)]
pub struct Events {
    events: Option<mpsc::Receiver<Result<ServerEvent, Error>>>,
    /// The last event has come. The connection is being closed then, for which the task may take its time.
    is_over: bool,
    network_logs: Vec<NetworkLogEntry>,
    install_ms: Option<u64>,
}

impl Events {
    pub(super) fn new(events: mpsc::Receiver<Result<ServerEvent, Error>>) -> Self {
        Self { events: Some(events), is_over: false, network_logs: Vec::new(), install_ms: None }
    }

    /// A stream that has nothing to tell but this.
    pub fn failed(error: Error) -> Self {
        let (events, receiver) = mpsc::channel(1);
        // There is room for one, and the receiver is here.
        let _ = events.try_send(Err(error));
        Self::new(receiver)
    }

    /// The next event; `None` after the last. Nothing follows an error.
    pub async fn next(&mut self) -> Option<Result<StreamEvent, Error>> {
        if self.is_over {
            return None;
        }
        match self.events.as_mut()?.recv().await.unwrap_or_else(|| Err(vanished())) {
            Ok(ServerEvent { event, network_logs, install_ms, .. }) => {
                self.is_over = event.is_last();
                if self.is_over {
                    self.network_logs = network_logs;
                    self.install_ms = install_ms;
                }
                Some(Ok(event))
            }
            Err(error) => {
                self.events = None;
                Some(Err(error))
            }
        }
    }

    /// What the program asked of the network, once it has ended, where the options ask for it.
    pub fn network_logs(&self) -> &[NetworkLogEntry] {
        &self.network_logs
    }

    /// How long installing packages took, once the program has ended, if any were asked for.
    pub fn install_ms(&self) -> Option<u64> {
        self.install_ms
    }

    /// Closes the connection, and resolves when that is done: the server is about to kill the program then.
    pub async fn cancel(&mut self) {
        self.is_over = true;
        if let Some(mut events) = self.events.take() {
            events.close();
            while events.recv().await.is_some() {}
        }
    }
}

/// Passes on one event of the server's, as its JSON says it, and tells whether it is the last. What is not understood is
/// passed over: servers to come may have more to say.
pub(super) async fn pass_on(json: &[u8], events: &Sender) -> Result<bool, Error> {
    let Ok(event) = serde_json::from_slice::<ServerEvent>(json) else {
        tracing::debug!(bytes = json.len(), "the server sent what is no event");
        return Ok(false);
    };
    if let Some(Failed { code, message, retry_after }) = failed(&event) {
        return Err(Error::Execution { code, message, retry_after });
    }
    let is_last = event.event.is_last();
    // Only fails when nobody listens any more, upon which the task ends.
    let _ = events.send(Ok(event)).await;
    Ok(is_last)
}

/// A failure, as a server tells it in an event.
pub(super) struct Failed {
    pub(super) code: ErrorCode,
    /// The server's words.
    pub(super) message: String,
    /// When another try may be worth it.
    pub(super) retry_after: Option<Duration>,
}

/// The failure that an event tells, if it is the one that does.
pub(super) fn failure(json: &[u8]) -> Option<Failed> {
    failed(&serde_json::from_slice(json).ok()?)
}

fn failed(ServerEvent { event, code, retry_after_ms, .. }: &ServerEvent) -> Option<Failed> {
    let is_failure = event.kind == StreamEventKind::Error && event.phase.is_none();
    is_failure.then(|| Failed {
        code: code.as_deref().and_then(ErrorCode::parse).unwrap_or(ErrorCode::RemoteFailed),
        message: event.data.clone(),
        retry_after: retry_after_ms.map(|wait| Duration::from_millis(wait).min(MAX_RETRY_AFTER)),
    })
}

/// The task sends the last event or an error, unless it panicked.
fn vanished() -> Error {
    Error::Internal("the execution ended without a result".to_owned())
}
