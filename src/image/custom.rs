//! Images of ours with packages in them.
//!
//! A custom image extends the base image of its runtime and inherits what that knows: certificates to trust, mirrors to
//! use, hosts of registries. What changes there changes the base image, whose id is part of the hash that decides
//! whether a custom image is up to date.
//!
//! The names of packages are arguments of the [`installer`], and the setup script is a label: neither a shell nor the
//! parser of Dockerfiles takes a caller's text for anything else.

use std::collections::BTreeMap;

use bollard::query_parameters::RemoveImageOptions;

use super::base::{self, BuildProgress, BuildStatus, remove_unused};
use super::builder::Build;
use super::context::Context;
use super::finish::{finish, vouch_for};
use super::listing::list_custom_images;
use super::packages::dependency_hash;
use super::spec::CustomImage;
use super::{DEPENDENCIES, DEPS_HASH, ImageError, LocalImage, RUNTIME, SETUP, installer};
use crate::runtime::Runtime;
use crate::sandbox::docker::Docker;
use crate::telemetry::chain;

/// Digits of the hash in tags that are made from it.
const TAG_DIGITS: usize = 12;

type Progress<'a> = &'a mut (dyn FnMut(Option<&str>) + Send);

impl CustomImage {
    /// Builds the image unless it is up to date, or all the same if `force` is set, and returns its tag.
    pub async fn build(
        &self,
        docker: &Docker,
        force: bool,
        progress: &mut (dyn FnMut(BuildProgress) + Send),
    ) -> Result<String, ImageError> {
        let mut report = |status, message| progress(BuildProgress { runtime: self.runtime.name, status, message });
        let made = self
            .make(docker, force, &mut |step| report(BuildStatus::Building, step.map(str::to_owned)))
            .await
            .inspect_err(|error| report(BuildStatus::Error, Some(chain(error))))?;
        report(BuildStatus::Done, made.was_there.then(|| "Up to date".to_owned()));
        Ok(made.tag)
    }

    async fn make(&self, docker: &Docker, force: bool, progress: Progress<'_>) -> Result<Made, ImageError> {
        let base = match LocalImage::find(docker, &self.runtime.image()).await? {
            Some(base) => base,
            None => base::build(docker, self.runtime, &mut |step| progress(Some(step))).await?,
        };
        let hash = dependency_hash(&base.id, self.runtime, self.installer, &self.packages, self.setup.as_deref());
        let tag = self.tag.clone().unwrap_or_else(|| tag_of(self.runtime, &hash));
        let previous = LocalImage::find(docker, &tag).await?;
        let is_current = |image: &LocalImage| image.labels.get(DEPS_HASH) == Some(&hash);
        if !force && previous.as_ref().is_some_and(is_current) {
            return Ok(Made { tag, was_there: true });
        }
        progress(None);
        let installed = match self.packages.is_empty() {
            true => base.id,
            false => self.install(docker, &base.id, &tag, force, progress).await?,
        };
        let image = finish(docker, &tag, &installed, &tag, self.labels(&hash)).await?;
        vouch_for(docker, &image).await?;
        if let Some(previous) = previous.filter(|previous| previous.id != image.id) {
            remove_unused(docker, &previous.id).await;
        }
        if self.tag.is_none() {
            self.remove_superseded(docker, &tag).await?;
        }
        Ok(Made { tag, was_there: false })
    }

    /// The base image with the packages, and nothing else yet.
    async fn install(
        &self,
        docker: &Docker,
        base: &str,
        name: &str,
        force: bool,
        progress: Progress<'_>,
    ) -> Result<String, ImageError> {
        let mut context = Context::new(&self.dockerfile(base));
        context.add("install", self.installer.as_bytes(), 0o644);
        let build = Build {
            context: context.finish(),
            // Packages that have been published since the last time are what force is for.
            no_cache: force,
            output: true,
            ..Build::new(name)
        };
        build.run(docker, &mut |line| progress(Some(line))).await
    }

    fn dockerfile(&self, base: &str) -> String {
        let path = installer::PATH;
        let words = ["bash", "-o", "errexit", "-o", "nounset", "-o", "pipefail", path];
        let command: Vec<_> = words.into_iter().chain(self.packages.names()).collect();
        let command = serde_json::Value::from(command);
        format!("FROM {base}\nUSER 0:0\nCOPY install {path}\nRUN {command}\n")
    }

    fn labels(&self, hash: &str) -> BTreeMap<&'static str, String> {
        let labels = [
            (DEPS_HASH, Some(hash.to_owned())),
            (RUNTIME, Some(self.runtime.name.to_owned())),
            (DEPENDENCIES, Some(self.packages.label())),
            (SETUP, self.setup.clone()),
        ];
        labels.into_iter().filter_map(|(name, value)| Some((name, value?))).collect()
    }

    /// An image whose tag was made from its hash does not take the place of the one before it, which was built on an
    /// older base image.
    async fn remove_superseded(&self, docker: &Docker, tag: &str) -> Result<(), ImageError> {
        let prefix = tag_of(self.runtime, "");
        for image in list_custom_images(docker, Some(self.runtime)).await? {
            let has_same_contents = image.packages == self.packages && image.setup == self.setup;
            for old in image.tags.iter().filter(|old| has_same_contents && old.starts_with(&prefix) && *old != tag) {
                // Where a container uses it, the daemon refuses. What stays has the same packages, if on an older base.
                let _ = docker.client().remove_image(old, None::<RemoveImageOptions>, None).await;
                remove_unused(docker, &image.id).await;
            }
        }
        Ok(())
    }
}

/// What came of a build.
struct Made {
    tag: String,
    was_there: bool,
}

fn tag_of(runtime: &Runtime, hash: &str) -> String {
    format!("{}-custom-{}", runtime.image(), hash.get(..TAG_DIGITS).unwrap_or(hash))
}
