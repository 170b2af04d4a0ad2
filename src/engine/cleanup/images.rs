//! Images.

use std::collections::HashMap;

use bollard::models::ImageSummary;
use bollard::query_parameters::{ListImagesOptions, RemoveImageOptions};
use jiff::Timestamp;

use super::{IMAGE_PREFIX, Removal, Selection, containers, listing_failed, time};
use crate::api::DockerConnection;
use crate::engine::Error;
use crate::image::{LABEL_PREFIX, PREPARED};
use crate::sandbox::backend::{BackendError, ContainerId};
use crate::sandbox::docker::{Docker, status};

/// What older engines say for a tag or a digest that is not there.
const NONE: &str = "<none>";

/// An image of ours.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OwnedImage {
    /// Its id, with the name of the hash.
    pub id: String,
    /// Those of its tags that are ours, sorted. It may have others, which are left alone and keep the image in place.
    pub tags: Vec<String>,
    /// Bytes, with what it shares with others.
    pub size: u64,
    /// When it was built.
    pub created: Timestamp,
}

impl OwnedImage {
    /// The image as one of ours, if it is: by a tag, or by a label if it has no name at all. A label alone says
    /// little, since images that users build on ours inherit it, and so does that one has the guest, if it has a name
    /// of the user's.
    fn recognise(image: ImageSummary) -> Option<Self> {
        let is_named = image.repo_tags.iter().chain(&image.repo_digests).any(|name| !name.starts_with(NONE));
        let is_labelled = image.labels.keys().any(|label| label.starts_with(LABEL_PREFIX));
        let is_users = image.repo_tags.iter().any(|tag| !tag.starts_with(NONE) && !tag.starts_with(IMAGE_PREFIX));
        let is_ours = |tag: &String| tag.starts_with(IMAGE_PREFIX) && !(is_users && tag.starts_with(PREPARED));
        let mut tags: Vec<_> = image.repo_tags.into_iter().filter(is_ours).collect();
        tags.sort_unstable();
        (!tags.is_empty() || (!is_named && is_labelled)).then_some(Self {
            id: image.id,
            tags,
            size: u64::try_from(image.size).unwrap_or_default(),
            created: time(image.created),
        })
    }

    /// Its first tag, or else the beginning of its id.
    fn name(&self) -> &str {
        self.tags.first().map_or_else(|| short(&self.id), String::as_str)
    }

    async fn remove(&self, docker: &Docker, users: &Users) -> Result<(), BackendError> {
        if let Some(user) = users.0.get(&self.id) {
            let reason = format!("container {} uses it", user.short());
            return Err(BackendError::Failed { action: "remove an image", source: reason.into() });
        }
        if self.tags.is_empty() {
            return remove(docker, &self.id).await;
        }
        // By name: by its id, the image would go with the names that are not ours.
        for tag in &self.tags {
            remove(docker, tag).await?;
        }
        Ok(())
    }
}

/// All isol8 images, by name, those without one last.
pub async fn list_images(connection: Option<&DockerConnection>) -> Result<Vec<OwnedImage>, Error> {
    list(&Docker::connect(connection).await?).await
}

/// Removes the isol8 images that are selected. Those that a container uses, running or not, are failures.
pub async fn cleanup_images(connection: Option<&DockerConnection>, selection: &Selection) -> Result<Removal, Error> {
    let docker = Docker::connect(connection).await?;
    let images = list(&docker).await?;
    let users = Users::list(&docker).await?;
    let mut removal = Removal::default();
    // One after the other: with an image go its parents, which it may have in common with the next.
    for image in images.iter().filter(|image| selection.has(&image.id)) {
        removal.record(image.name(), image.remove(&docker, &users).await);
    }
    Ok(removal)
}

async fn list(docker: &Docker) -> Result<Vec<OwnedImage>, Error> {
    let images = docker.client().list_images(None::<ListImagesOptions>).await;
    let images = images.map_err(|error| listing_failed(docker.error("list images", error)))?;
    let mut images: Vec<_> = images.into_iter().filter_map(OwnedImage::recognise).collect();
    images.sort_unstable_by(|a, b| (a.tags.is_empty(), &a.tags, &a.id).cmp(&(b.tags.is_empty(), &b.tags, &b.id)));
    Ok(images)
}

