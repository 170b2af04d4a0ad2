//! What an execution used.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What one execution used of its host.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ResourceUsage {
    /// Processor time per wall time in percent, 100 for each full core.
    pub cpu_percent: f64,
    /// Memory in use at the end, in whole MB.
    #[serde(rename = "memoryMB")]
    pub memory_mb: u64,
    /// Most memory in use at any time, in whole MB, where it is known.
    #[serde(rename = "peakMemoryMB", default, skip_serializing_if = "Option::is_none")]
    pub peak_memory_mb: Option<u64>,
    /// Bytes received over all interfaces.
    pub network_bytes_in: u64,
    /// Bytes sent over all interfaces.
    pub network_bytes_out: u64,
}

impl ResourceUsage {
    /// This many cores in percent, 100 for each full core, to two decimals. Nonsense counts as 0.
    pub fn percent(cores: f64) -> f64 {
        if cores.is_finite() { (cores * 10_000.0).round() / 100.0 } else { 0.0 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn usage_has_the_documented_names() {
        let usage = ResourceUsage { cpu_percent: 12.35, memory_mb: 7, peak_memory_mb: Some(9), ..Default::default() };
        assert_eq!(
            serde_json::to_string(&usage).expect("plain data"),
            r#"{"cpuPercent":12.35,"memoryMB":7,"peakMemoryMB":9,"networkBytesIn":0,"networkBytesOut":0}"#
        );
    }

    #[test]
    fn percent_has_two_decimals_and_is_always_a_number() {
        assert_eq!(ResourceUsage::percent(1.234_567), 123.46);
        assert_eq!(ResourceUsage::percent(f64::NAN), 0.0);
        assert_eq!(ResourceUsage::percent(f64::INFINITY), 0.0);
    }
}
