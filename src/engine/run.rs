//! The one pipeline: permit → plan → sandbox → files → command → output → output files → sandbox back.
//!
//! Each execution is a task of its own that sends [`RunEvent`]s into a short queue; a consumer that is slow slows
//! the program down. When the consumer goes away or the engine stops, the task drops what it holds: the lease
//! goes back to the pool, whose reset kills the program.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use isol8_protocol::frame::{Channel as DataChannel, Frame, FrameError};
use isol8_protocol::{Exec, ExecEvent, Failure, FailureKind, Report, Status};
use jiff::Timestamp;
use tokio::sync::mpsc;
use uuid::Uuid;

use super::in_line::in_line;
use super::plan::Plan;
use super::{Active, Error, Settings, Shared};
use crate::api::Request;
use crate::output::Filter;
use crate::runtime::Runtime;
use crate::sandbox::Sandbox;
use crate::sandbox::backend::Backend;
use crate::sandbox::channel::{ChannelError, Running};

/// Events between the pipeline and its consumer, each at most a frame of the channel as text.
const QUEUE: usize = 16;

/// The largest file that is read back.
const MAX_FILE: u64 = 256 << 20;

/// The most bytes that are read back from one execution.
const MAX_FILES: u64 = 1 << 30;

/// How long after its time limit a command may take to end: the guest shares its CPU limit with user code.
const GRACE: Duration = Duration::from_secs(30);

/// The signal that ends what uses too much memory.
const SIGKILL: i32 = 9;

/// What the pipeline tells.
#[derive(Debug)]
pub(super) enum RunEvent {
    Stdout(String),
    Stderr(String),
    Ended(Box<Ended>),
}

/// How an execution ended.
#[derive(Debug)]
pub(super) struct Ended {
    pub(super) report: Report,
    pub(super) truncated: bool,
    pub(super) execution_id: String,
    pub(super) runtime: &'static Runtime,
    pub(super) started: Timestamp,
    pub(super) container_id: String,
    pub(super) files: Option<BTreeMap<String, Bytes>>,
}

/// The consumer's end of an execution. Dropping it ends the execution.
#[derive(Debug)]
pub(super) struct Run {
    events: mpsc::Receiver<Result<RunEvent, Error>>,
}

type Events = mpsc::Sender<Result<RunEvent, Error>>;

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
pub(super) fn spawn(shared: Arc<Shared>, request: Request) -> Run {
    let (events, receiver) = mpsc::channel(QUEUE);
    let generation = shared.generation();
    let permit = in_line(shared.permits.clone().acquire_owned());
    tokio::spawn(async move {
        let execution = async {
            let _permit = permit.await.map_err(|_| Error::Stopped)?;
            let plan = Plan::new(&shared.settings, request)?;
            execute(&shared, shared.active(&generation).await?, plan, &events).await
        };
        let ended = tokio::select! {
            biased;
            () = events.closed() => return,
            ended = generation.run(execution) => ended,
        };
        let event = ended.map(|ended| RunEvent::Ended(Box::new(ended)));
        // Only fails when nobody listens any more.
        let _ = events.send(event).await;
    });
    Run { events: receiver }
}

async fn execute(shared: &Shared, active: &Active, plan: Plan, events: &Events) -> Result<Ended, Error> {
    let started = Timestamp::now();
    let mut sandbox = shared.lease(active, plan.runtime).await?;
    let (runtime, asked_for_files) = (plan.runtime, plan.output_paths.is_some());
    let limit = shared.settings.max_output_size;
    let filter = || Filter::new(limit, shared.settings.patterns.clone());
    let mut output = Output { events, stdout: filter(), stderr: filter(), finished: false };
    let room = readable(&shared.settings);
    let ended = run(&sandbox, plan, &mut output, room).await;
    let (report, files) = match ended {
        Ok(ended) => ended,
        Err(Broken::Channel(error)) => {
            // Nobody knows what state it is in.
            sandbox.discard();
            match error {
                ChannelError::Lost if !output.is_finished() => {
                    let report = killed_for_memory(active, &sandbox, started).await;
                    let report = report.ok_or_else(|| Error::from(sandbox.channel().explain(ChannelError::Lost)))?;
                    output.finish().await;
                    (report, asked_for_files.then(BTreeMap::new))
                }
                error => return Err(sandbox.channel().explain(error).into()),
            }
        }
        Err(Broken::Refused(failure)) => return Err(failure.into()),
    };
    Ok(Ended {
        report,
        truncated: output.is_truncated(),
        execution_id: Uuid::new_v4().to_string(),
        runtime,
        started,
        container_id: sandbox.id().to_string(),
        files,
    })
}

