//! Sizes such as `512m`, as users write them.

use std::fmt;
use std::str::FromStr;

/// A number of bytes, written with an optional binary unit: `1024`, `256k`, `512mb`, `1.5g`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Size(u64);

impl Size {
    /// This many mebibytes.
    pub const fn mebibytes(n: u64) -> Self {
        Self(n << 20)
    }

    /// The number of bytes.
    pub const fn bytes(self) -> u64 {
        self.0
    }
}

/// The text is no size.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("Invalid memory limit format: \"{0}\". Use e.g. \"512m\", \"1g\".")]
pub struct SizeError(String);

impl FromStr for Size {
    type Err = SizeError;

    fn from_str(text: &str) -> Result<Self, SizeError> {
        let error = || SizeError(text.to_owned());
        let lower = text.to_ascii_lowercase();
        let without_b = lower.strip_suffix('b').unwrap_or(&lower);
        let (digits, shift) = match without_b.char_indices().last() {
            Some((at, 'k')) => (&without_b[..at], 10),
            Some((at, 'm')) => (&without_b[..at], 20),
            Some((at, 'g')) => (&without_b[..at], 30),
            Some((at, 't')) => (&without_b[..at], 40),
            _ => (without_b, 0),
        };
        let well_formed = digits.starts_with(|c: char| c.is_ascii_digit())
            && digits.ends_with(|c: char| c.is_ascii_digit())
            && digits.chars().all(|c| c.is_ascii_digit() || c == '.');
        if !well_formed {
            return Err(error());
        }
        let bytes = digits.parse::<f64>().map_err(|_| error())? * f64::from(shift).exp2();
        // Docker counts in i64, and a size of nothing is no limit at all.
        if (1.0..=i64::MAX as f64).contains(&bytes) { Ok(Self(bytes as u64)) } else { Err(error()) }
    }
}

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_read_with_and_without_units() {
        for (text, bytes) in
            [("1024", 1024), ("256k", 256 << 10), ("512m", 512 << 20), ("512MB", 512 << 20), ("1.5g", 3 << 29)]
        {
            assert_eq!(text.parse::<Size>().expect(text).bytes(), bytes, "{text}");
        }
    }

    #[test]
    fn anything_else_is_refused_with_the_text_in_the_message() {
        for text in
            ["", "b", "m", "-1m", "512x", "1e3", "inf", "NaN", "1..5g", ".5g", "5.g", "0", "99999999999t", " 1m"]
        {
            let error = text.parse::<Size>().expect_err(text);
            assert!(error.to_string().contains(&format!("\"{text}\"")), "{error}");
        }
    }
}
