//! Text of others in a form that can be shown to anybody.

/// Stands where something was cut off.
const CUT: char = '…';

/// The text on one line, up to `most` bytes, with nothing in it that would command a terminal or turn the direction of
/// writing. What is escaped begins with a backslash, and so does a backslash itself: nothing can be mistaken for it.
pub(crate) fn printable(text: &str, most: usize) -> String {
    let mut safe = String::new();
    for character in text.chars() {
        let end = safe.len();
        match character {
            '"' | '\'' => safe.push(character),
            _ => safe.extend(character.escape_debug()),
        }
        if safe.len() > most {
            safe.truncate(end);
            safe.push(CUT);
            break;
        }
    }
    safe
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn long_text_is_cut_between_characters() {
        assert_eq!(printable("abcd", 4), "abcd");
        assert_eq!(printable("abcde", 4), "abcd…");
        assert_eq!(printable("abcß", 4), "abc…");
        assert_eq!(printable("abc\n", 4), "abc…");
    }

    proptest! {
        #[test]
        fn different_texts_stay_different(one in "[\\\\nu{}\n\u{1b}\"']{0,6}", other in "[\\\\nu{}\n\u{1b}\"']{0,6}") {
            prop_assert_eq!(one == other, printable(&one, 64) == printable(&other, 64));
        }
    }
}
