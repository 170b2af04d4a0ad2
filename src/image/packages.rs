//! Names of packages: which ones are passed on to a package manager, and how a list of them is written.
//!
//! Names come from whoever sends requests. What gets past this can be an argument of its own, but never an option, and
//! means nothing to a shell; it is not passed to one all the same.

use std::collections::BTreeSet;

use crate::runtime::Runtime;

/// Bytes of a name. The longest are addresses of modules.
const MAX_NAME: usize = 256;

/// How many at a time. With the longest names they still fit on a line of a Dockerfile, which ends at 64 KiB.
const MAX_COUNT: usize = 200;

/// Characters of a refused name that are shown.
const SHOWN: usize = 100;

/// Packages for one runtime: valid, sorted, each once.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Packages(BTreeSet<String>);

/// Packages that no package manager is asked for.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PackagesError {
    /// Not a name.
    #[error("Invalid package name: \"{}\". Only alphanumeric, -, _, ., /, @, and = are allowed.", shown(.0))]
    Name(String),
    /// More than anybody has use for.
    #[error("too many packages: {0}, at most {MAX_COUNT}")]
    Count(usize),
}

impl Packages {
    /// Takes what callers say: trims, passes over what is empty, and refuses what is no name to the package manager of
    /// `runtime`.
    pub fn new(runtime: &Runtime, names: &[impl AsRef<str>]) -> Result<Self, PackagesError> {
        let mut packages = BTreeSet::new();
        for name in names.iter().map(|name| name.as_ref().trim()).filter(|name| !name.is_empty()) {
            if !is_valid(runtime, name) {
                return Err(PackagesError::Name(name.to_owned()));
            }
            packages.insert(name.to_owned());
        }
        if packages.len() > MAX_COUNT {
            return Err(PackagesError::Count(packages.len()));
        }
        Ok(Self(packages))
    }

    /// The names, sorted.
    pub fn names(&self) -> impl ExactSizeIterator<Item = &str> {
        self.0.iter().map(String::as_str)
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

fn is_valid(runtime: &Runtime, name: &str) -> bool {
    let is_allowed = |c: char| {
        c.is_ascii_alphanumeric()
            || matches!(c, '@' | '_' | '.' | '/' | '-' | '=')
            // Addresses of modules, with version ranges.
            || (runtime.name == "deno" && matches!(c, ':' | '+' | '~' | '^'))
    };
    // To apt, a hyphen at the end means that the package is to be removed.
    let is_removal = runtime.name == "bash" && name.ends_with('-');
    name.len() <= MAX_NAME && !name.starts_with('-') && !is_removal && name.chars().all(is_allowed)
}

/// A name as it may be shown: on one line, and no longer than anyone reads.
fn shown(name: &str) -> String {
    let mut text = String::new();
    for c in name.chars().take(SHOWN) {
        if c.is_control() { text.extend(c.escape_debug()) } else { text.push(c) }
    }
    if name.chars().nth(SHOWN).is_some() {
        text.push('…');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::runtime;

    fn named(runtime: &str, names: &[&str]) -> Result<Packages, PackagesError> {
        Packages::new(runtime::get(runtime).expect("one of ours"), names)
    }

    /// W55.
    #[test]
    fn what_is_no_name_is_refused_in_these_words() {
        for name in
            ["a b", "a;reboot", "$(id)", "`id`", "a\nRUN id", "a\"b", "a'b", "a>=1", "-e", "--index-url", "ü", "a,b"]
        {
            for runtime in runtime::ALL {
                let error = Packages::new(runtime, &[name]).expect_err(name).to_string();
                let name = name.replace('\n', "\\n");
                let message =
                    format!("Invalid package name: \"{name}\". Only alphanumeric, -, _, ., /, @, and = are allowed.");
                assert_eq!(error, message);
            }
        }
    }

    /// W57.
    #[test]
    fn modules_of_deno_have_characters_of_their_own() {
        let modules = ["npm:chalk@^5", "jsr:@std/assert@~1.0", "https://deno.land/x/m@v1+2/mod.ts"];
        assert_eq!(named("deno", &modules).expect("valid").names().len(), 3);
        for module in modules {
            for runtime in ["python", "node", "bun", "bash"] {
                named(runtime, &[module]).expect_err(module);
            }
        }
    }

    #[test]
    fn nothing_is_removed() {
        named("bash", &["curl-"]).expect_err("apt would remove it");
        named("bash", &["apt-utils", "jq=1.7.1-6"]).expect("valid");
    }

    #[test]
    fn lists_and_names_have_bounds() {
        named("python", &["a".repeat(MAX_NAME).as_str()]).expect("as long as it may be");
        let error = named("python", &["a".repeat(1 << 20).as_str()]).expect_err("longer").to_string();
        assert!(error.len() < 2 * SHOWN, "{error}");
        let names: Vec<_> = (0..=MAX_COUNT).map(|n| n.to_string()).collect();
        let python = runtime::get("python").expect("one of ours");
        Packages::new(python, &names[1..]).expect("as many as there may be");
        assert_eq!(Packages::new(python, &names), Err(PackagesError::Count(MAX_COUNT + 1)));
    }
}
