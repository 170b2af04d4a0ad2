//! Many patterns, looked for at once in one pass: the automaton of Aho and Corasick.
//!
//! It takes memory in proportion to the patterns, and time in proportion to the text, whatever is in either: programs
//! choose the text, and clients of a server the patterns. After each byte it tells the two things that are needed to
//! replace patterns in what streams by: the longest one that has just ended, and how much of the text could still become
//! one.

use std::collections::BTreeSet;

/// The state in which nothing of the text could become a pattern.
pub(super) const ROOT: u32 = 0;

/// Patterns. A state is a beginning of some pattern: the longest one that the text so far ends in.
///
/// States are in depth-first order, so that the first child of one, if it has any, is the one after it.
#[derive(Debug)]
pub(super) struct Trie {
    /// The byte that leads to a state from its parent.
    byte: Vec<u8>,
    /// The parent's next child, by its byte; [`ROOT`] for none.
    sibling: Vec<u32>,
    /// How long a state's beginning is.
    depth: Vec<u32>,
    /// The state of the longest other beginning that it ends in.
    suffix: Vec<u32>,
    /// How long the longest pattern is that it ends in; 0 for none.
    found: Vec<u32>,
    /// Where each byte leads from the root. Most bytes of most texts are looked up here and nowhere else.
    first: [u32; 256],
}

impl Trie {
    /// The automaton for these patterns; the empty one is none.
    pub(super) fn new(patterns: &BTreeSet<Vec<u8>>) -> Self {
        let [sibling, depth, suffix, found] = [(); 4].map(|()| vec![ROOT]);
        let mut trie = Self { byte: vec![0], sibling, depth, suffix, found, first: [ROOT; 256] };
        // In order, so that what a pattern shares with any other it shares with the one before it.
        let mut path = vec![ROOT];
        let mut previous: &[u8] = &[];
        for pattern in patterns.iter().filter(|pattern| !pattern.is_empty()) {
            let shared = pattern.iter().zip(previous).take_while(|(a, b)| a == b).count();
            // The last child so far of the state where the two part.
            let mut last_child = path.get(shared + 1).copied();
            path.truncate(shared + 1);
            for &byte in &pattern[shared..] {
                let state = trie.add(byte, path.len() as u32);
                if let Some(before) = last_child.take() {
                    trie.sibling[before as usize] = state;
                }
                path.push(state);
            }
            trie.found[path[pattern.len()] as usize] = pattern.len() as u32;
            previous = pattern;
        }
        trie.link();
        trie
    }

    fn add(&mut self, byte: u8, depth: u32) -> u32 {
        let state = self.byte.len() as u32;
        self.byte.push(byte);
        self.depth.push(depth);
        for links in [&mut self.sibling, &mut self.suffix, &mut self.found] {
            links.push(ROOT);
        }
        if depth == 1 {
            self.first[usize::from(byte)] = state;
        }
        state
    }

    /// Finds the suffixes, level by level: that of a state is on a level above it.
    fn link(&mut self) {
        let mut level = self.children(ROOT);
        while !level.is_empty() {
            let mut below = Vec::new();
            for parent in level {
                for state in self.children(parent) {
                    let suffix = self.follow(self.suffix[parent as usize], self.byte[state as usize]);
                    self.suffix[state as usize] = suffix;
                    if self.found[state as usize] == 0 {
                        self.found[state as usize] = self.found[suffix as usize];
                    }
                    below.push(state);
                }
            }
            level = below;
        }
    }

    fn first_child(&self, state: u32) -> Option<u32> {
        let next = state + 1;
        let is_child = self.depth.get(next as usize) == Some(&(self.depth(state) + 1));
        is_child.then_some(next)
    }

    fn children(&self, state: u32) -> Vec<u32> {
        let next_child = |&child: &u32| Some(self.sibling[child as usize]).filter(|&next| next != ROOT);
        std::iter::successors(self.first_child(state), next_child).collect()
    }

    fn child(&self, state: u32, byte: u8) -> Option<u32> {
        let mut child = self.first_child(state)?;
        // They are sorted, and none is the root.
        while self.byte[child as usize] < byte {
            child = self.sibling[child as usize];
            if child == ROOT {
                return None;
            }
        }
        (self.byte[child as usize] == byte).then_some(child)
    }

    /// Whether `byte` leads away from the root.
    pub(super) fn begins_with(&self, byte: u8) -> bool {
        self.first[usize::from(byte)] != ROOT
    }

    /// The state after one more byte.
    pub(super) fn follow(&self, mut state: u32, byte: u8) -> u32 {
        while state != ROOT {
            if let Some(child) = self.child(state, byte) {
                return child;
            }
            state = self.suffix[state as usize];
        }
        self.first[usize::from(byte)]
    }

    /// The same state for all that comes, but as short as can be: nothing goes on from a pattern that begins no other.
    pub(super) fn open(&self, mut state: u32) -> u32 {
        while state != ROOT && self.first_child(state).is_none() {
            state = self.suffix[state as usize];
        }
        state
    }

    /// How much of the text a state is about.
    pub(super) fn depth(&self, state: u32) -> u32 {
        self.depth[state as usize]
    }

    /// How long the longest pattern is that a state ends in; 0 for none.
    pub(super) fn found(&self, state: u32) -> u32 {
        self.found[state as usize]
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn trie(patterns: &[Vec<u8>]) -> Trie {
        Trie::new(&patterns.iter().cloned().collect())
    }

    proptest! {
        #[test]
        fn it_finds_what_a_search_of_everything_finds(
            patterns in prop::collection::vec(prop::collection::vec(b'a'..=b'c', 0..6), 0..8),
            text in prop::collection::vec(b'a'..=b'd', 0..60),
        ) {
            let trie = trie(&patterns);
            let mut state = ROOT;
            for at in 0..text.len() {
                state = trie.open(trie.follow(state, text[at]));
                let so_far = &text[..=at];
                let goes_on = |length: &usize| patterns.iter().any(|pattern| {
                    pattern.len() > *length && pattern.starts_with(&so_far[so_far.len() - length..])
                });
                let open = (0..=so_far.len()).rev().find(|length| *length == 0 || goes_on(length));
                prop_assert_eq!(Some(trie.depth(state) as usize), open);
            }
        }

        #[test]
        fn the_longest_pattern_counts(
            patterns in prop::collection::vec(prop::collection::vec(b'a'..=b'c', 0..6), 0..8),
            text in prop::collection::vec(b'a'..=b'd', 0..60),
        ) {
            let trie = trie(&patterns);
            let mut state = ROOT;
            for at in 0..text.len() {
                state = trie.follow(state, text[at]);
                let ended = patterns.iter().filter(|pattern| text[..=at].ends_with(pattern)).map(Vec::len).max();
                prop_assert_eq!(trie.found(state) as usize, ended.unwrap_or(0));
                state = trie.open(state);
            }
        }
    }
}
