//! Containers that have been created but not yet started.
//!
//! The daemon removes a container of ours when it ends. One that never started has no end, so a process that wants
//! to exit waits for the starts that have begun, and begins no more.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::BackendError;

static STARTS: Mutex<Starts> = Mutex::new(Starts { under_way: 0, ended: false });
static CHANGED: Condvar = Condvar::new();

struct Starts {
    under_way: usize,
    ended: bool,
}

fn starts() -> MutexGuard<'static, Starts> {
    STARTS.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A start that has begun. Dropped when the container runs, or has been destroyed.
pub(super) struct Begun(());

impl Drop for Begun {
    fn drop(&mut self) {
        starts().under_way -= 1;
        CHANGED.notify_all();
    }
}

/// Begins a start, unless this process is about to exit.
pub(super) fn begin() -> Result<Begun, BackendError> {
    let mut starts = starts();
    if starts.ended {
        return Err(BackendError::Failed { action: "start a container", source: "this process is exiting".into() });
    }
    starts.under_way += 1;
    Ok(Begun(()))
}

/// Lets starts begin again.
pub fn allow_starts() {
    starts().ended = false;
}

/// Waits until every start that has begun has ended, but no longer than `patience`. None begins afterwards: to be
/// called when the process exits, or the runtime that they run on goes. Blocks the thread.
pub fn finish_starts(patience: Duration) {
    let mut starts = starts();
    starts.ended = true;
    // What is not done by then is removed by the next engine on this machine.
    drop(CHANGED.wait_timeout_while(starts, patience, |starts| starts.under_way > 0));
}
