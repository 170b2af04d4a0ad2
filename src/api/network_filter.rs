//! Which hosts programs may reach in `filtered` mode. How patterns are read is said in
//! [`crate::network::HostPatterns`].

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Patterns on host names. The blacklist decides first; a whitelist that is not empty lets only its own matches pass.
/// What is absent takes its default.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct NetworkFilterConfig {
    /// Regular expressions on host names. If there are any, only hosts that match one can be reached.
    pub whitelist: Vec<String>,
    /// Regular expressions on host names. Hosts that match one cannot be reached, whatever the whitelist says.
    pub blacklist: Vec<String>,
    /// Ports that can be reached.
    #[schemars(inner(range(min = 1, max = u16::MAX)))]
    pub ports: Option<Vec<u16>>,
    /// Networks, such as `10.0.0.0/8`, that can be reached although they are not public.
    pub allow_private: Option<Vec<String>>,
}

impl NetworkFilterConfig {
    /// HTTP and HTTPS.
    pub const DEFAULT_PORTS: [u16; 2] = [80, 443];

    /// The same with nothing left open that has a default.
    pub fn with_defaults(self) -> Self {
        Self {
            ports: Some(self.ports.unwrap_or_else(|| Self::DEFAULT_PORTS.into())),
            allow_private: Some(self.allow_private.unwrap_or_default()),
            ..self
        }
    }
}
