//! The audit options, checked once and unchanged afterwards.

use std::env;
use std::path::{MAIN_SEPARATOR, Path, PathBuf};
use std::time::Duration;

use super::files::CURRENT;
use crate::api::AuditConfig;

/// Directory of the log files below the current one when nobody names another.
const DEFAULT_DIR: &str = ".isol8_audit";

const SECONDS_PER_DAY: f64 = 86_400.0;

/// Audit options, checked.
#[derive(Debug, Clone, PartialEq)]
pub struct AuditSettings {
    pub(super) destination: Destination,
    track_resources: bool,
    include_code: bool,
    include_output: bool,
}

/// Where records go.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Destination {
    /// To log files. The default.
    Files(FileSettings),
    /// To standard output of this process.
    Stdout,
    /// Nowhere: there is no such destination.
    Unsupported(String),
}

/// The options that matter to log files.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct FileSettings {
    /// Their directory.
    pub(super) dir: PathBuf,
    /// Program that is told of every record.
    pub(super) post_log_script: Option<PathBuf>,
    /// Age at which they are deleted; None keeps them.
    pub(super) retention: Option<Duration>,
}

impl FileSettings {
    /// The file that records go to.
    pub(super) fn log_path(&self) -> PathBuf {
        self.dir.join(CURRENT)
    }
}

/// What paths in the options may refer to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Surroundings {
    /// `ISOL8_AUDIT_DIR`.
    pub audit_dir: Option<PathBuf>,
    /// Where relative paths begin.
    pub current_dir: PathBuf,
    /// What `~` stands for.
    pub home: Option<PathBuf>,
}

impl Surroundings {
    /// Those of this process, as they are now.
    pub fn of_this_process() -> Self {
        Self {
            audit_dir: env::var_os("ISOL8_AUDIT_DIR").map(PathBuf::from),
            // A deleted directory has no name: relative paths then fail when they are used.
            current_dir: env::current_dir().unwrap_or_default(),
            home: env::home_dir(),
        }
    }
}

/// An audit option that makes no sense.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum AuditError {
    /// Not a number.
    #[error("invalid audit.retentionDays: {0} (expected a number of days)")]
    RetentionDays(f64),
    /// A path that cannot be one.
    #[error("invalid {option}: \"{}\" ({reason})", path.escape_debug())]
    Path {
        /// The option, or the environment variable.
        option: &'static str,
        /// What was given.
        path: String,
        /// What is wrong with it.
        reason: &'static str,
    },
}

impl AuditSettings {
    /// Checks the options; None when nothing is to be recorded. An unknown destination is not an error: by contract it
    /// is logged, by [`Audit::new`](super::Audit::new), and nothing is recorded.
    pub fn parse(config: AuditConfig, surroundings: &Surroundings) -> Result<Option<Self>, AuditError> {
        if !config.enabled.unwrap_or(false) {
            return Ok(None);
        }
        let retention = retention(config.retention_days.unwrap_or(AuditConfig::DEFAULT_RETENTION_DAYS))?;
        let destination = match config.destination.as_deref().unwrap_or(AuditConfig::DEFAULT_DESTINATION) {
            "filesystem" | "file" => Destination::Files(FileSettings {
                dir: surroundings.log_dir(config.log_dir)?,
                post_log_script: given(config.post_log_script).map(|path| surroundings.program(path)).transpose()?,
                retention,
            }),
            "stdout" => Destination::Stdout,
            other => Destination::Unsupported(other.to_owned()),
        };
        Ok(Some(Self {
            destination,
            track_resources: config.track_resources.unwrap_or(AuditConfig::DEFAULT_TRACK_RESOURCES),
            include_code: config.include_code.unwrap_or(false),
            include_output: config.include_output.unwrap_or(false),
        }))
    }

    /// Whether to measure what executions use.
    pub fn tracks_resources(&self) -> bool {
        self.track_resources
    }

    /// Whether records have the source text.
    pub fn includes_code(&self) -> bool {
        self.include_code
    }

    /// Whether records have the (masked) output.
    pub fn includes_output(&self) -> bool {
        self.include_output
    }
}

impl Surroundings {
    fn log_dir(&self, configured: Option<String>) -> Result<PathBuf, AuditError> {
        if let Some(dir) = given(configured) {
            return self.resolve("audit.logDir", Path::new(&dir));
        }
        match &self.audit_dir {
            Some(dir) if !dir.as_os_str().is_empty() => self.resolve("ISOL8_AUDIT_DIR", dir),
            _ => Ok(self.current_dir.join(DEFAULT_DIR)),
        }
    }

    /// A bare name is looked up in `PATH` when it is run.
    fn program(&self, path: String) -> Result<PathBuf, AuditError> {
        let is_bare = !path.contains(MAIN_SEPARATOR) && path != "~";
        let resolved = self.resolve("audit.postLogScript", Path::new(&path))?;
        Ok(if is_bare { path.into() } else { resolved })
    }

    fn resolve(&self, option: &'static str, path: &Path) -> Result<PathBuf, AuditError> {
        let invalid = |reason| AuditError::Path { option, path: path.display().to_string(), reason };
        if path.as_os_str().as_encoded_bytes().contains(&0) {
            return Err(invalid("it contains a NUL character"));
        }
        Ok(match path.strip_prefix("~") {
            Ok(rest) => self.home.as_ref().ok_or_else(|| invalid("no home directory is known"))?.join(rest),
            Err(_) => self.current_dir.join(path),
        })
    }
}

/// An empty option is none.
fn given(option: Option<String>) -> Option<String> {
    option.filter(|text| !text.is_empty())
}

