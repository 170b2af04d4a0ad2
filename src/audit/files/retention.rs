//! Log files that are old enough go.

use std::fs::{self, DirEntry};
use std::io::{self, ErrorKind};
use std::path::Path;
use std::time::{Duration, SystemTime};

/// Deletes the log files in this directory that were last written to more than `age` ago. One that cannot be deleted
/// does not keep the others; the last such failure is returned.
pub(super) fn sweep(dir: &Path, age: Duration, now: SystemTime) -> io::Result<()> {
    // Nothing is older than all time.
    let Some(oldest) = now.checked_sub(age) else { return Ok(()) };
    let mut failed = Ok(());
    for entry in fs::read_dir(dir)? {
        if let Err(error) = entry.and_then(|entry| delete_if_older(&entry, oldest))
            // Another process may have been faster.
            && error.kind() != ErrorKind::NotFound
        {
            failed = Err(error);
        }
    }
    failed
}

fn delete_if_older(entry: &DirEntry, oldest: SystemTime) -> io::Result<()> {
    let path = entry.path();
    let is_log = path.extension().is_some_and(|extension| extension == "log" || extension == "jsonl");
    // Of a symlink, this is the link itself, which is no file.
    if is_log && entry.file_type()?.is_file() && entry.metadata()?.modified()? < oldest {
        fs::remove_file(path)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::fs::File;
    use std::os::unix::fs::symlink;

    use super::*;
    use crate::audit::scratch::Scratch;

    const DAY: Duration = Duration::from_secs(86_400);

    fn age(path: &Path, modified: SystemTime) {
        File::open(path).and_then(|file| file.set_modified(modified)).expect("ours");
    }

    #[test]
    fn old_logs_go_and_all_else_stays() {
        let scratch = Scratch::new();
        let now = SystemTime::now();
        for (name, days) in [
            ("executions.log", 31),
            ("executions-2024-10-04.log", 31),
            ("other.jsonl", 31),
            ("young.log", 29),
            ("exactly.log", 30),
            ("notes.txt", 31),
            ("log", 31),
            (".log", 31),
            ("executions.log.gz", 31),
            ("upper.LOG", 31),
        ] {
            fs::write(scratch.join(name), name).expect("writable");
            age(&scratch.join(name), now - days * DAY);
        }
        fs::create_dir_all(scratch.join("dir.log/sub")).expect("new");
        fs::write(scratch.join("dir.log/inner.log"), "").expect("writable");
        age(&scratch.join("dir.log/inner.log"), now - 31 * DAY);
        age(&scratch.join("dir.log"), now - 31 * DAY);
        symlink(scratch.join("notes.txt"), scratch.join("link.log")).expect("a new name");
        symlink(scratch.join("nowhere"), scratch.join("dangling.log")).expect("a new name");

        sweep(&scratch, 30 * DAY, now).expect("swept");
        assert_eq!(
            scratch.names(),
            [
                ".log",
                "dangling.log",
                "dir.log",
                "exactly.log",
                "executions.log.gz",
                "link.log",
                "log",
                "notes.txt",
                "upper.LOG",
                "young.log",
            ]
        );
        assert!(scratch.join("dir.log/inner.log").exists());
    }

    #[test]
    fn an_age_beyond_all_clocks_keeps_everything() {
        let scratch = Scratch::new();
        fs::write(scratch.join("a.log"), "").expect("writable");
        age(&scratch.join("a.log"), SystemTime::UNIX_EPOCH);
        sweep(&scratch, Duration::MAX, SystemTime::now()).expect("nothing to do");
        assert_eq!(scratch.names(), ["a.log"]);
    }

    #[test]
    fn a_directory_that_cannot_be_read_is_an_error() {
        assert!(sweep(&Scratch::new().join("none"), DAY, SystemTime::now()).is_err());
    }
}
