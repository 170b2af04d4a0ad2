//! Records in log files: `executions.log` has those of today, `executions-YYYY-MM-DD.log` those of an earlier day.
//!
//! Several processes may share the directory: each batch is written in one turn, from looking at the date to the last
//! record, to a file that is opened for it.

mod append;
mod retention;
mod rotation;
mod turn;

use std::fs::DirBuilder;
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::Path;
use std::time::{Duration, SystemTime};

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;

use self::append::LogFile;
use self::turn::Turn;
use super::line::line;
use super::script::Scripts;
use super::settings::FileSettings;
use super::{LOG, Record, WriteError};

/// Name of the file that records go to.
pub(super) const CURRENT: &str = "executions.log";

/// How long to wait for other processes before writing out of turn. The largest batch takes a second.
const PATIENCE: Duration = Duration::from_secs(2);

/// The log files in one directory.
#[derive(Debug)]
pub(super) struct Files {
    settings: FileSettings,
    scripts: Option<Scripts>,
    /// Day on which old files were last looked for.
    swept: Option<Date>,
    patience: Duration,
}

impl Files {
    /// Touches nothing yet.
    pub(super) fn new(settings: FileSettings, scripts: Option<Scripts>) -> Self {
        Self { settings, scripts, swept: None, patience: PATIENCE }
    }

    /// Appends the records, and has the script told of each that was written. The clock is asked when the turn has come:
    /// before, the day may still have ended.
    pub(super) fn write(&mut self, records: &[Record], now: impl FnOnce() -> SystemTime) -> Result<(), WriteError> {
        let lost = |count, source| WriteError { count, place: self.settings.log_path().display().to_string(), source };
        create(&self.settings.dir).map_err(|error| lost(records.len(), error))?;
        let turn = Turn::take(&self.settings.dir, self.patience);
        match &turn {
            Ok(_) => tidy(&self.settings, &mut self.swept, now()),
            Err(error) => {
                tracing::error!(target: LOG, dir = %self.settings.dir.display(), %error, "writing audit records out of turn");
            }
        }
        let log = LogFile::open(&self.settings.log_path()).map_err(|error| lost(records.len(), error))?;
        let mut failed = None;
        let mut count = 0;
        for record in records {
            match line("", record).and_then(|line| log.append(&line)) {
                Ok(()) => self.scripts.iter().for_each(Scripts::run),
                Err(error) => {
                    count += 1;
                    failed = Some(error);
                }
            }
        }
        drop(turn);
        failed.map_or(Ok(()), |error| Err(lost(count, error)))
    }
}

/// A directory that was there before keeps its mode: it may be shared on purpose.
fn create(dir: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(dir)
}

/// Whatever goes wrong here, records are still written.
fn tidy(settings: &FileSettings, swept: &mut Option<Date>, now: SystemTime) {
    if let Err(error) = rotation::rotate(&settings.dir, now) {
        tracing::error!(target: LOG, dir = %settings.dir.display(), %error, "could not rotate the audit log");
    }
    let today = utc_day(now);
    if let Some(age) = settings.retention.filter(|_| *swept != today || today.is_none()) {
        *swept = today;
        if let Err(error) = retention::sweep(&settings.dir, age, now) {
            tracing::error!(target: LOG, dir = %settings.dir.display(), %error, "could not delete old audit logs");
        }
    }
}

