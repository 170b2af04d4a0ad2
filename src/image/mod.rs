//! Images: building ours, finding what an execution runs in, and putting the guest into images that lack it.
//!
//! Every image that a sandbox starts from ends in the same layer, made by [`finish`]: the guest, the entrypoint
//! and the labels that say which guest it is. A base image is a target of the one Dockerfile plus that layer; a
//! user's image is *prepared* by adding it. A guest of another build is replaced the same way.

mod base;
mod builder;
mod context;
mod finish;
mod labels;

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

use crate::runtime::Runtime;
use crate::sandbox::backend::BackendError;
use crate::sandbox::docker::{Docker, status};

pub use base::{BuildProgress, BuildStatus, build_base_images};
pub use labels::{BUILD_HASH, GUEST_HASH, REGISTRIES};

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
    #[error("could not use the certificates in {} (ISOL8_EXTRA_CA_FILE): {message}", path.display())]
    ExtraCa {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        message: String,
    },
    /// The Docker engine failed.
    #[error(transparent)]
    Backend(BackendError),
}

impl ImageError {
    /// Stable name for callers.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Missing { .. } => "IMAGE_NOT_FOUND",
            Self::Build { .. } => "IMAGE_BUILD_FAILED",
            Self::ExtraCa { .. } => "INVALID_EXTRA_CA",
            Self::Backend(_) => "DOCKER_FAILED",
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
}

impl LocalImage {
    /// Looks up a reference or an id.
    pub async fn find(docker: &Docker, reference: &str) -> Result<Option<Self>, ImageError> {
        match docker.client().inspect_image(reference).await {
            Ok(image) => Ok(Some(Self {
                id: image.id.unwrap_or_default(),
                labels: image.config.and_then(|config| config.labels).unwrap_or_default(),
            })),
            Err(error) if status(&error) == Some(404) => Ok(None),
            Err(error) => Err(docker.error("inspect an image", error).into()),
        }
    }

    fn has_guest(&self) -> bool {
        self.labels.get(GUEST_HASH).is_some_and(|hash| *hash == finish::guest_hash())
    }
}

/// Finds the images that executions run in, and remembers them.
#[derive(Debug)]
pub struct Images {
    docker: Docker,
    known: Mutex<HashMap<String, LocalImage>>,
    /// Held while an image is looked for or built, so that a burst of first executions builds it once.
    looking: tokio::sync::Mutex<()>,
}

impl Images {
    /// Knows nothing yet.
    pub fn new(docker: Docker) -> Self {
        Self { docker, known: Mutex::default(), looking: tokio::sync::Mutex::default() }
    }

    /// The image for `runtime`, or the one that the caller chose, with the guest in it. What is missing is built.
    pub async fn resolve(&self, runtime: &Runtime, chosen: Option<&str>) -> Result<LocalImage, ImageError> {
        let reference = chosen.map_or_else(|| runtime.image(), str::to_owned);
        if let Some(image) = self.recall(&reference) {
            return Ok(image);
        }
        let _looking = self.looking.lock().await;
        if let Some(image) = self.recall(&reference) {
            return Ok(image);
        }
        let image = match LocalImage::find(&self.docker, &reference).await? {
            Some(image) if image.has_guest() => image,
            Some(image) => finish::prepare(&self.docker, &reference, &image).await?,
            None if chosen.is_some() => return Err(ImageError::Missing { image: reference }),
            None => {
                base::build(&self.docker, runtime, &mut |message| tracing::debug!(runtime = runtime.name, message))
                    .await?
            }
        };
        self.known.lock().unwrap_or_else(PoisonError::into_inner).insert(reference, image.clone());
        Ok(image)
    }

    /// Forgets everything: something that was remembered has turned out to be gone.
    pub fn forget(&self) {
        self.known.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }

    fn recall(&self, reference: &str) -> Option<LocalImage> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner).get(reference).cloned()
    }
}
