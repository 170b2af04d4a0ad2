//! Sessions: sandboxes that last from one execution to the next.
//!
//! A session belongs to the tenant that created it, and for everybody else but the holders of the master key there is
//! none of that name. It is made by the first execution in it, all at once, and lasts until it is deleted, is idle for
//! too long, or the server ends. Executions in it come one after the other; what has ended with no sandbox to show for
//! it leaves no session behind.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::caller::{Caller, Tenant};
use super::engines::digest;
use super::policy::Effective;
use super::refusal::Refusal;
use super::workshop::Workshop;
use crate::api::{ErrorCode, Mode};
use crate::engine::Engine;

/// The longest name of a session.
const MAX_NAME: usize = 128;

/// How long somebody is sent away who has too many sessions: they have to do something about it.
const TRY_AGAIN: Duration = Duration::from_secs(60);

/// Whose, and its name.
type Key = (Tenant, Arc<str>);

type Entries = HashMap<Key, Arc<Session>>;

/// All sessions of a server.
#[derive(Debug)]
pub(super) struct Sessions {
    workshop: Workshop,
    /// Most of one tenant.
    bound: usize,
    entries: Mutex<Entries>,
}

/// One session.
#[derive(Debug)]
pub(super) struct Session {
    key: Key,
    engine: Engine,
    options: [u8; 32],
    /// One execution at a time, in the order in which they came.
    turn: Arc<Semaphore>,
    /// One file read at a time, since each is in memory as a whole.
    reading: Arc<Semaphore>,
    state: Mutex<State>,
    ended: CancellationToken,
}

#[derive(Debug)]
struct State {
    /// Executions that wait or run, and file operations.
    users: usize,
    /// Executions that run.
    running: usize,
    last_used: Instant,
    last_accessed: Timestamp,
    closed: bool,
}

/// What is told of a session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Info {
    pub tenant: Tenant,
    pub id: Arc<str>,
    pub is_active: bool,
    pub last_accessed: Timestamp,
}

/// A session in use: it is not idle until this is dropped.
#[derive(Debug)]
pub(super) struct Visit {
    sessions: Arc<Sessions>,
    session: Arc<Session>,
}

/// The turn of an execution.
#[derive(Debug)]
pub(super) struct Turn {
    visit: Visit,
    has_begun: bool,
    _permit: OwnedSemaphorePermit,
}

impl Sessions {
    pub(super) fn new(workshop: Workshop, bound: usize) -> Arc<Self> {
        Arc::new(Self { workshop, bound, entries: Mutex::default() })
    }

    /// The session of that name of `tenant`, made if there is none.
    pub(super) fn open(self: &Arc<Self>, tenant: Tenant, id: &str, effective: &Effective) -> Result<Visit, Refusal> {
        check_name(id)?;
        let key: Key = (tenant, id.into());
        if let Some(visit) = self.join(&self.entries(), &key)? {
            return Ok(visit);
        }
        // Compiling a client's patterns takes a while, in which others need the lock.
        let made = self.make(key.clone(), effective)?;
        let mut entries = self.entries();
        if let Some(visit) = self.join(&entries, &key)? {
            return Ok(visit);
        }
        entries.insert(key, made.clone());
        Ok(self.visit(made))
    }

    /// A visit to the session of that key; none if there is room for it to be made.
    fn join(self: &Arc<Self>, entries: &Entries, key: &Key) -> Result<Option<Visit>, Refusal> {
        if let Some(session) = entries.get(key) {
            return Ok(Some(self.visit(session.clone())));
        }
        if entries.keys().filter(|(tenant, _)| *tenant == key.0).count() >= self.bound {
            let message = format!("there are {} sessions, and may be no more (server.limits.sessions)", self.bound);
            return Err(Refusal::busy(message, TRY_AGAIN));
        }
        Ok(None)
    }

