//! Removing what is no longer valid.

use std::time::Duration;

use tokio::time::{MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;

use super::Store;
use crate::telemetry::chain;

/// Deletes keys that have expired or were revoked, now and every so often, until the server ends (W115).
pub async fn sweep(store: Store, every: Duration, end: CancellationToken) {
    let mut turns = interval(every);
    // After a time without, one turn does the work of all that were missed.
    turns.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let all = async {
        loop {
            turns.tick().await;
            match store.cleanup().await {
                Ok(0) => {}
                Ok(keys) => {
                    tracing::debug!(target: "isol8::server::auth", keys, "deleted keys that are no longer valid")
                }
                Err(error) => tracing::error!(target: "isol8::server::auth", "{}", chain(&error)),
            }
        }
    };
    end.run_until_cancelled(all).await;
}
