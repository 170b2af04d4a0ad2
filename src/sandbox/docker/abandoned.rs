//! Containers that nobody looks after.

use std::collections::HashMap;
use std::time::Duration;

use bollard::models::{ContainerSummary, ContainerSummaryStateEnum as State};
use bollard::query_parameters::ListContainersOptions;
use futures::{StreamExt, stream};
use tokio::time::sleep;

use super::{AT_A_TIME, Docker, Owner};
use crate::sandbox::backend::{Backend, ContainerId};
use crate::sandbox::contract::{LABEL_MANAGED, LABEL_OWNER};

/// States in which a container stays that the daemon does not remove of itself: it was never started, and so has no end,
/// or it could not be removed.
const STUCK: [&str; 3] = ["created", "removing", "dead"];

/// The daemon does what a process has asked for before it was killed, so a container may come when its owner is gone.
const LAST_WISH: Duration = Duration::from_secs(1);

impl Docker {
    /// Removes containers that are stuck: those that a process was killed between creating and starting, and those that
    /// the daemon has failed to remove. Looks twice, in case that process was killed a moment ago.
    pub async fn remove_abandoned(&self) {
        self.remove_stuck().await;
        sleep(LAST_WISH).await;
        self.remove_stuck().await;
    }

    async fn remove_stuck(&self) {
        let filters = HashMap::from([
            ("status".to_owned(), STUCK.map(str::to_owned).to_vec()),
            ("label".to_owned(), vec![LABEL_MANAGED.to_owned()]),
        ]);
        let options = ListContainersOptions { all: true, filters: Some(filters), ..Default::default() };
        let Ok(containers) = self.client.list_containers(Some(options)).await else { return };
        let abandoned = containers.into_iter().filter(is_abandoned).filter_map(|container| container.id);
        let removals = stream::iter(abandoned.map(ContainerId::new));
        removals.for_each_concurrent(AT_A_TIME, async |id| self.destroy(&id).await).await;
    }
}

fn is_abandoned(container: &ContainerSummary) -> bool {
    is_half_removed(container) || owner(container).is_some_and(|owner| owner.is_dead())
}

/// Whether it is of no use to anybody any more, whoever owns it.
pub(crate) fn is_half_removed(container: &ContainerSummary) -> bool {
    matches!(container.state, Some(State::REMOVING | State::DEAD))
}

/// Whose container it is, as far as its label tells.
pub(crate) fn owner(container: &ContainerSummary) -> Option<Owner> {
    container.labels.as_ref()?.get(LABEL_OWNER)?.parse().ok()
}