    fn make(&self, key: Key, effective: &Effective) -> Result<Arc<Session>, Refusal> {
        Ok(Arc::new(Session {
            engine: self.workshop.engine(&key.0, effective, Mode::Persistent)?,
            options: digest(effective)?,
            key,
            turn: Arc::new(Semaphore::new(1)),
            reading: Arc::new(Semaphore::new(1)),
            state: Mutex::new(State {
                users: 0,
                running: 0,
                last_used: Instant::now(),
                last_accessed: Timestamp::now(),
                closed: false,
            }),
            ended: CancellationToken::new(),
        }))
    }

    /// The session that `caller` means by that name. To somebody whose it is not, it does not exist.
    pub(super) fn find(self: &Arc<Self>, caller: &Caller, tenant: Option<&str>, id: &str) -> Result<Visit, Refusal> {
        let session = self.resolve(caller, tenant, id)?.ok_or_else(not_found)?;
        Ok(self.visit(session))
    }

    /// Ends the session that `caller` means by that name, if there is one; resolves when its container is gone.
    pub(super) async fn delete(&self, caller: &Caller, tenant: Option<&str>, id: &str) -> Result<(), Refusal> {
        if let Some(session) = self.resolve(caller, tenant, id)? {
            self.end(&session).await;
        }
        Ok(())
    }

    /// The sessions that `caller` may see, by their names.
    pub(super) fn list(&self, caller: &Caller) -> Vec<Info> {
        let own = caller.tenant();
        let mut infos: Vec<_> = self
            .entries()
            .values()
            .filter(|session| caller.is_master() || session.key.0 == own)
            .map(|session| session.info())
            .collect();
        infos.sort_by(|a, b| (&a.id, &a.tenant).cmp(&(&b.id, &b.tenant)));
        infos
    }

    /// How many there are.
    pub(super) fn count(&self) -> usize {
        self.entries().len()
    }

    /// Ends those that nobody uses and nobody has used for `age`.
    pub(super) async fn prune(&self, now: Instant, age: Duration) {
        let idle: Vec<_> = self.entries().values().filter(|session| session.is_idle(now, age)).cloned().collect();
        futures::future::join_all(idle.iter().map(|session| async {
            tracing::debug!(session = %session.key.1.escape_debug(), "ending an idle session");
            let is_idle = |state: &State, _: &Engine| state.is_idle(now, age);
            self.end_if(session, is_idle).await;
        }))
        .await;
    }

    /// Ends all sessions of one tenant, or of all; says how many there were.
    pub(super) async fn end_all(&self, tenant: Option<&Tenant>) -> usize {
        let is_theirs = |session: &&Arc<Session>| tenant.is_none_or(|tenant| session.key.0 == *tenant);
        let sessions: Vec<_> = self.entries().values().filter(is_theirs).cloned().collect();
        futures::future::join_all(sessions.iter().map(|session| self.end(session))).await;
        sessions.len()
    }

    fn resolve(&self, caller: &Caller, tenant: Option<&str>, id: &str) -> Result<Option<Arc<Session>>, Refusal> {
        let own = match (caller, tenant) {
            (Caller::Master, Some(tenant)) => Tenant::Named(tenant.into()),
            (caller, _) => caller.tenant(),
        };
        let entries = self.entries();
        if let Some(session) = entries.get(&(own, Arc::from(id))) {
            return Ok(Some(session.clone()));
        }
        if !caller.is_master() || tenant.is_some() {
            return Ok(None);
        }
        let mut others = entries.values().filter(|session| *session.key.1 == *id);
        match (others.next(), others.next()) {
            (only, None) => Ok(only.cloned()),
            (_, Some(_)) => {
                let message = "several tenants have a session of this name: say which with tenantId";
                Err(Refusal::new(ErrorCode::InvalidRequest, message))
            }
        }
    }

    fn visit(self: &Arc<Self>, session: Arc<Session>) -> Visit {
        let mut state = session.state();
        state.users += 1;
        state.touch();
        drop(state);
        Visit { sessions: self.clone(), session }
    }

    async fn end(&self, session: &Arc<Session>) {
        self.end_if(session, |_, _| true).await;
    }

