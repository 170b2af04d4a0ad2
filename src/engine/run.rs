//! The one pipeline: permit → plan (code that is at a URL is fetched) → sandbox → files → setup scripts and program → output files → sandbox back.
//!
//! Each execution is a task of its own that sends [`RunEvent`]s into a short queue; a consumer that is slow slows
//! the program down. When the consumer goes away, the execution is aborted or the engine stops, the task drops what
//! it holds, which kills the program: see [`Holding`].

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use bytes::Bytes;
use isol8_protocol::{Report, Signal, Status};
use jiff::Timestamp;
use tokio::sync::{OwnedSemaphorePermit, mpsc};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::files::read_back;
use super::forward::Forward;
use super::holding::{Holding, Place};
use super::in_line::in_line;
use super::journal::{Journal, usage};
use super::plan::{Needed, Plan, Work};
use super::{Active, Error, Generation, Shared};
use crate::api::wire::ProgramSignal;
use crate::api::{Phase, Request, ResourceUsage};
use crate::network::log::Collected;
use crate::runtime::Language;
use crate::sandbox::backend::Backend;
use crate::sandbox::channel::{Channel, ChannelError, Stdin};

/// Events between the pipeline and its consumer, each at most a frame of the channel as text.
const QUEUE: usize = 16;

/// How long after its time limit a command may take to end: the guest shares its CPU limit with user code.
const GRACE: Duration = Duration::from_secs(30);

/// How soon a signal that nobody was there for is sent again.
const SIGNAL_RETRY: Duration = Duration::from_millis(10);

/// The signal that ends what uses too much memory.
const SIGKILL: i32 = 9;

/// What the pipeline tells.
#[derive(Debug)]
pub(super) enum RunEvent {
    Stdout(Phase, String),
    Stderr(Phase, String),
    /// A setup script has ended well; another one or the program follows.
    SetUp,
    Ended(Box<Ended>),
}

/// How an execution ended.
#[derive(Debug)]
pub(super) struct Ended {
    pub(super) end: End,
    pub(super) truncated: bool,
    pub(super) execution_id: String,
    pub(super) runtime: Language,
    pub(super) started: Timestamp,
    pub(super) container_id: String,
    /// Measured always, told only where it was asked for.
    pub(super) usage: Option<ResourceUsage>,
    /// What it asked of the network: what was refused, for the record, and all of it where that was asked for.
    pub(super) requests: Collected,
}

impl Ended {
    fn log(&self) {
        let report = &self.end.report;
        tracing::debug!(
            execution = self.execution_id,
            phase = ?self.end.phase,
            status = ?report.status,
            wall_us = report.wall_us,
            timed_out = report.timed_out,
            out_of_memory = report.out_of_memory,
            "ended"
        );
    }
}

/// The exit code of a program that was killed, whatever killed its main process first.
const KILLED: i32 = 137;

/// The exit code that callers see of a command.
pub(super) fn exit_code(report: &Report) -> i32 {
    if report.timed_out { KILLED } else { report.status.code() }
}

/// When something happened, ISO 8601.
pub(super) fn timestamp(at: Timestamp) -> String {
    format!("{at:.3}")
}

/// How the last command of an execution ended.
#[derive(Debug)]
pub(super) struct End {
    /// Whether it was the program; or a setup script that failed, upon which no program was run.
    pub(super) phase: Phase,
    pub(super) report: Report,
    /// What was asked for and could be read.
    pub(super) files: Option<BTreeMap<String, Bytes>>,
    /// How long packages took to be installed before, if any were.
    pub(super) install_us: Option<u64>,
}

/// What a caller can do to an execution while it goes on.
#[derive(Debug, Default)]
pub struct Controls {
    /// Ends it.
    pub abort: CancellationToken,
    /// What the program reads on its standard input, instead of what the request says.
    pub stdin: Option<mpsc::Receiver<Bytes>>,
    /// Signals for whatever is running: the program, or what is run before it.
    pub signals: Option<mpsc::Receiver<ProgramSignal>>,
    /// Set once it has a sandbox, to how long that took.
    pub waited: Arc<OnceLock<Duration>>,
}

/// The consumer's end of an execution. Dropping it ends the execution.
#[derive(Debug)]
pub(super) struct Run {
    events: mpsc::Receiver<Result<RunEvent, Error>>,
}

pub(super) type Events = mpsc::Sender<Result<RunEvent, Error>>;

impl Run {
    pub(super) async fn next(&mut self) -> Option<Result<RunEvent, Error>> {
        self.events.recv().await
    }

