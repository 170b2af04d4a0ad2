//! The configuration file: found, checked, merged with the defaults.
//!
//! [`load`] goes [`file`] (which file, and what is in it) → [`check`] (types, ranges and unknown keys, against the
//! JSON Schema that [`schema`] makes of the types) → the types in [`model`], where what is absent takes its default
//! → [`rules`] (what a schema cannot say) and [`paths`]. So the schema that editors use is the one that decides.
//!
//! Above the engine: this takes its vocabulary from [`crate::api`] and defaults and limits from
//! [`crate::engine::settings`], and nothing below knows that there is a file.

mod check;
mod error;
mod file;
mod model;
mod paths;
mod rules;
pub mod schema;
mod server;
#[cfg(test)]
mod tests;

use std::path::{Path, PathBuf};

use serde_json::Value;

use check::Warnings;
pub use error::{ConfigError, Fault};
pub use model::{Cleanup, Defaults, Isol8Config, PoolSize};
use paths::Places;
pub use server::{Quota, ServerConfig, ServerLimits};

/// A configuration and where it comes from.
#[derive(Debug, Clone, PartialEq)]
pub struct Loaded {
    /// The file's settings, and defaults for all that it leaves open.
    pub config: Isol8Config,
    /// The file; `None` if there is none.
    pub source: Option<PathBuf>,
    /// Which settings the file itself has, and no default decides: `section.member`, or `section` of those without.
    pub given: Vec<String>,
    /// What the user should know: keys that mean nothing.
    pub warnings: Vec<String>,
}

/// Reads `isol8.config.json` in `directory`, else `.isol8/config.json` in `home`, else nothing: the two are never
/// merged with each other.
pub fn load(directory: &Path, home: Option<&Path>) -> Result<Loaded, ConfigError> {
    let Some(file) = file::find(directory, home)? else {
        return Ok(Loaded { config: Isol8Config::default(), source: None, given: Vec::new(), warnings: Vec::new() });
    };
    let base = file.path.parent().unwrap_or(directory);
    match merge(file.content, Places { base, home }) {
        Ok(Merged { config, given, warnings }) => Ok(Loaded { config, source: Some(file.path), given, warnings }),
        Err(fault) => Err(ConfigError::Value { path: file.path, fault }),
    }
}

/// The settings of `content`, which is in no file, over the defaults. Relative paths begin at `base`.
pub fn complete(content: Value, base: &Path, home: Option<&Path>) -> Result<Loaded, Fault> {
    let Merged { config, given, warnings } = merge(content, Places { base, home })?;
    Ok(Loaded { config, source: None, given, warnings })
}

/// A defect of ours, which the property tests look for.
const SCHEMA_AND_TYPES_DIFFER: &str = "the schema allows what the types do not";

/// What comes of some JSON.
#[derive(Debug)]
struct Merged {
    config: Isol8Config,
    given: Vec<String>,
    warnings: Vec<String>,
}

/// `content` over the defaults. Members of a section are merged one by one, everything else replaces.
fn merge(mut content: Value, places: Places<'_>) -> Result<Merged, Fault> {
    let mut warnings = Warnings::default();
    check::check(&mut content, schema::schema(), "", &mut warnings)?;
    if let Some(members) = content.as_object_mut() {
        members.remove(schema::OF_EDITORS);
    }
    let given = names(&content);
    // Cannot fail: what the types refuse, the schema that is made of them refuses before. Its text may quote secrets.
    let config: Isol8Config = serde_json::from_value(content).map_err(|_| Fault::new("", SCHEMA_AND_TYPES_DIFFER))?;
    let mut config = config.with_defaults();
    rules::check(&config)?;
    paths::resolve(&mut config, places)?;
    Ok(Merged { config, given, warnings: warnings.into() })
}

/// The names of all settings in `content`.
fn names(content: &Value) -> Vec<String> {
    let sections = content.as_object().into_iter().flatten();
    let names = sections.flat_map(|(section, value)| match value.as_object() {
        Some(members) => members.keys().map(|member| format!("{section}.{member}")).collect(),
        None => vec![section.clone()],
    });
    names.collect()
}
