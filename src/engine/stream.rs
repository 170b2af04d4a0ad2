//! The two ways in which callers see a run: as events, or collected.

use std::collections::VecDeque;

use super::Error;
use super::run::{Ended, Run, RunEvent};
use crate::api::{ExecutionResult, Phase, StreamEvent, StreamEventKind};

/// What both faces say of a program that was killed at its limit.
const TIMED_OUT: &str = "EXECUTION TIMED OUT";

/// The exit code of a program that was killed, whatever killed its main process first.
const KILLED: i32 = 137;

impl Ended {
    fn exit_code(&self) -> i32 {
        if self.report.timed_out { KILLED } else { self.report.status.code() }
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
}

impl EventStream {
    pub(super) fn new(run: Run) -> Self {
        Self { run: Some(run), failure: None, pending: VecDeque::new() }
    }

    /// A stream that has nothing to tell but this.
    pub fn failed(error: Error) -> Self {
        Self { run: None, failure: Some(error), pending: VecDeque::new() }
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
            RunEvent::Stdout(data) => code_event(StreamEventKind::Stdout, data),
            RunEvent::Stderr(data) => code_event(StreamEventKind::Stderr, data),
            RunEvent::Ended(ended) => {
                self.run = None;
                let exit = code_event(StreamEventKind::Exit, ended.exit_code().to_string());
                if ended.report.timed_out {
                    self.pending.push_back(exit);
                    code_event(StreamEventKind::Error, TIMED_OUT.to_owned())
                } else {
                    exit
                }
            }
        }))
    }

    /// Kills the program if it still runs, and resolves when its sandbox has been given back.
    pub async fn cancel(&mut self) {
        self.pending.clear();
        if let Some(run) = self.run.take() {
            run.cancel().await;
        }
    }
}

fn code_event(kind: StreamEventKind, data: String) -> StreamEvent {
    StreamEvent { kind, data, phase: Some(Phase::Code) }
}

/// The task of a run sends an end or an error, unless it panicked.
fn vanished() -> Error {
    Error::Internal("the execution ended without a result".to_owned())
}

/// Waits for the end of a run.
pub(super) async fn collect(mut run: Run) -> Result<ExecutionResult, Error> {
    let (mut stdout, mut stderr) = (String::new(), String::new());
    loop {
        match run.next().await.unwrap_or_else(|| Err(vanished()))? {
            RunEvent::Stdout(text) => stdout.push_str(&text),
            RunEvent::Stderr(text) => stderr.push_str(&text),
            RunEvent::Ended(ended) => return Ok(result(stdout, stderr, *ended)),
        }
    }
}

fn result(mut stdout: String, mut stderr: String, ended: Ended) -> ExecutionResult {
    stdout.truncate(stdout.trim_end().len());
    if ended.report.timed_out {
        stderr.push_str(&format!("\n--- {TIMED_OUT} ---"));
    }
    stderr.truncate(stderr.trim_end().len());
    ExecutionResult {
        stdout,
        stderr,
        exit_code: ended.exit_code(),
        // A run that took less than a millisecond still took some time.
        duration_ms: ended.report.wall_us.div_ceil(1000),
        duration_us: ended.report.wall_us,
        truncated: ended.truncated,
        execution_id: ended.execution_id,
        runtime: ended.runtime.name,
        timestamp: format!("{:.3}", ended.started),
        container_id: ended.container_id,
        files: ended.files,
    }
}
