//! Configuration files.

use std::path::{Path, PathBuf};

use napi::bindgen_prelude::{FnArgs, Function, JsObjectValue, Object, Unknown};
use napi::{Env, Result};
use napi_derive::napi;

use super::failure::Failure;
use crate::config::{self, Loaded};
use crate::server::auth;

/// The settings of `isol8.config.json` in `cwd` (default: the working directory), else of `~/.isol8/config.json`, over
/// the defaults. Every call returns an object of its own. Throws with code `INVALID_CONFIG` if the file makes no sense;
/// unknown keys are passed over with a warning of the process (`process.emitWarning`).
#[napi(ts_return_type = "Isol8Config")]
pub fn load_config(env: &Env, cwd: Option<String>) -> Result<Unknown<'static>> {
    let Loaded { config, source, warnings, .. } = load(env, cwd)?;
    for warning in warnings {
        let source = source.as_deref().unwrap_or(Path::new("")).display();
        warn(env, format!("{source}: {warning}"))?;
    }
    env.to_js_value(&config)
}

/// The same with the path of the file (`null`: there is none), with the names of the settings that it has itself, such
/// as `defaults.timeoutMs`, with the database of a server's keys as it can be shown (without a password), and with the
/// warnings instead of giving them.
#[napi(
    ts_return_type = "{ config: Isol8Config, source: string | null, given: Array<string>, authDatabase: string, warnings: Array<string> }"
)]
pub fn read_config(env: &Env, cwd: Option<String>) -> Result<Object<'_>> {
    let Loaded { config, source, given, warnings } = load(env, cwd)?;
    let mut read = Object::new(env)?;
    read.set("config", env.to_js_value(&config)?)?;
    read.set("source", env.to_js_value(&source.map(|path| path.to_string_lossy().into_owned()))?)?;
    read.set("given", given)?;
    read.set("authDatabase", auth::redacted(config.auth.database()))?;
    read.set("warnings", warnings)?;
    Ok(read)
}

/// Where Node.js programs get warnings from: shown on standard error unless they say otherwise.
fn warn(env: &Env, message: String) -> Result<()> {
    let process: Object<'_> = env.get_global()?.get_named_property("process")?;
    let emit: Function<'_, FnArgs<(String, &str)>, ()> = process.get_named_property("emitWarning")?;
    emit.call(FnArgs::from((message, "Isol8ConfigWarning")))
}

fn load(env: &Env, cwd: Option<String>) -> Result<Loaded> {
    let directory = cwd.map_or_else(|| PathBuf::from("."), PathBuf::from);
    // A home that is nowhere in particular would be the working directory.
    let home = std::env::home_dir().filter(|home| home.is_absolute());
    let loaded = config::load(&directory, home.as_deref());
    loaded.map_err(|error| Failure::from(error).into_error(env))
}
