//! The messages. Adding a variant at the end of an enum, or changing any struct here, means a new [`VERSION`].

use std::fmt;

use serde::{Deserialize, Serialize};

/// Version of everything in this module but [`Hello`], whose layout is fixed for good.
pub const VERSION: u16 = 4;

/// First bytes of a [`Hello`], so that anything else that writes to the stream is told from a guest.
pub const MAGIC: [u8; 5] = *b"isol8";

/// How long programs that are asked to end have for it, in milliseconds.
pub const GRACE_MS: u64 = 2000;

/// Where user code lives and may always write.
pub const SANDBOX_DIR: &str = "/sandbox";

/// Where programs in a filtered sandbox find the proxy, on its loopback interface.
pub const PROXY_PORT: u16 = 8118;

/// Most connections to the proxy at a time. Far enough below the streams of a connection that operations find room, and
/// below the 256 that yamux opens before the other end has answered on any.
pub const MAX_TUNNELS: usize = 240;

/// The first message both ways. Its layout is the same in every version.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hello {
    /// Always [`MAGIC`].
    pub magic: [u8; 5],
    /// The sender's [`VERSION`].
    pub version: u16,
    /// The sender's build, for people.
    pub build: String,
}

impl Hello {
    /// The greeting of this version, from `build`.
    pub fn new(build: impl Into<String>) -> Self {
        Self { magic: MAGIC, version: VERSION, build: build.into() }
    }

    /// Whether the sender speaks this version.
    pub fn is_compatible(&self) -> bool {
        self.magic == MAGIC && self.version == VERSION
    }
}

/// Whom user code runs as, and where it can write: what the guest has to know of the container contract.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Contract {
    /// User id of user code.
    pub uid: u32,
    /// Group id of user code.
    pub gid: u32,
    /// Whether connections to the proxy's port are carried to the engine, each on a stream that the guest opens.
    pub proxy: bool,
    /// Every place where user code can leave something behind, all of them emptied by a reset.
    pub writable: Vec<Writable>,
}

/// A writable mount of the sandbox.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Writable {
    /// Absolute path of the mount.
    pub path: String,
    /// Permission bits that a reset gives it back.
    pub mode: u32,
}

/// What a stream is for; always its first message.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Request {
    /// Opens the control stream. The guest answers with its own [`Hello`].
    Hello(Hello, Contract),
    /// Runs a command. One at a time.
    Exec(Exec),
    /// Signals the running command.
    Signal(Signal),
    /// Writes files as the sandbox user.
    WriteFiles,
    /// Reads files as the sandbox user.
    ReadFiles(ReadFiles),
    /// Makes the sandbox as new.
    Reset,
    /// Kills the running command, says no more of it, and answers when it is gone. Also when there is none.
    Abandon,
    /// Stays, with all that runs, when the connection ends.
    Stay,
    /// Listens for connections to the proxy, says so, and keeps the books of them for as long as the stream lives.
    Tunnels,
    /// Asks everything that runs to end, and answers when it has, or after [`GRACE_MS`].
    End,
}

/// Commands to run, one after the other. Files come first, on the same stream, so that a run costs one round trip.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Exec {
    /// The environment of all steps, over what the image itself sets.
    pub env: Vec<(String, String)>,
    /// At least one. A step that does not exit with 0 is the last.
    pub steps: Vec<Step>,
    /// Whether stdin data follows, for the last step. Otherwise, and for all others, stdin is empty.
    pub stdin: bool,
}

impl fmt::Debug for Exec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { env, steps, stdin } = self;
        f.debug_struct("Exec").field("env", &Names(env)).field("steps", steps).field("stdin", stdin).finish()
    }
}

/// One command of an [`Exec`].
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Step {
    /// Program and arguments; a program without a slash is looked up in the `PATH` of its environment.
    pub argv: Vec<String>,
    /// Over the environment of all steps.
    pub env: Vec<(String, String)>,
    /// Working directory; created (as the sandbox user) if missing.
    pub cwd: String,
    /// After this many milliseconds the command and all it started are killed.
    pub limit_ms: u64,
    /// Files to remove when the step has ended, or will not be run.
    pub remove: Vec<String>,
}

impl fmt::Debug for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { argv, env, cwd, limit_ms, remove } = self;
        let mut step = f.debug_struct("Step");
        step.field("argv", argv).field("env", &Names(env)).field("cwd", cwd);
        step.field("limit_ms", limit_ms).field("remove", remove).finish()
    }
}

/// An environment, of which only the names are shown: values may be secrets.
struct Names<'a>(&'a [(String, String)]);

impl fmt::Debug for Names<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.0.iter().map(|(name, _)| name)).finish()
    }
}

/// What the engine sends after [`Request::Exec`] and [`Request::WriteFiles`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Input {
    /// A file to write; exactly `len` bytes of data follow.
    File(FileHeader),
    /// No more files: run the command, or finish.
    Start,
}

