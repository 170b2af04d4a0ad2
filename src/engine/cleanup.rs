//! Removing what isol8 left on a Docker engine, and nothing that another process is using.

use std::collections::HashMap;

use bollard::models::ContainerSummary;
use bollard::query_parameters::{ListContainersOptions, ListImagesOptions, RemoveImageOptions};

use super::Error;
use crate::api::DockerConnection;
use crate::sandbox::backend::{Backend, BackendError, ContainerId};
use crate::sandbox::contract::LABEL_MANAGED;
use crate::sandbox::docker::{Docker, owner};

/// Image references that are ours.
const IMAGE_PREFIX: &str = "isol8:";

/// What was removed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Removal {
    /// How many are gone.
    pub removed: u32,
    /// How many are not.
    pub failed: u32,
    /// Why, one line for each failure.
    pub errors: Vec<String>,
}

impl Removal {
    fn record(&mut self, name: &str, outcome: Result<(), BackendError>) {
        match outcome {
            Ok(()) => self.removed += 1,
            Err(error) => {
                self.failed += 1;
                self.errors.push(format!("{name}: {}", Error::from(error).full_message()));
            }
        }
    }
}

/// Removes isol8 containers, running or not, except those that another living process owns.
pub async fn cleanup(connection: Option<&DockerConnection>) -> Result<Removal, Error> {
    let docker = Docker::connect(connection).await?;
    let options = ListContainersOptions { all: true, ..Default::default() };
    let containers = docker.client().list_containers(Some(options)).await;
    let containers = containers.map_err(|error| docker.error("list containers", error))?;
    let mut removal = Removal::default();
    for container in containers.iter().filter(|container| is_ours(container) && !is_in_use(container)) {
        let id = ContainerId::new(container.id.clone().unwrap_or_default());
        let outcome = docker.destroy(&id).await;
        removal.record(id.short(), outcome);
    }
    Ok(removal)
}

/// Removes isol8 images. Those that a container uses are reported as failures.
pub async fn cleanup_images(connection: Option<&DockerConnection>) -> Result<Removal, Error> {
    let docker = Docker::connect(connection).await?;
    let filters = HashMap::from([("reference".to_owned(), vec!["isol8".to_owned()])]);
    let options = ListImagesOptions { filters: Some(filters), ..Default::default() };
    let images = docker.client().list_images(Some(options)).await;
    let images = images.map_err(|error| docker.error("list images", error))?;
    let mut removal = Removal::default();
    for tag in images.iter().flat_map(|image| &image.repo_tags).filter(|tag| tag.starts_with(IMAGE_PREFIX)) {
        let options = RemoveImageOptions { force: true, ..Default::default() };
        let outcome = docker.client().remove_image(tag, Some(options), None).await;
        removal.record(tag, outcome.map(drop).map_err(|error| docker.error("remove an image", error)));
    }
    Ok(removal)
}

fn is_ours(container: &ContainerSummary) -> bool {
    let labelled = container.labels.as_ref().is_some_and(|labels| labels.contains_key(LABEL_MANAGED));
    labelled || container.image.as_ref().is_some_and(|image| image.starts_with(IMAGE_PREFIX))
}

fn is_in_use(container: &ContainerSummary) -> bool {
    owner(container).is_some_and(|owner| owner.is_another_living_process())
}
