//! Images: building ours, finding what an execution runs in, and putting the guest into images that lack it.
//!
//! Every image that a sandbox starts from ends in the same layer, made by [`finish`]: the guest, the entrypoint
//! and the labels that say which guest it is. A base image is a target of the one Dockerfile plus that layer; a
//! user's image is *prepared* by adding it. A guest of another build is replaced the same way.

mod base;
mod builder;
mod context;
mod custom;
mod finish;
mod hash;
mod installer;
mod labels;
mod listing;
mod packages;
mod resolution;
mod spec;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use bollard::models::ImageConfig;

use crate::api::ErrorCode;
use crate::network::Host;
use crate::runtime::{self, Language, Runtime};
use crate::sandbox::backend::BackendError;
use crate::sandbox::docker::{Docker, status};
use crate::tls::ExtraCaError;

pub use base::{BuildProgress, BuildStatus, build_base_images};
pub use finish::PREPARED;
pub use labels::{
    BUILD_HASH, DEPENDENCIES, DEPS_HASH, GUEST_HASH, KNOWS_LOCALHOST, LABEL_PREFIX, REGISTRIES, RUNTIME, SETUP,
};
pub use listing::{CustomImageInfo, list_custom_images};
pub use packages::{Packages, PackagesError};
pub use resolution::Resolved;
pub use spec::{CustomImage, CustomImageError};

/// The guest that this engine speaks to, built for the platform of the containers.
static GUEST: &[u8] = include_bytes!(env!("ISOL8_GUEST_BINARY"));

/// Why there is no image to run in.
#[derive(Debug, thiserror::Error)]
pub enum ImageError {
    /// The caller's own image is not on this Docker engine.
    #[error("image {image} does not exist locally; pull or build it first")]
    Missing {
        /// The reference.
        image: String,
    },
    /// A build step failed.
    #[error("Failed to build image for {name}: {message}")]
    Build {
        /// The runtime, or the image that was being prepared.
        name: String,
        /// What the step said.
        message: String,
    },
    /// The company CA that `ISOL8_EXTRA_CA_FILE` names cannot be used.
    #[error(transparent)]
    ExtraCa(#[from] ExtraCaError),
    /// A mirror that user code would learn the password of.
    #[error("{variable} holds credentials, which every program in the image could read; use a mirror without")]
    Credentials {
        /// The environment variable.
        variable: &'static str,
    },
    /// The caller's own image would undo what holds user code.
    #[error("image {image} cannot be used: {reason}")]
    Unusable {
        /// The reference.
        image: String,
        /// What it asks for.
        reason: &'static str,
    },
    /// A custom image that makes no sense.
    #[error(transparent)]
    Custom(#[from] CustomImageError),
    /// The Docker engine failed.
    #[error(transparent)]
    Backend(BackendError),
}

impl ImageError {
    /// What JavaScript sees as `error.code`.
    pub fn code(&self) -> ErrorCode {
        match self {
            Self::Missing { .. } => ErrorCode::ImageNotFound,
            Self::Build { .. } => ErrorCode::ImageBuildFailed,
            Self::ExtraCa(_) => ErrorCode::InvalidExtraCa,
            Self::Credentials { .. } => ErrorCode::MirrorCredentials,
            Self::Unusable { .. } => ErrorCode::ImageUnusable,
            Self::Custom(error) => error.code(),
            Self::Backend(_) => ErrorCode::DockerFailed,
        }
    }
}

impl From<BackendError> for ImageError {
    fn from(error: BackendError) -> Self {
        Self::Backend(error)
    }
}

/// An image on the Docker engine, as far as we care.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LocalImage {
    /// Its id, which names these bytes and no others.
    pub id: String,
    /// Its labels.
    pub labels: HashMap<String, String>,
    /// Why no sandbox may start from it, if so.
    unusable: Option<&'static str>,
}

impl LocalImage {
    /// Looks up a reference or an id.
    pub async fn find(docker: &Docker, reference: &str) -> Result<Option<Self>, ImageError> {
        match docker.client().inspect_image(reference).await {
            Ok(image) => {
                let config = image.config.unwrap_or_default();
                let unusable = unusable(&config);
                let labels = config.labels.unwrap_or_default();
                Ok(Some(Self { id: image.id.unwrap_or_default(), labels, unusable }))
            }
            Err(error) if status(&error) == Some(404) => Ok(None),
            Err(error) => Err(docker.error("inspect an image", error).into()),
        }
    }

