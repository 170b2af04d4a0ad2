//! Whether a container ended because memory ran out in it: the daemon remembers, also when the container is gone.

use std::collections::HashMap;
use std::time::Duration;

use bollard::query_parameters::EventsOptions;
use futures::StreamExt;
use jiff::Timestamp;

use super::Docker;
use crate::sandbox::backend::ContainerId;

/// How many seconds the daemon may be behind with its events.
const EVENT_DELAY: i64 = 1;

/// How long to wait for what it says.
const EVENT_PATIENCE: Duration = Duration::from_secs(3);

impl Docker {
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