fn retention(days: f64) -> Result<Option<Duration>, AuditError> {
    if !days.is_finite() {
        return Err(AuditError::RetentionDays(days));
    }
    // Negative does not convert, and neither does what no clock can count; both keep everything.
    Ok(Duration::try_from_secs_f64(days * SECONDS_PER_DAY).ok().filter(|age| !age.is_zero()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn surroundings() -> Surroundings {
        Surroundings { audit_dir: None, current_dir: "/project".into(), home: Some("/home/me".into()) }
    }

    fn on() -> AuditConfig {
        AuditConfig { enabled: Some(true), ..AuditConfig::default() }
    }

    fn files(config: AuditConfig, surroundings: &Surroundings) -> FileSettings {
        let settings = AuditSettings::parse(config, surroundings).expect("valid").expect("enabled");
        match settings.destination {
            Destination::Files(files) => files,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn unless_it_is_switched_on_there_is_nothing_to_set_up() {
        for enabled in [None, Some(false)] {
            let config = AuditConfig { enabled, retention_days: Some(f64::NAN), ..AuditConfig::default() };
            assert_eq!(AuditSettings::parse(config, &surroundings()), Ok(None));
        }
    }

    // W138: what a command-line tool reads from its configuration file is all that is needed.
    #[test]
    fn the_defaults_are_the_documented_ones() {
        let config = serde_json::from_str(r#"{"enabled": true}"#).expect("valid");
        let settings = AuditSettings::parse(config, &surroundings()).expect("valid").expect("enabled");
        assert!(settings.tracks_resources());
        assert!(!settings.includes_code());
        assert!(!settings.includes_output());
        let expected = FileSettings {
            dir: "/project/.isol8_audit".into(),
            post_log_script: None,
            retention: Some(Duration::from_secs(90 * 86_400)),
        };
        assert_eq!(settings.destination, Destination::Files(expected));
    }

    #[test]
    fn the_directory_is_the_configured_one_then_the_environments() {
        let mut around = Surroundings { audit_dir: Some("/var/audit".into()), ..surroundings() };
        let configured = AuditConfig { log_dir: Some("logs".into()), ..on() };
        assert_eq!(files(configured, &around).dir, Path::new("/project/logs"));
        assert_eq!(files(on(), &around).dir, Path::new("/var/audit"));
        let empty = AuditConfig { log_dir: Some(String::new()), ..on() };
        assert_eq!(files(empty, &around).dir, Path::new("/var/audit"));
        around.audit_dir = Some(PathBuf::new());
        assert_eq!(files(on(), &around).dir, Path::new("/project/.isol8_audit"));
    }

    #[test]
    fn w98_a_leading_tilde_is_the_home_directory() {
        let around = Surroundings { audit_dir: Some("~/audit".into()), ..surroundings() };
        let config = AuditConfig { post_log_script: Some("~/bin/notify".into()), ..on() };
        let files_of = files(config, &around);
        assert_eq!(files_of.dir, Path::new("/home/me/audit"));
        assert_eq!(files_of.post_log_script.as_deref(), Some(Path::new("/home/me/bin/notify")));
        let config = AuditConfig { log_dir: Some("~other/x".into()), ..on() };
        assert_eq!(files(config, &around).dir, Path::new("/project/~other/x"));

        let homeless = Surroundings { home: None, ..surroundings() };
        let config = AuditConfig { log_dir: Some("~/x".into()), ..on() };
        let error = AuditSettings::parse(config, &homeless).expect_err("nothing to expand to");
        assert_eq!(error.to_string(), "invalid audit.logDir: \"~/x\" (no home directory is known)");
    }

    #[test]
    fn a_script_without_a_slash_is_left_to_path() {
        for (given, expected) in [("notify", "notify"), ("./notify", "/project/./notify"), ("/bin/x", "/bin/x")] {
            let config = AuditConfig { post_log_script: Some(given.into()), ..on() };
            assert_eq!(files(config, &surroundings()).post_log_script.as_deref(), Some(Path::new(expected)));
        }
        let config = AuditConfig { post_log_script: Some(String::new()), ..on() };
        assert_eq!(files(config, &surroundings()).post_log_script, None);
    }

    #[test]
    fn paths_with_nul_are_refused_by_name() {
        for (config, option) in [
            (AuditConfig { log_dir: Some("a\0b".into()), ..on() }, "audit.logDir"),
            (AuditConfig { post_log_script: Some("a\0b".into()), ..on() }, "audit.postLogScript"),
        ] {
            let error = AuditSettings::parse(config, &surroundings()).expect_err("no such path");
            assert!(error.to_string().starts_with(&format!("invalid {option}: \"a\\0b\"")), "{error}");
        }
    }

    #[test]
    fn retention_is_a_number_of_days_and_nothing_or_less_keeps_all() {
        for (days, expected) in [
            (1.5, Some(Duration::from_secs(129_600))),
            (0.0, None),
            (-0.0, None),
            (-7.0, None),
            (f64::MAX, None),
            (f64::MIN, None),
        ] {
            let config = AuditConfig { retention_days: Some(days), ..on() };
            assert_eq!(files(config, &surroundings()).retention, expected, "{days}");
        }
        for days in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
            let config = AuditConfig { retention_days: Some(days), ..on() };
            let error = AuditSettings::parse(config, &surroundings()).expect_err("no number");
            assert!(matches!(error, AuditError::RetentionDays(_)), "{error}");
        }
    }

    #[test]
    fn destinations_are_known_by_name_and_others_are_no_error() {
        let parse = |name: &str| {
            let config = AuditConfig { destination: Some(name.into()), ..on() };
            AuditSettings::parse(config, &surroundings()).expect("valid").expect("enabled").destination
        };
        assert_eq!(parse("file"), parse("filesystem"));
        assert_eq!(parse("stdout"), Destination::Stdout);
        assert_eq!(parse("syslog"), Destination::Unsupported("syslog".into()));
    }
}
