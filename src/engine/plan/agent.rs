//! The agent: its command, and the way to its model's provider without which it can do nothing.

use super::PlanError;
use crate::api::NetworkMode;
use crate::engine::settings::Settings;
use crate::runtime::agent;

/// Refuses the agent on a network where it would only wait for answers that cannot come.
pub(in crate::engine) fn check_network(settings: &Settings) -> Result<(), PlanError> {
    match settings.limits.network {
        NetworkMode::None => Err(PlanError::AgentNetwork),
        NetworkMode::Filtered if settings.proxy.as_ref().is_none_or(|proxy| !proxy.policy().has_whitelist()) => {
            Err(PlanError::AgentWhitelist)
        }
        NetworkMode::Filtered | NetworkMode::Host => Ok(()),
    }
}

/// The command that has the agent act on a prompt.
pub(super) fn command(prompt: &str, flags: Option<String>) -> Result<Vec<String>, PlanError> {
    let flags = flags.unwrap_or_default();
    match [("code", prompt), ("agentFlags", &flags)].into_iter().find(|(_, text)| text.contains('\0')) {
        Some((option, _)) => Err(PlanError::Nul(option)),
        None => Ok(agent::command(prompt, flags.trim())),
    }
}
