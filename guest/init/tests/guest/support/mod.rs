//! Speaks to a real guest over pipes, as the engine would.

pub(crate) mod dir;
mod run;

use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use futures::{AsyncReadExt, AsyncWriteExt, StreamExt};
use isol8_protocol::frame;
use isol8_protocol::mux::{self, Mode, Opener, Stream};
use isol8_protocol::{
    Ack, Contract, Exec, Failure, FileHeader, Hello, Input, ReadEvent, ReadFiles, Request, ResetReport, Signal, Step,
    Writable,
};
use tokio::process::{self, Child};
use tokio::task::JoinHandle;
use tokio_util::compat::TokioAsyncReadCompatExt;

pub(crate) use run::{Outcome, Run};

/// Longest that anything here should take, however busy the machine.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// A guest and the connection to it.
pub(crate) struct Guest {
    pub(crate) process: Child,
    pub(crate) opener: Opener,
    /// Aborting it closes both pipes, as the death of the engine does.
    pub(crate) driving: JoinHandle<()>,
    pub(crate) control: Stream,
    pub(crate) contract: Contract,
}

/// Whom user code runs as in these tests: the sandbox user where we may choose.
pub(crate) fn user() -> (u32, u32) {
    let (uid, gid) = (nix::unistd::geteuid().as_raw(), nix::unistd::getegid().as_raw());
    if uid == 0 { (100, 101) } else { (uid, gid) }
}

pub(crate) fn contract(writable: &[&dir::Dir]) -> Contract {
    let (uid, gid) = user();
    let writable = writable.iter().map(|dir| Writable { path: dir.path().into(), mode: 0o755 }).collect();
    Contract { uid, gid, proxy: false, writable }
}

/// Starts the guest with its stdin and stdout as pipes.
pub(crate) fn spawn() -> Child {
    let mut command = process::Command::new(env!("CARGO_BIN_EXE_isol8-init"));
    command.env("FROM_IMAGE", "yes").stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command.kill_on_drop(true).spawn().expect("the guest starts")
}

/// Starts a connection over the pipes of `process`, driven in the background until the task is aborted.
pub(crate) fn connect(process: &mut Child) -> (Opener, JoinHandle<()>) {
    let (stdin, stdout) = (process.stdin.take().expect("piped"), process.stdout.take().expect("piped"));
    let (opener, mut inbound, driver) = mux::connect(tokio::io::join(stdout, stdin).compat(), Mode::Client);
    let driving = tokio::spawn(async move {
        let (_, uninvited) = futures::join!(driver, inbound.next());
        assert!(uninvited.is_none(), "the guest opens no streams");
    });
    (opener, driving)
}

impl Guest {
    pub(crate) async fn start() -> Self {
        Self::with(contract(&[])).await
    }

    pub(crate) async fn with(contract: Contract) -> Self {
        let mut process = spawn();
        let (opener, driving) = connect(&mut process);
        let mut control = opener.open().await.expect("opens");
        frame::write_message(&mut control, &Request::Hello(Hello::new("test"), contract.clone())).await.expect("sends");
        let hello: Hello = frame::read_message(&mut control).await.expect("answers");
        assert!(hello.is_compatible(), "{hello:?}");
        Self { process, opener, driving, control, contract }
    }

    /// Opens a stream for `request`.
    pub(crate) async fn request(&self, request: &Request) -> Stream {
        let mut stream = self.opener.open().await.expect("opens");
        frame::write_message(&mut stream, request).await.expect("sends");
        stream
    }

    /// Starts a command without files.
    pub(crate) async fn exec(&self, exec: impl Into<Exec>) -> Run {
        let mut stream = self.request(&Request::Exec(exec.into())).await;
        frame::write_message(&mut stream, &Input::Start).await.expect("sends");
        Run::new(stream)
    }

    /// Runs a script to its end.
    pub(crate) async fn sh(&self, script: &str) -> Outcome {
        self.exec(sh(script)).await.outcome().await
    }

    pub(crate) async fn signal(&self, signal: Signal) -> Ack {
        frame::read_message(&mut self.request(&Request::Signal(signal)).await).await.expect("answers")
    }

