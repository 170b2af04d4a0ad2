//! UTF-8 from chunks that end anywhere.

use std::borrow::Cow;

/// Longest start of a character that can wait for its end.
const MAX_PARTIAL: usize = 3;

/// Decodes a stream of bytes as UTF-8. Invalid bytes become U+FFFD, as if the whole had been decoded at once.
#[derive(Debug, Default)]
pub struct Decoder {
    partial: Vec<u8>,
}

impl Decoder {
    /// The text that `bytes` complete. A character whose end has not come yet is held back.
    pub fn push(&mut self, bytes: &[u8]) -> String {
        let bytes = if self.partial.is_empty() {
            Cow::Borrowed(bytes)
        } else {
            let mut joined = std::mem::take(&mut self.partial);
            joined.extend_from_slice(bytes);
            Cow::Owned(joined)
        };
        let complete = bytes.len() - partial_tail(&bytes);
        self.partial.extend_from_slice(&bytes[complete..]);
        String::from_utf8_lossy(&bytes[..complete]).into_owned()
    }

    /// The stream has ended: what is still held back is invalid.
    pub fn finish(&mut self) -> String {
        String::from_utf8_lossy(&std::mem::take(&mut self.partial)).into_owned()
    }
}

/// Length of the incomplete, so far valid, character at the end of `bytes`.
fn partial_tail(bytes: &[u8]) -> usize {
    let start = bytes.len().saturating_sub(MAX_PARTIAL);
    (start..bytes.len())
        .find(|&at| {
            // An error without a length is one that more bytes could mend.
            std::str::from_utf8(&bytes[at..])
                .is_err_and(|error| error.valid_up_to() == 0 && error.error_len().is_none())
        })
        .map_or(0, |at| bytes.len() - at)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_character_split_over_chunks_is_joined() {
        let mut decoder = Decoder::default();
        let shown: Vec<String> = "é€🦀".as_bytes().chunks(1).map(|byte| decoder.push(byte)).collect();
        assert_eq!(shown.concat(), "é€🦀");
        assert_eq!(decoder.finish(), "");
    }

    #[test]
    fn a_character_without_its_end_is_replaced() {
        let mut decoder = Decoder::default();
        assert_eq!(decoder.push(b"a\xe2\x82"), "a");
        assert_eq!(decoder.finish(), "\u{fffd}");
    }

    proptest! {
        #[test]
        fn decoding_chunks_equals_decoding_the_whole(
            bytes in prop::collection::vec(prop::sample::select(b"a\xc3\xa9\xe2\x82\xac\xf0\x9f\xa6\x80\xff".to_vec()), 0..64),
            size in 1usize..9,
        ) {
            let mut decoder = Decoder::default();
            let mut text: String = bytes.chunks(size).map(|chunk| decoder.push(chunk)).collect();
            text.push_str(&decoder.finish());
            prop_assert_eq!(text, String::from_utf8_lossy(&bytes));
        }
    }
}
