//! One pass over output as it comes, in search of patterns.

use std::collections::VecDeque;
use std::ops::Range;

use super::forms::is_encoding;
use super::trie::{ROOT, Trie};

/// The shortest line that is taken for one that was broken: programs that break encodings into lines do so at 60 columns
/// and more. What could be the beginning of a secret at the end of a shorter one need not be held back for the next.
const NARROWEST: u32 = 32;

/// Where a search stands.
#[derive(Debug, Default)]
pub(super) struct Walk {
    state: u32,
    /// The places in the output of the bytes that the state is about.
    places: VecDeque<u64>,
}

impl Walk {
    /// Goes over `bytes`, the first of which is at `at`, and adds what is found: for each place where some pattern ends,
    /// the longest one, in the order of their ends.
    pub(super) fn over(&mut self, trie: &Trie, at: u64, bytes: &[u8], found: &mut Vec<Range<u64>>) {
        let mut next = 0;
        while let Some(&byte) = bytes.get(next) {
            if self.state == ROOT && !trie.begins_with(byte) {
                let skipped = bytes[next..].iter().position(|&byte| trie.begins_with(byte));
                match skipped {
                    Some(skipped) => next += skipped,
                    None => return,
                }
                continue;
            }
            found.extend(self.step(trie, at + next as u64, byte));
            next += 1;
        }
    }

    /// Where the output begins that could become a pattern, if there is any.
    pub(super) fn open(&self) -> Option<u64> {
        self.places.front().copied()
    }

    fn step(&mut self, trie: &Trie, at: u64, byte: u8) -> Option<Range<u64>> {
        self.state = trie.follow(self.state, byte);
        self.places.push_back(at);
        self.keep(trie);
        let found = trie.found(self.state) as usize;
        let range = (found > 0).then(|| self.places[self.places.len() - found]..at + 1);
        self.state = trie.open(self.state);
        self.keep(trie);
        range
    }

    fn keep(&mut self, trie: &Trie) {
        let excess = self.places.len() - trie.depth(self.state) as usize;
        self.places.drain(..excess);
    }

    fn forget(&mut self) {
        self.state = ROOT;
        self.places.clear();
    }
}

/// A search for what may be broken into lines.
#[derive(Debug, Default)]
pub(super) struct LinesWalk {
    walk: Walk,
    /// How long the line is up to here, as far back as it could be of an encoding.
    width: u32,
    /// What the line ended with, if it has just ended.
    ended: Option<u8>,
}

impl LinesWalk {
    /// As [`Walk::over`]; line breaks within what is found belong to it.
    pub(super) fn over(&mut self, trie: &Trie, at: u64, bytes: &[u8], found: &mut Vec<Range<u64>>) {
        for (at, &byte) in (at..).zip(bytes) {
            if matches!(byte, b'\r' | b'\n') {
                self.end_line(byte);
                continue;
            }
            self.ended = None;
            self.width = if is_encoding(byte) { self.width.saturating_add(1) } else { 0 };
            if self.walk.state != ROOT || trie.begins_with(byte) {
                found.extend(self.walk.step(trie, at, byte));
            }
        }
    }

    /// As [`Walk::open`].
    pub(super) fn open(&self) -> Option<u64> {
        self.walk.open()
    }

    /// Takes a line break, which may be of two bytes. After more than one, or a short line, something else begins.
    fn end_line(&mut self, byte: u8) {
        let goes_on = match self.ended {
            None => self.width >= NARROWEST,
            Some(before) => (before, byte) == (b'\r', b'\n'),
        };
        if !goes_on {
            self.walk.forget();
        }
        (self.width, self.ended) = (0, Some(byte));
    }
}
