//! Secrets in output, replaced as it streams by.
//!
//! What is replaced, and by what, does not depend on how the output was cut into chunks: it is as if all of it had
//! been searched at once, from left to right, taking the longest secret at each place. To that end the end of a chunk
//! is held back while it could be the beginning of a secret, and nothing else is.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::sync::Arc;

use aho_corasick::{AhoCorasick, AhoCorasickKind, Anchored, BuildError, Input, MatchKind, StartKind};

use crate::api::Secret;

/// What stands in place of a secret.
const MASK: &[u8] = b"***";

/// What to look for: all secrets, and the forms in which programs commonly print them.
#[derive(Clone)]
pub struct Patterns {
    searcher: AhoCorasick,
    /// Sorted, for finding those that begin in a certain way.
    sorted: Arc<[Vec<u8>]>,
    longest: usize,
}

impl std::fmt::Debug for Patterns {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Patterns").finish_non_exhaustive()
    }
}

impl Patterns {
    /// Patterns for these secrets; `None` when there is nothing to look for. Empty secrets are none.
    pub fn new<'a>(secrets: impl IntoIterator<Item = &'a Secret>) -> Result<Option<Self>, BuildError> {
        let sorted: BTreeSet<Vec<u8>> =
            secrets.into_iter().map(Secret::expose).filter(|value| !value.is_empty()).flat_map(forms).collect();
        let sorted: Arc<[Vec<u8>]> = sorted.into_iter().collect();
        let Some(longest) = sorted.iter().map(Vec::len).max() else { return Ok(None) };
        let mut builder = AhoCorasick::builder();
        builder.match_kind(MatchKind::LeftmostLongest).start_kind(StartKind::Unanchored);
        // A table (DFA) of a key file of 40 KB takes 200 MB, and minutes to make when the file repeats itself.
        builder.kind(Some(AhoCorasickKind::ContiguousNFA));
        Ok(Some(Self { searcher: builder.build(sorted.iter())?, sorted, longest }))
    }

    /// The first place from `start` on at which `bytes` ends in what could become a (longer) pattern.
    fn open_end(&self, bytes: &[u8], start: usize) -> usize {
        let earliest = start.max(bytes.len().saturating_sub(self.longest - 1));
        (earliest..bytes.len()).find(|&at| self.is_beginning(&bytes[at..])).unwrap_or(bytes.len())
    }

    /// Whether some pattern begins with `bytes` and goes on.
    fn is_beginning(&self, bytes: &[u8]) -> bool {
        let after = self.sorted.partition_point(|pattern| pattern.as_slice() <= bytes);
        self.sorted.get(after).is_some_and(|pattern| pattern.starts_with(bytes))
    }
}

/// A value as it is, in base64, as a URL component, in JSON and in hexadecimal.
fn forms(value: &str) -> Vec<Vec<u8>> {
    let bytes = value.as_bytes();
    let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    let json = json_escaped(value);
    let mut forms = vec![bytes.to_vec(), hex.to_uppercase().into(), hex.into(), json.into()];
    forms.extend(url_encoded(bytes));
    for alphabet in [base64_simd::STANDARD_NO_PAD, base64_simd::URL_SAFE_NO_PAD] {
        forms.extend(aligned_base64(bytes, |bytes| alphabet.encode_to_string(bytes)));
    }
    // Forms of very short values are short themselves, and would be found everywhere.
    forms.retain(|form| form == bytes || form.len() >= SHORTEST_FORM);
    forms
}

/// The shortest form of a secret, other than the secret itself, that is looked for.
const SHORTEST_FORM: usize = 6;

