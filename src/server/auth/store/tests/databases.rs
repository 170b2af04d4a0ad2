//! Databases for tests: SQLite files, and servers of PostgreSQL and MariaDB that listen on this machine only.
//!
//! One server of each kind is started by the first test that needs it, and each test has a database of its own in it. A
//! shell waits beside the server for the end of its input, which comes when the test process ends, in whatever way; then it
//! stops the server and removes its files.

use std::env;
use std::fs::{self, File};
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::{MetadataExt, chown};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::LazyLock;
use std::thread;
use std::time::{Duration, Instant};

use sqlx::Connection;
use sqlx::mysql::MySqlConnection;
use sqlx::postgres::PgConnection;
use tempfile::TempDir;
use uuid::Uuid;

use crate::server::auth::{Location, Store, Surroundings};

/// In URLs and nowhere else, so it is easy to see where it should not be.
pub(super) const PASSWORD: &str = "hunter2";

/// Neither server runs as root: as whom instead (`nobody`).
const NOBODY: u32 = 65534;

/// Longest that a server takes to start.
const START_LIMIT: Duration = Duration::from_secs(60);

/// What stops the server once nobody needs it: `sh -c WATCH sh SIGNAL DIR SERVER ARGS…`.
const WATCH: &str = r#"signal=$1 dir=$2; shift 2
"$@" >"$dir.log" 2>&1 &
echo $!
read -r files
kill -s "$signal" $!; wait $!
[ "$files" = keep ] || rm -rf "$dir" "$dir.log""#;

/// A database of a test's own.
pub(super) struct Database {
    pub(super) url: String,
    /// Of SQLite, the directory of the file.
    _directory: Option<TempDir>,
}

impl Database {
    pub(super) fn location(&self) -> Location {
        Location::parse(&self.url, &Surroundings::default()).expect("a location")
    }

    pub(super) async fn open(&self) -> Store {
        Store::open(self.location()).await.expect("a store")
    }

    pub(super) fn sqlite() -> Self {
        let directory = tempfile::tempdir().expect("a directory");
        Self { url: directory.path().join("keys/auth.db").display().to_string(), _directory: Some(directory) }
    }

    pub(super) async fn postgres() -> Self {
        static SERVER: LazyLock<Server> = LazyLock::new(|| Server::start(Kind::Postgres));
        SERVER.database().await
    }

    pub(super) async fn mysql() -> Self {
        static SERVER: LazyLock<Server> = LazyLock::new(|| Server::start(Kind::MySql));
        SERVER.database().await
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Postgres,
    MySql,
}

/// A database server.
pub(super) struct Server {
    kind: Kind,
    directory: PathBuf,
    port: u16,
    /// None while it is stopped.
    running: Option<(Child, u32)>,
}

impl Server {
    /// A new one, with nothing in it.
    pub(super) fn start(kind: Kind) -> Self {
        let directory = env::temp_dir().join(format!("isol8-test-{}", Uuid::new_v4().simple()));
        fs::create_dir(&directory).expect("a new name");
        if is_root() {
            chown(&directory, Some(NOBODY), Some(NOBODY)).expect("root may");
        }
        match kind {
            Kind::Postgres => {
                let password = directory.with_extension("password");
                fs::write(&password, PASSWORD).expect("writable");
                let mut command = program(&directory, "initdb");
                command.arg("--pwfile").arg(&password).args(["--username=isol8", "--auth=scram-sha-256", "--no-sync"]);
                run(command.arg("--pgdata").arg(directory.join("data")));
                fs::remove_file(password).expect("ours");
            }
            Kind::MySql => {
                // What `mariadb-install-db` does, which needs programs that come with the client, but for the help texts.
                let data = directory.join("data");
                run(as_nobody(&directory, Path::new("/bin/mkdir")).arg(&data));
                let mut script = "CREATE DATABASE mysql;\nUSE mysql;\nSET @auth_root_socket = NULL;\n".to_owned();
                for file in ["mysql_system_tables.sql", "mysql_system_tables_data.sql"] {
                    let path = Path::new("/usr/share/mysql").join(file);
                    script += &fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
                }
                fs::write(directory.join("bootstrap.sql"), script).expect("writable");
                let mut command = program(&directory, "mariadbd");
                command.args(["--no-defaults", "--bootstrap", "--skip-log-bin", "--innodb-buffer-pool-size=16M"]);
                let script = File::open(directory.join("bootstrap.sql")).expect("just written");
                run(command.arg(format!("--datadir={}", data.display())).stdin(script));
                let user = format!("'isol8'@'127.0.0.1' IDENTIFIED BY '{PASSWORD}'");
                fs::write(directory.join("init.sql"), format!("GRANT ALL ON *.* TO {user};\n")).expect("writable");
            }
        }
        let port = TcpListener::bind("127.0.0.1:0").and_then(|free| free.local_addr()).expect("a free port").port();
        let mut server = Self { kind, directory, port, running: None };
        server.start_again();
        server
    }

