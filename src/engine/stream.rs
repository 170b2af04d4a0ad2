//! The two ways in which callers see a run: as events, or collected.

use std::collections::VecDeque;

use super::Error;
use super::run::{End, Ended, Run, RunEvent, exit_code, timestamp};
use crate::api::{ExecutionResult, NetworkLogEntry, Phase, StreamEvent, StreamEventKind};

/// What both faces say of a program that was killed at its limit.
const TIMED_OUT: &str = "EXECUTION TIMED OUT";

/// What events say of a setup script that was killed at its limit.
const SETUP_TIMED_OUT: &str = "SETUP SCRIPT TIMED OUT";

impl Ended {
    /// The exit code that callers see.
    pub(super) fn exit_code(&self) -> i32 {
        exit_code(&self.end.report)
    }

    /// Wall time of the last command. One that took less than a millisecond still took some time.
    pub(super) fn duration_ms(&self) -> u64 {
        self.end.report.wall_us.div_ceil(1000)
    }

    /// How long packages took to be installed, if any were.
    pub(super) fn install_ms(&self) -> Option<u64> {
        self.end.install_us.map(|us| us.div_ceil(1000))
    }

    /// What went wrong, as far as it has to be said beside the exit code.
    pub(super) fn trouble(&self) -> Option<String> {
        match (self.end.phase, self.end.report.timed_out) {
            (Phase::Setup, true) => Some(SETUP_TIMED_OUT.to_owned()),
            (Phase::Setup, false) => Some(format!("Setup script failed (exit code {})", self.exit_code())),
            (Phase::Code, true) => Some(TIMED_OUT.to_owned()),
            (Phase::Code, false) => None,
        }
    }
}

/// The events of a run. Dropping it kills the program.
#[derive(Debug)]
pub struct EventStream {
    run: Option<Run>,
    /// Why there is no run; told once.
    failure: Option<Error>,
    /// One event of the pipeline can be several of ours.
    pending: VecDeque<StreamEvent>,
    network_logs: Vec<NetworkLogEntry>,
    install_ms: Option<u64>,
}

impl EventStream {
    pub(super) fn new(run: Run) -> Self {
        Self { run: Some(run), failure: None, pending: VecDeque::new(), network_logs: Vec::new(), install_ms: None }
    }

    /// A stream that has nothing to tell but this.
    pub fn failed(error: Error) -> Self {
        Self { run: None, failure: Some(error), pending: VecDeque::new(), network_logs: Vec::new(), install_ms: None }
    }

    /// The next event; `None` after the last. Nothing follows an error.
    pub async fn next(&mut self) -> Option<Result<StreamEvent, Error>> {
        if let Some(event) = self.pending.pop_front() {
            return Some(Ok(event));
        }
        if let Some(error) = self.failure.take() {
            return Some(Err(error));
        }
        let event = match self.run.as_mut()?.next().await.unwrap_or_else(|| Err(vanished())) {
            Ok(event) => event,
            Err(error) => {
                self.run = None;
                return Some(Err(error));
            }
        };
        Some(Ok(match event {
            RunEvent::Stdout(phase, data) => of(phase, StreamEventKind::Stdout, data),
            RunEvent::Stderr(phase, data) => of(phase, StreamEventKind::Stderr, data),
            RunEvent::SetUp => of(Phase::Setup, StreamEventKind::Exit, "0".to_owned()),
            RunEvent::Ended(ended) => {
                self.run = None;
                let phase = ended.end.phase;
                self.network_logs.clone_from(&ended.requests.entries);
                self.install_ms = ended.install_ms();
                let exit = of(phase, StreamEventKind::Exit, ended.exit_code().to_string());
                match ended.trouble() {
                    Some(trouble) => {
                        self.pending.push_back(exit);
                        of(phase, StreamEventKind::Error, trouble)
                    }
                    None => exit,
                }
            }
        }))
    }

    /// What the program asked of the network, once it has ended, where the options ask for it.
    pub fn network_logs(&self) -> &[NetworkLogEntry] {
        &self.network_logs
    }

    /// How long packages took to be installed, once the program has ended, if any were.
    pub fn install_ms(&self) -> Option<u64> {
        self.install_ms
    }

    /// Kills the program if it still runs, and resolves when its sandbox has been given back.
    pub async fn cancel(&mut self) {
        self.pending.clear();
        if let Some(run) = self.run.take() {
            run.cancel().await;
        }
    }
}

fn of(phase: Phase, kind: StreamEventKind, data: String) -> StreamEvent {
    StreamEvent { kind, data, phase: Some(phase) }
}

/// The task of a run sends an end or an error, unless it panicked.
fn vanished() -> Error {
    Error::Internal("the execution ended without a result".to_owned())
}

/// Waits for the end of a run. What setup scripts print is only of interest if they fail.
pub(super) async fn collect(mut run: Run) -> Result<ExecutionResult, Error> {
    let (mut stdout, mut stderr) = (String::new(), String::new());
    loop {
        match run.next().await.unwrap_or_else(|| Err(vanished()))? {
            RunEvent::Stdout(Phase::Setup, _) => {}
            RunEvent::Stdout(Phase::Code, text) => stdout.push_str(&text),
            RunEvent::Stderr(_, text) => stderr.push_str(&text),
            RunEvent::SetUp => stderr.clear(),
            RunEvent::Ended(ended) => return result(stdout, stderr, *ended),
        }
    }
}

fn result(mut stdout: String, mut stderr: String, ended: Ended) -> Result<ExecutionResult, Error> {
    let (exit_code, duration_ms, install_ms) = (ended.exit_code(), ended.duration_ms(), ended.install_ms());
    let Ended { end: End { phase, report, files, .. }, .. } = ended;
    if phase == Phase::Setup {
        stderr.truncate(stderr.trim_end().len());
        return Err(Error::Setup { exit_code, stderr });
    }
    stdout.truncate(stdout.trim_end().len());
    if report.timed_out {
        stderr.push_str(&format!("\n--- {TIMED_OUT} ---"));
    }
    stderr.truncate(stderr.trim_end().len());
    Ok(ExecutionResult {
        stdout,
        stderr,
        exit_code,
        duration_ms,
        duration_us: report.wall_us,
        install_ms,
        truncated: ended.truncated,
        timed_out: report.timed_out,
        out_of_memory: report.out_of_memory && exit_code != 0,
        execution_id: ended.execution_id,
        runtime: ended.runtime.name().to_owned(),
        timestamp: timestamp(ended.started),
        container_id: ended.container_id,
        files,
        resource_usage: ended.usage,
        network_logs: ended.requests.entries,
    })
}