    /// Ends the execution and resolves when its task has let go of everything.
    pub(super) async fn cancel(mut self) {
        self.events.close();
        while self.events.recv().await.is_some() {}
    }
}

/// Starts an execution. Must be called within a tokio runtime.
pub(super) fn spawn(shared: Arc<Shared>, request: Request, controls: Controls) -> Run {
    let (events, receiver) = mpsc::channel(QUEUE);
    let generation = shared.generation();
    let permit = in_line(shared.permits.clone().acquire_owned());
    tokio::spawn(async move {
        let Controls { abort, stdin, signals, waited } = controls;
        let execution = async {
            let permit = permit.await.map_err(|_| Error::Stopped)?;
            let plan = shared.plan(request).await?;
            let active = shared.active(&generation).await?;
            Execution { shared: &shared, generation: &generation, active, events: &events }
                .run(plan, Links { stdin, signals, waited }, permit)
                .await
        };
        let ended = tokio::select! {
            biased;
            () = events.closed() => return,
            () = abort.cancelled() => Err(Error::Aborted),
            ended = generation.run(execution) => ended,
        };
        let event = ended.map(|ended| RunEvent::Ended(Box::new(ended)));
        // Only fails when nobody listens any more.
        let _ = events.send(event).await;
    });
    Run { events: receiver }
}

/// Sends signals to the sandbox's command as they come, until it is dropped. One that comes before anything has been
/// started is for what will be.
async fn pass_on(signals: Option<mpsc::Receiver<ProgramSignal>>, channel: &Channel) -> Infallible {
    if let Some(mut signals) = signals {
        while let Some(signal) = signals.recv().await {
            let signal = match signal {
                ProgramSignal::Interrupt => Signal::Interrupt,
                ProgramSignal::Terminate => Signal::Terminate,
            };
            // A connection that is lost is noticed by whoever waits for the command.
            while let Ok(false) = channel.signal(signal).await {
                tokio::time::sleep(SIGNAL_RETRY).await;
            }
        }
    }
    std::future::pending().await
}

/// What the caller holds the other ends of.
struct Links {
    stdin: Option<mpsc::Receiver<Bytes>>,
    signals: Option<mpsc::Receiver<ProgramSignal>>,
    waited: Arc<OnceLock<Duration>>,
}

/// What an execution has to do with.
struct Execution<'a> {
    shared: &'a Shared,
    generation: &'a Generation,
    active: &'a Active,
    events: &'a Events,
}

