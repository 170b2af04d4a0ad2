//! The command line, as typed.

use std::ffi::OsString;
use std::path::PathBuf;

use isol8::api::AuthConfig;

/// What `--help` shows.
pub(crate) const USAGE: &str = "Usage: isol8-server [options]

Run code for others, over HTTP

Options:
  -p, --port <port>            where to listen (default: ISOL8_PORT, else PORT,
                               else 3000)
      --host-bind <address>    listen on this address or host name only
                               (default: on all)
      --key-file <file>        read the master key from a file (default: the
                               key in ISOL8_API_KEY)
      --auth-db [connection]   keep keys in a database: a file or a URL
                               (default: ~/.isol8/auth.db)
      --no-console             have no page for browsers at the root
      --debug                  say what is being done
  -V, --version                print the version
  -h, --help                   show help
";

/// What was asked for.
#[derive(Debug, Default)]
pub(crate) struct Flags {
    /// Where to listen. Not a number yet.
    pub(crate) port: Option<String>,
    /// The address or host name to listen on.
    pub(crate) host: Option<String>,
    /// Where the master key is.
    pub(crate) key_file: Option<PathBuf>,
    /// Where further keys are kept.
    pub(crate) auth_db: Option<String>,
    /// Whether there is a page for browsers.
    pub(crate) console: bool,
    pub(crate) debug: bool,
    pub(crate) version: bool,
    pub(crate) help: bool,
}

impl Flags {
    /// Fails with a message for the user.
    pub(crate) fn parse(words: impl Iterator<Item = OsString>) -> Result<Self, String> {
        let mut flags = Self { console: true, ..Self::default() };
        let mut words = words
            .map(|word| word.into_string().map_err(|word| format!("not UTF-8: {}", word.display())))
            .collect::<Result<Vec<_>, _>>()?
            .into_iter()
            .peekable();
        while let Some(word) = words.next() {
            let (flag, mut value) = match word.split_once('=') {
                Some((flag, value)) if flag.starts_with("--") => (flag.to_owned(), Some(value.to_owned())),
                _ => (word, None),
            };
            let mut value_of =
                || value.take().or_else(|| words.next()).ok_or_else(|| format!("option '{flag}' argument missing"));
            match flag.as_str() {
                "-p" | "--port" => flags.port = Some(value_of()?),
                "--host-bind" => flags.host = Some(value_of()?),
                "--key-file" => flags.key_file = Some(value_of()?.into()),
                "--auth-db" => {
                    let given = value.take().or_else(|| words.next_if(|word| !word.starts_with('-')));
                    flags.auth_db = Some(given.unwrap_or_else(|| AuthConfig::DEFAULT_DATABASE.to_owned()));
                }
                "--no-console" => flags.console = false,
                "--debug" => flags.debug = true,
                "-V" | "--version" => flags.version = true,
                "-h" | "--help" => flags.help = true,
                _ => return Err(format!("unknown option '{flag}'")),
            }
            if value.is_some() {
                return Err(format!("option '{flag}' takes no value"));
            }
        }
        Ok(flags)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(words: &[&str]) -> Result<Flags, String> {
        Flags::parse(words.iter().map(OsString::from))
    }

    #[test]
    fn flags_are_those_of_isol8_serve() {
        let flags = read(&["-p", "80", "--host-bind=::1", "--auth-db", "--key-file", "k", "--debug"]).expect("flags");
        assert_eq!(flags.port.as_deref(), Some("80"));
        assert_eq!(flags.host.as_deref(), Some("::1"));
        assert_eq!(flags.auth_db.as_deref(), Some("~/.isol8/auth.db"));
        assert_eq!(flags.key_file, Some("k".into()));
        assert!(flags.debug && flags.console);
        assert!(!read(&["--no-console"]).expect("flags").console);
        let flags = read(&["--auth-db", "keys.db"]).expect("flags");
        assert_eq!(flags.auth_db.as_deref(), Some("keys.db"));
        assert_eq!(read(&["--auth-db"]).expect("flags").auth_db.as_deref(), Some("~/.isol8/auth.db"));
        assert!(read(&["--auth-db=a=b"]).expect("flags").auth_db.as_deref() == Some("a=b"));
    }

    #[test]
    fn what_is_not_known_is_refused() {
        for words in [&["--prot", "80"][..], &["80"], &["--port"], &["--debug=yes"], &["--key", "x"], &[""]] {
            assert!(read(words).is_err(), "{words:?}");
        }
    }
}
