//! The process itself: what it gives up before it serves anybody, and how it ends.
//!
//! As PID 1 of a container it is root with SETUID, SETGID and KILL. Anywhere else (in tests) it may be anybody,
//! adopts the orphans of what it starts, and takes them along when it ends; for PID 1 the kernel does both.

use std::io::{self, Write};
use std::process::{self, ExitCode};

use nix::sys::prctl;
use nix::sys::stat::{Mode, umask};
use nix::unistd::{Uid, setgroups};
use tokio::runtime::{Builder, Runtime};

use crate::{keyrings, sys, tree};

/// What an ordinary login gives: files that user code makes are readable by all, writable by itself.
const UMASK: Mode = Mode::from_bits_truncate(0o022);

/// Memory that is kept once it was needed. What goes through the guest comes and goes a frame at a time, and the kernel
/// would have to clear the memory anew for each.
const KEPT: i32 = 2 * 1024 * 1024;

/// Whether this process is the init of its PID namespace.
pub(crate) fn is_init() -> bool {
    process::id() == 1
}

/// Makes every panic the end, with its reason on stderr: half a supervisor is worse than none.
pub(crate) fn die_on_panic() {
    let print = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        print(panic);
        process::abort();
    }));
}

/// Gives up what it does not need, and undoes what it may have inherited.
pub(crate) fn prepare() -> io::Result<()> {
    sys::keep_freed(KEPT);
    sys::default_signals()?;
    sys::close_on_exec_from(3);
    umask(UMASK);
    if Uid::effective().is_root() {
        setgroups(&[])?;
    }
    sys::drop_inheritable_capabilities()?;
    prctl::set_no_new_privs()?;
    keyrings::shut().map_err(|error| io::Error::new(error.kind(), format!("cannot shut the keyrings: {error}")))?;
    if !is_init() {
        prctl::set_child_subreaper(true)?;
    }
    Ok(())
}

/// The event loop that everything runs in.
pub(crate) fn event_loop() -> io::Result<Runtime> {
    Builder::new_current_thread().enable_io().enable_time().build()
}

/// Kills all that is left of what ran here. The end of PID 1 does so by itself.
pub(crate) fn leave_nothing() {
    if !is_init() {
        tree::kill_everything_now();
    }
}

/// Says on stderr why it ends.
pub(crate) fn last_words(reason: &dyn std::error::Error) -> ExitCode {
    let mut words = format!("isol8-init: {reason}");
    let mut source = reason.source();
    while let Some(cause) = source {
        words += &format!(": {cause}");
        source = cause.source();
    }
    words.push('\n');
    // Nobody may be listening any more, and there is nobody else to tell.
    let _ = io::stderr().write_all(words.as_bytes());
    ExitCode::FAILURE
}
