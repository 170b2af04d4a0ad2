//! What a custom image is to be: checked as a whole before anything is done.

use super::finish::PREPARED;
use super::installer;
use super::packages::{Packages, PackagesError};
use crate::api::ErrorCode;
use crate::runtime::{self, Runtime};

/// Bytes of a setup script as it travels: see [`encoded_length`].
const MAX_SETUP: usize = 60_000;

/// Bytes of a tag with the repository before it, as registries have it.
const MAX_TAG: usize = 255;

/// An image of ours with packages in it, a setup script, or both.
#[derive(Debug, Clone, PartialEq)]
pub struct CustomImage {
    pub(super) runtime: &'static Runtime,
    pub(super) installer: &'static str,
    pub(super) packages: Packages,
    pub(super) setup: Option<String>,
    /// None: made from the hash.
    pub(super) tag: Option<String>,
}

/// A custom image that makes no sense.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CustomImageError {
    /// There is no base image for it.
    #[error("Unknown runtime: {0}")]
    Runtime(String),
    /// A package that cannot be had.
    #[error(transparent)]
    Packages(#[from] PackagesError),
    /// It would be the base image.
    #[error("No packages or setup script specified.")]
    Nothing,
    /// No image could have this name.
    #[error("invalid image tag \"{}\": expected [registry/]name[:version] in lower case", .0.escape_debug())]
    Tag(String),
    /// An image that is made otherwise has this name.
    #[error("invalid image tag \"{0}\": isol8's own images have that name")]
    ReservedTag(String),
    /// A setup script that no shell could read.
    #[error("invalid setupScript: contains a NUL character")]
    SetupNul,
    /// More than a label can hold.
    #[error("setupScript is too long: {0} bytes in the label of an image, at most {MAX_SETUP}")]
    SetupLength(usize),
}

impl CustomImageError {
    /// What JavaScript sees as `error.code`.
    pub fn code(&self) -> ErrorCode {
        match self {
            Self::Runtime(_) => ErrorCode::UnknownRuntime,
            Self::Packages(_) => ErrorCode::InvalidPackage,
            Self::Nothing | Self::Tag(_) | Self::ReservedTag(_) | Self::SetupNul | Self::SetupLength(_) => {
                ErrorCode::InvalidRequest
            }
        }
    }
}

impl CustomImage {
    /// The image of `runtime` with these packages, and with a script that is run before every execution in it. Without
    /// a tag, it gets one that names its contents.
    pub fn new(
        runtime: &str,
        packages: &[String],
        setup: Option<String>,
        tag: Option<String>,
    ) -> Result<Self, CustomImageError> {
        let known = runtime::get(runtime).ok().and_then(|runtime| Some((runtime, installer::of(runtime)?)));
        let (runtime, installer) = known.ok_or_else(|| CustomImageError::Runtime(runtime.to_owned()))?;
        let packages = Packages::new(runtime, packages)?;
        let setup = setup.filter(|script| !script.trim().is_empty());
        if packages.is_empty() && setup.is_none() {
            return Err(CustomImageError::Nothing);
        }
        if let Some(script) = &setup {
            if script.contains('\0') {
                return Err(CustomImageError::SetupNul);
            }
            let length = encoded_length(script);
            if length > MAX_SETUP {
                return Err(CustomImageError::SetupLength(length));
            }
        }
        if let Some(tag) = &tag {
            check_tag(tag)?;
        }
        Ok(Self { runtime, installer, packages, setup, tag })
    }
}

/// How long a text is as JSON in a URL, which is how the labels of an image reach the Docker engine.
fn encoded_length(text: &str) -> usize {
    let encoded = |byte: u8| match byte {
        b'"' | b'\\' | b'\n' | b'\r' | b'\t' => 6,
        _ if byte.is_ascii_control() => 8,
        _ if byte.is_ascii_alphanumeric() => 1,
        _ => 3,
    };
    text.bytes().map(encoded).sum()
}

fn check_tag(text: &str) -> Result<(), CustomImageError> {
    let (name, version) = match text.rsplit_once(':') {
        // Otherwise it is the port of a registry.
        Some((name, version)) if !version.contains('/') => (name, Some(version)),
        _ => (text, None),
    };
    let (registry, path) = match name.split_once('/') {
        Some((registry, path)) if registry.contains(['.', ':']) || registry == "localhost" => (Some(registry), path),
        _ => (None, name),
    };
    let is_plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    let is_part = |part: &str| {
        part.starts_with(is_plain) && part.ends_with(is_plain) && part.chars().all(|c| is_plain(c) || "._-".contains(c))
    };
    let is_registry = |text: &str| {
        let is_end = |c: char| c.is_ascii_alphanumeric();
        text.starts_with(is_end) && text.ends_with(is_end) && text.chars().all(|c| is_end(c) || ".:-".contains(c))
    };
    let is_version = |text: &str| {
        (1..=128).contains(&text.len())
            && !text.starts_with(['.', '-'])
            && text.chars().all(|c| c.is_ascii_alphanumeric() || "._-".contains(c))
    };
    let is_valid = text.len() <= MAX_TAG
        && registry.is_none_or(is_registry)
        && path.split('/').all(is_part)
        && version.is_none_or(is_version);
    if !is_valid {
        return Err(CustomImageError::Tag(text.chars().take(MAX_TAG).collect()));
    }
    let is_hub = registry.is_none_or(|registry| registry.ends_with("docker.io"));
    let is_ours = is_hub && path.strip_prefix("library/").unwrap_or(path) == "isol8";
    if is_ours && version.is_some_and(is_reserved) {
        return Err(CustomImageError::ReservedTag(text.to_owned()));
    }
    Ok(())
}

