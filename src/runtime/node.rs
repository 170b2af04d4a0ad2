//! Node. Inline code becomes a `.js` file, so that Node itself finds out whether it is an ES module or CommonJS
//! and both `import` and `require` work; the warning that it did so is not the user's concern.

use super::{Interpreter, Runtime};

pub(super) const NODE: Runtime = Runtime {
    name: "node",
    script_extension: ".js",
    extensions: &[".mjs", ".js", ".cjs"],
    interpreter: Some(Interpreter {
        command: &["node"],
        script_flags: &["--disable-warning=MODULE_TYPELESS_PACKAGE_JSON"],
        inline_command: Some(&["node", "-e"]),
    }),
};