/// What the base64 of any text with `bytes` in it contains: there are three ways in which the bytes can fall into
/// groups of three, and the characters at either end depend on the neighbours too, so they are left out.
fn aligned_base64(bytes: &[u8], encode: impl Fn(&[u8]) -> String) -> Vec<Vec<u8>> {
    let forms = (0..3).map(|before| {
        let padded: Vec<u8> = std::iter::repeat_n(0, before).chain(bytes.iter().copied()).collect();
        let encoded = encode(&padded).into_bytes();
        let first = (before * 8).div_ceil(6);
        let last = padded.len() * 8 / 6;
        encoded.get(first..last).unwrap_or_default().to_vec()
    });
    forms.collect()
}

/// With the digits in capitals, as most do it, and without.
fn url_encoded(bytes: &[u8]) -> [Vec<u8>; 2] {
    let is_plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"-._~".contains(byte);
    let encode = |digits: fn(u8) -> String| {
        bytes.iter().flat_map(|byte| if is_plain(byte) { vec![*byte] } else { digits(*byte).into_bytes() }).collect()
    };
    [encode(|byte| format!("%{byte:02X}")), encode(|byte| format!("%{byte:02x}"))]
}

fn json_escaped(value: &str) -> String {
    let escape = |c: char| match c {
        '"' | '\\' => format!("\\{c}"),
        '\n' => "\\n".to_owned(),
        '\r' => "\\r".to_owned(),
        '\t' => "\\t".to_owned(),
        c if (c as u32) < 0x20 => format!("\\u{:04x}", c as u32),
        c => c.to_string(),
    };
    value.chars().map(escape).collect()
}

/// One output stream on its way through the mask.
#[derive(Debug)]
pub struct Masker {
    patterns: Option<Patterns>,
    /// What could be the beginning of a secret: shorter than the longest of them.
    held: Vec<u8>,
}

impl Masker {
    /// Replaces what `patterns` find; nothing without them.
    pub fn new(patterns: Option<Patterns>) -> Self {
        Self { patterns, held: Vec::new() }
    }

    /// What can be shown now that `bytes` have come.
    pub fn push<'a>(&mut self, bytes: &'a [u8]) -> Cow<'a, [u8]> {
        let Some(patterns) = &self.patterns else { return bytes.into() };
        self.held.extend_from_slice(bytes);
        let (shown, held) = patterns.replace(std::mem::take(&mut self.held), false);
        self.held = held;
        shown.into()
    }

    /// What was held back. Nothing more will come.
    pub fn finish(&mut self) -> Vec<u8> {
        let bytes = std::mem::take(&mut self.held);
        match &self.patterns {
            Some(patterns) => patterns.replace(bytes, true).0,
            None => bytes,
        }
    }
}

