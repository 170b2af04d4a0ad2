//! The file of a SQLite database: nobody but its owner reads it (W98).
//!
//! SQLite gives the files beside it (`-wal`, `-shm`) the mode of the file itself. That is made, and closed to others,
//! before SQLite opens it. An existing one is never opened here: closing it would take away the locks that SQLite has
//! on it elsewhere in this process.

use std::fs::{self, DirBuilder, OpenOptions, Permissions};
use std::io::{self, ErrorKind};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::server::auth::AuthError;

/// The user reads and writes, nobody else does anything.
const MODE: u32 = 0o600;

/// Makes the file and its directories if they are missing, and closes the file to others.
pub(super) fn prepare(path: &Path) -> Result<(), AuthError> {
    // A new file is opened, and one that another store makes at this moment must not be taken for it.
    static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());
    let _turn = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
    let failed = |path: &Path| {
        let path = path.to_owned();
        move |source| AuthError::File { path, source: Arc::new(source) }
    };
    if let Some(directory) = path.parent() {
        // One that was there before keeps its mode: it may be shared on purpose.
        DirBuilder::new().recursive(true).mode(0o700).create(directory).map_err(failed(directory))?;
    }
    match OpenOptions::new().write(true).create_new(true).mode(MODE).open(path) {
        Ok(_) => {}
        Err(error) if error.kind() == ErrorKind::AlreadyExists => close_to_others(path).map_err(failed(path))?,
        Err(error) => return Err(failed(path)(error)),
    }
    for suffix in ["-wal", "-shm"] {
        let beside = beside(path, suffix);
        match close_to_others(&beside) {
            Err(error) if error.kind() != ErrorKind::NotFound => return Err(failed(&beside)(error)),
            _ => {}
        }
    }
    Ok(())
}

/// A symlink is refused: keys would go where somebody else wants.
fn close_to_others(path: &Path) -> io::Result<()> {
    let metadata = fs::symlink_metadata(path)?;
    if !metadata.is_file() {
        return Err(io::Error::new(ErrorKind::InvalidInput, "not a regular file"));
    }
    if metadata.permissions().mode() & 0o7777 & !MODE != 0 {
        fs::set_permissions(path, Permissions::from_mode(MODE))?;
    }
    Ok(())
}

fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

/// Whether connections are still to the file that has the name.
///
/// A connection goes on with the file that it opened, even one that was deleted or replaced since: a key that is revoked
/// in the new one, or is not in it at all, would still be let in.
#[derive(Debug)]
pub(super) struct Identity {
    path: PathBuf,
    seen: Mutex<Seen>,
}

#[derive(Debug)]
struct Seen {
    /// Device and number of the file; None when there was none.
    file: Option<(u64, u64)>,
    /// When it was seen to be another.
    since: Instant,
}

impl Identity {
    pub(super) fn of(path: PathBuf) -> Self {
        let seen = Seen { file: identify(&path), since: Instant::now() };
        Self { path, seen: Mutex::new(seen) }
    }

    /// Whether a connection of that age is to the file that is there now.
    pub(super) fn is_that_of(&self, age: Duration) -> bool {
        let file = identify(&self.path);
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        if seen.file != file {
            *seen = Seen { file, since: Instant::now() };
        }
        seen.file.is_some() && age < seen.since.elapsed()
    }
}

fn identify(path: &Path) -> Option<(u64, u64)> {
    fs::metadata(path).ok().map(|metadata| (metadata.dev(), metadata.ino()))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use tempfile::tempdir;

    use super::*;

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).expect("it is there").permissions().mode() & 0o7777
    }

    #[test]
    fn w98_what_is_made_is_for_its_owner_only() {
        let scratch = tempdir().expect("a directory");
        let path = scratch.path().join("a/b/auth.db");
        prepare(&path).expect("prepared");
        assert_eq!(mode(&path), 0o600);
        assert_eq!([mode(&scratch.path().join("a")), mode(&scratch.path().join("a/b"))], [0o700, 0o700]);
    }

    #[test]
    fn w98_files_that_others_can_read_are_closed_to_them_and_the_directory_left_as_it_is() {
        let scratch = tempdir().expect("a directory");
        fs::set_permissions(scratch.path(), Permissions::from_mode(0o755)).expect("ours");
        let path = scratch.path().join("auth.db");
        for file in [path.clone(), beside(&path, "-wal"), beside(&path, "-shm")] {
            fs::write(&file, "").expect("writable");
            fs::set_permissions(&file, Permissions::from_mode(0o666)).expect("ours");
        }
        prepare(&path).expect("prepared");
        for file in [path.clone(), beside(&path, "-wal"), beside(&path, "-shm")] {
            assert_eq!(mode(&file), 0o600, "{}", file.display());
        }
        assert_eq!(mode(scratch.path()), 0o755);
    }

    #[test]
    fn what_is_no_file_of_its_own_is_refused() {
        let scratch = tempdir().expect("a directory");
        let (victim, path) = (scratch.path().join("victim"), scratch.path().join("auth.db"));
        fs::write(&victim, "untouched").expect("writable");
        fs::set_permissions(&victim, Permissions::from_mode(0o644)).expect("ours");
        symlink(&victim, &path).expect("a new name");
        for path in [&path, &scratch.path().to_owned()] {
            let error = prepare(path).expect_err("no file");
            assert!(crate::telemetry::chain(&error).ends_with(": not a regular file"), "{error}");
        }
        assert_eq!(mode(&victim), 0o644);
        assert!(prepare(&victim.join("auth.db")).is_err());
    }

    #[test]
    fn a_connection_is_good_for_the_file_that_it_opened_only() {
        let scratch = tempdir().expect("a directory");
        let path = scratch.path().join("auth.db");
        fs::write(&path, "").expect("writable");
        let identity = Identity::of(path.clone());
        let opened = Instant::now();
        assert!(identity.is_that_of(opened.elapsed()));
        fs::rename(&path, scratch.path().join("old")).expect("ours");
        assert!(!identity.is_that_of(opened.elapsed()));
        fs::write(&path, "").expect("writable");
        assert!(!identity.is_that_of(opened.elapsed()));
        let opened_again = Instant::now();
        assert!(identity.is_that_of(opened_again.elapsed()) && !identity.is_that_of(opened.elapsed()));
    }
}
