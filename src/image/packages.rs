//! Names of packages: which ones are passed on to a package manager, and how a list of them is written.
//!
//! Names come from whoever sends requests. What gets past this can be an argument of its own, but never an option, and
//! means nothing to a shell; it is not passed to one all the same.

use std::collections::BTreeSet;

use super::hash;
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

    /// What the label of an image says. It is only compared with, so it may be anything.
    pub(super) fn from_label(label: &str) -> Self {
        Self(label.split(',').filter(|name| !name.is_empty()).map(str::to_owned).collect())
    }

    /// The same as the value of a label. No valid name has a comma in it.
    pub fn label(&self) -> String {
        self.names().collect::<Vec<_>>().join(",")
    }

    /// The names, sorted.
    pub fn names(&self) -> impl ExactSizeIterator<Item = &str> {
        self.0.iter().map(String::as_str)
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Those that are not among `others`, versions included.
    pub fn without(&self, others: &Self) -> Self {
        Self(self.0.difference(&others.0).cloned().collect())
    }

    /// Adds packages that were installed beside them, and forgets those of which they are other versions.
    pub fn add(&mut self, installed: &Self) {
        let names: BTreeSet<_> = installed.names().map(without_version).collect();
        self.0.retain(|package| !names.contains(without_version(package)));
        self.0.extend(installed.0.iter().cloned());
    }

    /// Whether all of `others` are among them, versions included.
    pub(super) fn contain(&self, others: &Self) -> bool {
        self.0.is_superset(&others.0)
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

/// What stands before the version. An `@` at the start of a name, or of one in the address of a module, is part of it.
fn without_version(package: &str) -> &str {
    let begins_version = |&(at, c): &(usize, char)| {
        c == '=' || (c == '@' && at > 0 && !matches!(package.as_bytes()[at - 1], b':' | b'/'))
    };
    package.char_indices().find(begins_version).map_or(package, |(at, _)| &package[..at])
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

/// Hash of all that decides what a custom image looks like. `recipe` is how packages are installed.
pub(super) fn dependency_hash(
    base: &str,
    runtime: &Runtime,
    recipe: &str,
    packages: &Packages,
    setup: Option<&str>,
) -> String {
    let packages = packages.label();
    let inputs = [
        ("base", Some(base)),
        ("packages", Some(&packages)),
        ("recipe", Some(recipe)),
        ("runtime", Some(runtime.name)),
        ("setup", setup),
    ];
    hash::of_inputs(inputs.into_iter().filter_map(|(name, content)| Some((name, content?.as_bytes()))))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::runtime;

    fn named(runtime: &str, names: &[&str]) -> Result<Packages, PackagesError> {
        Packages::new(runtime::get(runtime).expect("one of ours"), names)
    }

    fn hashed(base: &str, runtime: &str, packages: &[&str], setup: Option<&str>) -> String {
        let packages = named(runtime, packages).expect("valid");
        dependency_hash(base, runtime::get(runtime).expect("one of ours"), "recipe", &packages, setup)
    }

    #[test]
    fn lists_are_brought_into_one_form() {
        let packages = named("python", &[" numpy ", "pandas", "numpy", "", "scipy"]).expect("valid");
        assert_eq!(packages.label(), "numpy,pandas,scipy");
        assert_eq!(Packages::from_label("numpy,pandas,scipy"), packages);
        let none = named("node", &["", "  "]).expect("valid");
        assert!(none.is_empty());
        assert_eq!(Packages::from_label(""), none);
    }

    /// W55, for builds.
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
            for runtime in ["python", "node", "bun", "bash", "agent"] {
                named(runtime, &[module]).expect_err(module);
            }
        }
    }

    #[test]
    fn another_version_takes_the_place_of_the_first() {
        for (first, second) in [
            ("numpy", "numpy==2"),
            ("lodash@4", "lodash@3"),
            ("@types/node@20", "@types/node"),
            ("jsr:@std/assert@1", "jsr:@std/assert@^1.2"),
            ("jq=1.7", "jq"),
        ] {
            let mut present = Packages::from_label(first);
            present.add(&Packages::from_label(&format!("@types/bun,jsr:@std/fs,six,{second}")));
            assert_eq!(present.label(), Packages::from_label(&format!("@types/bun,jsr:@std/fs,six,{second}")).label());
        }
        let mut present = Packages::from_label("a,b@1");
        present.add(&Packages::from_label("c"));
        assert_eq!(Packages::from_label("a,b,c").without(&present).label(), "b");
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

    /// W72.
    #[test]
    fn images_that_differ_have_hashes_that_differ() {
        let all = [
            hashed("sha256:1", "python", &["ab", "c"], None),
            hashed("sha256:1", "python", &["a", "bc"], None),
            hashed("sha256:1", "python", &["abc"], None),
            hashed("sha256:1", "python", &["ab", "c"], Some("")),
            hashed("sha256:1", "python", &["ab", "c"], Some("id")),
            hashed("sha256:1", "python", &[], Some("id")),
            hashed("sha256:1", "node", &["ab", "c"], None),
            hashed("sha256:2", "python", &["ab", "c"], None),
        ];
        assert_eq!(BTreeSet::from(all.clone()).len(), all.len());
        assert_eq!(hashed("sha256:1", "python", &["c", " ab", "c"], None), all[0]);
    }

    proptest! {
        #[test]
        fn what_is_taken_is_harmless(names in prop::collection::vec("[ -~]{0,8}|\\PC{0,8}", 0..4), index in 0..runtime::ALL.len()) {
            let Ok(packages) = Packages::new(runtime::ALL[index], &names) else { return Ok(()) };
            for name in packages.names() {
                prop_assert!(!name.is_empty() && !name.starts_with('-'));
                let means_something = |c: char| "\\\"'`$;&|<>(){}*?!#,[]".contains(c);
                prop_assert!(!name.contains(|c: char| !c.is_ascii_graphic() || means_something(c)));
                prop_assert!(names.iter().any(|given| given.trim() == name));
            }
        }

        #[test]
        fn labels_are_read_as_they_were_written(names in prop::collection::vec("[a-z0-9@/._=-]{0,6}", 0..6)) {
            let Ok(packages) = Packages::new(runtime::ALL[0], &names) else { return Ok(()) };
            prop_assert_eq!(Packages::from_label(&packages.label()), packages);
        }

        #[test]
        fn the_order_of_packages_does_not_matter(names in prop::collection::hash_set("[a-z]{1,3}", 0..6)) {
            let forwards: Vec<_> = names.iter().map(String::as_str).collect();
            let backwards: Vec<_> = forwards.iter().rev().copied().collect();
            prop_assert_eq!(hashed("", "bun", &forwards, None), hashed("", "bun", &backwards, None));
        }
    }
}
