//! Which runtime a name or a file means. Starts with our own; callers add theirs.

use super::{ALL, agent};

/// Names, and the extensions that stand for them, each in the order of its first registration.
#[derive(Debug, Clone)]
pub struct Registry {
    names: Vec<String>,
    /// An extension with its dot, and the name of its runtime.
    extensions: Vec<(String, String)>,
}

/// No such runtime, or none that can be registered.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RuntimeError {
    /// No runtime has this name.
    #[error("Unknown runtime: \"{name}\". Available: {}", .available.join(", "))]
    UnknownName {
        /// What was asked for.
        name: String,
        /// What there is.
        available: Vec<String>,
    },
    /// No runtime claims the file's extension.
    #[error("Cannot detect runtime for \"{filename}\". Known extensions: {}", .known.join(", "))]
    UnknownExtension {
        /// The file in question.
        filename: String,
        /// What could have been detected.
        known: Vec<String>,
    },
    /// A runtime that nobody could ask for.
    #[error("invalid runtime name \"{}\": expected letters, digits, ., - or _", .0.escape_debug())]
    InvalidName(String),
    /// An extension that no file has.
    #[error("invalid extension \"{}\": expected a dot and letters, digits, - or _", .0.escape_debug())]
    InvalidExtension(String),
}

impl Default for Registry {
    /// Our own runtimes.
    fn default() -> Self {
        let mut registry = Self { names: Vec::new(), extensions: Vec::new() };
        for runtime in ALL {
            registry.insert(runtime.name, runtime.extensions);
        }
        registry
    }
}

impl Registry {
    /// Adds a runtime, or gives the one of that name further extensions. An extension that stood for another runtime
    /// stands for this one from now on.
    pub fn register(&mut self, name: &str, extensions: &[String]) -> Result<(), RuntimeError> {
        if !is_name(name) {
            return Err(RuntimeError::InvalidName(name.to_owned()));
        }
        if let Some(extension) = extensions.iter().find(|extension| !is_extension(extension)) {
            return Err(RuntimeError::InvalidExtension(extension.clone()));
        }
        self.insert(name, extensions);
        Ok(())
    }

    fn insert(&mut self, name: &str, extensions: &[impl AsRef<str>]) {
        if !self.names.iter().any(|known| known == name) {
            self.names.push(name.to_owned());
        }
        // An agent's input is a prompt: a file of text must not turn into one by its name.
        if name == agent::NAME {
            return;
        }
        for extension in extensions.iter().map(AsRef::as_ref) {
            match self.extensions.iter_mut().find(|(known, _)| known == extension) {
                Some((_, runtime)) => name.clone_into(runtime),
                None => self.extensions.push((extension.to_owned(), name.to_owned())),
            }
        }
    }

    /// The runtime called `name`, which is its name.
    pub fn get(&self, name: &str) -> Result<&str, RuntimeError> {
        self.names
            .iter()
            .find(|known| *known == name)
            .map(String::as_str)
            .ok_or_else(|| RuntimeError::UnknownName { name: name.to_owned(), available: self.names.clone() })
    }

    /// The name of the runtime for a file of this name.
    pub fn detect(&self, filename: &str) -> Result<&str, RuntimeError> {
        let base = filename.rsplit(['/', '\\']).next().unwrap_or(filename);
        let extension = base.rfind('.').map(|dot| &base[dot..]);
        let found = self.extensions.iter().find(|(known, _)| Some(known.as_str()) == extension);
        found.map(|(_, name)| name.as_str()).ok_or_else(|| RuntimeError::UnknownExtension {
            filename: filename.to_owned(),
            known: self.extensions.iter().map(|(extension, _)| extension.clone()).collect(),
        })
    }

    /// All names.
    pub fn names(&self) -> &[String] {
        &self.names
    }
}

/// Names become part of container labels and audit records, so they keep to what is readable everywhere.
fn is_name(name: &str) -> bool {
    (1..=64).contains(&name.len()) && name.chars().all(|c| is_plain(c) || c == '.')
}

fn is_extension(extension: &str) -> bool {
    extension.strip_prefix('.').is_some_and(|rest| (1..=16).contains(&rest.len()) && rest.chars().all(is_plain))
}

fn is_plain(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '-' | '_')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn register(registry: &mut Registry, name: &str, extensions: &[&str]) -> Result<(), RuntimeError> {
        let extensions: Vec<_> = extensions.iter().map(|&extension| extension.to_owned()).collect();
        registry.register(name, &extensions)
    }

    #[test]
    fn files_are_matched_by_the_extension_of_their_own_name() {
        let registry = Registry::default();
        for (file, runtime) in [
            ("a.py", "python"),
            ("dir.py/b.mjs", "node"),
            ("x.js", "node"),
            ("x.cjs", "node"),
            ("x.ts", "bun"),
            ("x.mts", "deno"),
            ("/tmp/x.y.sh", "bash"),
        ] {
            assert_eq!(registry.detect(file), Ok(runtime), "{file}");
        }
        for file in ["notes.txt", "Makefile", "dir.py/plain", ""] {
            let error = registry.detect(file).expect_err(file);
            let known = ".py, .mjs, .js, .cjs, .ts, .sh, .mts";
            let message = format!("Cannot detect runtime for \"{file}\". Known extensions: {known}");
            assert_eq!(error.to_string(), message);
        }
    }

    #[test]
    fn an_unknown_name_lists_what_there_is() {
        let mut registry = Registry::default();
        let message = |registry: &Registry| registry.get("perl").expect_err("there is no perl").to_string();
        assert_eq!(message(&registry), "Unknown runtime: \"perl\". Available: python, node, bun, bash, deno, agent");
        register(&mut registry, "ruby", &[".rb"]).expect("well-formed");
        assert_eq!(
            message(&registry),
            "Unknown runtime: \"perl\". Available: python, node, bun, bash, deno, agent, ruby"
        );
    }

    #[test]
    fn the_latest_registration_of_an_extension_counts() {
        let mut registry = Registry::default();
        register(&mut registry, "tsx", &[".ts", ".tsx"]).expect("well-formed");
        assert_eq!(registry.detect("a.ts"), Ok("tsx"));
        assert_eq!(registry.detect("a.tsx"), Ok("tsx"));
        assert_eq!(registry.get("bun"), Ok("bun"));
        assert_eq!(registry.names(), ["python", "node", "bun", "bash", "deno", "agent", "tsx"]);
    }

    /// W59.
    #[test]
    fn the_agent_is_never_detected() {
        let mut registry = Registry::default();
        register(&mut registry, agent::NAME, &[agent::FILE_EXTENSION]).expect("well-formed");
        assert_eq!(registry.get("agent"), Ok("agent"));
        registry.detect("notes.txt").expect_err("a file of text is no prompt");
    }

    #[test]
    fn what_nobody_could_ask_for_is_refused_and_changes_nothing() {
        let mut registry = Registry::default();
        for name in ["", "a b", "a/b", "\0", &"x".repeat(65)] {
            assert_eq!(register(&mut registry, name, &[]), Err(RuntimeError::InvalidName(name.into())));
        }
        for extension in ["", ".", "rb", ".a.b", "./rb", ".r b"] {
            let error = RuntimeError::InvalidExtension(extension.into());
            assert_eq!(register(&mut registry, "ruby", &[".rb", extension]), Err(error));
        }
        assert_eq!(registry.names().len(), ALL.len());
        registry.detect("a.rb").expect_err("nothing was registered");
    }
}
