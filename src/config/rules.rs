//! What a schema cannot say: sizes, patterns, networks, and settings that need each other.

use super::error::{Fault, shown};
use super::model::Isol8Config;
use crate::api::{SeccompMode, Size};
use crate::engine::settings::MIN_MEMORY;
use crate::network::Policy;
use crate::source;

/// The first setting that makes no sense.
pub(super) fn check(config: &Isol8Config) -> Result<(), Fault> {
    check_size("defaults.memoryLimit", &config.defaults.memory_limit, MIN_MEMORY)?;
    check_size("defaults.sandboxSize", &config.defaults.sandbox_size, Size::mebibytes(0))?;
    check_size("defaults.tmpSize", &config.defaults.tmp_size, Size::mebibytes(0))?;
    let limits = &config.server.limits;
    check_size("server.limits.memoryLimit", &limits.memory_limit, MIN_MEMORY)?;
    check_size("server.limits.sandboxSize", &limits.sandbox_size, Size::mebibytes(0))?;
    check_size("server.limits.tmpSize", &limits.tmp_size, Size::mebibytes(0))?;
    check_size("server.limits.bodySize", &limits.body_size, Size::mebibytes(0))?;
    check_size("server.limits.heldSize", &limits.held_size, Size::mebibytes(0))?;
    Policy::compile("network", &config.network, Vec::new()).map_err(|error| Fault::new(error.option, error.reason))?;
    source::Policy::compile("remoteCode", &config.remote_code)
        .map_err(|error| Fault::new(error.option, error.reason))?;
    let path = config.security.custom_profile_path.as_deref().unwrap_or_default();
    if config.security.seccomp == Some(SeccompMode::Custom) && path.is_empty() {
        return Err(Fault::new("security.customProfilePath", "is needed when security.seccomp is \"custom\""));
    }
    Ok(())
}

fn check_size(key: &str, text: &str, minimum: Size) -> Result<(), Fault> {
    match text.parse::<Size>() {
        Ok(size) if size >= minimum => Ok(()),
        Ok(_) => Err(Fault::new(key, format!("expected at least {minimum} bytes"))),
        Err(_) => {
            Err(Fault::new(key, format!("expected a size such as \"512m\" or \"1g\", found \"{}\"", shown(text))))
        }
    }
}
