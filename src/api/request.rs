//! What to run.

use std::collections::BTreeMap;

use bytes::Bytes;

/// One execution, as the caller asked for it. Nothing here has been checked yet.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Request {
    /// Name of the runtime.
    pub runtime: String,
    /// Source text. Exclusive with `cmd`.
    pub code: Option<String>,
    /// Shell command line, run by bash whatever the runtime. Exclusive with `code`.
    pub cmd: Option<String>,
    /// Time limit in milliseconds; the engine's when absent.
    pub timeout_ms: Option<f64>,
    /// Extra environment.
    pub env: BTreeMap<String, String>,
    /// What the program reads on standard input.
    pub stdin: Option<FileContent>,
    /// Files to write first: absolute paths, or relative to `/sandbox`.
    pub files: BTreeMap<String, InputFile>,
    /// Files to read back afterwards.
    pub output_paths: Option<Vec<String>>,
    /// Extension of the script file, with its dot.
    pub file_extension: Option<String>,
    /// Working directory, inside `/sandbox`.
    pub workdir: Option<String>,
    /// Packages to install before, with the runtime's package manager.
    pub install_packages: Vec<String>,
    /// Bash script to run before.
    pub setup_script: Option<String>,
    /// Passed on to the audit record; `userId` names the user there.
    pub metadata: BTreeMap<String, String>,
    /// The caller's own runtime, where `runtime` names one.
    pub adapter: Option<Adapter>,
}

/// What an adapter of the caller's says about one request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Adapter {
    /// The image that the runtime runs in.
    pub image: String,
    /// How the source text is run; absent where there is none.
    pub script: Option<Script>,
}

/// How source text is run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Script {
    /// Path of the file that it is written to.
    pub path: String,
    /// Program and arguments.
    pub command: Vec<String>,
}

/// A file to write before the program starts.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct InputFile {
    /// What is in it.
    pub content: FileContent,
    /// Whether it may be run.
    pub executable: bool,
}

/// Bytes for a file or for standard input. Cheap to clone.
pub type FileContent = Bytes;
