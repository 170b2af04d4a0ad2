//! Bun, which runs TypeScript as it is.

use super::{Interpreter, Runtime};

pub(super) const BUN: Runtime = Runtime {
    name: "bun",
    script_extension: ".ts",
    extensions: &[".ts"],
    interpreter: Some(Interpreter {
        command: &["bun", "run"],
        script_flags: &[],
        inline_command: Some(&["bun", "-e"]),
    }),
};
