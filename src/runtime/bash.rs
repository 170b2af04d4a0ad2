//! Bash.

use super::{Interpreter, Runtime};

pub(super) const BASH: Runtime = Runtime {
    name: "bash",
    script_extension: ".sh",
    extensions: &[".sh"],
    interpreter: Some(Interpreter { command: &["bash"], script_flags: &[], inline_command: Some(&["bash", "-c"]) }),
};
