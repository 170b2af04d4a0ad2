//! From settings and a request to what is going to be done: pure, and the only place where requests are checked.

mod agent;
mod packages;
mod steps;

use std::collections::{BTreeMap, HashSet};
use std::fmt;

use bytes::Bytes;
use isol8_protocol::SANDBOX_DIR;
use uuid::Uuid;

pub(super) use agent::check_network as check_network_of_agent;
pub(super) use packages::Needed;
pub(super) use steps::Work;

use packages::add_unpacked;

use super::settings::{Settings, SettingsError, timeout_ms};
use crate::api::{InputFile, Mode, NetworkMode, Request, Script};
use crate::image::PackagesError;
use crate::runtime::{self, Language, Runtime, RuntimeError};
use crate::sandbox::contract::WRITABLE;

/// The longest single argument or environment variable that Linux passes to a program (MAX_ARG_STRLEN).
const MAX_WORD: usize = 128 * 1024 - 1;

/// Arguments and environment together: Linux allows a quarter of the stack, which is 8 MiB.
const MAX_WORDS: usize = 2 * 1024 * 1024;

/// Output paths, as text.
const MAX_PATHS: usize = 2 * 1024 * 1024;

/// Output paths of one execution: each is a file that has to be opened and an entry of the result.
const MAX_OUTPUT_PATHS: usize = 20_000;

/// Permission bits of files that may be run.
const PROGRAM_MODE: u32 = 0o755;

/// Names and values of all metadata, which go into every record.
const MAX_METADATA: usize = 64 * 1024;

/// The longest path that the kernel takes (PATH_MAX).
const MAX_PATH: usize = 4095;

/// Permission bits of files that callers bring.
pub(super) const FILE_MODE: u32 = 0o644;

/// What every program finds in its environment, unless the request says otherwise.
const BASE_ENV: [(&str, &str); 7] = [
    ("PYTHONUNBUFFERED", "1"),
    ("PYTHONUSERBASE", "/sandbox/.local"),
    ("NPM_CONFIG_PREFIX", "/sandbox/.npm-global"),
    ("DENO_DIR", "/sandbox/.deno"),
    ("PATH", "/sandbox/.local/bin:/sandbox/.npm-global/bin:/sandbox/.bun-global/bin:/usr/local/bin:/usr/bin:/bin"),
    ("NODE_PATH", "/usr/local/lib/node_modules:/sandbox/.npm-global/lib/node_modules:/sandbox/node_modules"),
    ("HOME", SANDBOX_DIR),
];

/// How programs find the proxy ([`isol8_protocol::PROXY_PORT`]) of a filtered sandbox. The last is for Node.js, which
/// looks at the others only then.
const PROXY_ENV: [(&str, &str); 5] = [
    ("HTTP_PROXY", PROXY_URL),
    ("HTTPS_PROXY", PROXY_URL),
    ("http_proxy", PROXY_URL),
    ("https_proxy", PROXY_URL),
    ("NODE_USE_ENV_PROXY", "1"),
];

const PROXY_URL: &str = "http://127.0.0.1:8118";

/// A file to read back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct OutputFile {
    /// What the caller calls it.
    pub name: String,
    /// Where it is.
    pub path: String,
}

/// One execution, checked and complete.
#[derive(Clone, PartialEq)]
pub(super) struct Plan {
    /// Which language.
    pub runtime: Language,
    /// Program and arguments.
    pub argv: Vec<String>,
    /// The text that it was made from, for the record.
    pub source: Bytes,
    /// Path of the script among `files`, if it has to be removed afterwards.
    pub temporary_script: Option<String>,
    /// The packages that have to be there.
    pub needed: Option<Needed>,
    /// Bash script that is run before.
    pub setup: Option<String>,
    /// The whole environment that isol8 sets.
    pub env: BTreeMap<String, String>,
    /// Absolute, inside `/sandbox`.
    pub workdir: String,
    /// Absolute path, permission bits and content; the script among them.
    pub files: Vec<(String, u32, Bytes)>,
    /// Standard input that is there from the start; nothing when empty.
    pub stdin: Option<Bytes>,
    /// Time limit.
    pub timeout_ms: u64,
    /// Files to read back, no two of them the same path.
    pub output_files: Option<Vec<OutputFile>>,
    /// What the caller wants to find in the record.
    pub metadata: BTreeMap<String, String>,
}

