//! What callers tell errors apart by.

/// Declares the codes and the list of all of them, so that none can be missing from it.
macro_rules! error_codes {
    ($($(#[$doc:meta])* $name:ident = $text:literal,)+) => {
        /// What JavaScript sees as `error.code`. Stable: a failure of a new kind gets a new code.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum ErrorCode {
            $($(#[$doc])* $name,)+
        }

        impl ErrorCode {
            /// All of them.
            pub const ALL: &[Self] = &[$(Self::$name,)+];

            /// The code as text.
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$name => $text,)+
                }
            }

            /// The code of this text, if there is one.
            pub fn parse(text: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|code| code.as_str() == text)
            }
        }
    };
}

error_codes! {
    /// The engine's options make no sense.
    InvalidOptions = "INVALID_OPTIONS",
    /// The configuration file makes no sense.
    InvalidConfig = "INVALID_CONFIG",
    /// The request makes no sense.
    InvalidRequest = "INVALID_REQUEST",
    /// A package has a name that no package manager is asked for.
    InvalidPackage = "INVALID_PACKAGE",
    /// No runtime has that name, or claims that file.
    UnknownRuntime = "UNKNOWN_RUNTIME",
    /// A runtime adapter makes no sense.
    InvalidAdapter = "INVALID_ADAPTER",
    /// The policy does not let this code be fetched.
    RemoteCodeBlocked = "REMOTE_CODE_BLOCKED",
    /// Code could not be fetched.
    RemoteCodeFailed = "REMOTE_CODE_FAILED",
    /// What was fetched is too large, empty, or not text.
    RemoteCodeUnusable = "REMOTE_CODE_UNUSABLE",
    /// What was fetched is not what the caller expects.
    RemoteCodeMismatch = "REMOTE_CODE_MISMATCH",
    /// No Docker engine answers.
    DockerUnavailable = "DOCKER_UNAVAILABLE",
    /// The Docker engine refused something.
    DockerFailed = "DOCKER_FAILED",
    /// The caller's own image is not on the Docker engine.
    ImageNotFound = "IMAGE_NOT_FOUND",
    /// An image could not be built.
    ImageBuildFailed = "IMAGE_BUILD_FAILED",
    /// The caller's own image would undo what holds user code.
    ImageUnusable = "IMAGE_UNUSABLE",
    /// `ISOL8_EXTRA_CA_FILE` cannot be used.
    InvalidExtraCa = "INVALID_EXTRA_CA",
    /// A package mirror's address holds a password.
    MirrorCredentials = "MIRROR_CREDENTIALS",
    /// No sandbox could be started.
    SandboxStartFailed = "SANDBOX_START_FAILED",
    /// The sandbox ended before the execution did.
    SandboxLost = "SANDBOX_LOST",
    /// The program could not be started.
    SpawnFailed = "SPAWN_FAILED",
    /// The working directory could not be made or entered.
    WorkdirFailed = "WORKDIR_FAILED",
    /// An input file could not be written.
    WriteFileFailed = "WRITE_FILE_FAILED",
    /// A file could not be read.
    ReadFileFailed = "READ_FILE_FAILED",
    /// Packages could not be installed, so the program was not run.
    InstallFailed = "INSTALL_FAILED",
    /// A setup script failed, so the program was not run.
    SetupFailed = "SETUP_FAILED",
    /// The container of a persistent engine was made for another runtime.
    RuntimeSwitch = "RUNTIME_SWITCH",
    /// A persistent engine has no container yet, or the engine is not a persistent one.
    NoContainer = "NO_CONTAINER",
    /// The container of a persistent engine has ended by itself.
    SessionLost = "SESSION_LOST",
    /// The caller's seccomp profile cannot be used.
    SeccompProfile = "SECCOMP_PROFILE",
    /// The Docker engine has no such OCI runtime.
    UnknownOciRuntime = "UNKNOWN_OCI_RUNTIME",
    /// What the caller gave as standard input failed while it was read.
    StdinFailed = "STDIN_FAILED",
    /// The database of a server's keys does not answer, or refuses something.
    AuthDatabase = "AUTH_DATABASE",
    /// The caller ended the execution, as Node.js calls it.
    Aborted = "ABORT_ERR",
    /// The engine was stopped meanwhile.
    Stopped = "STOPPED",
    /// No server answers at that address. Nothing was sent, so nothing was done.
    RemoteUnreachable = "REMOTE_UNREACHABLE",
    /// The connection to the server broke. What was asked for may have been done.
    RemoteLost = "REMOTE_LOST",
    /// The server answered as no server of isol8 does.
    RemoteProtocol = "REMOTE_PROTOCOL",
    /// The server failed, and did not say at what.
    RemoteFailed = "REMOTE_FAILED",
    /// The server wants a key.
    Unauthorized = "UNAUTHORIZED",
    /// The server does not allow that with this key.
    Forbidden = "FORBIDDEN",
    /// Too many requests, or too much at a time.
    RateLimited = "RATE_LIMITED",
    /// The server has no such session.
    SessionNotFound = "SESSION_NOT_FOUND",
    /// The server has nothing at that path, or not what was asked for.
    NotFound = "NOT_FOUND",
    /// The server has something else to do at that path.
    MethodNotAllowed = "METHOD_NOT_ALLOWED",
    /// The request is longer than the server takes.
    TooLarge = "TOO_LARGE",
    /// The request took too long to arrive.
    TooSlow = "TOO_SLOW",
    /// The port of a server is another's, as Node.js calls it.
    AddressInUse = "EADDRINUSE",
    /// A server cannot listen where it should.
    ListenFailed = "LISTEN_FAILED",
    /// A defect of isol8.
    Internal = "INTERNAL",
}
