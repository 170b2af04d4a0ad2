//! Regular expressions on host names, wherever a policy has them.

use regex::{Regex, RegexBuilder};

/// Why a text is no pattern.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not a valid regular expression: {0}")]
pub struct PatternError(String);

/// A pattern, ready to match: anywhere in the name unless it is anchored, and whatever the case.
///
/// Matching takes time linear in the name, so look-around and back-references are refused.
pub fn host_pattern(pattern: &str) -> Result<Regex, PatternError> {
    RegexBuilder::new(pattern).case_insensitive(true).build().map_err(|error| {
        // Before the last line there is a drawing of the place, which does not fit into a sentence.
        let message = error.to_string();
        let reason = message.lines().last().unwrap_or_default();
        PatternError(reason.strip_prefix("error: ").unwrap_or(reason).to_owned())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_match_anywhere_and_in_any_case_unless_anchored() {
        let pattern = host_pattern(r"example\.com").expect("a pattern");
        assert!(pattern.is_match("www.EXAMPLE.com.test"));
        let pattern = host_pattern(r"^example\.com$").expect("a pattern");
        assert!(!pattern.is_match("www.example.com"));
    }

    #[test]
    fn what_is_no_pattern_is_refused_with_one_line_that_says_why() {
        for (pattern, reason) in [
            ("(a", "unclosed group"),
            (r"a(?!b)", "look-around, including look-ahead and look-behind, is not supported"),
            (r"(a)\1", "backreferences are not supported"),
            (r"(\w{1000}){1000}", "Compiled regex exceeds size limit of 10485760 bytes."),
        ] {
            let error = host_pattern(pattern).expect_err(pattern);
            assert_eq!(error.to_string(), format!("not a valid regular expression: {reason}"));
        }
    }
}
