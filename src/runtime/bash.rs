//! Bash.

use super::Runtime;

pub(super) const BASH: Runtime = Runtime {
    name: "bash",
    script_extension: ".sh",
    extensions: &[".sh"],
    command: &["bash"],
    script_flags: &[],
    inline_command: Some(&["bash", "-c"]),
};
