//! Requests, as JavaScript writes them.

use std::collections::HashMap;

use bytes::Bytes;
use napi::bindgen_prelude::{Buffer, Either, Either3};
use napi_derive::napi;

use crate::api;

/// One execution: exactly one of `code`, `codeUrl` and `cmd`, and what it needs.
#[napi(object, object_to_js = false)]
pub struct ExecutionRequest {
    /// Which runtime runs it: one of isol8's, or one that was registered.
    #[napi(ts_type = "Runtime | (string & {})")]
    pub runtime: String,
    /// Source text; for `agent`, the prompt.
    pub code: Option<String>,
    /// URL of the source text, which is fetched before anything is started, if `remoteCode` of the engine allows it.
    pub code_url: Option<String>,
    /// SHA-256, in hexadecimal, that the file at `codeUrl` has to have.
    pub code_hash: Option<String>,
    /// Let `codeUrl` be one of `http`; `remoteCode.allowedSchemes` has to list that, too. Default false.
    pub allow_insecure_code_url: Option<bool>,
    /// Shell command line, run by bash whatever the runtime.
    pub cmd: Option<String>,
    /// Time limit in milliseconds. Default: the engine's.
    pub timeout_ms: Option<f64>,
    /// Extra environment.
    pub env: Option<HashMap<String, String>>,
    /// What the program reads on standard input. What an iterable yields is sent as it comes.
    #[napi(ts_type = "string | Uint8Array | AsyncIterable<string | Uint8Array>")]
    pub stdin: Option<Either<String, Buffer>>,
    /// Files to write before the program starts: absolute paths, or relative to `/sandbox`.
    #[napi(ts_type = "Record<string, string | Uint8Array | InputFile>")]
    pub files: Option<HashMap<String, Either3<String, Buffer, InputFile>>>,
    /// Absolute paths of files to read back afterwards: 64 MiB of them at the most, and 20 000 files.
    pub output_paths: Option<Vec<String>>,
    /// Extension of the script file, such as `.cjs`. Default: the runtime's.
    pub file_extension: Option<String>,
    /// Working directory, inside `/sandbox`. Created if missing.
    pub workdir: Option<String>,
    /// Packages to install first, with the runtime's own package manager. Needs a network: with `filtered`, the
    /// package registries that the image is configured for are let through.
    pub install_packages: Option<Vec<String>>,
    /// Bash script to run first, as the same user, in `/sandbox`. If it fails, so does the execution.
    pub setup_script: Option<String>,
    /// With the runtime `agent`: more flags for `pi`, as on a command line.
    pub agent_flags: Option<String>,
    /// Passed on to the audit record; the key `userId` names the user there.
    pub metadata: Option<HashMap<String, String>>,
}

/// A file to write before the program starts.
#[napi(object, object_to_js = false)]
pub struct InputFile {
    /// What is in it.
    #[napi(ts_type = "string | Uint8Array")]
    pub content: Either<String, Buffer>,
    /// Whether it may be run. Default false.
    pub executable: Option<bool>,
}

/// What an adapter says about one request. Not part of the request, which may come from someone else.
#[napi(object, object_to_js = false)]
pub struct Adapter {
    /// The image that the runtime runs in.
    pub image: String,
    /// How the source text is run; absent where there is none.
    pub script: Option<Script>,
}

/// How source text is run.
#[napi(object, object_to_js = false)]
pub struct Script {
    /// Path of the file that it is written to: what `scriptPath` said.
    pub path: String,
    /// Program and arguments.
    pub command: Vec<String>,
}

impl From<Adapter> for api::Adapter {
    fn from(adapter: Adapter) -> Self {
        let script = adapter.script.map(|Script { path, command }| api::Script { path, command });
        Self { image: adapter.image, script }
    }
}

impl From<ExecutionRequest> for api::Request {
    fn from(request: ExecutionRequest) -> Self {
        let files = request.files.unwrap_or_default();
        Self {
            runtime: request.runtime,
            code: request.code,
            code_url: request.code_url,
            code_hash: request.code_hash,
            allow_insecure_code_url: request.allow_insecure_code_url.unwrap_or(false),
            cmd: request.cmd,
            timeout_ms: request.timeout_ms,
            env: request.env.unwrap_or_default().into_iter().collect(),
            stdin: request.stdin.map(bytes),
            files: files.into_iter().map(|(path, file)| (path, input_file(file))).collect(),
            output_paths: request.output_paths,
            file_extension: request.file_extension,
            workdir: request.workdir,
            install_packages: request.install_packages.unwrap_or_default(),
            setup_script: request.setup_script,
            agent_flags: request.agent_flags,
            metadata: request.metadata.unwrap_or_default().into_iter().collect(),
            adapter: None,
        }
    }
}

fn input_file(file: Either3<String, Buffer, InputFile>) -> api::InputFile {
    let (content, executable) = match file {
        Either3::A(text) => (Either::A(text), None),
        Either3::B(buffer) => (Either::B(buffer), None),
        Either3::C(InputFile { content, executable }) => (content, executable),
    };
    api::InputFile { content: bytes(content), executable: executable.unwrap_or(false) }
}

/// Contents of a file, as JavaScript has them.
pub(super) fn buffer(content: Bytes) -> Buffer {
    content.to_vec().into()
}

/// A copy: the caller may go on writing to its buffer.
pub(super) fn bytes(content: Either<String, Buffer>) -> Bytes {
    match content {
        Either::A(text) => text.into(),
        Either::B(buffer) => Bytes::copy_from_slice(&buffer),
    }
}