    async fn end_if(&self, session: &Arc<Session>, condition: impl FnOnce(&State, &Engine) -> bool) {
        let stopped = {
            let mut entries = self.entries();
            let mut state = session.state();
            if !condition(&state, &session.engine) {
                return;
            }
            state.closed = true;
            // Another of the same name may have come meanwhile.
            if entries.get(&session.key).is_some_and(|current| Arc::ptr_eq(current, session)) {
                entries.remove(&session.key);
            }
            // While nothing can be begun: what is begun afterwards would start the engine again.
            session.engine.stop()
        };
        session.ended.cancel();
        stopped.await;
    }

    /// Held for some bookkeeping at the most. Locked before the state of a session.
    fn entries(&self) -> MutexGuard<'_, Entries> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Session {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn info(&self) -> Info {
        let state = self.state();
        let (tenant, id) = self.key.clone();
        Info { tenant, id, is_active: state.running > 0, last_accessed: state.last_accessed }
    }

    fn is_idle(&self, now: Instant, age: Duration) -> bool {
        self.state().is_idle(now, age)
    }
}

impl State {
    fn is_idle(&self, now: Instant, age: Duration) -> bool {
        self.users == 0 && now.duration_since(self.last_used) > age
    }

    fn touch(&mut self) {
        (self.last_used, self.last_accessed) = (Instant::now(), Timestamp::now());
    }
}

impl Visit {
    /// Its engine, for file operations.
    pub(super) fn engine(&self) -> &Engine {
        &self.session.engine
    }

    /// The right to read a file.
    pub(super) async fn reading(&self) -> Result<OwnedSemaphorePermit, Refusal> {
        self.session.reading.clone().acquire_owned().await.map_err(|_| ended())
    }

    /// Whether it was made with these options.
    pub(super) fn has_options(&self, effective: &Effective) -> bool {
        digest(effective).is_ok_and(|digest| digest == self.session.options)
    }

    /// Waits until those who came before have had their turn.
    pub(super) async fn turn(self) -> Result<Turn, Refusal> {
        let permit = tokio::select! {
            biased;
            () = self.session.ended.cancelled() => return Err(ended()),
            permit = self.session.turn.clone().acquire_owned() => permit.map_err(|_| ended())?,
        };
        Ok(Turn { visit: self, has_begun: false, _permit: permit })
    }
}

impl Turn {
    /// Begins an execution, unless the session has been ended meanwhile.
    pub(super) fn begin<T>(&mut self, begin: impl FnOnce(&Engine) -> T) -> Result<T, Refusal> {
        let session = &self.visit.session;
        let mut state = session.state();
        if state.closed {
            return Err(ended());
        }
        state.running += 1;
        self.has_begun = true;
        Ok(begin(&session.engine))
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        if self.has_begun {
            self.visit.session.state().running -= 1;
        }
    }
}

impl Drop for Visit {
    fn drop(&mut self) {
        let mut state = self.session.state();
        state.users -= 1;
        state.touch();
        let is_last = state.users == 0 && !state.closed;
        drop(state);
        if is_last && self.session.engine.container_id().is_none() {
            let (sessions, session) = (self.sessions.clone(), self.session.clone());
            // Nothing is in it. Whoever has come meanwhile keeps it.
            if let Ok(runtime) = tokio::runtime::Handle::try_current() {
                runtime.spawn(async move {
                    sessions
                        .end_if(&session, |state, engine| state.users == 0 && engine.container_id().is_none())
                        .await;
                });
            }
        }
    }
}

fn not_found() -> Refusal {
    Refusal::new(ErrorCode::SessionNotFound, "Session not found")
}

fn ended() -> Refusal {
    Refusal::new(ErrorCode::Stopped, "the session was ended")
}

fn check_name(id: &str) -> Result<(), Refusal> {
    // Clients take the last two out of a path before they send it, however they are written.
    if id.is_empty() || id.len() > MAX_NAME || id.chars().any(char::is_control) || matches!(id, "." | "..") {
        let message = format!(
            "invalid sessionId: expected 1 to {MAX_NAME} bytes without control characters, and neither \".\" nor \"..\""
        );
        return Err(Refusal::new(ErrorCode::InvalidRequest, message));
    }
    Ok(())
}