    pub(crate) async fn ask(&self, request: &Request) -> Ack {
        within(frame::read_message(&mut self.request(request).await)).await.expect("answers")
    }

    pub(crate) async fn reset(&self) -> ResetReport {
        frame::read_message(&mut self.request(&Request::Reset).await).await.expect("answers")
    }

    pub(crate) async fn write(&self, files: &[(&str, u32, &[u8])]) -> Ack {
        let mut stream = self.request(&Request::WriteFiles).await;
        stream.write_all(&file_frames(files)).await.expect("sends");
        frame::read_message(&mut stream).await.expect("answers")
    }

    /// Reads files: the contents of each, or why there are none.
    pub(crate) async fn read(&self, paths: &[&str], max_bytes: u64) -> Vec<Result<Vec<u8>, Failure>> {
        self.read_up_to(paths, max_bytes, u64::MAX).await
    }

    /// The same, with a bound for all of them together.
    pub(crate) async fn read_up_to(
        &self,
        paths: &[&str],
        max_bytes: u64,
        max_total: u64,
    ) -> Vec<Result<Vec<u8>, Failure>> {
        let paths: Vec<String> = paths.iter().map(|path| (*path).into()).collect();
        let count = paths.len();
        let mut stream = self.request(&Request::ReadFiles(ReadFiles { paths, max_bytes, max_total })).await;
        let mut found = Vec::new();
        for _ in 0..count {
            found.push(match frame::read_message(&mut stream).await.expect("answers") {
                ReadEvent::Missing(failure) => Err(failure),
                ReadEvent::File(length) => {
                    let mut contents = Vec::new();
                    while (contents.len() as u64) < length {
                        let data = frame::read_data(&mut stream, frame::Channel::File).await.expect("data");
                        contents.extend_from_slice(&data);
                    }
                    assert_eq!(contents.len() as u64, length);
                    Ok(contents)
                }
            });
        }
        assert_eq!(stream.read(&mut [0]).await.expect("ends"), 0, "nothing follows");
        found
    }

    /// Waits for the guest to end by itself.
    pub(crate) async fn ended(&mut self) -> ExitStatus {
        within(self.process.wait()).await.expect("is waited for")
    }

    pub(crate) fn pid(&self) -> u32 {
        self.process.id().expect("has not ended")
    }
}

/// One command, as an [`Exec`] of one step.
pub(crate) struct Command {
    pub(crate) argv: Vec<String>,
    pub(crate) env: Vec<(String, String)>,
    pub(crate) cwd: String,
    pub(crate) limit_ms: u64,
    pub(crate) stdin: bool,
}

impl From<Command> for Exec {
    fn from(command: Command) -> Self {
        let Command { argv, env, cwd, limit_ms, stdin } = command;
        Self { env, steps: vec![Step { argv, env: vec![], cwd, limit_ms, remove: vec![] }], stdin }
    }
}

/// A shell script as a command, with a limit that no test reaches by itself.
pub(crate) fn sh(script: &str) -> Command {
    Command {
        argv: ["sh", "-c", script].map(String::from).into(),
        env: vec![("PATH".into(), "/usr/local/bin:/usr/bin:/bin".into())],
        cwd: "/".into(),
        limit_ms: 60_000,
        stdin: false,
    }
}

/// The frames of files to write, up to and with [`Input::Start`].
pub(crate) fn file_frames(files: &[(&str, u32, &[u8])]) -> Vec<u8> {
    let mut frames = Vec::new();
    for (path, mode, contents) in files {
        let header = FileHeader { path: (*path).into(), mode: *mode, len: contents.len() as u64 };
        frame::encode_message(&Input::File(header), &mut frames).expect("encodes");
        frame::encode_data(frame::Channel::File, contents, &mut frames);
    }
    frame::encode_message(&Input::Start, &mut frames).expect("encodes");
    frames
}

/// Fails the test if something does not happen at all.
pub(crate) async fn within<T>(what: impl Future<Output = T>) -> T {
    tokio::time::timeout(PATIENCE, what).await.expect("happens in time")
}
