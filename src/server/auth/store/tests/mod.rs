//! The store on real databases: the same on all of them.

mod databases;
mod lifecycle;
mod outages;
mod sqlite;

use std::time::Duration;

use jiff::Timestamp;
use tokio::time::{Instant, sleep};

use super::Store;
use crate::api::KeyLifetime;
use crate::server::auth::{ApiKeyInfo, CreatedKey, KeyId, NewKey};

const HOUR: Duration = Duration::from_secs(60 * 60);

/// A key of a tenant that is valid for an hour.
async fn create(store: &Store, name: &str, tenant: &str) -> CreatedKey {
    let lifetime = KeyLifetime::from_millis(HOUR.as_millis() as f64).expect("possible");
    store.create_key(NewKey::new(name, Some(tenant), lifetime).expect("valid")).await.expect("made")
}

async fn listed(store: &Store, id: KeyId) -> ApiKeyInfo {
    let keys = store.list_keys(None).await.expect("listed");
    keys.into_iter().find(|key| key.id == id).expect("in the list")
}

/// When a key was last used, once that is after this.
async fn used_after(store: &Store, id: KeyId, after: Option<Timestamp>) -> Timestamp {
    let start = Instant::now();
    loop {
        match listed(store, id).await.last_used_at {
            Some(used) if Some(used) > after => return used,
            _ => assert!(start.elapsed() < Duration::from_secs(10), "nobody wrote that the key was used"),
        }
        sleep(Duration::from_millis(10)).await;
    }
}