/// No contents, and of the environment the names only: secrets are among its values.
impl fmt::Debug for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { runtime, argv, env, workdir, timeout_ms, .. } = self;
        let mut plan = f.debug_struct("Plan");
        plan.field("runtime", runtime).field("argv", argv).field("env", &env.keys().collect::<Vec<_>>());
        plan.field("workdir", workdir).field("timeout_ms", timeout_ms).finish_non_exhaustive()
    }
}

/// A request that makes no sense.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum PlanError {
    /// Not even of the right type.
    #[error("{0}")]
    Malformed(String),
    /// More than one source.
    #[error(
        "ExecutionRequest.code, ExecutionRequest.codeUrl, and ExecutionRequest.cmd are mutually exclusive — provide exactly one."
    )]
    TwoSources,
    /// No source.
    #[error("ExecutionRequest must include exactly one of: code, codeUrl, or cmd.")]
    NoSource,
    /// A hash that nobody would look at.
    #[error("codeHash is for codeUrl: it says nothing about code or cmd")]
    HashOfNothing,
    /// No such runtime.
    #[error(transparent)]
    Runtime(#[from] RuntimeError),
    /// Outside the sandbox.
    #[error("Working directory must be inside /sandbox")]
    Workdir,
    /// A number out of range.
    #[error(transparent)]
    Number(#[from] SettingsError),
    /// A path that user code could not have written to.
    #[error("Failed to write file {0} in container (exit code 1): not inside /sandbox or /tmp")]
    FileOutside(String),
    /// A path that the kernel could not take.
    #[error("invalid path \"{}\"", .0.escape_debug())]
    Path(String),
    /// More than a program can receive.
    #[error("{what} is too long: {length} bytes, at most {bound}")]
    TooLong {
        /// What is.
        what: &'static str,
        /// How long it is.
        length: usize,
        /// How long it may be.
        bound: usize,
    },
    /// More than anybody needs of something.
    #[error("too many {what}: {count}, at most {bound}")]
    TooMany {
        /// Of what.
        what: &'static str,
        /// How many there are.
        count: usize,
        /// How many there may be.
        bound: usize,
    },
    /// Two contents for one path; the script counts.
    #[error("two files for {0}")]
    SameFile(String),
    /// An output path that is relative.
    #[error("invalid output path \"{0}\": expected an absolute path")]
    OutputPath(String),
    /// An environment variable that no program could receive.
    #[error("invalid environment variable name \"{}\"", .0.escape_debug())]
    EnvName(String),
    /// A value that no program could receive.
    #[error("invalid value of environment variable {0}: contains a NUL character")]
    EnvValue(String),
    /// A text that no program could receive.
    #[error("invalid {0}: contains a NUL character")]
    Nul(&'static str),
    /// What an adapter says cannot be run.
    #[error("the adapter of runtime {0} gave no command that could be run")]
    Command(String),
    /// Packages that no package manager is asked for.
    #[error(transparent)]
    Packages(#[from] PackagesError),
    /// The agent, without a network.
    #[error(
        "Agent runtime requires network access. The AI coding agent needs to reach its LLM provider API. Use --net host, or --net filtered --allow \"api.anthropic.com\" (or your provider's domain)."
    )]
    AgentNetwork,
    /// The agent, with a filter that does not say where its provider is.
    #[error(
        "Agent runtime requires at least one network whitelist entry. The AI coding agent needs to reach its LLM provider API. Use --allow \"api.anthropic.com\" (or your provider's domain)."
    )]
    AgentWhitelist,
    /// A runtime without a package manager.
    #[error("Unknown runtime for package install: {0}")]
    Installer(String),
    /// More metadata than anybody needs.
    #[error("metadata is too long: {length} bytes, at most {MAX_METADATA}")]
    Metadata {
        /// How long all names and values are.
        length: usize,
    },
    /// An extension that is none.
    #[error("invalid fileExtension \"{}\": expected a dot and letters, digits, - or _", .0.escape_debug())]
    Extension(String),
}

