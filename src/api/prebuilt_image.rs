//! Images that are to be there before they are needed.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// An image that `isol8 setup` and the start of a server build if it is missing or has changed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PrebuiltImageConfig {
    /// Tag of the image.
    #[schemars(length(min = 1))]
    pub tag: String,
    /// The runtime whose image it extends.
    pub runtime: String,
    /// Packages to install, for the package manager of the runtime.
    pub install_packages: Vec<String>,
    /// Shell script that is run before every execution in the image.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub setup_script: Option<String>,
}
