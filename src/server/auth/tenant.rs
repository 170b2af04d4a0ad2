//! To whom keys belong.

use std::fmt;
use std::str::FromStr;

/// Whose keys and sessions are kept apart from everybody else's.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Tenant(String);

/// The text is nobody's name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "tenantId must be 1 to {} characters, without control characters and without spaces at its ends",
    Tenant::MAX_LENGTH
)]
pub struct TenantError;

impl Tenant {
    /// Longest name, in characters. The databases have room for no more.
    pub const MAX_LENGTH: usize = 128;

    /// As text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Who keys belong to when nobody else is named.
impl Default for Tenant {
    fn default() -> Self {
        Self("default".to_owned())
    }
}

impl FromStr for Tenant {
    type Err = TenantError;

    /// Spaces at the end are refused since some databases take no notice of them when they compare.
    fn from_str(text: &str) -> Result<Self, TenantError> {
        let fits = !text.is_empty()
            && text.chars().count() <= Self::MAX_LENGTH
            && text.trim() == text
            && !text.contains(char::is_control);
        if fits { Ok(Self(text.to_owned())) } else { Err(TenantError) }
    }
}

impl fmt::Display for Tenant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_taken_as_they_are() {
        for text in ["default", "a", "Team Rocket", "ünïcode 🚀", &"x".repeat(128), &"é".repeat(128)] {
            assert_eq!(text.parse::<Tenant>().expect(text).as_str(), text);
        }
    }

    #[test]
    fn what_could_be_taken_for_another_is_no_name() {
        for text in ["", " ", " a", "a ", "a\0", "a\nb", "a\u{7f}", "a\u{a0}", &"x".repeat(129)] {
            assert_eq!(text.parse::<Tenant>(), Err(TenantError), "{text:?}");
        }
    }
}
