//! Our own images, one per runtime, all from the one Dockerfile.

use std::collections::{BTreeMap, HashMap};
use std::io::Read;

use bollard::models::ContainerCreateBody;
use bollard::query_parameters::{
    CreateContainerOptions, DownloadFromContainerOptions, RemoveContainerOptions, RemoveImageOptions,
};
use futures::TryStreamExt;

use super::builder::Build;
use super::context::Context;
use super::finish::{PREPARED, finish, guest_hash};
use super::{BUILD_HASH, ImageError, KNOWS_LOCALHOST, LocalImage, REGISTRIES, hash};
use crate::runtime::{self, Runtime};
use crate::sandbox::backend::BackendError;
use crate::sandbox::contract::{LABEL_MANAGED, LABEL_OWNER};
use crate::sandbox::docker::{Docker, Owner};
use crate::telemetry::chain;
use crate::tls::extra_ca;

const DOCKERFILE: &str = include_str!("../../images/Dockerfile");

/// What the agent consists of, as npm reads it: beside the Dockerfile.
const AGENT_PACKAGES: [(&str, &str); 2] = [
    ("agent/package.json", include_str!("../../images/agent/package.json")),
    ("agent/package-lock.json", include_str!("../../images/agent/package-lock.json")),
];

/// What our images are built on.
const BASE_IMAGE: &str = "debian:trixie-slim";

/// Build arguments that are taken from the environment.
const MIRRORS: [&str; 2] = ["PIP_INDEX_URL", "NPM_CONFIG_REGISTRY"];

/// Where a build of the Dockerfile leaves the hosts of its package managers, one per line.
const REGISTRIES_FILE: &str = "/usr/local/share/isol8/registries";

/// What errors say of that.
const READ_REGISTRIES: &str = "read the registries of an image";

/// How far a build is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BuildProgress {
    /// Name of the runtime.
    pub runtime: &'static str,
    /// Where it stands.
    pub status: BuildStatus,
    /// The current step, or why nothing was done, or what failed.
    pub message: Option<String>,
}

/// Stages of a build.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BuildStatus {
    /// In progress.
    Building,
    /// Finished.
    Done,
    /// Failed.
    Error,
}

/// Builds the images of `runtimes`, in order, skipping those that are up to date unless `force` is set.
pub async fn build_base_images(
    docker: &Docker,
    runtimes: &[&'static Runtime],
    force: bool,
    progress: &mut (dyn FnMut(BuildProgress) + Send),
) -> Result<(), ImageError> {
    let in_order = runtime::ALL.into_iter().filter(|runtime| runtimes.contains(runtime));
    for runtime in in_order {
        let mut report = |status, message| progress(BuildProgress { runtime: runtime.name, status, message });
        let inputs = Inputs::gather(docker, runtime).await?;
        if !force && inputs.are_built(docker).await? {
            report(BuildStatus::Done, Some("Up to date".to_owned()));
            continue;
        }
        report(BuildStatus::Building, None);
        match inputs.build(docker, &mut |step| report(BuildStatus::Building, Some(step.to_owned()))).await {
            Ok(_) => report(BuildStatus::Done, None),
            Err(error) => {
                report(BuildStatus::Error, Some(chain(&error)));
                return Err(error);
            }
        }
    }
    Ok(())
}

/// Builds the image of one runtime.
pub(super) async fn build(
    docker: &Docker,
    runtime: &Runtime,
    progress: &mut (dyn FnMut(&str) + Send),
) -> Result<LocalImage, ImageError> {
    Inputs::gather(docker, runtime).await?.build(docker, progress).await
}

/// All that decides what a base image looks like.
struct Inputs<'a> {
    runtime: &'a Runtime,
    extra_ca: Vec<u8>,
    args: HashMap<String, String>,
    hash: String,
}

impl<'a> Inputs<'a> {
    async fn gather(docker: &Docker, runtime: &'a Runtime) -> Result<Self, ImageError> {
        let extra_ca = extra_ca()?;
        let base = LocalImage::find(docker, BASE_IMAGE).await?.map(|image| image.id).unwrap_or_default();
        let args = build_args()?;
        let arguments = format!("{:?}", args.iter().collect::<BTreeMap<_, _>>());
        let files = AGENT_PACKAGES.map(|(name, content)| (name, content.as_bytes()));
        let inputs: [(&str, &[u8]); 6] = [
            ("Dockerfile", DOCKERFILE.as_bytes()),
            ("args", arguments.as_bytes()),
            ("base", base.as_bytes()),
            ("extra-ca", &extra_ca),
            ("guest", guest_hash().as_bytes()),
            ("target", runtime.name.as_bytes()),
        ];
        Ok(Self { runtime, hash: hash::of_inputs(inputs.into_iter().chain(files)), extra_ca, args })
    }

    async fn are_built(&self, docker: &Docker) -> Result<bool, ImageError> {
        let image = LocalImage::find(docker, &self.runtime.image()).await?;
        Ok(image.is_some_and(|image| image.labels.get(BUILD_HASH) == Some(&self.hash)))
    }

