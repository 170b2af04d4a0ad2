//! `RuntimeRegistry`.

use napi::{Env, Result};
use napi_derive::napi;

use super::js_error;
use crate::runtime::{self, Runtime, RuntimeError};

/// The runtimes that isol8 knows.
#[napi]
pub struct RuntimeRegistry {}

/// A runtime: what it is called and which image it runs in.
#[napi(object, object_from_js = false)]
pub struct RuntimeInfo {
    /// Its name in requests and flags.
    #[napi(ts_type = "Runtime")]
    pub name: String,
    /// Tag of its image.
    pub image: String,
}

impl From<&Runtime> for RuntimeInfo {
    fn from(runtime: &Runtime) -> Self {
        Self { name: runtime.name.to_owned(), image: runtime.image() }
    }
}

#[napi]
impl RuntimeRegistry {
    /// The runtime of this name; throws if there is none.
    #[napi]
    pub fn get(env: &Env, name: String) -> Result<RuntimeInfo> {
        found(env, runtime::get(&name))
    }

    /// The runtime for a file of this name, by its extension; throws if there is none.
    #[napi]
    pub fn detect(env: &Env, filename: String) -> Result<RuntimeInfo> {
        found(env, runtime::detect(&filename))
    }

    /// All runtimes.
    #[napi]
    pub fn list() -> Vec<RuntimeInfo> {
        runtime::ALL.into_iter().map(Into::into).collect()
    }
}

fn found(env: &Env, runtime: std::result::Result<&Runtime, RuntimeError>) -> Result<RuntimeInfo> {
    runtime.map(Into::into).map_err(|error| js_error(env, "UNKNOWN_RUNTIME", error.to_string()))
}
