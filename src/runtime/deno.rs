//! Deno, whose own permissions repeat what the sandbox allows.

use super::{Interpreter, Runtime};

pub(super) const DENO: Runtime = Runtime {
    name: "deno",
    script_extension: ".mts",
    extensions: &[".mts"],
    interpreter: Some(Interpreter {
        command: &[
            "deno",
            "run",
            "--allow-read=/sandbox,/tmp",
            "--allow-write=/sandbox,/tmp",
            "--allow-env",
            "--allow-net",
        ],
        script_flags: &[],
        inline_command: None,
    }),
};