impl Patterns {
    /// What can be shown of `bytes`, and what cannot yet; with the end of the output, everything can.
    fn replace(&self, bytes: Vec<u8>, ended: bool) -> (Vec<u8>, Vec<u8>) {
        let (mut shown, mut at) = (Vec::with_capacity(bytes.len()), 0);
        let open_from = |at| if ended { bytes.len() } else { self.open_end(&bytes, at) };
        let mut open = open_from(at);
        loop {
            let rest = Input::new(&bytes).range(at..).anchored(Anchored::No);
            match self.searcher.find(rest) {
                // A match where something longer may begin waits for it.
                Some(found) if found.start() < open => {
                    shown.extend_from_slice(&bytes[at..found.start()]);
                    shown.extend_from_slice(MASK);
                    at = found.end();
                }
                _ => break,
            }
            // Only then can it have changed. Looking after every match would let a program that prints one short
            // secret over and over cost us the length of the longest each time.
            if at > open {
                open = open_from(at);
            }
        }
        shown.extend_from_slice(&bytes[at..open]);
        (shown, bytes[open..].to_vec())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn patterns(secrets: &[&str]) -> Option<Patterns> {
        let secrets: Vec<Secret> = secrets.iter().map(|&secret| Secret::new(secret.to_owned())).collect();
        Patterns::new(&secrets).expect("few and short")
    }

    fn mask(secrets: &[&str], chunks: &[&[u8]]) -> String {
        let mut masker = Masker::new(patterns(secrets));
        let mut shown = Vec::new();
        chunks.iter().for_each(|chunk| shown.extend_from_slice(&masker.push(chunk)));
        shown.extend(masker.finish());
        String::from_utf8_lossy(&shown).into_owned()
    }

    #[test]
    fn a_secret_over_two_chunks_is_replaced() {
        assert_eq!(mask(&["hunter2"], &[b"it is hun", b"ter2!"]), "it is ***!");
    }

    #[test]
    fn the_longest_secret_counts_also_when_it_comes_in_pieces() {
        assert_eq!(mask(&["abc", "abcdef"], &[b"abc", b"def abcd"]), "*** ***d");
    }

    #[test]
    fn only_what_could_be_a_secret_is_held_back() {
        let mut masker = Masker::new(patterns(&["hunter2"]));
        assert_eq!(&*masker.push(b"Password: "), b"Password: ");
        assert_eq!(&*masker.push(b"hunt"), b"");
        assert_eq!(&*masker.push(b"ing"), b"hunting");
    }

    #[test]
    fn encoded_forms_are_replaced_too() {
        let secret = "P\u{e4}ss \"w\u{f6}rd\"/+1";
        let hex: String = secret.bytes().map(|byte| format!("{byte:02x}")).collect();
        let url = "P%C3%A4ss%20%22w%C3%B6rd%22%2F%2B1";
        let json = "P\u{e4}ss \\\"w\u{f6}rd\\\"/+1";
        for form in [secret, &hex, &hex.to_uppercase(), url, "P%c3%a4ss%20%22w%c3%b6rd%22%2f%2b1", json] {
            assert_eq!(mask(&[secret], &[format!("<{form}>").as_bytes()]), "<***>", "{form}");
        }
    }

    #[test]
    fn base64_is_found_wherever_the_secret_stands_in_what_was_encoded() {
        let secret = "correct horse battery";
        for before in ["", "a", "ab", "abc"] {
            let encoded = base64_simd::STANDARD.encode_to_string(format!("{before}{secret}xyz"));
            let shown = mask(&[secret], &[encoded.as_bytes()]);
            assert!(shown.contains("***") && shown.len() <= 3 + 4 + 4 + 4, "{encoded} became {shown}");
        }
    }

    #[test]
    fn many_matches_of_a_short_secret_beside_a_long_one_cost_no_more_than_their_length() {
        let long = "ab".repeat(20_000) + "c";
        let chunk = "x1".repeat(1 << 20);
        let began = std::time::Instant::now();
        assert_eq!(mask(&["x1", &long], &[chunk.as_bytes()]), "***".repeat(1 << 20));
        // A search of the chunk's end for each match takes minutes.
        assert!(began.elapsed() < std::time::Duration::from_secs(30), "{:?}", began.elapsed());
    }

    #[test]
    fn without_secrets_nothing_is_touched() {
        assert_eq!(mask(&[], &[b"plain"]), "plain");
        assert_eq!(mask(&[""], &[b"plain"]), "plain");
    }

    proptest! {
        #[test]
        fn how_output_is_cut_into_chunks_makes_no_difference(
            text in "[ab]{0,40}",
            secrets in prop::collection::vec("[ab]{1,6}", 0..4),
            size in 1usize..9,
        ) {
            let secrets: Vec<&str> = secrets.iter().map(String::as_str).collect();
            let chunks: Vec<&[u8]> = text.as_bytes().chunks(size).collect();
            prop_assert_eq!(mask(&secrets, &chunks), mask(&secrets, &[text.as_bytes()]));
        }

        #[test]
        fn no_secret_is_left(text in "[ab]{0,40}", secret in "[ab]{2,6}", size in 1usize..9) {
            let chunks: Vec<&[u8]> = text.as_bytes().chunks(size).collect();
            prop_assert!(!mask(&[&secret], &chunks).contains(&secret));
        }
    }
}
