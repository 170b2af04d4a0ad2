//! Python. `PYTHONUNBUFFERED` is in the base environment, so output arrives as it is printed.

use super::{Interpreter, Runtime};

pub(super) const PYTHON: Runtime = Runtime {
    name: "python",
    script_extension: ".py",
    extensions: &[".py"],
    interpreter: Some(Interpreter {
        command: &["python3"],
        script_flags: &[],
        inline_command: Some(&["python3", "-c"]),
    }),
};
