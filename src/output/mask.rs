//! Secrets in output, replaced as it streams by.
//!
//! What is replaced, and by what, does not depend on how the output was cut into chunks: it is as if all of it had been
//! searched at once. Every place where a secret stands is hidden, and secrets that overlap are hidden as one. To that end
//! the end of a chunk is held back while it could be the beginning of a secret, and nothing else is.

use std::borrow::Cow;
use std::collections::{BTreeSet, VecDeque};
use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use super::forms;
use super::trie::Trie;
use super::walk::{LinesWalk, Walk};
use crate::api::Secret;

/// What stands in place of a secret.
const MASK: &[u8] = b"***";

/// What to look for: all secrets, and the forms in which programs commonly print them.
#[derive(Clone)]
pub struct Patterns {
    plain: Arc<Trie>,
    /// Those that may be broken into lines.
    encoded: Arc<Trie>,
}

impl fmt::Debug for Patterns {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Patterns").finish_non_exhaustive()
    }
}

impl Patterns {
    /// Patterns for these secrets; `None` when there is nothing to look for. Empty secrets are none.
    pub fn new<'a>(secrets: impl IntoIterator<Item = &'a Secret>) -> Option<Self> {
        let (mut plain, mut encoded) = (BTreeSet::new(), BTreeSet::new());
        for value in secrets.into_iter().map(Secret::expose).filter(|value| !value.is_empty()) {
            plain.extend(forms::plain(value));
            encoded.extend(forms::encoded(value));
        }
        let trie = |patterns| Arc::new(Trie::new(patterns));
        (!plain.is_empty()).then(|| Self { plain: trie(&plain), encoded: trie(&encoded) })
    }
}

/// A part of the output that is hidden.
#[derive(Debug, Clone, Copy)]
struct Hidden {
    start: u64,
    end: u64,
    /// Whether what stands in its place is out already.
    is_marked: bool,
}

/// One output stream on its way through the mask.
pub struct Masker {
    patterns: Option<Patterns>,
    plain: Walk,
    encoded: LinesWalk,
    /// What cannot be shown yet. As long as the longest form of a secret, at the most, and its line breaks.
    held: VecDeque<u8>,
    /// Where that begins.
    at: u64,
    /// What is to be hidden of it, and perhaps of what follows: in order, and none overlaps another.
    hidden: VecDeque<Hidden>,
}

/// Not what is held back, which may be a secret.
impl fmt::Debug for Masker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Masker").field("held", &self.held.len()).finish_non_exhaustive()
    }
}

impl Masker {
    /// Replaces what `patterns` find; nothing without them.
    pub fn new(patterns: Option<Patterns>) -> Self {
        let (plain, encoded, held, hidden) = Default::default();
        Self { patterns, plain, encoded, held, at: 0, hidden }
    }