impl Plan {
    /// What `request` means under `settings`. Its source text is here: what is still at a URL counts as absent.
    pub(super) fn new(settings: &Settings, request: Request) -> Result<Self, PlanError> {
        check(settings, &request)?;
        let source = Source::of(request.code, request.cmd)?;
        let (runtime, script) = match request.adapter {
            Some(adapter) => (Language::custom(request.runtime, adapter.image), adapter.script),
            None => (runtime::get(&request.runtime)?.into(), None),
        };
        let workdir = resolve_workdir(request.workdir.as_deref().unwrap_or(SANDBOX_DIR))?;
        let timeout_ms = timeout_ms("timeoutMs", request.timeout_ms)?.unwrap_or(settings.timeout_ms);
        let mut files = Vec::with_capacity(request.files.len() + 1);
        for (path, InputFile { content, executable }) in request.files {
            let mode = if executable { PROGRAM_MODE } else { FILE_MODE };
            files.push((resolve_file(&path, settings.limits.readonly_root)?, mode, content));
        }
        let mut temporary_script = None;
        let (what, argv, source) = match source {
            Source::Cmd(line) => ("cmd", runtime::shell_command(&line), Bytes::from(line)),
            Source::Code(prompt) if runtime.is_agent() => {
                ("the prompt", agent::command(&prompt, request.agent_flags)?, Bytes::from(prompt))
            }
            Source::Code(code) => {
                let Script { path, command } = match &runtime {
                    Language::BuiltIn(Runtime { interpreter: Some(interpreter), script_extension, .. }) => {
                        let extension = request.file_extension.unwrap_or_else(|| script_extension.to_string());
                        let path = script_path(settings.mode, extension)?;
                        Script { command: interpreter.command_for(&path), path }
                    }
                    _ => checked_script(script, runtime.name())?,
                };
                let code = Bytes::from(code);
                files.push((path.clone(), FILE_MODE, code.clone()));
                // Where nothing else would remove it.
                temporary_script = (settings.mode == Mode::Persistent).then_some(path);
                ("the command", command, code)
            }
        };
        let needed = Needed::new(&runtime, &request.install_packages)?;
        let setup = checked_setup(request.setup_script)?;
        check_metadata(&request.metadata)?;
        let mut env = environment(settings, request.env)?;
        if runtime.name() == "bash" && (needed.is_some() || settings.mode == Mode::Persistent) {
            add_unpacked(&mut env);
        }
        check_words(what, &argv, &env)?;
        check_distinct(&files)?;
        Ok(Self {
            runtime,
            argv,
            source,
            temporary_script,
            needed,
            setup,
            env,
            workdir,
            files,
            stdin: request.stdin.filter(|stdin| !stdin.is_empty()),
            timeout_ms,
            output_files: request.output_paths.map(output_files).transpose()?,
            metadata: request.metadata,
        })
    }
}

/// Where source text is written to.
pub(super) fn script_path(mode: Mode, extension: String) -> Result<String, PlanError> {
    let extension = checked_extension(extension)?;
    Ok(match mode {
        Mode::Ephemeral => format!("{SANDBOX_DIR}/main{extension}"),
        Mode::Persistent => format!("{SANDBOX_DIR}/exec_{}{extension}", Uuid::new_v4().simple()),
    })
}

