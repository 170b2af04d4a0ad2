//! Which file is read, with real files.

use std::fs;

use tempfile::TempDir;

use super::super::file::MAX_SIZE;
use super::*;

/// A project and a home, both empty.
struct Machine {
    _root: TempDir,
    project: PathBuf,
    home: PathBuf,
}

impl Machine {
    fn new() -> Self {
        let root = tempfile::tempdir().expect("a temporary directory");
        let (project, home) = (root.path().join("project"), root.path().join("home"));
        fs::create_dir_all(&project).expect("a project");
        fs::create_dir_all(home.join(".isol8")).expect("a home");
        Self { _root: root, project, home }
    }

    fn in_project(&self, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.project.join("isol8.config.json");
        fs::write(&path, content).expect("a file");
        path
    }

    fn in_home(&self, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.home.join(".isol8/config.json");
        fs::write(&path, content).expect("a file");
        path
    }

    fn load(&self) -> Result<Loaded, ConfigError> {
        load(&self.project, Some(&self.home))
    }

    fn error(&self) -> String {
        let error = self.load().expect_err("no configuration");
        assert_eq!(error.code().as_str(), "INVALID_CONFIG");
        error.to_string()
    }
}

#[test]
fn without_a_file_everything_is_default() {
    let machine = Machine::new();
    let loaded = machine.load().expect("defaults");
    assert_eq!(
        loaded,
        Loaded { config: Isol8Config::default(), source: None, given: Vec::new(), warnings: Vec::new() }
    );
    assert_eq!(load(&machine.project, None).expect("defaults"), loaded);
}

#[test]
fn the_first_file_is_read_and_the_other_one_not() {
    let machine = Machine::new();
    let in_home = machine.in_home(r#"{ "maxConcurrent": 3, "debug": true }"#);
    let loaded = machine.load().expect("the user's");
    assert_eq!((loaded.config.max_concurrent, loaded.source), (3, Some(in_home)));

    let in_project = machine.in_project(r#"{ "maxConcurrent": 4 }"#);
    let loaded = machine.load().expect("the project's");
    assert_eq!((loaded.config.max_concurrent, loaded.source), (4, Some(in_project)));
    assert!(!loaded.config.debug, "files are not merged with each other");
}

#[test]
fn a_directory_that_is_not_there_has_no_file() {
    let machine = Machine::new();
    let file = machine.in_project("{}");
    for directory in [machine.project.join("nowhere"), file] {
        assert_eq!(load(&directory, Some(&machine.home)).expect("defaults").source, None);
    }
}

#[test]
fn a_profile_is_relative_to_the_file_and_not_to_the_working_directory() {
    let machine = Machine::new();
    machine.in_home(r#"{ "security": { "customProfilePath": "p.json" } }"#);
    let profile = machine.load().expect("valid").config.security.custom_profile_path;
    assert_eq!(profile.map(PathBuf::from), Some(machine.home.join(".isol8/p.json")));
}

#[test]
fn a_byte_order_mark_is_no_content() {
    let machine = Machine::new();
    machine.in_project("\u{feff}{ \"debug\": true }");
    assert!(machine.load().expect("valid").config.debug);
}

// W97: a file with a mistake is told by name, with its place, and not passed over.
#[test]
fn w97_what_cannot_be_read_is_an_error_that_names_the_file() {
    let machine = Machine::new();
    machine.in_home("{}");
    let path = machine.in_project("{\n  \"debug\": true,\n}");
    let path = path.display();
    assert_eq!(machine.error(), format!("Invalid config {path}: trailing comma at line 3 column 1"));

    machine.in_project("");
    assert_eq!(machine.error(), format!("Invalid config {path}: EOF while parsing a value at line 1 column 0"));

    machine.in_project(b"{ \"debug\": \"\xff\" }");
    assert!(machine.error().starts_with(&format!("Invalid config {path}: invalid unicode")), "{}", machine.error());

    machine.in_project("[".repeat(100_000));
    assert!(machine.error().starts_with(&format!("Invalid config {path}: recursion limit")), "{}", machine.error());

    machine.in_project(r#"{ "defaults": { "timeoutMs": "soon" } }"#);
    assert_eq!(
        machine.error(),
        format!(
            "Invalid config {path}: defaults.timeoutMs: expected a whole number from 1 to 2147483647, found a string"
        )
    );
}

#[test]
fn only_regular_files_of_a_bounded_size_are_read() {
    let machine = Machine::new();
    let path = machine.in_project(" ".repeat(MAX_SIZE as usize - 2) + "{}");
    machine.load().expect("as large as it may be");
    machine.in_project(" ".repeat(MAX_SIZE as usize - 1) + "{}");
    assert_eq!(machine.error(), format!("Invalid config {}: larger than 1048576 bytes", path.display()));

    fs::remove_file(&path).expect("removed");
    fs::create_dir(&path).expect("a directory");
    assert_eq!(machine.error(), format!("Invalid config {}: not a regular file", path.display()));

    fs::remove_dir(&path).expect("removed");
    std::os::unix::fs::symlink("/dev/zero", &path).expect("a link");
    assert_eq!(machine.error(), format!("Invalid config {}: not a regular file", path.display()));
}

#[test]
fn a_link_to_a_file_is_as_good_as_the_file() {
    let machine = Machine::new();
    let elsewhere = machine.in_home(r#"{ "debug": true }"#);
    std::os::unix::fs::symlink(elsewhere, machine.project.join("isol8.config.json")).expect("a link");
    assert!(machine.load().expect("valid").config.debug);
}
