//! What a server does from time to time, until it ends.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, MissedTickBehavior, interval};

use super::app::App;

/// How often idle sessions are looked for, unless they are to be found sooner.
const PRUNING: Duration = Duration::from_secs(60);

/// How often at the most.
const AT_MOST: Duration = Duration::from_millis(500);

/// Ends sessions and engines that nobody uses.
pub(super) async fn keep(app: Arc<App>) {
    let period = app.session_age.map_or(PRUNING, |age| (age / 2).clamp(AT_MOST, PRUNING));
    let mut ticks = interval(period);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            () = app.ending.cancelled() => return,
            _ = ticks.tick() => {}
        }
        if let Some(age) = app.session_age {
            app.sessions.prune(Instant::now(), age).await;
        }
        app.engines.sweep(Instant::now());
    }
}
