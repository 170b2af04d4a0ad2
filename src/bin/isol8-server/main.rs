//! `isol8-server`: the server of `isol8 serve`, for people who want no Node.js.
//!
//! Its flags are those of `isol8 serve`, and mean the same, except that it takes no key from its command line, where
//! others could see it. It asks nobody anything: a port that is taken is an error. SIGINT and SIGTERM end it in order,
//! with exit code 0, or 1 if something is left behind; a second one ends it at once.

mod flags;

use std::fs::File;
use std::io::{Read, Write};
use std::path::Path;
use std::process::ExitCode;

use isol8::api::Secret;
use isol8::server::{Server, ServerOptions};
use isol8::{config, telemetry};
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use tokio::signal::unix::{Signal, SignalKind, signal};

use flags::{Flags, USAGE};

/// No key is as long.
const MAX_KEY_FILE: u64 = 16 * 1024;

const USUAL_PORT: u16 = 3000;

fn main() -> ExitCode {
    let flags = match Flags::parse(std::env::args_os().skip(1)) {
        Ok(flags) => flags,
        Err(message) => return fail(&message),
    };
    if flags.help || flags.version {
        let version = concat!(env!("CARGO_PKG_VERSION"), "\n");
        // Nobody may be reading.
        let _ = std::io::stdout().write_all(if flags.help { USAGE } else { version }.as_bytes());
        return ExitCode::SUCCESS;
    }
    raise_file_limit();
    let served = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| format!("cannot start: {error}"))
        .and_then(|runtime| runtime.block_on(serve(flags)));
    match served {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => fail(&message),
    }
}

fn fail(message: &str) -> ExitCode {
    let _ = writeln!(std::io::stderr(), "[ERR] {message}");
    ExitCode::FAILURE
}

/// Connections are files, and by default a process may open few of them.
fn raise_file_limit() {
    if let Ok((_, most)) = getrlimit(Resource::RLIMIT_NOFILE) {
        // Where that is not allowed, fewer connections are.
        let _ = setrlimit(Resource::RLIMIT_NOFILE, most, most);
    }
}

async fn serve(flags: Flags) -> Result<(), String> {
    let directory = std::env::current_dir().map_err(|error| format!("the working directory is unknown: {error}"))?;
    let home = std::env::home_dir().filter(|home| home.is_absolute());
    let loaded = config::load(&directory, home.as_deref()).map_err(|error| error.to_string())?;
    telemetry::start(flags.debug || loaded.config.debug);
    for warning in &loaded.warnings {
        let source = loaded.source.as_deref().unwrap_or(Path::new("configuration")).display();
        let _ = writeln!(std::io::stderr(), "[WARN] {source}: {warning}");
    }
    let options = ServerOptions {
        port: port(flags.port)?,
        host: flags.host,
        api_key: key(flags.key_file.as_deref())?,
        auth_db: flags.auth_db,
        console: flags.console,
        log_requests: true,
    };
    // Before anything can take long, so that no signal meets a process that knows nothing of it.
    let mut signals = Signals::listen()?;
    let server = tokio::select! {
        started = Server::start(options, loaded.config) => started.map_err(|error| telemetry::chain(&error))?,
        () = signals.next() => return Ok(()),
    };
    announce(&server);
    signals.next().await;
    tokio::select! {
        ended = server.shutdown() => ended.map_err(|(_, message)| message),
        () = signals.next() => std::process::exit(1),
    }
}

fn announce(server: &Server) {
    let (version, port) = (env!("CARGO_PKG_VERSION"), server.address().port());
    let mut banner = format!(
        "[INFO] isol8 server v{version} listening on http://localhost:{port}\n       Auth: Bearer token required\n"
    );
    if let Some(database) = server.auth_database() {
        banner.push_str(&format!("       Auth DB: {}\n", database.escape_debug()));
    }
    // Nobody may be reading.
    let _ = std::io::stdout().write_all(banner.as_bytes());
}

/// The signals that ask a server to end.
struct Signals {
    interrupt: Signal,
    terminate: Signal,
}

impl Signals {
    fn listen() -> Result<Self, String> {
        let listen = |kind| signal(kind).map_err(|error| format!("cannot wait for signals: {error}"));
        Ok(Self { interrupt: listen(SignalKind::interrupt())?, terminate: listen(SignalKind::terminate())? })
    }

    async fn next(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }
}

/// The port that the flag says, else the environment, else the usual one.
fn port(flag: Option<String>) -> Result<u16, String> {
    let from_environment = |name: &str| std::env::var(name).ok().filter(|text| !text.is_empty());
    let sources =
        [("--port", flag), ("ISOL8_PORT", from_environment("ISOL8_PORT")), ("PORT", from_environment("PORT"))];
    let Some((source, text)) = sources.into_iter().find_map(|(source, text)| Some((source, text?))) else {
        return Ok(USUAL_PORT);
    };
    let is_whole = text.bytes().all(|byte| byte.is_ascii_digit());
    match text.parse() {
        Ok(port) if is_whole && port > 0 => Ok(port),
        _ => Err(format!("Invalid port from {source}: {text}. Expected 1-65535.")),
    }
}

/// The master key: that of the file, else of the environment.
fn key(file: Option<&Path>) -> Result<Secret, String> {
    let text = match file {
        None => std::env::var("ISOL8_API_KEY").unwrap_or_default(),
        Some(path) => {
            let mut text = String::new();
            let read = File::open(path).and_then(|file| file.take(MAX_KEY_FILE).read_to_string(&mut text));
            read.map_err(|error| format!("Cannot read a key from {}: {error}", path.display()))?;
            text.trim().to_owned()
        }
    };
    match text.is_empty() {
        true => Err("API key required. Use --key-file or ISOL8_API_KEY env var.".to_owned()),
        false => Ok(Secret::new(text)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_is_a_whole_number() {
        for text in ["0", "65536", "+80", "80x", "", "8e1", "-1"] {
            let error = port(Some(text.to_owned())).expect_err(text);
            assert_eq!(error, format!("Invalid port from --port: {text}. Expected 1-65535."));
        }
        assert_eq!(port(Some("3000".to_owned())), Ok(3000));
    }
}
