//! One execution for a client: decided, admitted, and given an engine.
//!
//! The order is: may the client have that ([`policy`](super::policy)) → is there a place in its tenant's line → its
//! session's turn, if it has one → a permit → an engine. Whatever goes wrong before an engine has it is a refusal; from
//! then on the engine's events say how it goes. Dropping a [`Run`] kills the program and gives everything back.

use std::time::Instant;

use super::admission::{NoPlace, Permit, Ticket};
use super::app::App;
use super::caller::Caller;
use super::engines::InUse;
use super::memory::Share;
use super::metrics::Outcome;
use super::policy::Effective;
use super::refusal::Refusal;
use super::sessions::{Turn, Visit};
use super::watch::Watch;
use crate::api::wire::{ExecuteBody, ServerEvent};
use crate::api::{ErrorCode, ExecutionResult, Phase, Request, StreamEventKind};
use crate::engine::{Controls, Engine, Error, EventStream, check_request};

/// An execution that a client has asked for and may have.
#[derive(Debug)]
pub(super) struct Wish {
    request: Request,
    effective: Effective,
    ticket: Ticket,
    caller: Caller,
    visit: Option<Visit>,
    since: Instant,
    /// What the request takes up.
    share: Share,
}

/// The right to run it, and where.
#[derive(Debug)]
pub(super) struct Grant {
    request: Request,
    place: Place,
    /// Whether it is for somebody with another key than the master key.
    is_outsiders: bool,
    watch: Watch,
    share: Share,
    /// Given back last.
    _permit: Permit,
}

#[derive(Debug)]
enum Place {
    Own(InUse),
    Session(Turn),
}

/// An execution that goes on.
#[derive(Debug)]
pub(super) struct Run {
    events: EventStream,
    is_over: bool,
    has_timed_out: bool,
    grant: Grant,
}

impl App {
    /// Takes what a client wants into its line, if it may have it. `share` is what it takes up.
    pub(super) fn accept(&self, caller: &Caller, body: ExecuteBody, share: Share) -> Result<Wish, Refusal> {
        let (since, ExecuteBody { mut request, options, session_id }) = (Instant::now(), body);
        let effective = self.policy.decide(caller, options, &mut request)?;
        let tenant = caller.tenant();
        // What makes no sense is told with a status: before anybody waits, and before a stream begins.
        match &session_id {
            None => self.engines.check(&tenant, &effective, &request)?,
            // What makes sense in none opens no session.
            Some(_) => check_request(&request).map_err(Error::from)?,
        }
        let ticket = self.admission.join(tenant.clone(), caller.key()).map_err(no_place)?;
        let visit = session_id.map(|id| self.sessions.open(tenant, &id, &effective)).transpose()?;
        if let Some(visit) = &visit {
            // By its own options, whatever this request asks for.
            visit.engine().check(&request)?;
        }
        Ok(Wish { request, effective, ticket, caller: caller.clone(), visit, since, share })
    }

    /// Waits until it may run.
    pub(super) async fn admit(&self, wish: Wish) -> Result<Grant, Refusal> {
        let Wish { request, effective, ticket, caller, visit, since, share } = wish;
        let turn = match visit {
            Some(visit) => Some(visit.turn().await?),
            None => None,
        };
        let permit = ticket.permit().await.map_err(no_place)?;
        let place = match turn {
            Some(turn) => Place::Session(turn),
            None => Place::Own(self.engines.get(&caller.tenant(), &effective)?),
        };
        let watch = Watch::new(self.metrics.clone(), &request.runtime, since);
        Ok(Grant { request, place, is_outsiders: !caller.is_master(), watch, share, _permit: permit })
    }
}

impl Wish {
    /// Whether it goes to a session that was made with other options than are asked for now. Those of the session hold.
    pub(super) fn is_overruled(&self) -> bool {
        self.visit.as_ref().is_some_and(|visit| !visit.has_options(&self.effective))
    }
}

impl Grant {
    fn begin<T>(&mut self, begin: impl FnOnce(&Engine) -> T) -> Result<T, Refusal> {
        match &mut self.place {
            Place::Own(engine) => Ok(begin(engine.engine())),
            Place::Session(turn) => turn.begin(begin),
        }
    }

    /// Runs it to its end. The answer is then to be counted in what the request took up.
    pub(super) async fn execute(mut self, controls: Controls) -> Result<(ExecutionResult, Share), Refusal> {
        let request = std::mem::take(&mut self.request);
        self.watch.begun(&controls);
        let result = self.begin(|engine| engine.execute(request, controls))?.await;
        self.watch.ended(match &result {
            Ok(ExecutionResult { timed_out: true, .. }) => Outcome::timeout,
            Ok(ExecutionResult { exit_code: 0, .. }) => Outcome::success,
            Ok(_) => Outcome::failure,
            Err(_) => Outcome::error,
        });
        Ok((result.map_err(|error| self.refusal(error))?, self.share))
    }

    fn refusal(&self, error: Error) -> Refusal {
        let refusal = Refusal::from(error);
        if self.is_outsiders { refusal.for_outsiders() } else { refusal }
    }

    /// Runs it.
    pub(super) fn stream(mut self, controls: Controls) -> Result<Run, Refusal> {
        let request = std::mem::take(&mut self.request);
        self.watch.begun(&controls);
        let events = self.begin(|engine| engine.stream(request, controls))?;
        Ok(Run { events, is_over: false, has_timed_out: false, grant: self })
    }
}

impl Run {
    /// What happens next; `None` after the last.
    pub(super) async fn next(&mut self) -> Option<ServerEvent> {
        if self.is_over {
            return None;
        }
        match self.events.next().await? {
            Ok(event) => {
                let mut event = ServerEvent::from(event);
                // The only error after which a program exits.
                self.has_timed_out |= event.event.kind == StreamEventKind::Error;
                if event.event.is_last() {
                    self.is_over = true;
                    self.grant.watch.ended(match event.event.data.as_str() {
                        _ if event.event.phase == Some(Phase::Setup) => Outcome::error,
                        _ if self.has_timed_out => Outcome::timeout,
                        "0" => Outcome::success,
                        _ => Outcome::failure,
                    });
                    event.network_logs = self.events.network_logs().to_vec();
                    event.install_ms = self.events.install_ms();
                }
                Some(event)
            }
            Err(error) => {
                self.is_over = true;
                self.grant.watch.ended(Outcome::error);
                Some(self.grant.refusal(error).into_event())
            }
        }
    }
}

fn no_place(no_place: NoPlace) -> Refusal {
    match no_place {
        NoPlace::Full(wait) => Refusal::busy("too many executions wait already (server.limits.queue)", wait),
        NoPlace::Closed => Refusal::new(ErrorCode::Stopped, "the server is shutting down"),
    }
}
