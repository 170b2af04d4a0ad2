//! What the caller decides about what holds user code. A choice that cannot be honoured is an error before anything
//! runs, never a weaker sandbox.

use std::fs::{File, OpenOptions};
use std::io::{self, Read};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use nix::fcntl::OFlag;

use super::Error;
use super::settings::SeccompSetting;
use crate::sandbox::contract::Seccomp;
use crate::sandbox::docker::Docker;

/// The longest profile: Docker's own has 12 KB.
const MAX_PROFILE: u64 = 1 << 20;

/// The profile to start containers with.
pub(super) async fn seccomp(setting: &SeccompSetting) -> Result<Seccomp, Error> {
    let path = match setting {
        SeccompSetting::Strict => return Ok(Seccomp::Strict),
        SeccompSetting::Unconfined => return Ok(Seccomp::Unconfined),
        SeccompSetting::Custom(path) => path.clone(),
    };
    // A file can be on a disk that does not answer: nobody but its own execution waits for it.
    let read = tokio::task::spawn_blocking(move || match custom(&path) {
        Ok(profile) => Ok(Seccomp::Custom(profile.into())),
        Err(reason) => Err(Error::SeccompProfile { path, reason }),
    });
    read.await.unwrap_or_else(|panic| Err(Error::Internal(panic.to_string())))
}

/// A profile in Docker's JSON format. Only its outline is checked here: the daemon reads the rest before it starts
/// anything.
fn custom(path: &Path) -> Result<String, String> {
    let file = open(path).map_err(|error| error.to_string())?;
    let mut text = String::new();
    file.take(MAX_PROFILE + 1).read_to_string(&mut text).map_err(|error| error.to_string())?;
    if text.len() as u64 > MAX_PROFILE {
        return Err(format!("longer than {MAX_PROFILE} bytes"));
    }
    let profile: serde_json::Value = serde_json::from_str(&text).map_err(|error| format!("not JSON: {error}"))?;
    match profile.get("defaultAction") {
        Some(serde_json::Value::String(_)) => Ok(text),
        _ => Err("no seccomp profile: it has no \"defaultAction\"".to_owned()),
    }
}

/// Opens a regular file. Not blocking makes a difference only to what is none, such as a pipe that nobody writes to.
fn open(path: &Path) -> io::Result<File> {
    let flags = OFlag::O_NONBLOCK | OFlag::O_NOCTTY;
    let file = OpenOptions::new().read(true).custom_flags(flags.bits()).open(path)?;
    if file.metadata()?.is_file() {
        Ok(file)
    } else {
        Err(io::Error::new(io::ErrorKind::InvalidInput, "not a regular file"))
    }
}

/// Whether the daemon has this OCI runtime.
pub(super) async fn check_oci_runtime(docker: &Docker, name: &str) -> Result<(), Error> {
    let info = docker.client().info().await.map_err(|error| docker.error("ask for its OCI runtimes", error))?;
    let runtimes = info.runtimes.unwrap_or_default();
    if runtimes.contains_key(name) {
        return Ok(());
    }
    let mut available: Vec<_> = runtimes.into_keys().collect();
    available.sort_unstable();
    Err(Error::OciRuntime { name: name.to_owned(), available: available.join(", ") })
}

#[cfg(test)]
mod tests {
    use nix::sys::stat::Mode;
    use nix::unistd::mkfifo;

    use super::*;

    #[tokio::test]
    async fn what_is_no_profile_is_refused_with_the_path_and_the_reason() {
        let directory = std::env::temp_dir().join(format!("isol8-seccomp-{}", uuid::Uuid::new_v4()));
        std::fs::create_dir(&directory).expect("is new");
        for (name, text, reason) in [
            ("empty", "", "not JSON"),
            ("list", "[]", "no seccomp profile"),
            ("other", "{\"defaultAction\": 1}", "no seccomp profile"),
        ] {
            let path = directory.join(name);
            std::fs::write(&path, text).expect("is writable");
            let error = seccomp(&SeccompSetting::Custom(path.clone())).await.expect_err(name).to_string();
            let start = format!("Failed to load custom seccomp profile at {}: {reason}", path.display());
            assert!(error.starts_with(&start), "{error}");
        }
        let missing = seccomp(&SeccompSetting::Custom(directory.join("missing"))).await.expect_err("is not there");
        assert!(missing.to_string().contains("No such file"), "{missing}");
        mkfifo(&directory.join("pipe"), Mode::S_IRWXU).expect("is new");
        for name in ["pipe", "."] {
            let error = seccomp(&SeccompSetting::Custom(directory.join(name))).await.expect_err("is no file");
            assert!(error.to_string().ends_with("not a regular file"), "{error}");
        }
        std::fs::remove_dir_all(&directory).expect("is ours");
    }
}
