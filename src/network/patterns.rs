//! Lists of patterns on host names, compiled.

use std::net::IpAddr;

use regex::bytes::{RegexSet, RegexSetBuilder};

use super::name::Host;
use super::policy::{PolicyError, check_count};

/// Most characters in all patterns of a list.
const MAX_TEXT: usize = 64 * 1024;

/// Most bytes that a list takes when it is compiled.
const MAX_COMPILED: usize = 2 << 20;

/// Most bytes that matching takes besides; with less to remember, it is slower.
const MAX_CACHE: usize = 512 * 1024;

/// Patterns of which one may match a host: anywhere in the name unless they are anchored, and whatever the case.
///
/// Names are looked at in their canonical form, which is ASCII, and so are the classes of a pattern: `\w` is a letter, a
/// digit or `_`, as in JavaScript. Matching takes time linear in the name, so look-around and back-references are refused.
/// Whoever asks a server for something brings lists along, so what a list costs is bounded as a whole.
#[derive(Debug, Clone, Default)]
pub struct HostPatterns(RegexSet);

impl HostPatterns {
    /// Compiles the list that stands in `option`, such as `network.whitelist`.
    pub fn compile(option: &str, texts: &[String]) -> Result<Self, PolicyError> {
        check_count(option, texts.len())?;
        let length: usize = texts.iter().map(String::len).sum();
        if length > MAX_TEXT {
            let reason = format!("expected at most {MAX_TEXT} characters in all, found {length}");
            return Err(PolicyError { option: option.to_owned(), reason });
        }
        compiled(texts).map(Self).map_err(|error| match culprit(texts) {
            Some((index, error)) => PolicyError { option: format!("{option}[{index}]"), reason: reason(&error) },
            None => PolicyError { option: option.to_owned(), reason: reason(&error) },
        })
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The first that matches `host`. IPv6 addresses may be written with their brackets and without.
    pub fn first_match(&self, host: &Host) -> Option<&str> {
        let plain = host.to_string();
        let bracketed = matches!(host, Host::Ip(IpAddr::V6(_))).then(|| format!("[{plain}]"));
        let first = |name: &str| self.0.matches(name.as_bytes()).iter().next();
        let index = first(&plain).into_iter().chain(bracketed.as_deref().and_then(first)).min()?;
        self.0.patterns().get(index).map(String::as_str)
    }
}

fn compiled(texts: &[String]) -> Result<RegexSet, regex::Error> {
    let mut builder = RegexSetBuilder::new(texts);
    builder.case_insensitive(true).unicode(false).size_limit(MAX_COMPILED).dfa_size_limit(MAX_CACHE).build()
}

/// The first of the patterns that is wrong by itself, if any is.
fn culprit(texts: &[String]) -> Option<(usize, regex::Error)> {
    let each = texts.iter().map(std::slice::from_ref);
    each.enumerate().find_map(|(index, text)| Some((index, compiled(text).err()?)))
}

/// What is wrong, in a sentence.
fn reason(error: &regex::Error) -> String {
    if let regex::Error::CompiledTooBig(_) = error {
        return "not a valid regular expression: it takes too much memory".to_owned();
    }
    // Before the last line there is a drawing of the place, which does not fit into a sentence.
    let message = error.to_string();
    let reason = message.lines().last().unwrap_or_default();
    format!("not a valid regular expression: {}", reason.strip_prefix("error: ").unwrap_or(reason))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn compile(texts: &[&str]) -> Result<HostPatterns, String> {
        let texts: Vec<_> = texts.iter().map(|text| (*text).to_owned()).collect();
        HostPatterns::compile("list", &texts).map_err(|error| error.to_string())
    }

    fn first<'a>(patterns: &'a HostPatterns, host: &str) -> Option<&'a str> {
        patterns.first_match(&Host::parse(host).expect("a host"))
    }

    #[test]
    fn patterns_match_anywhere_and_in_any_case_unless_anchored() {
        let patterns = compile(&[r"^exact\.com$", r"EXAMPLE\.com", r"www"]).expect("patterns");
        assert_eq!(first(&patterns, "www.example.com.test"), Some(r"EXAMPLE\.com"));
        assert_eq!(first(&patterns, "Exact.com"), Some(r"^exact\.com$"));
        assert_eq!(first(&patterns, "not.exact.com"), None);
    }

    #[test]
    fn an_address_matches_with_its_brackets_and_without() {
        let patterns = compile(&[r"^\[::1\]$", "^::2$"]).expect("patterns");
        assert_eq!(first(&patterns, "[::1]"), Some(r"^\[::1\]$"));
        assert_eq!(first(&patterns, "[::2]"), Some("^::2$"));
        assert_eq!(first(&patterns, "[::3]"), None);
    }

    #[test]
    fn what_is_no_pattern_is_refused_with_one_line_that_says_why() {
        for (pattern, reason) in [
            ("(a", "unclosed group"),
            (r"a(?!b)", "look-around, including look-ahead and look-behind, is not supported"),
            (r"(a)\1", "backreferences are not supported"),
            (r"(\w{1000}){1000}", "it takes too much memory"),
        ] {
            let error = compile(&["good", pattern]).expect_err(pattern);
            assert_eq!(error, format!("list[1]: not a valid regular expression: {reason}"));
        }
    }

    #[test]
    fn what_a_list_costs_is_bounded_as_a_whole() {
        let many: Vec<String> = (0..200).map(|n| format!(r"(\w{{100}}x{n}){{20}}")).collect();
        let error = HostPatterns::compile("list", &many).expect_err("is too large");
        assert_eq!(error.to_string(), "list: not a valid regular expression: it takes too much memory");
        let error = compile(&[&"a".repeat(MAX_TEXT), "b"]).expect_err("is too long");
        assert_eq!(error, "list: expected at most 65536 characters in all, found 65537");
    }

    #[test]
    fn a_list_as_long_as_people_write_them_fits() {
        let texts: Vec<String> = (0..1000).map(|n| format!(r"^([\w-]+\.)*service-{n}\.example\.com$")).collect();
        let patterns = HostPatterns::compile("list", &texts).expect("fits");
        assert_eq!(first(&patterns, "a.b.service-999.example.com"), Some(texts[999].as_str()));
        assert_eq!(first(&patterns, "service-1000.example.com"), None);
    }
}