/// A file on its way into the sandbox.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileHeader {
    /// Absolute path. Missing parent directories are created.
    pub path: String,
    /// Permission bits.
    pub mode: u32,
    /// Bytes of data that follow.
    pub len: u64,
}

/// A signal for the running command.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Signal {
    /// SIGINT to its process group, as Ctrl-C would.
    Interrupt,
    /// SIGTERM to its process group.
    Terminate,
    /// SIGKILL to everything that it started.
    Kill,
}

/// What the guest tells of an [`Exec`]: of one step after the other.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum ExecEvent {
    /// The step's program is running.
    Started,
    /// It ended, and all its output has been sent. The next step follows, if there is one and this one exited with 0.
    Ended(Report),
    /// It never ran. Nothing follows.
    Failed(Failure),
}

/// How a command ended and what it used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Report {
    /// Exit code or signal.
    pub status: Status,
    /// Killed by the guest at its limit.
    pub timed_out: bool,
    /// The kernel killed something in the sandbox for memory while it ran.
    pub out_of_memory: bool,
    /// From just before the start to the exit of the main process, in microseconds.
    pub wall_us: u64,
    /// User and system time of all processes that ended with it, in microseconds.
    pub cpu_us: u64,
    /// Largest resident size of any one of those processes, in bytes.
    pub peak_memory_bytes: u64,
    /// Memory of the whole sandbox when the main process had ended, files included, in bytes; 0 if unknown.
    pub memory_bytes: u64,
}

/// How a process ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Status {
    /// With this exit code.
    Exited(i32),
    /// By this signal.
    Signaled(i32),
}

impl Status {
    /// Whether a shell would call it success.
    pub fn is_success(self) -> bool {
        self == Self::Exited(0)
    }

    /// The exit code that a shell would report.
    pub fn code(self) -> i32 {
        match self {
            Self::Exited(code) => code,
            Self::Signaled(signal) => signal.saturating_add(128),
        }
    }
}

/// Files to read, each at most `max_bytes` long.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReadFiles {
    /// Absolute paths.
    pub paths: Vec<String>,
    /// A longer file is refused with [`FailureKind::TooLarge`].
    pub max_bytes: u64,
    /// And so is one that would make all that are sent longer than this; shorter ones after it are not.
    pub max_total: u64,
}

/// What the guest answers for each path of [`ReadFiles`], in order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum ReadEvent {
    /// Exactly this many bytes of data follow.
    File(u64),
    /// There is nothing to send for this path.
    Missing(Failure),
}

/// The answer to [`Request::Signal`], [`Request::WriteFiles`], [`Request::Abandon`], [`Request::Stay`] and
/// [`Request::End`], and the first one to [`Request::Tunnels`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Ack {
    /// Done.
    Done,
    /// Not done.
    Failed(Failure),
}

/// Why the guest could not do something.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    /// What kind of step failed.
    pub kind: FailureKind,
    /// The path, program or directory it was about.
    pub subject: String,
    /// The kernel's error number, or 0.
    pub errno: i32,
}

/// The steps that can fail in the guest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum FailureKind {
    /// A file could not be written.
    Write,
    /// A file could not be read.
    Read,
    /// A file is longer than asked for.
    TooLarge,
    /// The path names something that is not a regular file.
    NotAFile,
    /// The working directory could not be made or entered.
    Directory,
    /// The program could not be started.
    Spawn,
    /// Another command is running.
    Busy,
    /// No command is running.
    Idle,
    /// The proxy's port could not be listened on.
    Listen,
}

/// What a reset found. Anything but an empty list means that the sandbox must not be used again.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ResetReport {
    /// What could not be undone, in words; at most [`MAX_FINDINGS`].
    pub findings: Vec<String>,
}

/// Bound of [`ResetReport::findings`].
pub const MAX_FINDINGS: usize = 16;

/// One connection to the proxy, by the number of its stream. The engine says so when it has let go of the stream: until
/// then it counts as one of [`MAX_TUNNELS`], so that the two ends never disagree about how many there are. The guest
/// says so, again and again until it has heard the same, when nobody in the sandbox waits for that connection any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct TunnelEnd(pub u32);

/// Sent by the engine on the control stream and sent back by the guest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ping(pub u32);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_logged_of_a_command_has_no_value_of_its_environment() {
        let env = vec![("API_KEY".to_owned(), "hunter2".to_owned())];
        let step = Step { argv: vec!["env".into()], env: env.clone(), cwd: "/".into(), limit_ms: 1, remove: vec![] };
        let request = Request::Exec(Exec { env, steps: vec![step], stdin: false });
        let shown = format!("{request:?}");
        assert!(shown.matches("API_KEY").count() == 2 && !shown.contains("hunter2"), "{shown}");
    }
}
