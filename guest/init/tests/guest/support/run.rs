//! A running command, as the engine sees it.

use futures::io::{ReadHalf, WriteHalf};
use futures::{AsyncReadExt, AsyncWriteExt};
use isol8_protocol::frame::{self, Channel, Frame};
use isol8_protocol::mux::Stream;
use isol8_protocol::{ExecEvent, Failure, Report, Status};

use super::within;

pub(crate) struct Run {
    pub(crate) from: ReadHalf<Stream>,
    pub(crate) to: WriteHalf<Stream>,
}

/// How a command ended, and all that it wrote.
#[derive(Debug)]
pub(crate) struct Outcome {
    pub(crate) report: Result<Report, Failure>,
    pub(crate) stdout: Vec<u8>,
    pub(crate) stderr: Vec<u8>,
}

impl Run {
    pub(crate) fn new(stream: Stream) -> Self {
        let (from, to) = stream.split();
        Self { from, to }
    }

    /// The next frame; the stream must not end.
    pub(crate) async fn next(&mut self) -> Frame<ExecEvent> {
        within(frame::read(&mut self.from)).await.expect("is understood").expect("comes")
    }

    /// Waits until the program runs.
    pub(crate) async fn started(&mut self) {
        assert_eq!(self.next().await, Frame::Message(ExecEvent::Started));
    }

    /// Waits until the program has written `text` to stdout (and nothing else).
    pub(crate) async fn says(&mut self, text: &str) {
        let mut said = Vec::new();
        while said.len() < text.len() {
            match self.next().await {
                Frame::Data(Channel::Stdout, data) => said.extend_from_slice(&data),
                Frame::Message(ExecEvent::Started) => {}
                other => panic!("unexpected {other:?}"),
            }
        }
        assert_eq!(String::from_utf8_lossy(&said), text);
    }

    /// Sends stdin data.
    pub(crate) async fn send(&mut self, data: &[u8]) {
        let mut frames = Vec::new();
        frame::encode_data(Channel::Stdin, data, &mut frames);
        within(self.to.write_all(&frames)).await.expect("sends");
    }

    /// Says that there is no more stdin.
    pub(crate) async fn end_stdin(&mut self) {
        self.to.close().await.expect("closes");
    }

    /// Waits until the stream ends, which it must do without a report.
    pub(crate) async fn ends_without_a_report(&mut self) {
        let mut rest = Vec::new();
        // A stream that is dropped rather than closed may also fail.
        let _ = within(self.from.read_to_end(&mut rest)).await;
        assert_eq!(rest, []);
    }

    /// Collects everything until the end.
    pub(crate) async fn outcome(mut self) -> Outcome {
        let (mut stdout, mut stderr) = (Vec::new(), Vec::new());
        let report = loop {
            match self.next().await {
                Frame::Data(Channel::Stdout, data) => stdout.extend_from_slice(&data),
                Frame::Data(Channel::Stderr, data) => stderr.extend_from_slice(&data),
                Frame::Message(ExecEvent::Started) => {}
                Frame::Message(ExecEvent::Ended(report)) => break Ok(report),
                Frame::Message(ExecEvent::Failed(failure)) => break Err(failure),
                other => panic!("unexpected {other:?}"),
            }
        };
        assert_eq!(within(self.from.read(&mut [0])).await.expect("ends"), 0, "nothing follows the end");
        Outcome { report, stdout, stderr }
    }
}

impl Outcome {
    pub(crate) fn report(&self) -> Report {
        self.report.clone().unwrap_or_else(|failure| panic!("{failure:?}"))
    }

    pub(crate) fn status(&self) -> Status {
        self.report().status
    }

    pub(crate) fn stdout(&self) -> &str {
        std::str::from_utf8(&self.stdout).expect("text")
    }

    pub(crate) fn stderr(&self) -> &str {
        std::str::from_utf8(&self.stderr).expect("text")
    }
}
