//! Which database a connection string means, and how it may be shown.

use std::env;
use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::LazyLock;

use regex::{Captures, Regex};
use sqlx::mysql::MySqlConnectOptions;
use sqlx::postgres::PgConnectOptions;

use super::AuthError;

/// Where keys are kept: a file, or a database server. Shows itself without its password.
#[derive(Clone)]
pub struct Location {
    pub(super) database: Database,
    /// The connection string without its password.
    shown: String,
}

/// How it is reached.
#[derive(Clone)]
pub(super) enum Database {
    /// An absolute path.
    Sqlite(PathBuf),
    Postgres(Box<PgConnectOptions>),
    MySql(Box<MySqlConnectOptions>),
}

/// What paths may refer to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Surroundings {
    /// Where relative paths begin.
    pub current_dir: PathBuf,
    /// What `~` stands for.
    pub home: Option<PathBuf>,
}

impl Surroundings {
    /// Those of this process, as they are now.
    pub fn of_this_process() -> Self {
        Self {
            // A deleted directory has no name: relative paths then fail when they are used.
            current_dir: env::current_dir().unwrap_or_default(),
            home: env::home_dir().filter(|home| home.is_absolute()),
        }
    }
}

impl Location {
    /// Reads a connection string: the URL of a PostgreSQL or MySQL database, or the path of a SQLite file.
    pub fn parse(text: &str, surroundings: &Surroundings) -> Result<Self, AuthError> {
        let shown = redacted(text);
        let invalid = |reason: String| AuthError::Location { shown: shown.clone(), reason };
        // What sqlx says of a URL is which part of it makes no sense, and never what the password was.
        let unusable = |error: sqlx::Error| invalid(crate::telemetry::chain(&error));
        let database = match scheme(text).as_deref() {
            Some("postgres" | "postgresql") => {
                let options = PgConnectOptions::from_str(text).map_err(unusable)?;
                Database::Postgres(Box::new(options.application_name("isol8")))
            }
            Some("mysql" | "mariadb") => {
                let options = MySqlConnectOptions::from_str(text).map_err(unusable)?;
                if options.get_database().is_none_or(str::is_empty) {
                    return Err(invalid("it names no database".to_owned()));
                }
                Database::MySql(Box::new(options))
            }
            Some("sqlite") => Database::Sqlite(surroundings.path(&text["sqlite://".len()..]).map_err(invalid)?),
            Some(other) => {
                let known = "expected postgres://, postgresql://, mysql:// or the path of a SQLite file";
                return Err(invalid(format!("no such kind of database: {other} ({known})")));
            }
            None => Database::Sqlite(surroundings.path(text).map_err(invalid)?),
        };
        Ok(Self { database, shown })
    }
}

impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.shown)
    }
}

impl fmt::Debug for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.shown.fmt(f)
    }
}

impl Surroundings {
    fn path(&self, text: &str) -> Result<PathBuf, String> {
        if text.is_empty() {
            return Err("it is empty".to_owned());
        }
        if text.contains('\0') {
            return Err("it contains a NUL character".to_owned());
        }
        if text == ":memory:" {
            return Err("a database in memory would forget all keys".to_owned());
        }
        // Absolute, since SQLite takes some relative names for URLs.
        match text.strip_prefix("~/") {
            // However many slashes follow, it stays in there.
            Some(rest) => {
                let home = self.home.as_ref().ok_or("no home directory is known")?;
                Ok(home.join(rest.trim_start_matches('/')))
            }
            None => Ok(self.current_dir.join(Path::new(text))),
        }
    }
}

/// What is before `://`, in lower case.
fn scheme(text: &str) -> Option<String> {
    let (scheme, _) = text.split_once("://")?;
    let is_scheme = scheme.starts_with(|c: char| c.is_ascii_alphabetic())
        && scheme.chars().all(|c| c.is_ascii_alphanumeric() || "+-.".contains(c));
    is_scheme.then(|| scheme.to_ascii_lowercase())
}

