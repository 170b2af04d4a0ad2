//! What is wrong with a configuration, told to the one who wrote it.

use std::fmt;
use std::io;
use std::path::PathBuf;

use crate::api::ErrorCode;

/// Why there is no configuration. Never quotes a string that may be a secret.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// There is a file, but it cannot be read.
    #[error("Invalid config {}: cannot be read: {source}", .path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// A directory, a pipe, a device.
    #[error("Invalid config {}: not a regular file", .0.display())]
    NotAFile(PathBuf),
    /// More than any configuration needs.
    #[error("Invalid config {}: larger than {limit} bytes", .path.display())]
    TooLarge {
        /// The file.
        path: PathBuf,
        /// The most that is read.
        limit: u64,
    },
    /// Not JSON. The source says where.
    #[error("Invalid config {}: {source}", .path.display())]
    Syntax {
        /// The file.
        path: PathBuf,
        /// Line, column and what was expected there.
        source: serde_json::Error,
    },
    /// JSON, but not a configuration.
    #[error("Invalid config {}: {fault}", .path.display())]
    Value {
        /// The file.
        path: PathBuf,
        /// Which value, and why.
        fault: Fault,
    },
    /// A relative directory, and nothing to relate it to.
    #[error("Invalid config: the working directory is unknown: {0}")]
    NoDirectory(io::Error),
}

impl ConfigError {
    /// What JavaScript sees as `error.code`.
    pub fn code(&self) -> ErrorCode {
        match self {
            Self::Read { .. }
            | Self::NotAFile(_)
            | Self::TooLarge { .. }
            | Self::Syntax { .. }
            | Self::Value { .. }
            | Self::NoDirectory(_) => ErrorCode::InvalidConfig,
        }
    }
}

/// A value that makes no sense.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// Where it stands, such as `defaults.timeoutMs` or `network.whitelist[0]`; empty for the whole file.
    pub key: String,
    /// What is wrong with it.
    pub reason: String,
}

impl Fault {
    pub(super) fn new(key: impl Into<String>, reason: impl Into<String>) -> Self {
        Self { key: key.into(), reason: reason.into() }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.key.as_str() {
            "" => f.write_str(&self.reason),
            key => write!(f, "{key}: {}", self.reason),
        }
    }
}

/// Of longer texts the beginning is shown.
pub(super) const MAX_SHOWN: usize = 64;

/// Text of the file, which may be anything: nothing in it that moves the cursor, and no more than one can read.
pub(super) fn shown(text: &str) -> String {
    let mut shown: String = text.chars().take(MAX_SHOWN).flat_map(char::escape_debug).collect();
    if text.chars().nth(MAX_SHOWN).is_some() {
        shown.push('…');
    }
    shown
}
