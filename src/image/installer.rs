//! How packages get into an image: one script per runtime, whose arguments are the packages.
//!
//! They go where user code finds them although everything below `/sandbox` is new in every sandbox.

use crate::runtime::{Runtime, agent};

/// Where the script is in the images that were made with it.
pub(super) const PATH: &str = "/usr/local/share/isol8/install";

/// The script for `runtime`, if packages can be installed for it.
pub(super) fn of(runtime: &Runtime) -> Option<&'static str> {
    match runtime.name {
        "python" => Some(include_str!("../../images/install/python.sh")),
        "node" => Some(concat!(
            include_str!("../../images/install/node.sh"),
            include_str!("../../images/install/programs.sh")
        )),
        "bun" | agent::NAME => {
            Some(concat!(include_str!("../../images/install/bun.sh"), include_str!("../../images/install/programs.sh")))
        }
        "deno" => Some(include_str!("../../images/install/deno.sh")),
        "bash" => Some(include_str!("../../images/install/bash.sh")),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::runtime;

    #[test]
    fn every_runtime_has_one() {
        assert!(runtime::ALL.into_iter().all(|runtime| of(runtime).is_some()));
    }
}
