//! How each language's programs are started: one small file per runtime, and the table of all of them.

mod bash;
mod bun;
mod deno;
mod node;
mod python;

/// A language that isol8 can run.
#[derive(Debug)]
pub struct Runtime {
    /// Its name everywhere: requests, flags, image tags.
    pub name: &'static str,
    /// Extension of the script that inline code is written to.
    pub script_extension: &'static str,
    /// Extensions of files that it is chosen for.
    pub extensions: &'static [&'static str],
    /// What runs a script file; the file's path follows.
    pub command: &'static [&'static str],
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

    /// The command that runs the script at `path`.
    pub fn command_for(&self, path: &str) -> Vec<String> {
        self.command.iter().map(|&word| word.to_owned()).chain([path.to_owned()]).collect()
    }
}

/// The command that runs a shell command line, in every image.
pub fn shell_command(line: &str) -> Vec<String> {
    ["bash", "-c", line].map(str::to_owned).into()
}

/// All runtimes, in the order in which they are listed and built.
pub const ALL: [&Runtime; 5] = [&python::PYTHON, &node::NODE, &bun::BUN, &bash::BASH, &deno::DENO];

/// No runtime of that name, or none for that file.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RuntimeError {
    /// No runtime has this name.
    #[error("Unknown runtime: \"{name}\". Available: {}", names().join(", "))]
    UnknownName {
        /// What was asked for.
        name: String,
    },
    /// No runtime claims the file's extension.
    #[error("Cannot detect runtime for \"{filename}\". Known extensions: {}", extensions().join(", "))]
    UnknownExtension {
        /// The file in question.
        filename: String,
    },
}

/// The runtime called `name`.
pub fn get(name: &str) -> Result<&'static Runtime, RuntimeError> {
    ALL.into_iter()
        .find(|runtime| runtime.name == name)
        .ok_or_else(|| RuntimeError::UnknownName { name: name.to_owned() })
}

/// The runtime for a file of this name.
pub fn detect(filename: &str) -> Result<&'static Runtime, RuntimeError> {
    let base = filename.rsplit(['/', '\\']).next().unwrap_or(filename);
    let extension = base.rfind('.').map(|dot| &base[dot..]);
    ALL.into_iter()
        .find(|runtime| extension.is_some_and(|extension| runtime.extensions.contains(&extension)))
        .ok_or_else(|| RuntimeError::UnknownExtension { filename: filename.to_owned() })
}

fn names() -> Vec<&'static str> {
    ALL.iter().map(|runtime| runtime.name).collect()
}

fn extensions() -> Vec<&'static str> {
    ALL.iter().flat_map(|runtime| runtime.extensions).copied().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_matched_by_the_extension_of_their_own_name() {
        for (file, runtime) in [
            ("a.py", "python"),
            ("dir.py/b.mjs", "node"),
            ("x.js", "node"),
            ("x.cjs", "node"),
            ("x.ts", "bun"),
            ("x.mts", "deno"),
            ("/tmp/x.y.sh", "bash"),
        ] {
            assert_eq!(detect(file).expect(file).name, runtime);
        }
        for file in ["notes.txt", "Makefile", "dir.py/plain", ""] {
            assert_eq!(detect(file), Err(RuntimeError::UnknownExtension { filename: file.into() }));
        }
    }

    #[test]
    fn an_unknown_name_lists_what_there_is() {
        let error = get("ruby").expect_err("there is no ruby");
        assert_eq!(error.to_string(), "Unknown runtime: \"ruby\". Available: python, node, bun, bash, deno");
    }
}
