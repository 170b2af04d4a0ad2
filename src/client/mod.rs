//! `RemoteIsol8`: a server of isol8, used from elsewhere.
//!
//! Everything goes over one pool of kept-alive connections ([`connection`]): a buffered execution is one `POST`, a
//! streamed one a WebSocket ([`websocket`]) or, where the way to the server lets none through, an event stream
//! ([`sse`]). A buffered one whose standard input is still to come is a WebSocket, too, if there is a way. Either way the execution is a task that passes events on into a short queue ([`events`]); dropping its
//! consumer closes the connection, upon which the server kills the program.
//!
//! A request that certainly was not sent is tried again a few times; one that may have been is not. An execution has no
//! time limit here: the server has one. Whatever is received is bounded, and the key is shown to nobody but the host
//! that it is for.

mod connection;
mod endpoint;
mod error;
mod events;
mod files;
mod input;
mod retry;
mod sse;
#[cfg(test)]
mod tests;
mod websocket;

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::{OwnedMutexGuard, mpsc};
use tokio_util::sync::CancellationToken;

use crate::api::wire::{ExecuteBody, KeyRequest, Login, SessionInfo, SessionList};
use crate::api::{ExecutionResult, KeyLifetime, Mode, Options, Request};
use crate::engine::{Controls, Settings, in_line};
use connection::{Connection, MAX_LISTING, MAX_LOGIN, MAX_RESULT, MAX_RESULT_WITH_FILES, PATIENCE};
use endpoint::Endpoint;
use error::Doing;

pub use endpoint::{EndpointError, RemoteOptions};
pub use error::Error;
pub use events::Events;

/// Events between a connection and its consumer.
const QUEUE: usize = 16;

/// Runs untrusted code on a server. Cheap to clone; all clones are the same client.
#[derive(Debug, Clone)]
pub struct Client {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    connection: Connection,
    /// What the server is asked for with every execution, beyond its own defaults.
    options: Option<Options>,
    session: Option<String>,
    /// Set once an event stream has worked where a WebSocket had not.
    no_websocket: AtomicBool,
    /// Executions in the session wait here, in the order of the calls: each has a connection of its own, and which of
    /// those the server hears first is chance.
    turn: Arc<tokio::sync::Mutex<()>>,
    /// Ends every execution. Replaced by [`Client::stop`], so that what comes later starts afresh.
    stop: Mutex<CancellationToken>,
}

impl Client {
    /// Checks what it is given. Connects to nobody; for `https`, reads whom this machine trusts. `None` for options leaves all of them to the server.
    pub fn new(remote: RemoteOptions, options: Option<Options>) -> Result<Self, Error> {
        let (endpoint, session) = Endpoint::parse(remote)?;
        let options = options.map(|options| checked(options, session.is_some())).transpose()?;
        let connection = Connection::new(endpoint)?;
        let (no_websocket, turn, stop) = Default::default();
        Ok(Self { shared: Arc::new(Shared { connection, options, session, no_websocket, turn, stop }) })
    }

    /// Whether the server is there and well.
    pub async fn start(&self) -> Result<(), Error> {
        let Shared { connection, .. } = &*self.shared;
        let health = connection.get(connection.endpoint.url(&["health"])).timeout(PATIENCE);
        let answer = connection.send(Doing::Health, health).await?;
        if !answer.status().is_success() {
            return Err(connection.refusal(Doing::Health, answer).await);
        }
        Ok(())
    }

    /// Ends every execution that has begun, and the session if there is one: its sandbox goes with all that is in it.
    /// A server that cannot be told ends both in its own time, so that is no failure.
    pub fn stop(&self) -> impl Future<Output = ()> + use<> {
        std::mem::take(&mut *self.shared.stop.lock().unwrap_or_else(PoisonError::into_inner)).cancel();
        let client = self.clone();
        async move {
            let Some(session) = &client.shared.session else { return };
            if let Err(error) = client.delete_session(session).await {
                tracing::debug!(%error, "could not end the session");
            }
        }
    }

    /// Runs `request` and resolves when it has ended, whatever its exit code.
    pub fn execute(
        &self,
        request: Request,
        controls: Controls,
    ) -> impl Future<Output = Result<ExecutionResult, Error>> + use<> {
        let (client, stop, turn) = (self.clone(), self.stop_token(), self.turn());
        let Controls { abort, stdin, .. } = controls;
        async move {
            let execution = async {
                let _turn = turn.await;
                client.buffered(request, stdin).await
            };
            tokio::select! {
                biased;
                () = abort.cancelled() => Err(Error::Aborted),
                () = stop.cancelled() => Err(Error::Stopped),
                result = execution => result,
            }
        }
    }

    async fn buffered(
        &self,
        request: Request,
        stdin: Option<mpsc::Receiver<input::Chunk>>,
    ) -> Result<ExecutionResult, Error> {
        let Shared { connection, no_websocket, .. } = &*self.shared;
        let request = input::checked(request)?;
        let limit = if request.output_paths.is_some() { MAX_RESULT_WITH_FILES } else { MAX_RESULT };
        if stdin.is_some() && !no_websocket.load(Ordering::Relaxed) {
            match websocket::open(connection, limit).await? {
                Ok(socket) => return websocket::run_buffered(socket, self.body(request), stdin).await,
                Err(refusal) => tracing::debug!(reason = refusal.reason, "no WebSocket, collecting standard input"),
            }
        }
        // What the program would print meanwhile, nobody would see.
        let request = input::with_collected(request, stdin).await?;
        let post = connection.post(connection.endpoint.url(&["execute"]), &self.body(request))?;
        let answer = connection.send(Doing::Execute, post).await?;
        connection.json(Doing::Execute, answer, limit).await
    }

