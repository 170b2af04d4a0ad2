//! Which file is the configuration, and what is in it.

use std::fs::{self, File};
use std::io::{self, ErrorKind, Read};
use std::path::{Path, PathBuf};

use serde_json::Value;

use super::ConfigError;

/// The file in a project.
const IN_DIRECTORY: &str = "isol8.config.json";

/// The file of a user.
const IN_HOME: &str = ".isol8/config.json";

/// The largest file that is read.
pub(super) const MAX_SIZE: u64 = 1 << 20;

/// A file and the JSON in it.
pub(super) struct ConfigFile {
    pub path: PathBuf,
    pub content: Value,
}

/// The first of the two files that exists. One that exists and cannot be used is an error, and not passed over.
pub(super) fn find(directory: &Path, home: Option<&Path>) -> Result<Option<ConfigFile>, ConfigError> {
    let candidates = [Some(directory.join(IN_DIRECTORY)), home.map(|home| home.join(IN_HOME))];
    for path in candidates.into_iter().flatten() {
        let path = std::path::absolute(path).map_err(ConfigError::NoDirectory)?;
        match fs::metadata(&path) {
            Ok(metadata) if metadata.is_file() => return read(path).map(Some),
            Ok(_) => return Err(ConfigError::NotAFile(path)),
            Err(error) if is_absence(&error) => {}
            Err(source) => return Err(ConfigError::Read { path, source }),
        }
    }
    Ok(None)
}

fn is_absence(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory)
}

fn read(path: PathBuf) -> Result<ConfigFile, ConfigError> {
    let mut bytes = Vec::new();
    // It may grow while it is read, so its size now would not do.
    match File::open(&path).and_then(|file| file.take(MAX_SIZE + 1).read_to_end(&mut bytes)) {
        Ok(read) if read as u64 > MAX_SIZE => return Err(ConfigError::TooLarge { path, limit: MAX_SIZE }),
        Ok(_) => {}
        Err(source) => return Err(ConfigError::Read { path, source }),
    }
    // Some editors begin a file with a byte order mark.
    let text = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&bytes);
    match serde_json::from_slice(text) {
        Ok(content) => Ok(ConfigFile { path, content }),
        Err(source) => Err(ConfigError::Syntax { path, source }),
    }
}
