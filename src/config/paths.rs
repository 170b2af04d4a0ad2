//! Paths as users write them: with `~/` for their home, and relative to the file that they are written in.

use std::path::{Path, PathBuf};

use super::error::Fault;
use super::model::Isol8Config;

/// What paths are relative to.
#[derive(Debug, Clone, Copy)]
pub(super) struct Places<'a> {
    /// The directory of the configuration file.
    pub base: &'a Path,
    /// The user's home directory.
    pub home: Option<&'a Path>,
}

/// Makes the paths in `config` such that their place no longer matters.
pub(super) fn resolve(config: &mut Isol8Config, places: Places<'_>) -> Result<(), Fault> {
    let profile = &mut config.security.custom_profile_path;
    for (key, path) in [
        ("security.customProfilePath", &mut *profile),
        ("audit.logDir", &mut config.audit.log_dir),
        ("audit.postLogScript", &mut config.audit.post_log_script),
        // Perhaps a URL. Those do not begin like that.
        ("auth.connectionString", &mut config.auth.connection_string),
    ] {
        if let Some(path) = path {
            expand(key, path, places.home)?;
        }
    }
    if let Some(profile) = profile.as_mut().filter(|profile| !profile.is_empty()) {
        // As components: `./` goes.
        *profile = text(&places.base.join(&*profile).components().collect::<PathBuf>());
    }
    Ok(())
}

fn expand(key: &str, path: &mut String, home: Option<&Path>) -> Result<(), Fault> {
    let Some(rest) = path.strip_prefix("~/") else { return Ok(()) };
    let home = home.ok_or_else(|| Fault::new(key, "begins with \"~/\", but there is no home directory"))?;
    // However many slashes follow, it stays in there.
    *path = text(&home.join(rest.trim_start_matches('/')));
    Ok(())
}

/// Settings are JSON, and a path that is not Unicode cannot be that.
fn text(path: &Path) -> String {
    path.to_string_lossy().into_owned()
}
