//! Output on its way from the guest to the consumer: filtered, and counted for every command anew.

use std::time::Duration;

use isol8_protocol::Report;

use super::Settings;
use super::journal::Journal;
use super::run::{Events, RunEvent};
use crate::api::Phase;
use crate::output::Filter;
use crate::sandbox::channel::{ChannelError, Running, Told};

/// The two output streams of one command after the other.
pub(super) struct Forward<'a> {
    events: &'a Events,
    settings: &'a Settings,
    phase: Phase,
    stdout: Filter,
    stderr: Filter,
    finished: bool,
    /// What a command prints on standard error whose output is of interest only if it fails, while it runs.
    quiet: Option<(Filter, String)>,
    /// Keeps what the program prints, if that is to be recorded.
    journal: Option<&'a mut Journal>,
}

impl<'a> Forward<'a> {
    pub(super) fn new(events: &'a Events, settings: &'a Settings, journal: Option<&'a mut Journal>) -> Self {
        let (stdout, stderr) = (filter(settings), filter(settings));
        Self { events, settings, phase: Phase::Code, stdout, stderr, finished: false, quiet: None, journal }
    }

    /// Passes the output of the next command on until it has ended.
    pub(super) async fn step(
        &mut self,
        phase: Phase,
        running: &mut Running,
        patience: Duration,
    ) -> Result<Report, ChannelError> {
        self.phase = phase;
        (self.stdout, self.stderr, self.finished) = (filter(self.settings), filter(self.settings), false);
        running.begin(patience);
        let report = loop {
            match running.next().await? {
                Told::Stdout(bytes) => {
                    let text = self.stdout.push(&bytes);
                    self.stdout(text).await;
                }
                Told::Stderr(bytes) => {
                    let text = self.stderr.push(&bytes);
                    self.stderr(text).await;
                }
                Told::Ended(report) => break report,
            }
        };
        self.finish().await;
        Ok(report)
    }

    /// Waits for the end of a command whose output is of interest only if it fails: what it prints on standard error
    /// comes back.
    pub(super) async fn quiet(
        &mut self,
        running: &mut Running,
        patience: Duration,
    ) -> Result<(Report, String), ChannelError> {
        running.begin(patience);
        let (filter, stderr) = self.quiet.insert((filter(self.settings), String::new()));
        let report = loop {
            match running.next().await? {
                Told::Stdout(_) => {}
                Told::Stderr(bytes) => stderr.push_str(&filter.push(&bytes)),
                Told::Ended(report) => break report,
            }
        };
        Ok((report, self.cut_installation().unwrap_or_default()))
    }

    /// What an installation has printed on standard error that has not come to its end before.
    pub(super) fn cut_installation(&mut self) -> Option<String> {
        let (mut filter, mut stderr) = self.quiet.take()?;
        stderr.push_str(&filter.finish());
        stderr.truncate(stderr.trim_end().len());
        Some(stderr)
    }

    /// Sends what was held back.
    pub(super) async fn finish(&mut self) {
        self.finished = true;
        let text = self.stdout.finish();
        self.stdout(text).await;
        let text = self.stderr.finish();
        self.stderr(text).await;
    }

    /// A setup script has ended well.
    pub(super) async fn set_up(&self) {
        self.send(RunEvent::SetUp).await;
    }

    /// What the command is that ran last.
    pub(super) fn phase(&self) -> Phase {
        self.phase
    }

    /// Whether all output of the last command is out.
    pub(super) fn is_finished(&self) -> bool {
        self.finished
    }

    /// Whether the last command printed more than the limit.
    pub(super) fn is_truncated(&self) -> bool {
        self.stdout.is_truncated() || self.stderr.is_truncated()
    }

    async fn stdout(&mut self, text: String) {
        if !text.is_empty() {
            if let (Some(journal), Phase::Code) = (&mut self.journal, self.phase) {
                journal.stdout(&text);
            }
            self.send(RunEvent::Stdout(self.phase, text)).await;
        }
    }

    async fn stderr(&mut self, text: String) {
        if !text.is_empty() {
            if let (Some(journal), Phase::Code) = (&mut self.journal, self.phase) {
                journal.stderr(&text);
            }
            self.send(RunEvent::Stderr(self.phase, text)).await;
        }
    }

    async fn send(&self, event: RunEvent) {
        // A consumer that has gone away is noticed by the task itself.
        let _ = self.events.send(Ok(event)).await;
    }
}

fn filter(settings: &Settings) -> Filter {
    Filter::new(settings.max_output_size, settings.patterns.clone())
}

#[cfg(test)]
mod tests {
    use isol8_protocol::Exec;
    use tokio::sync::mpsc;

    use super::*;
    use crate::api::Options;
    use crate::sandbox::Sandbox;
    use crate::sandbox::channel::Stdin;
    use crate::sandbox::contract::{ContainerSpec, Image, Seccomp};
    use crate::sandbox::fake::Fake;

    #[tokio::test]
    async fn an_installation_that_is_lost_with_its_sandbox_leaves_what_it_has_printed() {
        let settings = Settings::try_from(Options::default()).expect("valid");
        let image = Image { id: "image".to_owned(), knows_localhost: true };
        let spec = ContainerSpec::new(image, "bash", "test", &settings.limits, Seccomp::Strict);
        let sandbox = Sandbox::start(&Fake::default(), &spec).await.expect("starts");
        let exec = Exec { env: vec![], steps: vec![], stdin: false };
        let mut running = sandbox.channel().exec(exec, vec![], Stdin::Empty).await.expect("is sent");
        let (events, _consumer) = mpsc::channel(1);
        let mut forward = Forward::new(&events, &settings, None);

        let lost = forward.quiet(&mut running, Duration::from_secs(30)).await.expect_err("is lost");
        assert!(matches!(lost, ChannelError::Lost), "{lost}");
        assert_eq!(forward.cut_installation().as_deref(), Some("half way"));
        assert_eq!(forward.cut_installation(), None);
    }
}