    /// Runs `request` and yields its output as it comes. Dropping the stream kills the program. Must be called within
    /// a tokio runtime.
    pub fn stream(&self, request: Request, controls: Controls) -> Events {
        let (events, receiver) = mpsc::channel(QUEUE);
        let (client, stop, turn) = (self.clone(), self.stop_token(), self.turn());
        let Controls { abort, stdin, .. } = controls;
        tokio::spawn(async move {
            let execution = async {
                let _turn = turn.await;
                client.streamed(request, stdin, &events).await
            };
            let ended = tokio::select! {
                biased;
                () = events.closed() => return,
                () = abort.cancelled() => Err(Error::Aborted),
                () = stop.cancelled() => Err(Error::Stopped),
                ended = execution => ended,
            };
            if let Err(error) = ended {
                // Only fails when nobody listens any more.
                let _ = events.send(Err(error)).await;
            }
        });
        Events::new(receiver)
    }

    /// Over a WebSocket if there is a way for one, else as an event stream. What has begun is never begun again.
    async fn streamed(
        &self,
        request: Request,
        stdin: Option<mpsc::Receiver<input::Chunk>>,
        events: &events::Sender,
    ) -> Result<(), Error> {
        let Shared { connection, no_websocket, .. } = &*self.shared;
        let request = input::checked(request)?;
        let mut lasting = false;
        if !no_websocket.load(Ordering::Relaxed) {
            match websocket::open(connection, websocket::MAX_EVENT).await? {
                Ok(socket) => return websocket::run(socket, self.body(request), stdin, events).await,
                Err(refusal) => {
                    tracing::debug!(reason = refusal.reason, "no WebSocket, trying an event stream");
                    lasting = refusal.lasting;
                }
            }
        }
        let request = input::with_collected(request, stdin).await?;
        let answer = sse::open(connection, &self.body(request)).await?;
        if lasting {
            no_websocket.store(true, Ordering::Relaxed);
        }
        sse::run(answer, events).await
    }

    /// The sessions that the key may see.
    pub async fn list_sessions(&self) -> Result<Vec<SessionInfo>, Error> {
        let Shared { connection, .. } = &*self.shared;
        let get = connection.get(connection.endpoint.url(&["sessions"])).timeout(PATIENCE);
        let answer = connection.send(Doing::ListSessions, get).await?;
        let SessionList { sessions } = connection.json(Doing::ListSessions, answer, MAX_LISTING).await?;
        Ok(sessions)
    }

    /// Ends a session. One that does not exist is fine.
    pub async fn delete_session(&self, id: &str) -> Result<(), Error> {
        let Shared { connection, .. } = &*self.shared;
        let delete = connection.delete(connection.endpoint.session_url(id)?).timeout(PATIENCE);
        let answer = connection.send(Doing::DeleteSession, delete).await?;
        connection.succeeded(Doing::DeleteSession, answer).await
    }

    /// Has the server make a key, which only holders of its master key can. `ttl_ms` are the milliseconds for which it is
    /// valid, if not for as long as the server says.
    pub async fn login(&self, name: Option<String>, ttl_ms: Option<f64>) -> Result<Login, Error> {
        ttl_ms.map(KeyLifetime::from_millis).transpose()?;
        let Shared { connection, .. } = &*self.shared;
        let body = KeyRequest { name, tenant_id: None, ttl_ms };
        let post = connection.post(connection.endpoint.url(&["auth", "login"]), &body)?.timeout(PATIENCE);
        let answer = connection.send(Doing::Login, post).await?;
        connection.json(Doing::Login, answer, MAX_LOGIN).await
    }

    fn body(&self, request: Request) -> ExecuteBody {
        ExecuteBody { request, options: self.shared.options.clone(), session_id: self.shared.session.clone() }
    }

    /// The turn of an execution that is begun now, if it has to wait for one: only a session has others before it.
    fn turn(&self) -> impl Future<Output = Option<OwnedMutexGuard<()>>> + use<> {
        let turn = self.shared.session.as_ref().map(|_| in_line(self.shared.turn.clone().lock_owned()));
        async move { Some(turn?.await) }
    }

    fn stop_token(&self) -> CancellationToken {
        self.shared.stop.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// The options as they are sent. They are checked as an engine here would check them, so that a mistake shows at once.
fn checked(options: Options, has_session: bool) -> Result<Options, Error> {
    Settings::try_from(options.clone())?;
    if options.docker.is_some() {
        return Err(EndpointError::Docker.into());
    }
    if options.mode == Some(Mode::Persistent) && !has_session {
        return Err(EndpointError::PersistentWithoutSession.into());
    }
    // The server derives the mode from the session, and what it logs is its operator's affair.
    Ok(Options { mode: None, debug: None, ..options })
}
