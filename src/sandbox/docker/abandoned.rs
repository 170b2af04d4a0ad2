//! Containers that nobody looks after: their processes died between creating and starting them.

use std::collections::HashMap;

use bollard::models::ContainerSummary;
use bollard::query_parameters::ListContainersOptions;

use super::{Docker, Owner};
use crate::sandbox::backend::{Backend, ContainerId};
use crate::sandbox::contract::{LABEL_MANAGED, LABEL_OWNER};

impl Docker {
    /// Removes containers that were created but never started, by processes that are no more. A process that is
    /// killed between the two leaves one behind, which has no end at which the daemon would remove it.
    pub async fn remove_abandoned(&self) {
        let filters = HashMap::from([
            ("status".to_owned(), vec!["created".to_owned()]),
            ("label".to_owned(), vec![LABEL_MANAGED.to_owned()]),
        ]);
        let options = ListContainersOptions { all: true, filters: Some(filters), ..Default::default() };
        let Ok(containers) = self.client.list_containers(Some(options)).await else { return };
        for container in containers.iter().filter(|container| owner(container).is_some_and(|owner| owner.is_dead())) {
            let id = ContainerId::new(container.id.clone().unwrap_or_default());
            tracing::debug!(container = id.short(), "removing a container whose process died before it was started");
            // Another engine may be doing the same.
            let _ = self.destroy(&id).await;
        }
    }
}

/// Whose container it is, as far as its label tells.
pub(crate) fn owner(container: &ContainerSummary) -> Option<Owner> {
    container.labels.as_ref()?.get(LABEL_OWNER)?.parse().ok()
}
