//! The last layer of every image that a sandbox starts from.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use bollard::query_parameters::TagImageOptions;
use sha2::{Digest, Sha256};

use super::builder::Build;
use super::context::Context;
use super::hash::hex;
use super::{GUEST, GUEST_HASH, ImageError, LocalImage};
use crate::sandbox::contract::GUEST_PATH;
use crate::sandbox::docker::Docker;

static HASH: LazyLock<String> = LazyLock::new(|| hex(&Sha256::digest(GUEST)));

/// What the tags of images begin with that the guest was added to.
pub const PREPARED: &str = "isol8:prepared-";

/// Hash of the guest that belongs to this engine.
pub(super) fn guest_hash() -> &'static str {
    &HASH
}

/// Adds the guest and `labels` to the image with this id.
pub(super) async fn finish(
    docker: &Docker,
    name: &str,
    id: &str,
    tag: &str,
    mut labels: BTreeMap<&str, String>,
) -> Result<LocalImage, ImageError> {
    labels.insert(GUEST_HASH, guest_hash().to_owned());
    let (plain, other): (BTreeMap<_, _>, BTreeMap<_, _>) = labels.into_iter().partition(|(_, value)| is_plain(value));
    let mut context = Context::new(&dockerfile(id, &plain));
    context.add("guest", GUEST, 0o755);
    let labels = other.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
    let build = Build { context: context.finish(), tag: Some(tag), network: "none", labels, ..Build::new(name) };
    let id = build.run(docker, &mut |_| {}).await?;
    let image = LocalImage::find(docker, &id).await?;
    image.ok_or_else(|| ImageError::Build { name: name.to_owned(), message: "the image is gone".to_owned() })
}

/// Adds the guest to an image that lacks it, or may have another, once: the result is found again by its tag.
pub(super) async fn prepare(docker: &Docker, reference: &str, image: &LocalImage) -> Result<LocalImage, ImageError> {
    let tag = tag_of(&image.id);
    match LocalImage::find(docker, &tag).await? {
        Some(prepared) if prepared.has_guest() => Ok(prepared),
        _ => {
            tracing::debug!(image = reference, tag, "adding the guest to an image");
            finish(docker, reference, &image.id, &tag, BTreeMap::new()).await
        }
    }
}

/// Notes that this image, which we have just made, has the guest: it is what it would be prepared to.
pub(super) async fn vouch_for(docker: &Docker, image: &LocalImage) -> Result<(), ImageError> {
    let name = tag_of(&image.id);
    let (repo, tag) = name.split_once(':').unwrap_or((&name, "latest"));
    let options = TagImageOptions { repo: Some(repo.to_owned()), tag: Some(tag.to_owned()) };
    let tagged = docker.client().tag_image(&image.id, Some(options)).await;
    Ok(tagged.map_err(|error| docker.error("tag an image", error))?)
}

/// The name of what the image with this id is prepared to.
fn tag_of(id: &str) -> String {
    format!("{PREPARED}{}-{}", short(id), short(guest_hash()))
}

fn short(id: &str) -> &str {
    let hash = id.strip_prefix("sha256:").unwrap_or(id);
    hash.get(..32).unwrap_or(hash)
}

fn dockerfile(id: &str, labels: &BTreeMap<&str, String>) -> String {
    let labels: String = labels.iter().map(|(name, value)| format!("LABEL {name}=\"{value}\"\n")).collect();
    format!(
        "FROM {id}\nUSER 0:0\nCOPY guest {GUEST_PATH}\nENTRYPOINT [\"{GUEST_PATH}\"]\nCMD []\nHEALTHCHECK NONE\n{labels}"
    )
}

/// Whether a text means itself between quotes in a Dockerfile. Ends of lines cannot be written there at all.
fn is_plain(text: &str) -> bool {
    !text.contains(|c: char| c.is_control() || matches!(c, '"' | '\\' | '$'))
}