/// None for times that no calendar has.
fn utc_day(time: SystemTime) -> Option<Date> {
    Some(Timestamp::try_from(time).ok()?.to_zoned(TimeZone::UTC).date())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::fs::{self, Permissions};
    use std::os::unix::fs::{PermissionsExt, symlink};
    use std::sync::Barrier;
    use std::thread;

    use super::*;
    use crate::audit::scratch::Scratch;

    const DAY: Duration = Duration::from_secs(86_400);

    fn files(dir: &Path, retention: Option<Duration>) -> Files {
        Files::new(FileSettings { dir: dir.to_owned(), post_log_script: None, retention }, None)
    }

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).expect("it is there").permissions().mode() & 0o7777
    }

    fn record(id: &str) -> Record {
        Record { execution_id: id.to_owned(), ..Record::default() }
    }

    #[test]
    fn w98_what_is_created_is_for_its_owner_only() {
        let scratch = Scratch::new();
        let dir = scratch.join("a/b");
        files(&dir, None).write(&[record("1")], SystemTime::now).expect("written");
        assert_eq!(mode(&scratch.join("a")), 0o700);
        assert_eq!(mode(&dir), 0o700);
        assert_eq!(mode(&dir.join(CURRENT)), 0o600);
    }

    #[test]
    fn w98_a_file_that_others_can_read_is_closed_to_them_and_a_directory_left_as_it_is() {
        let scratch = Scratch::new();
        fs::set_permissions(&*scratch, Permissions::from_mode(0o755)).expect("ours");
        let log = scratch.join(CURRENT);
        fs::write(&log, "{}\n").expect("writable");
        fs::set_permissions(&log, Permissions::from_mode(0o666)).expect("ours");
        files(&scratch, None).write(&[record("1")], SystemTime::now).expect("written");
        assert_eq!(mode(&log), 0o600);
        assert_eq!(mode(&scratch), 0o755);
    }

    #[test]
    fn a_symlink_in_the_place_of_the_log_is_not_followed() {
        let scratch = Scratch::new();
        let victim = scratch.join("victim");
        fs::write(&victim, "untouched").expect("writable");
        symlink(&victim, scratch.join(CURRENT)).expect("a new name");
        let error = files(&scratch, None).write(&[record("1"), record("2")], SystemTime::now).expect_err("refused");
        assert_eq!(error.count, 2);
        assert_eq!(scratch.read("victim"), "untouched");
    }

    #[test]
    fn w134_each_day_has_its_file_and_old_ones_go() {
        let scratch = Scratch::new();
        let mut files = files(&scratch, Some(2 * DAY));
        let start = SystemTime::UNIX_EPOCH + 20_000 * DAY;
        for day in 0..4 {
            let now = start + day * DAY;
            files.write(&[record(&day.to_string())], || now).expect("written");
            // As if the clock of the file system were ours.
            fs::File::open(scratch.join(CURRENT)).and_then(|file| file.set_modified(now)).expect("ours");
        }
        // The oldest was three days old on the last.
        assert_eq!(scratch.names(), ["executions-2024-10-05.log", "executions-2024-10-06.log", CURRENT]);
        assert!(scratch.read("executions-2024-10-06.log").contains(r#""executionId":"2""#));
        assert_eq!(scratch.read(CURRENT).lines().count(), 1);
    }

    #[test]
    fn w134_when_many_find_the_day_over_one_rotates_and_no_record_is_lost() {
        let scratch = Scratch::new();
        let start = SystemTime::UNIX_EPOCH + 20_000 * DAY;
        for day in 0..20 {
            fs::write(scratch.join(CURRENT), "old\n").expect("writable");
            fs::File::open(scratch.join(CURRENT)).and_then(|file| file.set_modified(start + day * DAY)).expect("ours");
            let barrier = Barrier::new(8);
            thread::scope(|scope| {
                for id in 0..8 {
                    let (barrier, dir) = (&barrier, &*scratch);
                    scope.spawn(move || {
                        barrier.wait();
                        files(dir, None)
                            .write(&[record(&id.to_string())], || start + (day + 1) * DAY)
                            .expect("written");
                    });
                }
            });
            let current = scratch.read(CURRENT);
            let records: BTreeSet<_> = current.lines().collect();
            assert_eq!((records.len(), current.lines().count()), (8, 8), "{current}");
        }
        let names = scratch.names();
        assert_eq!(names.len(), 21);
        for name in names.iter().filter(|name| *name != CURRENT) {
            assert_eq!(scratch.read(name), "old\n", "{name}");
        }
    }

    #[test]
    fn whoever_keeps_their_turn_delays_rotation_but_no_record() {
        let scratch = Scratch::new();
        let _kept = Turn::take(&scratch, Duration::ZERO).expect("free");
        let mut files = Files { patience: Duration::ZERO, ..files(&scratch, None) };
        files.write(&[record("1")], SystemTime::now).expect("written");
        files.write(&[record("2")], || SystemTime::now() + 2 * DAY).expect("written");
        assert_eq!(scratch.names(), [CURRENT]);
        assert_eq!(scratch.read(CURRENT).lines().count(), 2);
    }

    #[test]
    fn a_directory_that_cannot_be_is_an_error_that_counts_all() {
        let scratch = Scratch::new();
        fs::write(scratch.join("file"), "").expect("writable");
        let error = files(&scratch.join("file/dir"), None).write(&[record("1")], SystemTime::now).expect_err("no dir");
        assert!(error.to_string().starts_with("could not record 1 executions in "), "{error}");
    }
}