/// When memory runs out with nothing but the guest left to kill (files fill it as well), the kernel kills the guest,
/// and the sandbox goes. That is no failure of ours, but how the execution ended.
async fn killed_for_memory(active: &Active, sandbox: &Sandbox, started: Timestamp) -> Option<Report> {
    let elapsed = started.duration_until(Timestamp::now());
    active.pool.backend().ran_out_of_memory(sandbox.id(), started).await.then(|| Report {
        status: Status::Signaled(SIGKILL),
        timed_out: false,
        out_of_memory: true,
        wall_us: u64::try_from(elapsed.as_micros()).unwrap_or_default(),
        cpu_us: 0,
        peak_memory_bytes: 0,
    })
}

/// Why a run has no report.
enum Broken {
    /// The sandbox is gone, or not to be trusted.
    Channel(ChannelError),
    /// The guest could not do what it was asked, and is fine.
    Refused(Failure),
}

impl From<ChannelError> for Broken {
    fn from(error: ChannelError) -> Self {
        match error {
            ChannelError::Refused(failure) => Self::Refused(failure),
            error => Self::Channel(error),
        }
    }
}

/// How many bytes of files a sandbox can hold: their contents are in its memory, unless they are holes.
fn readable(settings: &Settings) -> u64 {
    if settings.limits.readonly_root { settings.limits.memory.bytes().min(MAX_FILES) } else { MAX_FILES }
}

type Outcome = (Report, Option<BTreeMap<String, Bytes>>);

async fn run(sandbox: &Sandbox, plan: Plan, output: &mut Output<'_>, room: u64) -> Result<Outcome, Broken> {
    let patience = Duration::from_millis(plan.timeout_ms) + GRACE;
    let exec = Exec {
        argv: plan.argv,
        env: plan.env.into_iter().collect(),
        cwd: plan.workdir,
        limit_ms: plan.timeout_ms,
        stdin: plan.stdin.is_some(),
    };
    let mut running = sandbox.channel().exec(exec, plan.files, plan.stdin).await?;
    let report = output.forward(&mut running, patience).await?;
    let files = match plan.output_paths {
        Some(paths) => Some(read_back(sandbox, paths, room).await?),
        None => None,
    };
    Ok((report, files))
}

/// The two output streams on their way to the consumer.
struct Output<'a> {
    events: &'a Events,
    stdout: Filter,
    stderr: Filter,
    finished: bool,
}

impl Output<'_> {
    /// Passes output on until the command has ended.
    async fn forward(&mut self, running: &mut Running, patience: Duration) -> Result<Report, Broken> {
        let report = loop {
            match running.next(patience).await? {
                Frame::Data(DataChannel::Stdout, bytes) => {
                    let text = self.stdout.push(&bytes);
                    self.send(RunEvent::Stdout(text)).await;
                }
                Frame::Data(DataChannel::Stderr, bytes) => {
                    let text = self.stderr.push(&bytes);
                    self.send(RunEvent::Stderr(text)).await;
                }
                Frame::Data(..) => return Err(ChannelError::Protocol(FrameError::Unexpected("output")).into()),
                Frame::Message(ExecEvent::Started) => {}
                Frame::Message(ExecEvent::Failed(failure)) => return Err(Broken::Refused(failure)),
                Frame::Message(ExecEvent::Ended(report)) => break report,
            }
        };
        self.finish().await;
        Ok(report)
    }

    /// Sends what was held back.
    async fn finish(&mut self) {
        self.finished = true;
        let text = self.stdout.finish();
        self.send(RunEvent::Stdout(text)).await;
        let text = self.stderr.finish();
        self.send(RunEvent::Stderr(text)).await;
    }

    fn is_finished(&self) -> bool {
        self.finished
    }

    fn is_truncated(&self) -> bool {
        self.stdout.is_truncated() || self.stderr.is_truncated()
    }

    async fn send(&self, event: RunEvent) {
        let empty = matches!(&event, RunEvent::Stdout(text) | RunEvent::Stderr(text) if text.is_empty());
        if !empty {
            // A consumer that has gone away is noticed by the task itself.
            let _ = self.events.send(Ok(event)).await;
        }
    }
}

/// The contents of those paths that can be read.
async fn read_back(sandbox: &Sandbox, paths: Vec<String>, room: u64) -> Result<BTreeMap<String, Bytes>, Broken> {
    let contents = sandbox.channel().read_files(paths.clone(), MAX_FILE, room).await?;
    let mut files = BTreeMap::new();
    for (path, content) in paths.into_iter().zip(contents) {
        match content {
            Ok(content) => drop(files.insert(path, content)),
            Err(failure) if failure.kind == FailureKind::TooLarge => {
                tracing::warn!(path, bound = MAX_FILE, "an output file is too large to be read back");
            }
            Err(_) => {}
        }
    }
    Ok(files)
}
