//! What a reset could not undo, in words, bounded in number and length: names in it are chosen by user code.

use isol8_protocol::{MAX_FINDINGS, ResetReport};

/// Longest finding, in characters.
const MAX_LENGTH: usize = 200;

#[derive(Debug, Default)]
pub(super) struct Findings(Vec<String>);

impl Findings {
    pub(super) fn add(&mut self, finding: impl Into<String>) {
        if self.0.len() < MAX_FINDINGS {
            self.0.push(finding.into().chars().take(MAX_LENGTH).collect());
        }
    }

    pub(super) fn into_report(self) -> ResetReport {
        ResetReport { findings: self.0 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn findings_are_bounded() {
        let mut findings = Findings::default();
        for _ in 0..100 {
            findings.add("ä".repeat(10_000));
        }
        let report = findings.into_report();
        assert_eq!(report.findings.len(), MAX_FINDINGS);
        assert!(report.findings.iter().all(|finding| finding.chars().count() == MAX_LENGTH));
    }
}
