//! Which hosts programs may reach in `filtered` mode. [`super::host_pattern`] says how patterns are read.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Patterns on host names. The blacklist decides first; a whitelist that is not empty lets only its own matches pass.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct NetworkFilterConfig {
    /// Regular expressions on host names. If there are any, only hosts that match one can be reached.
    pub whitelist: Vec<String>,
    /// Regular expressions on host names. Hosts that match one cannot be reached, whatever the whitelist says.
    pub blacklist: Vec<String>,
}