/// Whether images of `isol8` with this version are made by other means.
fn is_reserved(version: &str) -> bool {
    let is_base = runtime::ALL.into_iter().any(|runtime| runtime.name == version);
    is_base || PREPARED.strip_prefix("isol8:").is_some_and(|prefix| version.starts_with(prefix))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn tagged(tag: &str) -> Result<(), CustomImageError> {
        CustomImage::new("bash", &["jq".to_owned()], None, Some(tag.to_owned())).map(drop)
    }

    #[test]
    fn tags_are_those_that_images_can_have() {
        for tag in [
            "mine",
            "mine:1",
            "isol8-custom:Numpy_1.0",
            "team/mine",
            "registry.local:5000/team/mine:1",
            "localhost/mine",
            "isol8:python-custom-0123456789ab",
            "isol8",
            "registry.local/isol8:python",
        ] {
            assert_eq!(tagged(tag), Ok(()), "{tag}");
        }
    }

    #[test]
    fn other_tags_are_refused() {
        let long = "a".repeat(MAX_TAG + 1);
        for tag in [
            "",
            ":",
            ":1",
            "mine:",
            "Mine",
            "mine:1:2",
            "-mine",
            "mine:-1",
            "a//b",
            "/a",
            "a/",
            "../containers/json",
            "../../containers/json",
            ".:/a",
            "a?force=true",
            "a%2f",
            "a b",
            "a\nFROM b",
            "a\"b",
            "a$b",
            "mine@sha256:00",
            &long,
        ] {
            let tag = tag.to_owned();
            assert_eq!(tagged(&tag), Err(CustomImageError::Tag(tag.chars().take(MAX_TAG).collect())));
        }
    }

    #[test]
    fn the_names_of_other_images_of_isol8_are_taken() {
        for tag in [
            "isol8:python",
            "isol8:agent",
            "isol8:prepared-0123",
            "library/isol8:bash",
            "docker.io/isol8:bash",
            "docker.io/library/isol8:bash",
            "index.docker.io/library/isol8:bash",
        ] {
            assert_eq!(tagged(tag), Err(CustomImageError::ReservedTag(tag.to_owned())));
        }
    }

    #[test]
    fn there_has_to_be_something_in_it() {
        let image = |packages: &[&str], setup: Option<&str>| {
            let packages: Vec<_> = packages.iter().map(|&name| name.to_owned()).collect();
            CustomImage::new("python", &packages, setup.map(str::to_owned), None)
        };
        for (packages, setup) in [(&[][..], None), (&["", " "], Some(" \n"))] {
            assert_eq!(image(packages, setup), Err(CustomImageError::Nothing));
        }
        assert_eq!(image(&["six"], Some("")).map(|image| image.setup), Ok(None));
        assert_eq!(image(&[], Some("id")).map(|image| image.setup), Ok(Some("id".to_owned())));
        assert_eq!(image(&[], Some("i\0d")), Err(CustomImageError::SetupNul));
        let long = "a".repeat(MAX_SETUP + 1);
        assert_eq!(image(&[], Some(&long)), Err(CustomImageError::SetupLength(MAX_SETUP + 1)));
        assert!(image(&[], Some(&long[1..])).is_ok());
        let spoken = "\n".repeat(MAX_SETUP / 2) + "a";
        assert_eq!(image(&[], Some(&spoken)), Err(CustomImageError::SetupLength(MAX_SETUP / 2 * 6 + 1)));
        let error = CustomImage::new("ruby", &["six".to_owned()], None, None).expect_err("there is no ruby");
        assert_eq!((error.to_string().as_str(), error.code()), ("Unknown runtime: ruby", ErrorCode::UnknownRuntime));
    }

    proptest! {
        #[test]
        fn a_tag_that_is_taken_means_an_image_and_nothing_else(tag in "[ -~]{0,12}|\\PC{0,12}|[a-z:/.@-]{0,12}") {
            if tagged(&tag).is_ok() {
                prop_assert!(tag.chars().all(|c| c.is_ascii_alphanumeric() || "._-:/".contains(c)));
                prop_assert!(!tag.starts_with('/') && !tag.contains("//") && !tag.split('/').any(|part| part == ".."));
            }
        }
    }
}