    /// What can be shown now that `bytes` have come.
    pub fn push<'a>(&mut self, bytes: &'a [u8]) -> Cow<'a, [u8]> {
        let Some(Patterns { plain, encoded }) = &self.patterns else { return bytes.into() };
        let (begin, mut found) = (self.at + self.held.len() as u64, Vec::new());
        self.plain.over(plain, begin, bytes, &mut found);
        self.encoded.over(encoded, begin, bytes, &mut found);
        // Two runs that are in order.
        found.sort_by_key(|range| range.end);
        found.into_iter().for_each(|range| self.hide(range));
        let open = [self.plain.open(), self.encoded.open()].into_iter().flatten().min();
        let settled = open.unwrap_or(begin + bytes.len() as u64);
        if self.held.is_empty() && self.hidden.is_empty() {
            let (now, later) = bytes.split_at((settled - begin) as usize);
            self.held.extend(later);
            self.at = settled;
            return now.into();
        }
        self.held.extend(bytes);
        self.show(settled).into()
    }

    /// What was held back. Nothing more will come.
    pub fn finish(&mut self) -> Vec<u8> {
        (self.plain, self.encoded) = Default::default();
        self.show(self.at + self.held.len() as u64)
    }

    /// Hides a part of the output, which ends no earlier than those before it. Where they overlap, they become one.
    fn hide(&mut self, Range { mut start, end }: Range<u64>) {
        let mut is_marked = false;
        while let Some(last) = self.hidden.pop_back_if(|last| last.end > start) {
            start = start.min(last.start);
            is_marked |= last.is_marked;
        }
        self.hidden.push_back(Hidden { start, end, is_marked });
    }

    /// What is held up to `settled`. Nothing that begins before that will be found any more.
    fn show(&mut self, settled: u64) -> Vec<u8> {
        let mut shown = Vec::with_capacity((settled - self.at) as usize);
        while let Some(hidden) = self.hidden.pop_front_if(|hidden| hidden.start < settled) {
            shown.extend(self.take(hidden.start));
            if !hidden.is_marked {
                shown.extend_from_slice(MASK);
            }
            drop(self.take(hidden.end.min(settled)));
            if hidden.end > settled {
                // What is found from here on may belong to it.
                self.hidden.push_front(Hidden { start: settled, is_marked: true, ..hidden });
                break;
            }
        }
        shown.extend(self.take(settled));
        shown
    }

    /// Takes what is held up to a place.
    fn take(&mut self, end: u64) -> impl Iterator<Item = u8> {
        let length = (end - self.at) as usize;
        self.at = end;
        self.held.drain(..length)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn patterns(secrets: &[&str]) -> Option<Patterns> {
        let secrets: Vec<Secret> = secrets.iter().map(|&secret| Secret::new(secret.to_owned())).collect();
        Patterns::new(&secrets)
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
    fn secrets_that_overlap_are_hidden_as_one() {
        assert_eq!(mask(&["abc-key", "key-defghi"], &[b"<abc-key-defghi>"]), "<***>");
        assert_eq!(mask(&["abc-key", "key-defghi"], &[b"<abc-ke", b"y", b"-def", b"ghi>"]), "<***>");
        assert_eq!(mask(&["aa"], &[b"aaaaa", b"aab"]), "***b");
    }

    #[test]
    fn what_a_mask_has_begun_is_not_kept_while_it_goes_on() {
        let mut masker = Masker::new(patterns(&["abab"]));
        assert_eq!(&*masker.push(b"ababa"), b"***");
        for _ in 0..10 {
            assert_eq!(&*masker.push(&b"ba".repeat(1000)), b"");
            assert!(masker.held.len() < 4, "{masker:?}");
        }
        // The last letter is of no whole secret.
        assert_eq!(&*masker.push(b"!"), b"a!");
    }

    #[test]
    fn base64_of_a_secret_is_hidden_to_the_last_bit() {
        let text = "a secret that is fairly long";
        for length in 4..text.len() {
            let secret = &text[..length];
            for encode in [base64_simd::STANDARD, base64_simd::URL_SAFE, base64_simd::STANDARD_NO_PAD] {
                assert_eq!(mask(&[secret], &[encode.encode_to_string(secret).as_bytes(), b"\n"]), "***\n", "{secret}");
            }
        }
    }

    /// `text` in lines as programs break them.
    fn broken(text: &str, columns: usize, end: &str) -> String {
        let lines = text.as_bytes().chunks(columns).map(|line| String::from_utf8_lossy(line) + end);
        lines.collect()
    }

    #[test]
    fn encodings_that_are_broken_into_lines_are_hidden() {
        let secret: String = ('!'..='p').collect();
        for before in ["", "Bearer ", &"x".repeat(200)] {
            let text = format!("{before}{secret}");
            let base64 = base64_simd::STANDARD.encode_to_string(&text);
            let hex: String = text.bytes().map(|byte| format!("{byte:02x}")).collect();
            for (columns, encoded) in [(76, &base64), (64, &base64), (64, &hex), (60, &hex)] {
                let begin = encoded.len() * before.len() / text.len();
                for end in ["\n", "\r\n"] {
                    let output = broken(encoded, columns, end);
                    let whole = mask(&[&secret], &[output.as_bytes()]);
                    let shown = whole.replace(['\r', '\n'], "").replace("***", "");
                    assert!(whole.contains("***") && shown.len() <= begin + 2, "{output} became {whole}");
                    let chunks: Vec<&[u8]> = output.as_bytes().chunks(7).collect();
                    assert_eq!(mask(&[&secret], &chunks), whole);
                }
            }
        }
    }

    #[test]
    fn a_line_that_was_not_broken_is_not_held_back() {
        // The base64 of the secret begins with a Y, and with a letter of it a line may end.
        let mut masker = Masker::new(patterns(&["a secret that is fairly long"]));
        assert_eq!(&*masker.push(b"Really? Y\n"), b"Really? Y\n");
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

    #[test]
    fn output_that_is_nearly_a_long_secret_costs_no_more_than_its_length() {
        let secret = "a".repeat(130_000) + "b";
        let line = "a".repeat(60_000) + "c";
        let mut masker = Masker::new(patterns(&[&secret]));
        let began = std::time::Instant::now();
        let mut shown = 0;
        for _ in 0..50 {
            shown += masker.push(line.as_bytes()).len() + masker.push(&line.as_bytes()[..50_000]).len();
        }
        assert_eq!(shown + masker.finish().len(), 50 * (line.len() + 50_000));
        // A comparison at each place takes minutes.
        assert!(began.elapsed() < std::time::Duration::from_secs(30), "{:?}", began.elapsed());
    }

    #[test]
    fn secrets_that_are_ends_of_each_other_cost_no_more_than_their_length() {
        let secrets: Vec<String> = (1..400).map(|length| "a".repeat(length)).collect();
        let secrets: Vec<&str> = secrets.iter().map(String::as_str).collect();
        let began = std::time::Instant::now();
        assert_eq!(mask(&secrets, &["a".repeat(1 << 20).as_bytes()]), "***");
        assert!(began.elapsed() < std::time::Duration::from_secs(30), "{:?}", began.elapsed());
    }

    /// What it comes to if everything is searched for everything.
    fn reference(secrets: &[&str], text: &str) -> String {
        let mut found: Vec<(usize, usize)> = Vec::new();
        for secret in secrets.iter().filter(|secret| !secret.is_empty()) {
            let starts = (0..text.len()).filter(|&at| text[at..].starts_with(secret));
            found.extend(starts.map(|at| (at, at + secret.len())));
        }
        found.sort_unstable();
        let mut merged: Vec<(usize, usize)> = Vec::new();
        for (start, end) in found {
            match merged.last_mut() {
                Some(last) if start < last.1 => last.1 = last.1.max(end),
                _ => merged.push((start, end)),
            }
        }
        let (mut shown, mut at) = (String::new(), 0);
        for (start, end) in merged {
            shown += &text[at..start];
            shown += "***";
            at = end;
        }
        shown + &text[at..]
    }

    proptest! {
        #[test]
        fn every_place_where_a_secret_stands_is_hidden(
            text in "[abc]{0,40}",
            secrets in prop::collection::vec("[ab]{1,5}", 0..4),
            size in 1usize..9,
        ) {
            let secrets: Vec<&str> = secrets.iter().map(String::as_str).collect();
            let chunks: Vec<&[u8]> = text.as_bytes().chunks(size).collect();
            prop_assert_eq!(mask(&secrets, &chunks), reference(&secrets, &text));
        }

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
