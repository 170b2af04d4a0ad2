//! What is done when the process exits: containers that are being started are waited for.
//!
//! There are two ways out. When nothing is left to do, Node.js cleans its environments up, and with the last of them
//! goes the runtime that the starts run on, so they must have ended by then. `process.exit()` skips that and goes
//! straight to the C library.

use std::cell::Cell;
use std::ffi::c_int;
use std::sync::Once;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use napi::{Env, Result};

use crate::sandbox::docker::{allow_starts, finish_starts};

/// How long an exit may wait.
const PATIENCE: Duration = Duration::from_secs(3);

/// JavaScript environments (the main thread and workers) that use engines.
static ENVIRONMENTS: AtomicUsize = AtomicUsize::new(0);

thread_local! {
    static IS_WATCHED: Cell<bool> = const { Cell::new(false) };
}

/// Has the exit wait, if it does not already.
pub(super) fn watch(env: &Env) -> Result<()> {
    if IS_WATCHED.replace(true) {
        return Ok(());
    }
    watch_process();
    if ENVIRONMENTS.fetch_add(1, Ordering::Relaxed) == 0 {
        // Perhaps not the first: workers come and go.
        allow_starts();
    }
    env.add_env_cleanup_hook((), |()| {
        if ENVIRONMENTS.fetch_sub(1, Ordering::Relaxed) == 1 {
            finish_starts(PATIENCE);
        }
    })?;
    Ok(())
}

fn watch_process() {
    extern "C" fn at_exit() {
        finish_starts(PATIENCE);
    }
    #[allow(unsafe_code, reason = "the standard library offers no hook at exit")]
    // SAFETY: this is the C library's own declaration.
    unsafe extern "C" {
        safe fn atexit(function: extern "C" fn()) -> c_int;
    }
    static WATCHED: Once = Once::new();
    WATCHED.call_once(|| {
        // The function stays: the addon is linked with nodelete. A failure means that an exit does not wait.
        let _ = atexit(at_exit);
    });
}