/// A connection string, fit to be shown (W94): `***` for the password of a URL, whatever characters it has, and for
/// those among its parameters. Works on what is no URL as well.
pub fn redacted(text: &str) -> String {
    static OF_USER: LazyLock<Regex> = LazyLock::new(|| Regex::new(r"(?s)^([^/?#]+://[^:/?#@]*):.*@").expect("valid"));
    static PARAMETER: LazyLock<Regex> =
        LazyLock::new(|| Regex::new(r"(?i)\b(pass\w*|pwd|sslpassword)=[^&;\s]*").expect("valid"));
    let text = OF_USER.replace(text, |found: &Captures<'_>| format!("{}:***@", &found[1]));
    PARAMETER.replace_all(&text, |found: &Captures<'_>| format!("{}=***", &found[1])).into_owned()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::api::AuthConfig;

    fn surroundings() -> Surroundings {
        Surroundings { current_dir: "/project".into(), home: Some("/home/me".into()) }
    }

    fn parse(text: &str) -> Result<Location, AuthError> {
        Location::parse(text, &surroundings())
    }

    #[test]
    fn w94_passwords_are_not_shown() {
        for (text, shown) in [
            ("postgres://isol8:hunter2@db:5432/keys", "postgres://isol8:***@db:5432/keys"),
            ("mysql://:hunter2@db/keys", "mysql://:***@db/keys"),
            ("postgres://isol8:hun@ter:/2?@db/keys", "postgres://isol8:***@db/keys"),
            ("postgresql+ssl://isol8:hunter2@db", "postgresql+ssl://isol8:***@db"),
            (
                "postgres://db/keys?user=isol8&password=hunter2&sslmode=require",
                "postgres://db/keys?user=isol8&password=***&sslmode=require",
            ),
            ("postgres://db/keys?sslpassword=hunter2", "postgres://db/keys?sslpassword=***"),
            ("/var/lib/isol8/auth.db", "/var/lib/isol8/auth.db"),
            ("postgres://isol8@db:5432/keys", "postgres://isol8@db:5432/keys"),
            ("sqlite:///a/b:c@d", "sqlite:///a/b:c@d"),
        ] {
            assert_eq!(redacted(text), shown);
        }
    }

    #[test]
    fn w94_neither_locations_nor_errors_show_passwords() {
        for text in ["postgres://isol8:hunter2@db/keys", "mysql://isol8:hunter2@db/keys"] {
            let location = parse(text).expect("valid");
            assert!(!format!("{location} {location:?}").contains("hunter2"));
        }
        for text in [
            "postgres://isol8:hunter2@db:port/keys",
            "postgres://isol8:hunter2@db/keys?sslmode=hunter",
            "mysql://isol8:hunter2@[db/keys",
            "oracle://isol8:hunter2@db/keys",
        ] {
            let error = parse(text).expect_err(text);
            assert!(!format!("{error} {error:?}").contains("hunter2"), "{error}");
        }
    }

    #[test]
    fn the_kind_of_database_follows_from_the_string() {
        let is_postgres = |text: &str| matches!(parse(text).expect(text).database, Database::Postgres(_));
        let is_mysql = |text: &str| matches!(parse(text).expect(text).database, Database::MySql(_));
        assert!(is_postgres("postgres://db/keys") && is_postgres("postgresql://db/keys"));
        assert!(is_mysql("mysql://db/keys") && is_mysql("mariadb://db/keys"));
        for (text, path) in [
            ("keys.db", "/project/keys.db"),
            ("./a/keys.db", "/project/./a/keys.db"),
            ("/var/lib/keys.db", "/var/lib/keys.db"),
            ("file:keys.db?mode=ro", "/project/file:keys.db?mode=ro"),
            ("sqlite:///var/lib/keys.db", "/var/lib/keys.db"),
            ("SQLite://keys.db", "/project/keys.db"),
        ] {
            assert!(
                matches!(parse(text).expect(text).database, Database::Sqlite(at) if at == Path::new(path)),
                "{text}"
            );
        }
    }

    #[test]
    fn w98_a_leading_tilde_is_the_home_directory() {
        for (text, path) in [
            (AuthConfig::DEFAULT_DATABASE, "/home/me/.isol8/auth.db"),
            ("~/keys.db", "/home/me/keys.db"),
            ("~//etc/keys.db", "/home/me/etc/keys.db"),
            ("~other/keys.db", "/project/~other/keys.db"),
        ] {
            let location = Location::parse(text, &surroundings()).expect("valid");
            assert!(matches!(location.database, Database::Sqlite(at) if at == Path::new(path)), "{text:?}");
        }
        let homeless = Surroundings { home: None, ..surroundings() };
        let error = Location::parse(AuthConfig::DEFAULT_DATABASE, &homeless).expect_err("nothing to expand to");
        assert_eq!(error.to_string(), "invalid auth database \"~/.isol8/auth.db\": no home directory is known");
    }

    #[test]
    fn what_is_no_database_is_refused_with_the_reason() {
        for (text, reason) in [
            ("", "it is empty"),
            (":memory:", "a database in memory would forget all keys"),
            ("a\0b", "it contains a NUL character"),
            ("sqlite://", "it is empty"),
            ("mysql://isol8@db", "it names no database"),
            ("mysql://isol8@db/", "it names no database"),
            ("mongodb://db/keys", "no such kind of database: mongodb"),
        ] {
            let error = parse(text).expect_err(text).to_string();
            assert!(error.contains(reason), "{error}");
        }
    }

    proptest! {
        #[test]
        fn w94_no_password_of_a_url_is_shown(password in "[a-zA-Z0-9:@/?#&=%. ]{0,20}secret[a-zA-Z0-9:@/?#&=%. ]{0,20}") {
            let text = format!("postgres://isol8:{password}@db/keys");
            prop_assert_eq!(redacted(&text), "postgres://isol8:***@db/keys");
            if let Err(error) = parse(&text) {
                let all = format!("{error} {error:?}");
                prop_assert!(!all.contains("secret"), "{}", all);
            }
        }
    }
}
