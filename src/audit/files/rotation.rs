//! The log of an earlier day gets that day's name.
//!
//! A file belongs to the day (UTC) on which it was last written to. The name of the archive is claimed before it is
//! used, so that nothing is ever overwritten, whoever else is at work.

use std::fs::{self, OpenOptions};
use std::io::{self, ErrorKind};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use jiff::civil::Date;

use super::append::MODE;
use super::{CURRENT, utc_day};

/// Files that one day can have. More than one is the doing of a clock that was set back.
const MAX_PER_DAY: u32 = 100;

/// Renames the current log if it is not from today, and returns the name that it got.
pub(super) fn rotate(dir: &Path, now: SystemTime) -> io::Result<Option<PathBuf>> {
    let Some(day) = earlier_day(dir, now)? else { return Ok(None) };
    let archive = claim(dir, day)?;
    match fs::rename(dir.join(CURRENT), &archive) {
        Ok(()) => Ok(Some(archive)),
        Err(error) => {
            // Nothing is in it.
            let _ = fs::remove_file(&archive);
            // Another process was faster, where there are no locks.
            if error.kind() == ErrorKind::NotFound { Ok(None) } else { Err(error) }
        }
    }
}

/// The day of the current log, if that is over.
fn earlier_day(dir: &Path, now: SystemTime) -> io::Result<Option<Date>> {
    match fs::symlink_metadata(dir.join(CURRENT)) {
        // What is no file will be refused when it is opened.
        Ok(metadata) if metadata.is_file() => Ok(utc_day(metadata.modified()?).filter(|day| Some(*day) < utc_day(now))),
        Ok(_) => Ok(None),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// Makes an empty file of a name that was free, for the log to replace.
fn claim(dir: &Path, day: Date) -> io::Result<PathBuf> {
    let names = (0..MAX_PER_DAY).map(|number| match number {
        0 => format!("executions-{day}.log"),
        _ => format!("executions-{day}.{number}.log"),
    });
    for name in names {
        let archive = dir.join(name);
        match OpenOptions::new().write(true).create_new(true).mode(MODE).open(&archive) {
            Ok(_) => return Ok(archive),
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
            Err(error) => return Err(error),
        }
    }
    Err(io::Error::new(ErrorKind::AlreadyExists, format!("all names for {day} are taken")))
}

#[cfg(test)]
mod tests {
    use std::fs::File;
    use std::os::unix::fs::symlink;
    use std::time::Duration;

    use super::*;
    use crate::audit::scratch::Scratch;

    const DAY: Duration = Duration::from_secs(86_400);

    /// Noon of 2024-10-04.
    fn noon() -> SystemTime {
        SystemTime::UNIX_EPOCH + 20_000 * DAY + DAY / 2
    }

    fn write(path: &Path, text: &str, modified: SystemTime) {
        fs::write(path, text).expect("writable");
        File::open(path).and_then(|file| file.set_modified(modified)).expect("ours");
    }

    #[test]
    fn a_log_of_today_and_one_that_is_not_there_are_left_alone() {
        let scratch = Scratch::new();
        assert_eq!(rotate(&scratch, noon()).expect("nothing to do"), None);
        write(&scratch.join(CURRENT), "x", noon() - DAY / 2);
        assert_eq!(rotate(&scratch, noon() + DAY / 2 - Duration::from_nanos(1)).expect("nothing to do"), None);
        // A clock that was set back.
        assert_eq!(rotate(&scratch, noon() - 5 * DAY).expect("nothing to do"), None);
        assert_eq!(scratch.names(), [CURRENT]);
    }

    #[test]
    fn w134_a_log_of_an_earlier_day_gets_its_name() {
        let scratch = Scratch::new();
        write(&scratch.join(CURRENT), "x", noon());
        let archive = rotate(&scratch, noon() + DAY / 2).expect("rotated");
        assert_eq!(archive, Some(scratch.join("executions-2024-10-04.log")));
        assert_eq!(scratch.names(), ["executions-2024-10-04.log"]);
    }

    #[test]
    fn a_name_that_is_taken_is_numbered_never_overwritten() {
        let scratch = Scratch::new();
        for text in ["first", "second", "third"] {
            write(&scratch.join(CURRENT), text, noon());
            rotate(&scratch, noon() + DAY).expect("rotated");
        }
        assert_eq!(scratch.read("executions-2024-10-04.log"), "first");
        assert_eq!(scratch.read("executions-2024-10-04.1.log"), "second");
        assert_eq!(scratch.read("executions-2024-10-04.2.log"), "third");
    }

    #[test]
    fn a_symlink_is_not_renamed_either() {
        let scratch = Scratch::new();
        write(&scratch.join("elsewhere"), "x", noon());
        symlink(scratch.join("elsewhere"), scratch.join(CURRENT)).expect("a new name");
        assert_eq!(rotate(&scratch, noon() + DAY).expect("left to opening"), None);
    }
}