    /// After [`Self::stop`], with the same data on the same port.
    pub(super) fn start_again(&mut self) {
        let data = self.directory.join("data");
        let mut command = as_nobody(&self.directory, Path::new("/bin/sh"));
        command.args(["-c", WATCH, "sh"]);
        match self.kind {
            Kind::Postgres => {
                command.arg("INT").arg(&self.directory).arg(find("postgres")).arg("-D").arg(data);
                command.args(["-c", "listen_addresses=127.0.0.1", "-c", "unix_socket_directories=", "-c", "fsync=off"]);
                command.args(["-c", &format!("port={}", self.port)]);
            }
            Kind::MySql => {
                command.arg("TERM").arg(&self.directory).arg(find("mariadbd")).arg("--no-defaults");
                command.arg(format!("--datadir={}", data.display())).arg(format!("--port={}", self.port));
                for (option, file) in [("socket", "socket"), ("pid-file", "pid"), ("init-file", "init.sql")] {
                    command.arg(format!("--{option}={}", self.directory.join(file).display()));
                }
                command.args(["--bind-address=127.0.0.1", "--skip-name-resolve", "--innodb-buffer-pool-size=16M"]);
            }
        }
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("a shell");
        let mut pid = String::new();
        BufReader::new(child.stdout.take().expect("piped")).read_line(&mut pid).expect("a line");
        self.running = Some((child, pid.trim().parse().expect("a process id")));
        self.wait_until_ready();
    }

    fn wait_until_ready(&self) {
        let start = Instant::now();
        let is_ready = || match self.kind {
            Kind::Postgres => {
                let mut ready = program(&self.directory, "pg_isready");
                ready.args(["-q", "-h", "127.0.0.1", "-p", &self.port.to_string()]);
                ready.status().is_ok_and(|status| status.success())
            }
            // It listens once it is ready.
            Kind::MySql => TcpStream::connect(("127.0.0.1", self.port)).is_ok(),
        };
        while !is_ready() {
            let log = || fs::read_to_string(self.directory.with_extension("log")).unwrap_or_default();
            assert!(start.elapsed() < START_LIMIT, "{:?} does not start: {}", self.kind, log());
            thread::sleep(Duration::from_millis(50));
        }
    }

    /// Stops it as an operator would; its data stays.
    pub(super) fn stop(&mut self) {
        self.end("keep\n");
    }

    fn end(&mut self, what_to_do_with_its_files: &str) {
        if let Some((mut watching, _)) = self.running.take() {
            let mut input = watching.stdin.take().expect("piped");
            input.write_all(what_to_do_with_its_files.as_bytes()).expect("it reads");
            drop(input);
            watching.wait().expect("a child");
        }
    }

    /// Sends it a signal.
    pub(super) fn signal(&self, name: &str) {
        let (_, pid) = self.running.as_ref().expect("running");
        run(Command::new("kill").args(["-s", name, &pid.to_string()]));
    }

    /// A new database in it.
    pub(super) async fn database(&self) -> Database {
        let name = format!("keys_{}", Uuid::new_v4().simple());
        let create = sqlx::AssertSqlSafe(format!("CREATE DATABASE {name}"));
        match self.kind {
            Kind::Postgres => {
                let mut connection = PgConnection::connect(&self.url("postgres")).await.expect("it runs");
                sqlx::query(create).execute(&mut connection).await.expect("a new name");
            }
            Kind::MySql => {
                let mut connection = MySqlConnection::connect(&self.url("mysql")).await.expect("it runs");
                sqlx::query(create).execute(&mut connection).await.expect("a new name");
            }
        }
        Database { url: self.url(&name), _directory: None }
    }

    fn url(&self, database: &str) -> String {
        let scheme = if self.kind == Kind::Postgres { "postgres" } else { "mysql" };
        format!("{scheme}://isol8:{PASSWORD}@127.0.0.1:{}/{database}", self.port)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.end("");
    }
}

/// One of the programs that come with a server, as somebody who may run it.
fn program(directory: &Path, name: &str) -> Command {
    as_nobody(directory, &find(name))
}

fn as_nobody(directory: &Path, program: &Path) -> Command {
    let mut command = Command::new(program);
    command.current_dir(directory);
    if is_root() {
        command.uid(NOBODY).gid(NOBODY);
    }
    command
}

fn is_root() -> bool {
    fs::metadata("/proc/self").is_ok_and(|process| process.uid() == 0)
}

fn run(command: &mut Command) {
    let output = command.output().expect("it can be run");
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
}

/// Where Debian keeps it, or wherever it can be run from.
fn find(name: &str) -> PathBuf {
    let version = |directory: &PathBuf| directory.file_name().and_then(|name| name.to_str()?.parse::<u32>().ok());
    let of_postgres = fs::read_dir("/usr/lib/postgresql").into_iter().flatten();
    let newest = of_postgres.filter_map(|entry| Some(entry.ok()?.path())).max_by_key(version);
    let path = env::var_os("PATH").unwrap_or_default();
    let directories = newest.map(|directory| directory.join("bin")).into_iter().chain(env::split_paths(&path));
    let found =
        directories.chain(["/usr/sbin".into()]).map(|directory| directory.join(name)).find(|path| path.is_file());
    found.unwrap_or_else(|| panic!("no {name}: `npm test` installs PostgreSQL and MariaDB where it can"))
}
