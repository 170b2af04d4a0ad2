//! Looking after containers that nobody looks after.

use std::collections::HashMap;
use std::time::Duration;

use bollard::models::ContainerSummary;
use bollard::query_parameters::{EventsOptions, ListContainersOptions};
use futures::StreamExt;
use jiff::Timestamp;

use super::{Docker, Owner};
use crate::sandbox::backend::{Backend, ContainerId};
use crate::sandbox::contract::{LABEL_MANAGED, LABEL_OWNER};

/// How many seconds the daemon may be behind with its events.
const EVENT_DELAY: i64 = 1;

/// How long to wait for what it says.
const EVENT_PATIENCE: Duration = Duration::from_secs(3);

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

    /// Whether the daemon knows of an out-of-memory kill in the container since then.
    pub(super) async fn has_oom_event(&self, id: &ContainerId, since: Timestamp) -> bool {
        let filters = HashMap::from([
            ("container".to_owned(), vec![id.as_str().to_owned()]),
            ("event".to_owned(), vec!["oom".to_owned()]),
        ]);
        let options = EventsOptions {
            since: Some(since.as_second().to_string()),
            // The daemon answers until then, so this is also how long it takes when there was none.
            until: Some((Timestamp::now().as_second() + EVENT_DELAY).to_string()),
            filters: Some(filters),
        };
        let mut events = std::pin::pin!(self.client.events(Some(options)));
        // By our own clock as well: the daemon's may differ.
        matches!(tokio::time::timeout(EVENT_PATIENCE, events.next()).await, Ok(Some(Ok(_))))
    }
}

/// Whose container it is, as far as its label tells.
pub(crate) fn owner(container: &ContainerSummary) -> Option<Owner> {
    container.labels.as_ref()?.get(LABEL_OWNER)?.parse().ok()
}
