//! The packages that an execution needs, and how those are installed that its sandbox lacks.

use std::collections::BTreeMap;

use super::PlanError;
use crate::image::Packages;
use crate::runtime::Language;
use crate::runtime::install::{BASH_ENV, Installer, installer};

/// Packages, and what installs them.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::engine) struct Needed {
    /// Those that have to be there before the program starts. There is at least one.
    pub packages: Packages,
    installer: &'static Installer,
}

impl Needed {
    /// What `names` are to `runtime`; nothing for none.
    pub(super) fn new(runtime: &Language, names: &[String]) -> Result<Option<Self>, PlanError> {
        if names.iter().all(|name| name.trim().is_empty()) {
            return Ok(None);
        }
        let unknown = || PlanError::Installer(runtime.name().to_owned());
        let (base, installer) = runtime.base().zip(installer(runtime.name())).ok_or_else(unknown)?;
        Ok(Some(Self { packages: Packages::new(base, names)?, installer }))
    }

    /// How those are installed that are not among `present`; nothing if there are none.
    pub(super) fn installation(&self, present: &Packages) -> Option<Installation> {
        let missing = self.packages.without(present);
        let (argv, env) = (self.installer.command(missing.names()), self.installer.env().collect());
        (!missing.is_empty()).then_some(Installation { argv, env })
    }
}

/// A command that installs packages.
#[derive(Debug, PartialEq)]
pub(super) struct Installation {
    pub argv: Vec<String>,
    pub env: Vec<(String, String)>,
}

/// Lets bash programs find what was unpacked for them.
pub(super) fn add_unpacked(env: &mut BTreeMap<String, String>) {
    for (name, directories) in BASH_ENV {
        let value = env.entry(name.to_owned()).or_default();
        if !value.is_empty() {
            value.push(':');
        }
        value.push_str(directories);
    }
}
