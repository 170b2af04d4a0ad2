//! The custom images that are on a Docker engine, and which of them has the packages that an execution needs.

use std::collections::HashMap;

use bollard::models::ImageSummary;
use bollard::query_parameters::ListImagesOptions;

use super::finish::PREPARED;
use super::packages::Packages;
use super::{DEPENDENCIES, ImageError, RUNTIME, SETUP};
use crate::runtime::Runtime;
use crate::sandbox::docker::Docker;

/// A custom image on the Docker engine, whatever built it: its labels say what it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CustomImageInfo {
    /// Its id, with the name of the hash.
    pub id: String,
    /// Its tags, sorted. There is at least one.
    pub tags: Vec<String>,
    /// Name of the runtime.
    pub runtime: String,
    /// What is in it.
    pub packages: Packages,
    /// The script that is run before every execution in it.
    pub setup: Option<String>,
}

impl CustomImageInfo {
    /// The image as a custom one, if it is, and can be asked for: what has lost its name is a remainder, and what
    /// another image was prepared to is not a choice of its own.
    fn recognise(mut image: ImageSummary) -> Option<Self> {
        let mut tags = image.repo_tags;
        // Older engines say `<none>:<none>`.
        tags.retain(|tag| !tag.starts_with('<') && !tag.starts_with(PREPARED));
        tags.sort_unstable();
        let runtime = image.labels.remove(RUNTIME)?;
        let packages = Packages::from_label(image.labels.get(DEPENDENCIES).map_or("", String::as_str));
        let setup = image.labels.remove(SETUP).filter(|script| !script.trim().is_empty());
        (!tags.is_empty()).then_some(Self { id: image.id, tags, runtime, packages, setup })
    }
}

/// All custom images, or those of one runtime, by tag.
pub async fn list_custom_images(
    docker: &Docker,
    runtime: Option<&Runtime>,
) -> Result<Vec<CustomImageInfo>, ImageError> {
    let label = runtime.map_or_else(|| RUNTIME.to_owned(), |runtime| format!("{RUNTIME}={}", runtime.name));
    let filters = Some(HashMap::from([("label".to_owned(), vec![label])]));
    let images = docker.client().list_images(Some(ListImagesOptions { filters, ..Default::default() })).await;
    let images = images.map_err(|error| docker.error("list images", error))?;
    let mut images: Vec<_> = images.into_iter().filter_map(CustomImageInfo::recognise).collect();
    images.sort_unstable_by(|a, b| a.tags.cmp(&b.tags));
    Ok(images)
}

/// The images that have all of `packages` in them, the best one first: the one that has the least else, and among
/// equals the one whose tag comes first, whatever order they were listed in.
pub(super) fn suitable(images: Vec<CustomImageInfo>, packages: &Packages) -> Vec<CustomImageInfo> {
    let mut images: Vec<_> = images.into_iter().filter(|image| image.packages.contain(packages)).collect();
    images.sort_unstable_by(|a, b| (a.packages.names().len(), &a.tags).cmp(&(b.packages.names().len(), &b.tags)));
    images
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::runtime;

    fn summary(tags: &[&str], labels: &[(&str, &str)]) -> ImageSummary {
        ImageSummary {
            id: "sha256:01".to_owned(),
            repo_tags: tags.iter().map(|&tag| tag.to_owned()).collect(),
            labels: labels.iter().map(|&(name, value)| (name.to_owned(), value.to_owned())).collect(),
            ..Default::default()
        }
    }

    fn image(tag: &str, packages: &str) -> CustomImageInfo {
        CustomImageInfo::recognise(summary(&[tag], &[(RUNTIME, "python"), (DEPENDENCIES, packages)])).expect("custom")
    }

    fn chosen(images: &[(&str, &str)], packages: &[&str]) -> Option<String> {
        let packages = Packages::new(runtime::ALL[0], packages).expect("valid");
        let images = images.iter().map(|(tag, packages)| image(tag, packages)).collect();
        suitable(images, &packages).first().map(|image| image.tags[0].clone())
    }

    /// W91: the name does not matter.
    #[test]
    fn an_image_is_custom_by_its_label() {
        let labels = [(RUNTIME, "node"), (DEPENDENCIES, "a,b"), (SETUP, "id")];
        let image = CustomImageInfo::recognise(summary(&["mine:2", "isol8:prepared-01", "mine:1"], &labels));
        let image = image.expect("custom");
        assert_eq!(image.tags, ["mine:1", "mine:2"]);
        assert_eq!((image.runtime.as_str(), image.packages.label().as_str()), ("node", "a,b"));
        assert_eq!(image.setup.as_deref(), Some("id"));
        for tags in [&[][..], &["<none>:<none>"], &["isol8:prepared-01"]] {
            assert_eq!(CustomImageInfo::recognise(summary(tags, &labels)), None);
        }
        assert_eq!(CustomImageInfo::recognise(summary(&["isol8:python"], &[])), None);
    }

    #[test]
    fn the_same_packages_are_the_best_choice() {
        let images = [("a:more", "numpy,pandas,scipy"), ("z:same", "numpy,pandas"), ("b:other", "scipy")];
        assert_eq!(chosen(&images, &["pandas", "numpy"]).as_deref(), Some("z:same"));
        assert_eq!(chosen(&images, &["scipy", "numpy"]).as_deref(), Some("a:more"));
        assert_eq!(chosen(&images, &["scipy"]).as_deref(), Some("b:other"));
        assert_eq!(chosen(&images, &["six"]), None);
        assert_eq!(chosen(&images, &["numpy", "six"]), None);
    }

    #[test]
    fn a_version_is_part_of_a_name() {
        assert_eq!(chosen(&[("a:1", "numpy==1")], &["numpy"]), None);
        assert_eq!(chosen(&[("a:1", "numpy==1")], &["numpy==1"]).as_deref(), Some("a:1"));
    }

    proptest! {
        /// W74.
        #[test]
        fn the_order_of_the_listing_does_not_matter(
            images in Just(vec![("d:1", "a,b,c"), ("c:1", "a,b,c"), ("b:1", "a,b,c,d"), ("a:1", "b,c")]).prop_shuffle()
        ) {
            prop_assert_eq!(chosen(&images, &["b", "a"]), Some("c:1".to_owned()));
            prop_assert_eq!(chosen(&images, &["d"]), Some("b:1".to_owned()));
        }
    }
}
