//! Containers.

use bollard::models::{ContainerSummary, ContainerSummaryStateEnum as State};
use bollard::query_parameters::ListContainersOptions;
use futures::{StreamExt, stream};
use jiff::Timestamp;

use super::{IMAGE_PREFIX, Removal, Selection, listing_failed, time};
use crate::api::DockerConnection;
use crate::engine::Error;
use crate::sandbox::backend::{BackendError, ContainerId};
use crate::sandbox::contract::{LABEL_MANAGED, LABEL_SERVER, LABEL_TENANT};
use crate::sandbox::docker::{AT_A_TIME, Docker, is_half_removed, owner};

/// A container of ours.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OwnedContainer {
    /// Its id.
    pub id: ContainerId,
    /// The reference or the id of the image that it was started from.
    pub image: String,
    /// Whether it has been started and has not ended.
    pub running: bool,
    /// When it was created.
    pub created: Timestamp,
    /// Whether another living process owns it, so that it is not removed.
    pub in_use: bool,
}

impl OwnedContainer {
    /// The container as one of ours, if it is: by its label whatever its image, or by its image.
    fn recognise(container: ContainerSummary) -> Option<Self> {
        let labelled = container.labels.as_ref().is_some_and(|labels| labels.contains_key(LABEL_MANAGED));
        let is_owned = owner(&container).is_some_and(|owner| owner.is_another_living_process());
        let in_use = is_owned && !is_half_removed(&container);
        let image = container.image.unwrap_or_default();
        (labelled || image.starts_with(IMAGE_PREFIX)).then_some(Self {
            id: ContainerId::new(container.id?),
            image,
            running: matches!(container.state, Some(State::RUNNING | State::PAUSED | State::RESTARTING)),
            created: time(container.created.unwrap_or_default()),
            in_use,
        })
    }
}

/// All isol8 containers, running or not, in the order of the daemon.
pub async fn list_containers(connection: Option<&DockerConnection>) -> Result<Vec<OwnedContainer>, Error> {
    list(&Docker::connect(connection).await?).await
}

/// The full ids of the containers that a server is answerable for: those of a tenant of its, or all of them, and with
/// them those whose processes are no more.
pub async fn list_service_containers(server: &str, tenant: Option<&str>) -> Result<Vec<String>, Error> {
    let containers = summaries(&Docker::connect(None).await?).await.map_err(listing_failed)?;
    let is_its_own = |container: &&ContainerSummary| {
        let label = |name| container.labels.as_ref().and_then(|labels| labels.get(name)).map(String::as_str);
        match tenant {
            Some(tenant) => label(LABEL_SERVER) == Some(server) && label(LABEL_TENANT) == Some(tenant),
            None => label(LABEL_SERVER) == Some(server) || owner(container).is_some_and(|owner| owner.is_dead()),
        }
    };
    Ok(containers.iter().filter(is_its_own).filter_map(|container| container.id.clone()).collect())
}

/// Removes the isol8 containers that are selected, running or not, except those that another living process owns.
pub async fn cleanup(connection: Option<&DockerConnection>, selection: &Selection) -> Result<Removal, Error> {
    let docker = Docker::connect(connection).await?;
    let mut containers = list(&docker).await?;
    containers.retain(|container| !container.in_use && selection.has(container.id.as_str()));
    let removals = containers.into_iter().map(|OwnedContainer { id, .. }| {
        let docker = docker.clone();
        async move {
            let outcome = docker.remove(&id).await;
            (id, outcome)
        }
    });
    let mut removals = stream::iter(removals).buffered(AT_A_TIME);
    let mut removal = Removal::default();
    while let Some((id, outcome)) = removals.next().await {
        removal.record(id.short(), outcome);
    }
    Ok(removal)
}

async fn list(docker: &Docker) -> Result<Vec<OwnedContainer>, Error> {
    let containers = summaries(docker).await.map_err(listing_failed)?;
    Ok(containers.into_iter().filter_map(OwnedContainer::recognise).collect())
}

/// All containers of the engine, whoever made them.
pub(super) async fn summaries(docker: &Docker) -> Result<Vec<ContainerSummary>, BackendError> {
    let options = ListContainersOptions { all: true, ..Default::default() };
    let containers = docker.client().list_containers(Some(options)).await;
    containers.map_err(|error| docker.error("list containers", error))
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;
    use crate::sandbox::contract::LABEL_OWNER;
    use crate::sandbox::docker::Owner;

    fn container(image: &str, labels: &[(&str, &str)]) -> ContainerSummary {
        let labels = labels.iter().map(|&(name, value)| (name.to_owned(), value.to_owned()));
        ContainerSummary {
            id: Some("0123456789abcdef".to_owned()),
            image: Some(image.to_owned()),
            labels: Some(labels.collect::<HashMap<_, _>>()),
            ..Default::default()
        }
    }

    fn is_ours(container: ContainerSummary) -> bool {
        OwnedContainer::recognise(container).is_some()
    }

    #[test]
    fn a_container_is_ours_by_its_label_or_by_its_image() {
        // W1: whatever the image.
        assert!(is_ours(container("company/tools:7", &[(LABEL_MANAGED, "true")])));
        assert!(is_ours(container("isol8:python", &[])));
        for image in ["isol8", "isol8-test:python", "registry/isol8:python", "debian", ""] {
            assert!(!is_ours(container(image, &[("org.isol8.guest", "x")])), "{image}");
        }
        assert!(!is_ours(ContainerSummary::default()));
    }

    #[test]
    fn a_container_is_in_use_while_another_process_that_owns_it_lives() {
        let in_use = |owner: &str| {
            OwnedContainer::recognise(container("isol8:bash", &[(LABEL_OWNER, owner)])).map(|ours| ours.in_use)
        };
        let this = Owner::this_process().to_string();
        let mut parts = this.split('/');
        let machine = parts.next().unwrap_or_default();
        // W2.
        assert_eq!(in_use("elsewhere/1/1"), Some(true));
        assert_eq!(in_use(&this), Some(false));
        assert_eq!(in_use(&format!("{machine}/4194303/1")), Some(false));
        assert_eq!(in_use("nonsense"), Some(false));
    }

    #[test]
    fn what_is_half_removed_is_used_by_nobody() {
        for (state, in_use) in [(State::RUNNING, true), (State::DEAD, false), (State::REMOVING, false)] {
            let theirs = container("isol8:bash", &[(LABEL_OWNER, "elsewhere/1/1")]);
            let summary = ContainerSummary { state: Some(state), ..theirs };
            assert_eq!(OwnedContainer::recognise(summary).map(|ours| ours.in_use), Some(in_use), "{state}");
        }
    }

    #[test]
    fn a_paused_container_has_not_ended() {
        for (state, running) in [(State::RUNNING, true), (State::PAUSED, true), (State::EXITED, false)] {
            let summary = ContainerSummary { state: Some(state), ..container("isol8:bash", &[]) };
            assert_eq!(OwnedContainer::recognise(summary).map(|ours| ours.running), Some(running), "{state}");
        }
    }
}
