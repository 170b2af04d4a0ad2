//! `LABELS`.

use napi_derive::napi;

use crate::image;

/// The keys of the labels that isol8's images carry.
#[napi(object, object_from_js = false)]
pub struct Labels {
    /// On base images: hash of what they were built from.
    #[napi(ts_type = "string")]
    pub docker_hash: &'static str,
    /// On custom images: hash of what they were built from.
    #[napi(ts_type = "string")]
    pub deps_hash: &'static str,
    /// On custom images: the runtime.
    #[napi(ts_type = "string")]
    pub runtime: &'static str,
    /// On custom images: the packages, sorted and separated by commas.
    #[napi(ts_type = "string")]
    pub dependencies: &'static str,
    /// On custom images with a setup script: the script.
    #[napi(ts_type = "string")]
    pub setup_script: &'static str,
}

/// The label keys.
#[napi]
pub fn labels() -> Labels {
    Labels {
        docker_hash: image::BUILD_HASH,
        deps_hash: image::DEPS_HASH,
        runtime: image::RUNTIME,
        dependencies: image::DEPENDENCIES,
        setup_script: image::SETUP,
    }
}