    /// Whether it can do without the hosts file that Docker's network code provides.
    pub fn knows_localhost(&self) -> bool {
        self.labels.contains_key(KNOWS_LOCALHOST)
    }

    /// The script that it wants to be run before every execution.
    pub fn setup(&self) -> Option<&str> {
        self.labels.get(SETUP).map(String::as_str).filter(|script| !script.trim().is_empty())
    }

    /// The package registries that its package managers are configured for.
    pub fn registries(&self) -> Arc<[Host]> {
        let label = self.labels.get(REGISTRIES).map(String::as_str).unwrap_or_default();
        label.split(',').filter_map(|host| Host::parse(host).ok()).collect()
    }

    fn has_guest(&self) -> bool {
        self.labels.get(GUEST_HASH).is_some_and(|hash| *hash == finish::guest_hash())
    }
}

/// Whether only we give images this name. The label that names the guest counts in these alone: whoever makes an image
/// can copy it, and whatever is built on one of ours inherits it, with another program in the guest's place or not.
fn is_own(reference: &str) -> bool {
    runtime::ALL.iter().any(|runtime| runtime.image() == reference)
}

/// What in an image's configuration speaks against starting a sandbox from it.
fn unusable(config: &ImageConfig) -> Option<&'static str> {
    if config.volumes.as_ref().is_some_and(|volumes| !volumes.is_empty()) {
        return Some("it declares a VOLUME, which would be a writable place on the host's disk without a limit");
    }
    if config.on_build.as_ref().is_some_and(|triggers| !triggers.is_empty()) {
        return Some("it has ONBUILD triggers, which would run as root outside any sandbox");
    }
    None
}

/// How long it is taken for granted that a reference still names the same image.
const MEMORY: Duration = Duration::from_secs(5);

/// Finds the images that executions run in, and remembers them for a while.
#[derive(Debug)]
pub struct Images {
    docker: Docker,
    known: Mutex<HashMap<String, (Instant, LocalImage)>>,
    /// Held while an image is looked for or built, so that a burst of first executions builds it once.
    looking: Mutex<HashMap<String, Arc<tokio::sync::Mutex<()>>>>,
}

impl Images {
    /// Knows nothing yet.
    pub fn new(docker: Docker) -> Self {
        Self { docker, known: Mutex::default(), looking: Mutex::default() }
    }

    /// The image of `language`, or the one that the caller chose, with the guest in it. What is missing is built.
    pub async fn resolve(&self, language: &Language, chosen: Option<&str>) -> Result<LocalImage, ImageError> {
        match chosen {
            Some(reference) => self.get(reference, None).await,
            None => self.get(&language.image(), language.base()).await,
        }
    }

    /// The image with this name or id, with the guest in it. If it is missing, it is built as that of `runtime`.
    async fn get(&self, reference: &str, runtime: Option<&Runtime>) -> Result<LocalImage, ImageError> {
        if let Some(image) = self.recall(reference) {
            return Ok(image);
        }
        let turn = {
            let mut looking = self.looking.lock().unwrap_or_else(PoisonError::into_inner);
            looking.entry(reference.to_owned()).or_default().clone()
        };
        let _looking = turn.lock().await;
        if let Some(image) = self.recall(reference) {
            return Ok(image);
        }
        let image = match LocalImage::find(&self.docker, reference).await? {
            Some(LocalImage { unusable: Some(reason), .. }) => {
                return Err(ImageError::Unusable { image: reference.to_owned(), reason });
            }
            Some(image) if image.has_guest() && is_own(reference) => image,
            Some(image) => finish::prepare(&self.docker, reference, &image).await?,
            None => {
                let Some(runtime) = runtime else { return Err(ImageError::Missing { image: reference.to_owned() }) };
                base::build(&self.docker, runtime, &mut |message| tracing::debug!(runtime = runtime.name, message))
                    .await?
            }
        };
        let known = (Instant::now(), image.clone());
        self.known.lock().unwrap_or_else(PoisonError::into_inner).insert(reference.to_owned(), known);
        Ok(image)
    }

    /// Forgets everything: something that was remembered has turned out to be gone.
    pub fn forget(&self) {
        self.known.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }

    fn recall(&self, reference: &str) -> Option<LocalImage> {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.get(reference).filter(|(since, _)| since.elapsed() < MEMORY).map(|(_, image)| image.clone())
    }
}