/// Removes a tag or an image. Without force: a daemon that is forced takes the last tag of an image even while a
/// container runs from it.
async fn remove(docker: &Docker, reference: &str) -> Result<(), BackendError> {
    match docker.client().remove_image(reference, None::<RemoveImageOptions>, None).await {
        Err(error) if status(&error) != Some(404) => Err(docker.error("remove an image", error)),
        // One that is gone already counts as removed.
        _ => Ok(()),
    }
}

/// For each image that is in use, a container that uses it. Asked before anything is removed: the daemon itself
/// minds only when the last tag goes.
struct Users(HashMap<String, ContainerId>);

impl Users {
    async fn list(docker: &Docker) -> Result<Self, Error> {
        let containers = containers::summaries(docker).await.map_err(listing_failed)?;
        let pairs = containers.into_iter().filter_map(|container| Some((container.image_id?, container.id?)));
        Ok(Self(pairs.map(|(image, id)| (image, ContainerId::new(id))).collect()))
    }
}

fn short(id: &str) -> &str {
    let hash = id.strip_prefix("sha256:").unwrap_or(id);
    hash.get(..12).unwrap_or(hash)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn image(tags: &[&str], digests: &[&str], labels: &[&str]) -> ImageSummary {
        let owned = |names: &[&str]| names.iter().map(|&name| name.to_owned()).collect();
        ImageSummary {
            id: "sha256:0123456789abcdef".to_owned(),
            repo_tags: owned(tags),
            repo_digests: owned(digests),
            labels: labels.iter().map(|&label| (label.to_owned(), String::new())).collect(),
            ..Default::default()
        }
    }

    fn tags(image: ImageSummary) -> Option<Vec<String>> {
        OwnedImage::recognise(image).map(|image| image.tags)
    }

    #[test]
    fn an_image_is_ours_by_its_tags() {
        let both = ["isol8:prepared-0123", "isol8:python"].map(str::to_owned).to_vec();
        assert_eq!(tags(image(&["isol8:python", "isol8:prepared-0123"], &[], &[])), Some(both));
        assert_eq!(tags(image(&["mine:1", "isol8:python"], &[], &[])), Some(vec!["isol8:python".to_owned()]));
        // W3: what the user named belongs to the user, whatever it was built from.
        assert_eq!(tags(image(&["mine:1", "isol8:prepared-0123"], &[], &["org.isol8.guest"])), None);
        for name in ["isol8-custom:numpy", "isol8-test:bash", "registry/isol8:python", "mine:1"] {
            assert_eq!(tags(image(&[name], &[], &["org.isol8.runtime"])), None, "{name}");
        }
    }

    #[test]
    fn an_image_without_a_name_is_ours_by_its_labels() {
        assert_eq!(tags(image(&[], &[], &["org.isol8.guest"])), Some(Vec::new()));
        assert_eq!(tags(image(&["<none>:<none>"], &["<none>@<none>"], &["org.isol8.guest"])), Some(Vec::new()));
        assert_eq!(tags(image(&["<none>:<none>"], &["mine@sha256:01"], &["org.isol8.guest"])), None);
        assert_eq!(tags(image(&[], &[], &["org.isol8er"])), None);
        assert_eq!(tags(image(&[], &[], &[])), None);
    }

    #[test]
    fn an_image_is_called_by_its_first_tag_or_the_beginning_of_its_id() {
        let name = |image| OwnedImage::recognise(image).map(|image| image.name().to_owned());
        assert_eq!(name(image(&["isol8:a", "isol8:b"], &[], &[])).as_deref(), Some("isol8:a"));
        assert_eq!(name(image(&[], &[], &["org.isol8.guest"])).as_deref(), Some("0123456789ab"));
        assert_eq!([short("sha256:01"), short("")], ["01", ""]);
    }
}
