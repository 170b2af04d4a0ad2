//! The one pipeline: permit → plan → sandbox → files → command → output → output files → sandbox back.
//!
//! Each execution is a task of its own that sends [`RunEvent`]s into a short queue; a consumer that is slow slows
//! the program down. When the consumer goes away or the engine stops, the task drops what it holds: the lease
//! goes back to the pool, whose reset kills the program.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use isol8_protocol::frame::{Channel as DataChannel, Frame, FrameError};
use isol8_protocol::{Exec, ExecEvent, FailureKind, Report};
use jiff::Timestamp;
use tokio::sync::mpsc;
use uuid::Uuid;

use super::plan::Plan;
use super::{Active, Error, Shared};
use crate::api::Request;
use crate::output::Filter;
use crate::runtime::Runtime;
use crate::sandbox::Sandbox;
use crate::sandbox::channel::{ChannelError, Running};

/// Events between the pipeline and its consumer. With the frames of the channel, 1 MiB at the most.
const QUEUE: usize = 16;

/// The largest file that is read back.
const MAX_FILE: u64 = 256 << 20;

/// The most bytes that are read back from one execution.
const MAX_FILES: u64 = 1 << 30;

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
    tokio::spawn(async move {
        let ended = tokio::select! {
            biased;
            () = events.closed() => return,
            ended = start(&shared, request, &events) => ended,
        };
        let event = ended.map(|ended| RunEvent::Ended(Box::new(ended)));
        // Only fails when nobody listens any more.
        let _ = events.send(event).await;
    });
    Run { events: receiver }
}

async fn start(shared: &Shared, request: Request, events: &Events) -> Result<Ended, Error> {
    let _permit = shared.permits.acquire().await.map_err(|_| Error::Stopped)?;
    let plan = Plan::new(&shared.settings, request)?;
    let active = shared.active().await?;
    // `stop` waits for this before it drains the pool.
    let run = active.runs.track_future(execute(shared, &active, plan, events));
    tokio::select! {
        biased;
        () = active.stop.cancelled() => Err(Error::Stopped),
        ended = run => ended,
    }
}

async fn execute(shared: &Shared, active: &Active, plan: Plan, events: &Events) -> Result<Ended, Error> {
    let started = Timestamp::now();
    let mut sandbox = shared.lease(active, plan.runtime).await?;
    let runtime = plan.runtime;
    let output = Output {
        events,
        stdout: Filter::new(shared.settings.max_output_size),
        stderr: Filter::new(shared.settings.max_output_size),
    };
    let ended = run(&sandbox, plan, output).await;
    if ended.is_err() {
        sandbox.discard();
    }
    let (report, truncated, files) = ended.map_err(|error| match error {
        Error::SandboxLost(cause) => lost(&sandbox, cause),
        other => other,
    })?;
    Ok(Ended {
        report,
        truncated,
        execution_id: Uuid::new_v4().to_string(),
        runtime,
        started,
        container_id: sandbox.id().to_string(),
        files,
    })
}

/// Puts what the channel knows of its own end into the error.
fn lost(sandbox: &Sandbox, cause: Arc<ChannelError>) -> Error {
    match Arc::try_unwrap(cause) {
        Ok(cause) => sandbox.channel().explain(cause).into(),
        Err(shared) => Error::SandboxLost(shared),
    }
}

type Outcome = (Report, bool, Option<BTreeMap<String, Bytes>>);

async fn run(sandbox: &Sandbox, plan: Plan, mut output: Output<'_>) -> Result<Outcome, Error> {
    let exec = Exec {
        argv: plan.argv,
        env: plan.env.into_iter().collect(),
        cwd: plan.workdir,
        limit_ms: plan.timeout_ms,
        stdin: plan.stdin.is_some(),
    };
    let mut running = sandbox.channel().exec(exec, plan.files, plan.stdin).await?;
    let report = output.forward(&mut running).await?;
    let files = match plan.output_paths {
        Some(paths) => Some(read_back(sandbox, paths).await?),
        None => None,
    };
    Ok((report, output.stdout.is_truncated() || output.stderr.is_truncated(), files))
}

/// The two output streams on their way to the consumer.
struct Output<'a> {
    events: &'a Events,
    stdout: Filter,
    stderr: Filter,
}

impl Output<'_> {
    /// Passes output on until the command has ended.
    async fn forward(&mut self, running: &mut Running) -> Result<Report, Error> {
        let report = loop {
            match running.next().await? {
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
                Frame::Message(ExecEvent::Failed(failure)) => return Err(failure.into()),
                Frame::Message(ExecEvent::Ended(report)) => break report,
            }
        };
        let text = self.stdout.finish();
        self.send(RunEvent::Stdout(text)).await;
        let text = self.stderr.finish();
        self.send(RunEvent::Stderr(text)).await;
        Ok(report)
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
async fn read_back(sandbox: &Sandbox, paths: Vec<String>) -> Result<BTreeMap<String, Bytes>, Error> {
    let contents = sandbox.channel().read_files(paths.clone(), MAX_FILE, MAX_FILES).await?;
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
