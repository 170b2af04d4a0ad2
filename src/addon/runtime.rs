//! What `RuntimeRegistry` and the adapters are made of.

use napi::{Env, Result};
use napi_derive::napi;

use super::failure::Failure;
use crate::api::ErrorCode;
use crate::runtime::{self, Interpreter, Registry, Runtime, RuntimeError, agent};

/// Which runtime a name or a file means.
#[napi]
#[derive(Default)]
pub struct RuntimeTable {
    registry: Registry,
}

#[napi]
impl RuntimeTable {
    /// A table of isol8's own runtimes.
    #[napi(constructor)]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a runtime, or gives the one of that name further extensions; throws if they make no sense.
    #[napi]
    pub fn register(&mut self, env: &Env, name: String, extensions: Vec<String>) -> Result<()> {
        self.registry.register(&name, &extensions).map_err(|error| thrown(env, &error))
    }

    /// The name, if there is a runtime of this name; throws otherwise.
    #[napi]
    pub fn get(&self, env: &Env, name: String) -> Result<String> {
        self.registry.get(&name).map(str::to_owned).map_err(|error| thrown(env, &error))
    }

    /// The name of the runtime for a file of this name; throws if there is none.
    #[napi]
    pub fn detect(&self, env: &Env, filename: String) -> Result<String> {
        self.registry.detect(&filename).map(str::to_owned).map_err(|error| thrown(env, &error))
    }

    /// The names of all runtimes.
    #[napi]
    pub fn names(&self) -> Vec<String> {
        self.registry.names().to_vec()
    }
}

fn thrown(env: &Env, error: &RuntimeError) -> napi::Error {
    let code = match error {
        RuntimeError::UnknownName { .. } | RuntimeError::UnknownExtension { .. } => ErrorCode::UnknownRuntime,
        RuntimeError::InvalidName(_) | RuntimeError::InvalidExtension(_) => ErrorCode::InvalidAdapter,
    };
    Failure::new(code, error.to_string()).into_error(env)
}

/// One of isol8's own runtimes.
#[napi(object, object_from_js = false)]
pub struct RuntimeInfo {
    /// Its name in requests and flags.
    #[napi(ts_type = "Runtime")]
    pub name: String,
    /// Tag of its image.
    pub image: String,
    /// The usual extension of its files.
    pub file_extension: String,
    /// What runs a file; the path follows.
    pub file_command: Vec<String>,
    /// What runs source text without a file, where that is possible; the text follows.
    pub inline_command: Option<Vec<String>>,
}

fn info((runtime, interpreter): (&Runtime, &Interpreter)) -> RuntimeInfo {
    let owned = |words: &[&str]| words.iter().map(|&word| word.to_owned()).collect();
    RuntimeInfo {
        name: runtime.name.to_owned(),
        image: runtime.image(),
        file_extension: runtime.file_extension().to_owned(),
        file_command: owned(interpreter.command),
        inline_command: interpreter.inline_command.map(owned),
    }
}

/// isol8's own runtimes that run files.
#[napi]
pub fn built_in_runtimes() -> Vec<RuntimeInfo> {
    runtime::ALL.into_iter().filter_map(|runtime| Some((runtime, runtime.interpreter.as_ref()?))).map(info).collect()
}

/// What is fixed about the agent.
#[napi(object, object_from_js = false)]
pub struct AgentInfo {
    /// Its name in requests and flags.
    #[napi(ts_type = "string")]
    pub name: &'static str,
    /// Tag of its image.
    pub image: String,
    /// What files of prompts would be called.
    #[napi(ts_type = "string")]
    pub file_extension: &'static str,
}

/// The agent.
#[napi]
pub fn agent_runtime() -> AgentInfo {
    AgentInfo { name: agent::NAME, image: agent::AGENT.image(), file_extension: agent::FILE_EXTENSION }
}

/// The command that has the agent act on a prompt.
#[napi]
pub fn agent_command(prompt: String, flags: Option<String>) -> Vec<String> {
    agent::command(&prompt, flags.as_deref().unwrap_or_default())
}