    async fn build(&self, docker: &Docker, progress: &mut (dyn FnMut(&str) + Send)) -> Result<LocalImage, ImageError> {
        let tag = self.runtime.image();
        let previous = LocalImage::find(docker, &tag).await?;
        let mut context = Context::new(DOCKERFILE);
        context.add("extra-ca.crt", &self.extra_ca, 0o644);
        for (name, content) in AGENT_PACKAGES {
            context.add(name, content.as_bytes(), 0o644);
        }
        let build = Build {
            context: context.finish(),
            target: self.runtime.name,
            args: self.args.clone(),
            ..Build::new(self.runtime.name)
        };
        let unfinished = build.run(docker, progress).await?;
        // The base image may have been pulled only now.
        let hash = Self::gather(docker, self.runtime).await?.hash;
        let labels = BTreeMap::from([
            (BUILD_HASH, hash),
            (KNOWS_LOCALHOST, "true".to_owned()),
            (REGISTRIES, registries(docker, &unfinished).await?),
        ]);
        let image = finish(docker, self.runtime.name, &unfinished, &tag, labels).await?;
        if let Some(previous) = previous.filter(|previous| previous.id != image.id) {
            remove_unused(docker, &previous.id).await;
        }
        Ok(image)
    }
}

/// Removes an image that has lost its tag, unless it has others or a container uses it. That it is prepared, as it was
/// made with the guest, is no name that anybody uses.
pub(super) async fn remove_unused(docker: &Docker, id: &str) {
    let Ok(image) = docker.client().inspect_image(id).await else { return };
    let tags = image.repo_tags.unwrap_or_default();
    if !tags.iter().all(|tag| tag.starts_with(PREPARED)) {
        return;
    }
    let names = if tags.is_empty() { vec![id.to_owned()] } else { tags };
    for name in names {
        // Refused where a container uses it, and that is as it should be.
        let _ = docker.client().remove_image(&name, None::<RemoveImageOptions>, None).await;
    }
}

/// What the Dockerfile is parametrised with: the base, and the mirrors that this machine is configured for.
fn build_args() -> Result<HashMap<String, String>, ImageError> {
    let mut args = HashMap::from([("BASE_IMAGE".to_owned(), BASE_IMAGE.to_owned())]);
    for name in MIRRORS {
        let Ok(url) = std::env::var(name) else { continue };
        let authority = url.split("//").nth(1).unwrap_or(&url).split('/').next().unwrap_or_default();
        if authority.contains('@') {
            return Err(ImageError::Credentials { variable: name });
        }
        args.insert(name.to_owned(), url);
    }
    Ok(args)
}

/// What the image says about its package managers, as a label value. Goes on when nobody waits for it any more, so that
/// the container that it takes is removed in any case.
async fn registries(docker: &Docker, image: &str) -> Result<String, ImageError> {
    let (docker, image) = (docker.clone(), image.to_owned());
    let read = tokio::spawn(async move { read_registries(&docker, &image).await });
    read.await
        .map_err(|error| ImageError::from(BackendError::Failed { action: READ_REGISTRIES, source: error.into() }))?
}

async fn read_registries(docker: &Docker, image: &str) -> Result<String, ImageError> {
    // Never started, but the engine wants a command.
    let cmd = Some(vec!["true".to_owned()]);
    // Should this process die before it removes it, the next engine does.
    let labels = HashMap::from([
        (LABEL_MANAGED.to_owned(), "true".to_owned()),
        (LABEL_OWNER.to_owned(), Owner::this_process().to_string()),
    ]);
    let body = ContainerCreateBody { image: Some(image.to_owned()), cmd, labels: Some(labels), ..Default::default() };
    let created = docker.client().create_container(None::<CreateContainerOptions>, body).await;
    let container = created.map_err(|error| docker.error("create a container", error))?.id;
    let options = DownloadFromContainerOptions { path: REGISTRIES_FILE.to_owned() };
    let archive = docker.client().download_from_container(&container, Some(options)).try_concat_bytes().await;
    let options = RemoveContainerOptions { force: true, ..Default::default() };
    let removed = docker.client().remove_container(&container, Some(options)).await;
    removed.map_err(|error| docker.error("remove a container", error))?;
    let archive = archive.map_err(|error| docker.error(READ_REGISTRIES, error))?;
    Ok(single_file(&archive)?.split_ascii_whitespace().collect::<Vec<_>>().join(","))
}

trait ConcatBytes {
    async fn try_concat_bytes(self) -> Result<Vec<u8>, bollard::errors::Error>;
}

impl<S: futures::Stream<Item = Result<bytes::Bytes, bollard::errors::Error>>> ConcatBytes for S {
    async fn try_concat_bytes(self) -> Result<Vec<u8>, bollard::errors::Error> {
        self.try_fold(Vec::new(), async |mut all, chunk| {
            all.extend_from_slice(&chunk);
            Ok(all)
        })
        .await
    }
}

fn single_file(archive: &[u8]) -> Result<String, ImageError> {
    let read = || -> std::io::Result<String> {
        let mut text = String::new();
        for entry in tar::Archive::new(archive).entries()? {
            entry?.read_to_string(&mut text)?;
        }
        Ok(text)
    };
    read().map_err(|error| BackendError::Failed { action: READ_REGISTRIES, source: Box::new(error) }.into())
}
