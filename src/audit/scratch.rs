//! Directories for tests.

use std::fs;
use std::ops::Deref;
use std::path::{Path, PathBuf};
use std::process::Command;

/// A new directory that goes with the value.
#[derive(Debug)]
pub(super) struct Scratch(PathBuf);

impl Scratch {
    pub(super) fn new() -> Self {
        let path = std::env::temp_dir().join(format!("isol8-audit-test-{}", uuid::Uuid::new_v4()));
        fs::create_dir(&path).expect("a new name");
        Self(path)
    }

    /// Names of what is in it.
    pub(super) fn names(&self) -> Vec<String> {
        let entries = fs::read_dir(&self.0).expect("it is there");
        let mut names: Vec<_> =
            entries.map(|entry| entry.expect("readable").file_name().to_string_lossy().into_owned()).collect();
        names.sort();
        names
    }

    /// A program that does this. It is written by another process: while this one has it open for writing, a fork in
    /// another test would keep it from being run.
    pub(super) fn script(&self, text: &str) -> PathBuf {
        let path = self.join("script");
        let status = Command::new("sh")
            .args(["-c", "printf '#!/bin/sh\\n%s\\n' \"$2\" > \"$1\" && chmod 700 \"$1\"", "sh"])
            .arg(&path)
            .arg(text)
            .status();
        assert!(status.expect("a shell").success());
        path
    }

    pub(super) fn read(&self, name: &str) -> String {
        fs::read_to_string(self.join(name)).expect("it is there")
    }
}

impl Deref for Scratch {
    type Target = Path;

    fn deref(&self) -> &Path {
        &self.0
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}
