//! What programs print, on its way to the caller: secrets masked, limited in bytes, decoded to text, in this order, so
//! that a cut can never leave the beginning of a secret.

mod decode;
mod forms;
mod limit;
mod mask;
mod trie;
mod walk;

pub use decode::Decoder;
pub use limit::Limiter;
pub use mask::{Masker, Patterns};

/// One output stream of a run: bytes in, text out, never more than the limit and one marker.
#[derive(Debug)]
pub struct Filter {
    masker: Masker,
    limiter: Limiter,
    decoder: Decoder,
}

impl Filter {
    /// A filter that passes `limit` bytes, without what `secrets` find.
    pub fn new(limit: u64, secrets: Option<Patterns>) -> Self {
        Self { masker: Masker::new(secrets), limiter: Limiter::new(limit), decoder: Decoder::default() }
    }

    /// The text that `bytes` complete; empty when nothing can be shown yet or any more.
    pub fn push(&mut self, bytes: &[u8]) -> String {
        self.limiter.count(bytes.len());
        self.decoder.push(self.limiter.pass(&self.masker.push(bytes)))
    }

    /// The text that was held back, and the marker if anything was cut. Nothing may be pushed afterwards.
    pub fn finish(&mut self) -> String {
        let mut text = self.decoder.push(self.limiter.pass(&self.masker.finish()));
        // What the decoder still holds when output was cut is a character that the limit cut in two.
        text += &self.limiter.marker().unwrap_or_else(|| self.decoder.finish());
        text
    }

    /// Whether the program printed more than the limit.
    pub fn is_truncated(&self) -> bool {
        self.limiter.is_exceeded()
    }
}

/// All of a text at once, without what `secrets` find.
pub fn masked(text: &str, secrets: &Patterns) -> String {
    let mut masker = Masker::new(Some(secrets.clone()));
    let mut shown = masker.push(text.as_bytes()).into_owned();
    shown.extend(masker.finish());
    String::from_utf8_lossy(&shown).into_owned()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn filter(limit: u64, chunks: &[&[u8]]) -> String {
        let mut filter = Filter::new(limit, None);
        let mut text: String = chunks.iter().map(|chunk| filter.push(chunk)).collect();
        text.push_str(&filter.finish());
        text
    }

    #[test]
    fn a_character_cut_by_the_limit_is_dropped_not_replaced() {
        let text = filter(4, &["abc€".as_bytes()]);
        assert_eq!(text, "abc\n\n--- OUTPUT TRUNCATED (6 bytes, limit: 4) ---");
    }

    #[test]
    fn the_marker_appears_once_with_the_exact_total() {
        let text = filter(2, &[b"ab", b"cd", b"", b"efg"]);
        assert_eq!(text, "ab\n\n--- OUTPUT TRUNCATED (7 bytes, limit: 2) ---");
    }

    #[test]
    fn output_of_exactly_the_limit_is_whole() {
        assert_eq!(filter(4, &[b"ab", b"cd"]), "abcd");
    }

    proptest! {
        #[test]
        fn how_output_is_cut_into_chunks_makes_no_difference(
            bytes in prop::collection::vec(any::<u8>(), 0..200),
            cuts in prop::collection::vec(0usize..200, 0..10),
            limit in 0u64..220,
        ) {
            let mut cuts: Vec<usize> = cuts.into_iter().map(|cut| cut.min(bytes.len())).collect();
            cuts.extend([0, bytes.len()]);
            cuts.sort_unstable();
            let chunks: Vec<&[u8]> = cuts.windows(2).map(|pair| &bytes[pair[0]..pair[1]]).collect();
            prop_assert_eq!(filter(limit, &chunks), filter(limit, &[&bytes]));
        }

        #[test]
        fn no_more_than_the_limit_is_shown(bytes in prop::collection::vec(any::<u8>(), 0..200), limit in 0u64..220) {
            let mut filter = Filter::new(limit, None);
            let shown = filter.push(&bytes);
            // Each shown character stands for at least one byte; a replacement character is three bytes long.
            prop_assert!(shown.chars().count() as u64 <= limit);
            prop_assert_eq!(filter.is_truncated(), bytes.len() as u64 > limit);
        }
    }
}
