//! PID 1 of every sandbox: starts user code, watches it, and cleans up after it.
//!
//! All it does is asked for over one yamux connection on stdin and stdout (see `isol8_protocol`), and nothing but
//! that connection is ever written to stdout. It is single-threaded: one future, polled in [`channel::serve`],
//! holds everything that goes on. It ends when the connection ends, and the sandbox ends with it.
//!
//! | module | what it is about |
//! |---|---|
//! | [`boot`] | the process itself: privileges, signals, last words |
//! | [`keyrings`] | the one thing of the kernel that no container has for itself, refused |
//! | [`channel`] | the connection: greeting, and one operation per stream |
//! | [`exec`] | running a command |
//! | [`children`], [`tree`], [`procfs`] | reaping, and finding and killing all that a command started |
//! | [`files`] | files in and out |
//! | [`reset`] | making the sandbox as new |
//! | [`tunnel`] | the way out of a filtered sandbox |
//! | [`guest`], [`identity`], [`memory`] | what the operations share |
//! | [`sys`] | the kernel calls that need `unsafe` |

mod boot;
mod channel;
mod children;
mod exec;
mod files;
mod guest;
mod identity;
mod keyrings;
mod memory;
mod procfs;
mod reset;
mod sys;
mod tree;
mod tunnel;

use std::io::{self, Write};
use std::process::ExitCode;

fn main() -> ExitCode {
    if std::env::args().nth(1).as_deref() == Some("--version") {
        return match writeln!(io::stdout(), "isol8-init {}", env!("CARGO_PKG_VERSION")) {
            Ok(()) => ExitCode::SUCCESS,
            Err(_) => ExitCode::FAILURE,
        };
    }
    boot::die_on_panic();
    let end = boot::prepare().and_then(|()| boot::event_loop()).and_then(|events| events.block_on(channel::serve()));
    boot::leave_nothing();
    match end {
        Ok(()) => ExitCode::SUCCESS,
        Err(reason) => boot::last_words(&reason),
    }
}
