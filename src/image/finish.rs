//! The last layer of every image that a sandbox starts from.

use std::collections::{BTreeMap, HashMap};
use std::sync::LazyLock;

use sha2::{Digest, Sha256};

use super::builder::Build;
use super::context::Context;
use super::{GUEST, GUEST_HASH, ImageError, LocalImage};
use crate::sandbox::contract::GUEST_PATH;
use crate::sandbox::docker::Docker;

static HASH: LazyLock<String> = LazyLock::new(|| hex(&Sha256::digest(GUEST)));

/// Hash of the guest that belongs to this engine.
pub(super) fn guest_hash() -> &'static str {
    &HASH
}

pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
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
    let mut context = Context::new(&dockerfile(id, &labels));
    context.add("guest", GUEST, 0o755);
    let build =
        Build { name, context: context.finish(), target: "", tag: Some(tag), args: HashMap::new(), network: "none" };
    let id = build.run(docker, &mut |_| {}).await?;
    let image = LocalImage::find(docker, &id).await?;
    image.ok_or_else(|| ImageError::Build { name: name.to_owned(), message: "the image is gone".to_owned() })
}

/// Adds the guest to an image that lacks it, once: the result is found again by its tag.
pub(super) async fn prepare(docker: &Docker, reference: &str, image: &LocalImage) -> Result<LocalImage, ImageError> {
    let tag = format!("isol8:prepared-{}-{}", short(&image.id), short(guest_hash()));
    match LocalImage::find(docker, &tag).await? {
        Some(prepared) if prepared.has_guest() => Ok(prepared),
        _ => {
            tracing::debug!(image = reference, tag, "adding the guest to an image");
            finish(docker, reference, &image.id, &tag, BTreeMap::new()).await
        }
    }
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