impl Execution<'_> {
    async fn run(&self, mut plan: Plan, links: Links, permit: OwnedSemaphorePermit) -> Result<Ended, Error> {
        let begun = Instant::now();
        let (started, execution_id) = (Timestamp::now(), Uuid::new_v4().to_string());
        let packages = plan.needed.as_ref().map(|needed| needed.packages.clone()).unwrap_or_default();
        let (mut sandbox, Place { setup, registries, packages: present }) =
            self.shared.hold(self.generation, self.active, &plan.runtime, &packages, permit).await?;
        tracing::debug!(
            execution = execution_id,
            runtime = plan.runtime.name(),
            container = sandbox.id().short(),
            timeout_ms = plan.timeout_ms,
            "running"
        );
        // Nobody else sets it.
        let _ = links.waited.set(begun.elapsed());
        let stdin = match (links.stdin, plan.stdin.take()) {
            (Some(chunks), _) => Stdin::Live(chunks),
            (None, Some(bytes)) => Stdin::Bytes(bytes),
            (None, None) => Stdin::Empty,
        };
        let container_id = sandbox.id().to_string();
        let outlet = sandbox.outlet().cloned();
        // Closed at the end, also at one that comes early: what a session leaves running has installed nothing.
        let let_through =
            outlet.as_ref().filter(|_| plan.needed.is_some()).map(|outlet| outlet.let_through(registries));
        // What went through before is not this execution's.
        drop(outlet.as_ref().map(|outlet| outlet.traffic().take()));
        let mut journal = Journal::begin(self.shared, &plan, &execution_id, started, &container_id, outlet.clone());
        let work = plan.work(setup, &present);
        let mut forward = Forward::new(self.events, &self.shared.settings, journal.as_mut());
        let end = tokio::select! {
            biased;
            end = self.work(&sandbox, &plan, work, stdin, &mut forward) => end,
            never = pass_on(links.signals, sandbox.channel()) => match never {},
        };
        let end = self.settle(end, &mut sandbox, &plan, started, &mut forward).await;
        drop(let_through);
        let observed = outlet.map(|outlet| outlet.traffic().take());
        if self.shared.settings.persist {
            sandbox.leave().await;
        }
        let truncated = forward.is_truncated();
        let tracked = self.shared.audit.as_ref().is_some_and(|audit| audit.settings().tracks_resources());
        let ended = end.map(|end| {
            let usage = tracked.then(|| usage(&end.report, observed.as_ref()));
            let mut requests = observed.unwrap_or_default().requests;
            if !self.shared.settings.log_network {
                requests.forget_entries();
            }
            Ended { end, truncated, execution_id, runtime: plan.runtime, started, container_id, usage, requests }
        });
        if let Ok(ended) = &ended {
            ended.log();
        }
        if let Some(journal) = &mut journal {
            journal.end(&ended);
        }
        ended
    }

    /// Installs packages, runs setup scripts and the program, and reads the output files. The inner failure is one
    /// that leaves the sandbox well.
    async fn work(
        &self,
        sandbox: &Holding,
        plan: &Plan,
        work: Work,
        stdin: Stdin,
        forward: &mut Forward<'_>,
    ) -> Result<Result<End, Error>, ChannelError> {
        let Work { mut exec, installs, setups, files } = work;
        exec.stdin = !matches!(stdin, Stdin::Empty);
        let patience = Duration::from_millis(plan.timeout_ms) + GRACE;
        let mut running = sandbox.channel().exec(exec, files, stdin).await?;
        let mut install_us = None;
        if installs {
            let (report, stderr) = forward.quiet(&mut running, patience).await?;
            if report.timed_out || !report.status.is_success() {
                return Ok(Err(Error::Install { exit_code: exit_code(&report), stderr }));
            }
            install_us = Some(report.wall_us);
            if let Some(Needed { packages, .. }) = &plan.needed {
                sandbox.add_packages(packages);
            }
        }
        for _ in 0..setups {
            let report = forward.step(Phase::Setup, &mut running, patience).await?;
            if report.timed_out || !report.status.is_success() {
                return Ok(Ok(End { phase: Phase::Setup, report, files: None, install_us }));
            }
            forward.set_up().await;
        }
        let report = forward.step(Phase::Code, &mut running, patience).await?;
        let files = match &plan.output_files {
            Some(asked) => Some(read_back(sandbox, asked, &self.shared.settings.limits).await?),
            None => None,
        };
        Ok(Ok(End { phase: Phase::Code, report, files, install_us }))
    }

    /// What `end` means for the sandbox and for the caller.
    async fn settle(
        &self,
        end: Result<Result<End, Error>, ChannelError>,
        sandbox: &mut Holding,
        plan: &Plan,
        started: Timestamp,
        forward: &mut Forward<'_>,
    ) -> Result<End, Error> {
        match end {
            Ok(end) => {
                sandbox.end();
                end
            }
            Err(ChannelError::Refused(failure)) => {
                sandbox.end();
                Err(failure.into())
            }
            Err(ChannelError::Lost) if !forward.is_finished() => {
                let Some(report) = self.killed_for_memory(sandbox, started).await else {
                    sandbox.discard();
                    return Err(sandbox.channel().explain(ChannelError::Lost).into());
                };
                sandbox.end_lost();
                if let Some(stderr) = forward.cut_installation() {
                    return Err(Error::Install { exit_code: exit_code(&report), stderr });
                }
                forward.finish().await;
                let files = plan.output_files.as_ref().map(|_| BTreeMap::new());
                Ok(End { phase: forward.phase(), report, files, install_us: None })
            }
            Err(error) => {
                // Nobody knows what state it is in.
                sandbox.discard();
                Err(sandbox.channel().explain(error).into())
            }
        }
    }

    /// When memory runs out with nothing but the guest left to kill (files fill it as well), the kernel kills the
    /// guest, and the sandbox goes. That is no failure of ours, but how the execution ended.
    async fn killed_for_memory(&self, sandbox: &Holding, started: Timestamp) -> Option<Report> {
        let elapsed = started.duration_until(Timestamp::now());
        self.active.pool.backend().ran_out_of_memory(sandbox.id(), started).await.then(|| Report {
            status: Status::Signaled(SIGKILL),
            timed_out: false,
            out_of_memory: true,
            wall_us: u64::try_from(elapsed.as_micros()).unwrap_or_default(),
            cpu_us: 0,
            peak_memory_bytes: 0,
            memory_bytes: 0,
        })
    }
}
