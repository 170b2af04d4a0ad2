//! What a key looks like, and what is kept of it.

use std::fmt;

use sha2::{Digest, Sha256};

use super::AuthError;
use crate::api::Secret;

/// What every key begins with, so that people and scanners know one when they see it.
const PREFIX: &str = "isol8_";

/// Random bytes in a key.
const RANDOM_BYTES: usize = 32;

/// How much of a key is shown, and kept, so that people can tell theirs apart.
const SHOWN: usize = 10;

/// A key in the clear: `isol8_` and 64 lower-case hexadecimal digits. Shows nothing of itself unless it is asked to.
#[derive(Clone, PartialEq, Eq)]
pub struct ApiKey(Secret);

impl ApiKey {
    /// A new one, from the operating system's random numbers.
    pub fn generate() -> Result<Self, AuthError> {
        let mut bytes = [0; RANDOM_BYTES];
        getrandom::fill(&mut bytes).map_err(AuthError::Random)?;
        Ok(Self(Secret::new(format!("{PREFIX}{}", hex(&bytes)))))
    }

    /// What somebody presents as a key, if it can be one at all.
    pub fn parse(presented: &[u8]) -> Option<Self> {
        let digits = presented.strip_prefix(PREFIX.as_bytes())?;
        let is_digit = |byte: &u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
        if digits.len() != 2 * RANDOM_BYTES || !digits.iter().all(is_digit) {
            return None;
        }
        std::str::from_utf8(presented).ok().map(|text| Self(Secret::new(text.to_owned())))
    }

    /// The key itself, for whoever is to have it.
    pub fn expose(&self) -> &str {
        self.0.expose()
    }

    /// The first characters.
    pub fn shown(&self) -> String {
        format!("{}...", &self.expose()[..SHOWN])
    }

    /// What is kept of it. Whoever has a hash cannot find its key, so how long it takes to look one up tells nothing.
    pub(in crate::server) fn hash(&self) -> String {
        hex(&Sha256::digest(self.expose()))
    }
}

impl fmt::Debug for ApiKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_new_key_has_the_documented_form_and_is_like_no_other() {
        let (one, other) = (ApiKey::generate().expect("random"), ApiKey::generate().expect("random"));
        assert_ne!(one, other);
        assert_eq!(one.expose().len(), 6 + 64);
        assert_eq!(ApiKey::parse(one.expose().as_bytes()), Some(one.clone()));
        assert_eq!(one.shown(), format!("{}...", &one.expose()[..10]));
    }

    #[test]
    fn what_is_kept_is_the_sha_256_of_the_whole_key() {
        let key = ApiKey::parse(format!("isol8_{}", "0".repeat(64)).as_bytes()).expect("a key");
        // As `sha256sum` says.
        assert_eq!(key.hash(), "04bce131f57c7a9edbde2b1a4b69aa03a77d0115d834d13898fade44fdcb32d2");
    }

    #[test]
    fn a_key_does_not_show_itself() {
        let key = ApiKey::generate().expect("random");
        assert_eq!(format!("{key:?} {:?}", Some(&key)), "*** Some(***)");
    }

    proptest! {
        #[test]
        fn any_64_digits_after_the_prefix_are_a_key(digits in "[0-9a-f]{64}") {
            let text = format!("isol8_{digits}");
            let key = ApiKey::parse(text.as_bytes()).expect("a key");
            prop_assert_eq!(key.expose(), text.as_str());
        }

        #[test]
        fn nothing_else_is(bytes in prop::collection::vec(any::<u8>(), 0..100)) {
            prop_assert_eq!(ApiKey::parse(&bytes), None);
        }

        #[test]
        fn nor_is_a_key_with_anything_changed(
            digits in "[0-9a-f]{64}", at in 0usize..70, byte in any::<u8>(), cut in 0usize..70,
        ) {
            let text = format!("isol8_{digits}");
            let mut changed = text.clone().into_bytes();
            changed[at] = byte;
            let still_fits = if at < 6 { changed == text.as_bytes() } else { matches!(byte, b'0'..=b'9' | b'a'..=b'f') };
            prop_assert_eq!(ApiKey::parse(&changed).is_some(), still_fits);
            prop_assert_eq!(ApiKey::parse(&text.as_bytes()[..cut]), None);
            prop_assert_eq!(ApiKey::parse(format!("{text}{}", char::from(byte)).as_bytes()), None);
        }
    }
}
