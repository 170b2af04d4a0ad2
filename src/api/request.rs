//! What to run.

use std::collections::BTreeMap;

use bytes::Bytes;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::content;

/// One execution, as the caller asked for it. Nothing here has been checked yet.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(rename = "ExecutionRequest")]
pub struct Request {
    /// Name of the runtime.
    pub runtime: String,
    /// Source text. Exclusive with `codeUrl` and `cmd`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    /// Where the source text is fetched from. Exclusive with `code` and `cmd`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code_url: Option<String>,
    /// SHA-256 of what is fetched, in hexadecimal.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code_hash: Option<String>,
    /// Whether `codeUrl` may be one of `http`, if the policy allows that scheme.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub allow_insecure_code_url: bool,
    /// Shell command line, run by bash whatever the runtime. Exclusive with `code` and `codeUrl`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cmd: Option<String>,
    /// Time limit in milliseconds; the engine's when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeout_ms: Option<f64>,
    /// Extra environment.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub env: BTreeMap<String, String>,
    /// What the program reads on standard input.
    #[serde(default, with = "content::option", skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "content::option::json_schema")]
    pub stdin: Option<FileContent>,
    /// Files to write first: absolute paths, or relative to `/sandbox`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub files: BTreeMap<String, InputFile>,
    /// Files to read back afterwards.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub output_paths: Option<Vec<String>>,
    /// Extension of the script file, with its dot.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file_extension: Option<String>,
    /// Working directory, inside `/sandbox`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub workdir: Option<String>,
    /// Packages to install before, with the runtime's package manager.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub install_packages: Vec<String>,
    /// Bash script to run before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub setup_script: Option<String>,
    /// Flags of the caller's own for the agent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub agent_flags: Option<String>,
    /// Passed on to the audit record; `userId` names the user there.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub metadata: BTreeMap<String, String>,
    /// The caller's own runtime, where `runtime` names one. Never from somebody else.
    #[serde(skip)]
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
