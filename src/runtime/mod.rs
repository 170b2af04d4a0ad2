//! How each language's programs are started: one small file per runtime, and the table of all of them. The agent counts
//! as one, whose programs are prompts.

pub mod agent;
mod bash;
mod bun;
mod deno;
pub mod install;
mod language;
mod node;
mod python;
mod registry;

pub use language::Language;
pub use registry::{Registry, RuntimeError};

/// A language that isol8 can run.
#[derive(Debug)]
pub struct Runtime {
    /// Its name everywhere: requests, flags, image tags.
    pub name: &'static str,
    /// Extension of the script that inline code is written to.
    pub script_extension: &'static str,
    /// Extensions of files that it is chosen for.
    pub extensions: &'static [&'static str],
    /// What runs its programs; none for the agent, whose source text is a prompt.
    pub interpreter: Option<Interpreter>,
}

/// What runs the programs of a language.
#[derive(Debug)]
pub struct Interpreter {
    /// What runs a script file; the file's path follows.
    pub command: &'static [&'static str],
    /// What goes between that and the path when the script is one that isol8 wrote.
    pub script_flags: &'static [&'static str],
    /// What runs source text without a file, where that is possible; the text follows.
    pub inline_command: Option<&'static [&'static str]>,
}

impl Interpreter {
    /// The command that runs the script at `path`.
    pub fn command_for(&self, path: &str) -> Vec<String> {
        let words = self.command.iter().chain(self.script_flags).copied();
        words.chain([path]).map(str::to_owned).collect()
    }
}

/// There is one of each name.
impl PartialEq for Runtime {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

impl Runtime {
    /// Tag of the image that it runs in.
    pub fn image(&self) -> String {
        format!("isol8:{}", self.name)
    }

    /// The extension by which its files are usually known.
    pub fn file_extension(&self) -> &'static str {
        self.extensions.first().copied().unwrap_or(self.script_extension)
    }
}

/// The command that runs a shell command line, in every image.
pub fn shell_command(line: &str) -> Vec<String> {
    ["bash", "-c", line].map(str::to_owned).into()
}

/// All runtimes, in the order in which they are listed and built.
pub const ALL: [&Runtime; 6] = [&python::PYTHON, &node::NODE, &bun::BUN, &bash::BASH, &deno::DENO, &agent::AGENT];

/// The runtime called `name`.
pub fn get(name: &str) -> Result<&'static Runtime, RuntimeError> {
    ALL.into_iter().find(|runtime| runtime.name == name).ok_or_else(|| RuntimeError::UnknownName {
        name: name.to_owned(),
        available: ALL.iter().map(|runtime| runtime.name.to_owned()).collect(),
    })
}
