//! Which image an execution runs in that needs packages, and which of them it has.

use super::listing::{list_custom_images, suitable};
use super::packages::Packages;
use super::{ImageError, Images, LocalImage};
use crate::runtime::Language;

/// An image to run in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Resolved {
    /// The image, whose id names what was looked at and nothing that its tag may have been given to since.
    pub image: LocalImage,
    /// The packages in it that it was chosen for, and what else came with them.
    pub packages: Packages,
}

impl Images {
    /// The image for an execution that needs `packages`: the one that the caller chose; else the custom image that has
    /// them all and the least besides; else that of the language. Only the second counts as having any.
    ///
    /// Custom images are listed anew every time, so one that was built, replaced or removed counts from then on; what
    /// is remembered is looked up by id.
    pub async fn resolve_with(
        &self,
        language: &Language,
        chosen: Option<&str>,
        packages: &Packages,
    ) -> Result<Resolved, ImageError> {
        if let (Language::BuiltIn(runtime), None, false) = (language, chosen, packages.is_empty()) {
            let images = list_custom_images(&self.docker, Some(runtime)).await?;
            for candidate in suitable(images, packages) {
                match self.get(&candidate.id, None).await {
                    Ok(image) => return Ok(Resolved { image, packages: candidate.packages }),
                    // Removed since it was listed, or not fit for a sandbox.
                    Err(error @ (ImageError::Missing { .. } | ImageError::Unusable { .. })) => {
                        tracing::debug!(tags = ?candidate.tags, error = error.to_string(), "passing over an image");
                    }
                    Err(error) => return Err(error),
                }
            }
        }
        Ok(Resolved { image: self.resolve(language, chosen).await?, packages: Packages::default() })
    }
}
