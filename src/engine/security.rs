//! What the caller decides about what holds user code. A choice that cannot be honoured is an error before anything
//! runs, never a weaker sandbox.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use super::Error;
use super::settings::SeccompSetting;
use crate::sandbox::contract::Seccomp;
use crate::sandbox::docker::Docker;

/// The longest profile: Docker's own has 12 KB.
const MAX_PROFILE: u64 = 1 << 20;

/// The profile to start containers with.
pub(super) fn seccomp(setting: &SeccompSetting) -> Result<Seccomp, Error> {
    match setting {
        SeccompSetting::Strict => Ok(Seccomp::Strict),
        SeccompSetting::Unconfined => Ok(Seccomp::Unconfined),
        SeccompSetting::Custom(path) => {
            let profile = custom(path).map_err(|reason| Error::SeccompProfile { path: path.clone(), reason })?;
            Ok(Seccomp::Custom(profile.into()))
        }
    }
}

/// A profile in Docker's JSON format. Only its outline is checked here: the daemon reads the rest before it starts
/// anything.
fn custom(path: &Path) -> Result<String, String> {
    let file = File::open(path).map_err(|error| error.to_string())?;
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
    use super::*;

    #[test]
    fn what_is_no_profile_is_refused_with_the_path_and_the_reason() {
        let directory = std::env::temp_dir().join(format!("isol8-seccomp-{}", uuid::Uuid::new_v4()));
        std::fs::create_dir(&directory).expect("is new");
        for (name, text, reason) in [
            ("empty", "", "not JSON"),
            ("list", "[]", "no seccomp profile"),
            ("other", "{\"defaultAction\": 1}", "no seccomp profile"),
        ] {
            let path = directory.join(name);
            std::fs::write(&path, text).expect("is writable");
            let error = seccomp(&SeccompSetting::Custom(path.clone())).expect_err(name).to_string();
            let start = format!("Failed to load custom seccomp profile at {}: {reason}", path.display());
            assert!(error.starts_with(&start), "{error}");
        }
        let missing = seccomp(&SeccompSetting::Custom(directory.join("missing"))).expect_err("is not there");
        assert!(missing.to_string().contains("No such file"), "{missing}");
        std::fs::remove_dir_all(&directory).expect("is ours");
    }
}