/// What the adapter of `runtime` made of the source text.
fn checked_script(script: Option<Script>, runtime: &str) -> Result<Script, PlanError> {
    let can_run = |command: &[String]| {
        command.first().is_some_and(|program| !program.is_empty()) && !command.iter().any(|word| word.contains('\0'))
    };
    let script = script.filter(|script| can_run(&script.command));
    let Script { path, command } = script.ok_or_else(|| PlanError::Command(runtime.to_owned()))?;
    Ok(Script { path: resolve_file(&path, true)?, command })
}

/// Blank text counts as absent.
fn is_present(text: &str) -> bool {
    !text.trim().is_empty()
}

/// Which sources a request names: code, its URL, a command line.
pub(super) fn sources(request: &Request) -> [bool; 3] {
    [&request.code, &request.code_url, &request.cmd].map(|text| text.as_deref().is_some_and(is_present))
}

/// What can be said of a request before anybody waits, in the order in which it is said.
pub(super) fn check(settings: &Settings, request: &Request) -> Result<(), PlanError> {
    if request.adapter.is_none() && request.runtime == runtime::agent::NAME {
        check_network_of_agent(settings)?;
    }
    check_request(request)
}

/// The part of it that does not depend on settings.
pub(crate) fn check_request(request: &Request) -> Result<(), PlanError> {
    check_sources(request)?;
    if request.adapter.is_none() {
        runtime::get(&request.runtime)?;
    }
    Ok(())
}

/// Exactly one is needed. Whoever gives a hash relies on its being checked.
fn check_sources(request: &Request) -> Result<(), PlanError> {
    match sources(request) {
        [false, false, false] => Err(PlanError::NoSource),
        [_, true, true] | [true, _, true] | [true, true, _] => Err(PlanError::TwoSources),
        [_, false, _] if request.code_hash.is_some() => Err(PlanError::HashOfNothing),
        _ => Ok(()),
    }
}

enum Source {
    Code(String),
    Cmd(String),
}

impl Source {
    /// The one that is there, as it is.
    fn of(code: Option<String>, cmd: Option<String>) -> Result<Self, PlanError> {
        match (code.filter(|text| is_present(text)), cmd.filter(|text| is_present(text))) {
            (Some(code), _) => Ok(Self::Code(code)),
            (None, Some(cmd)) if cmd.contains('\0') => Err(PlanError::Nul("cmd")),
            (None, Some(cmd)) => Ok(Self::Cmd(cmd)),
            (None, None) => Err(PlanError::NoSource),
        }
    }
}

/// The base, then the engine's secrets, then what the request says; the later wins.
fn environment(
    settings: &Settings,
    requested: BTreeMap<String, String>,
) -> Result<BTreeMap<String, String>, PlanError> {
    let mut env: BTreeMap<_, _> = BASE_ENV.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
    env.extend(settings.secrets.iter().map(|(name, secret)| (name.clone(), secret.expose().to_owned())));
    for (name, value) in requested {
        if name.is_empty() || name.contains(['=', '\0']) {
            return Err(PlanError::EnvName(name));
        }
        if value.contains('\0') {
            return Err(PlanError::EnvValue(name));
        }
        env.insert(name, value);
    }
    if settings.limits.network == NetworkMode::Filtered {
        env.extend(PROXY_ENV.map(|(name, value)| (name.to_owned(), value.to_owned())));
    }
    Ok(env)
}

/// The kernel would refuse to start the program, with fewer words.
fn check_words(what: &'static str, argv: &[String], env: &BTreeMap<String, String>) -> Result<(), PlanError> {
    let bounded = |what, length, bound| {
        if length > bound { Err(PlanError::TooLong { what, length, bound }) } else { Ok(length) }
    };
    let mut total = 0;
    for word in argv {
        total += bounded(what, word.len(), MAX_WORD)?;
    }
    for (name, value) in env {
        total += bounded("an environment variable", name.len() + 1 + value.len(), MAX_WORD)?;
    }
    bounded("the environment", total, MAX_WORDS).map(drop)
}

