//! Entries of a list of hosts that name one address, and so may allow it although it is not public.

use std::net::IpAddr;

/// The address that a pattern names if it names exactly one, as `^10\.0\.0\.5$` does: anchored or not, its dots escaped
/// or not, IPv6 with its brackets or without. What else the pattern matches is not allowed by this.
pub(super) fn exact_address(pattern: &str) -> Option<IpAddr> {
    let text = pattern.strip_prefix('^').unwrap_or(pattern);
    let text = text.strip_suffix('$').unwrap_or(text);
    let text = text.replace(r"\.", ".").replace("[.]", ".");
    let text = text.strip_prefix(r"\[").and_then(|text| text.strip_suffix(r"\]")).unwrap_or(&text);
    text.parse().ok().map(|address: IpAddr| address.to_canonical())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_that_name_one_address_are_told_from_all_others() {
        for (pattern, address) in [
            (r"^127\.0\.0\.1$", "127.0.0.1"),
            ("^127[.]0[.]0[.]1$", "127.0.0.1"),
            ("10.0.0.5", "10.0.0.5"),
            ("^::1$", "::1"),
            (r"^\[fd00::1\]$", "fd00::1"),
            ("^::ffff:10.0.0.5$", "10.0.0.5"),
        ] {
            assert_eq!(exact_address(pattern), address.parse().ok(), "{pattern}");
        }
        for pattern in [
            "",
            ".*",
            r"^127\.0\.0\..$",
            r"^127\.0\.0\.1|10\.0\.0\.1$",
            r"^127\.0\.0\.[0-9]+$",
            r"^10\.",
            "localhost",
            "[::1]",
            r"\[::1",
            "^^127.0.0.1$",
            "127.1",
            "0x7f000001",
        ] {
            assert_eq!(exact_address(pattern), None, "{pattern}");
        }
    }
}