/// A blank script counts as absent.
fn checked_setup(script: Option<String>) -> Result<Option<String>, PlanError> {
    match script.filter(|script| !script.trim().is_empty()) {
        Some(script) if script.contains('\0') => Err(PlanError::Nul("setupScript")),
        script => Ok(script),
    }
}

fn check_metadata(metadata: &BTreeMap<String, String>) -> Result<(), PlanError> {
    let length = metadata.iter().map(|(name, value)| name.len() + value.len()).sum();
    if length > MAX_METADATA { Err(PlanError::Metadata { length }) } else { Ok(()) }
}

fn check_distinct(files: &[(String, u32, Bytes)]) -> Result<(), PlanError> {
    let mut paths: Vec<&str> = files.iter().map(|(path, _, _)| path.as_str()).collect();
    paths.sort_unstable();
    match paths.windows(2).find(|pair| pair[0] == pair[1]) {
        Some(pair) => Err(PlanError::SameFile(pair[0].to_owned())),
        None => Ok(()),
    }
}

/// Resolves `path` against `/sandbox`, with `.`, `..` and doubled slashes taken out.
pub(super) fn resolve(path: &str) -> Result<String, PlanError> {
    if path.is_empty() || path.len() > MAX_PATH || path.contains('\0') {
        return Err(PlanError::Path(path.to_owned()));
    }
    let base = if path.starts_with('/') { "" } else { SANDBOX_DIR };
    let mut parts: Vec<&str> = Vec::new();
    for part in base.split('/').chain(path.split('/')) {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop()),
            part => parts.push(part),
        }
    }
    Ok(format!("/{}", parts.join("/")))
}

fn is_inside(path: &str, directory: &str) -> bool {
    path.strip_prefix(directory).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

fn resolve_workdir(path: &str) -> Result<String, PlanError> {
    let resolved = resolve(path).map_err(|_| PlanError::Workdir)?;
    if is_inside(&resolved, SANDBOX_DIR) { Ok(resolved) } else { Err(PlanError::Workdir) }
}

pub(super) fn resolve_file(path: &str, readonly_root: bool) -> Result<String, PlanError> {
    let resolved = resolve(path)?;
    let names_a_file = !path.ends_with('/') && !WRITABLE.contains(&resolved.as_str()) && resolved != "/";
    if !names_a_file {
        return Err(PlanError::Path(path.to_owned()));
    }
    if readonly_root && !WRITABLE.iter().any(|directory| is_inside(&resolved, directory)) {
        return Err(PlanError::FileOutside(path.to_owned()));
    }
    Ok(resolved)
}

/// The files at `paths`. One that is named several times, however it is spelt, is read once, and called by its first name.
fn output_files(paths: Vec<String>) -> Result<Vec<OutputFile>, PlanError> {
    let (what, count, length) = ("outputPaths", paths.len(), paths.iter().map(String::len).sum());
    if count > MAX_OUTPUT_PATHS {
        return Err(PlanError::TooMany { what, count, bound: MAX_OUTPUT_PATHS });
    }
    if length > MAX_PATHS {
        return Err(PlanError::TooLong { what, length, bound: MAX_PATHS });
    }
    let (mut files, mut seen) = (Vec::with_capacity(count), HashSet::new());
    for name in paths {
        if !name.starts_with('/') || name.contains('\0') {
            return Err(PlanError::OutputPath(name));
        }
        let path = resolve(&name)?;
        if seen.insert(path.clone()) {
            files.push(OutputFile { name, path });
        }
    }
    Ok(files)
}

/// The extension becomes part of a file name, so it must not be able to name another place.
fn checked_extension(extension: String) -> Result<String, PlanError> {
    let well_formed = extension.strip_prefix('.').is_some_and(|name| {
        (1..=16).contains(&name.len()) && name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_'))
    });
    if well_formed { Ok(extension) } else { Err(PlanError::Extension(extension)) }
}

#[cfg(test)]
mod tests;
