//! The forms in which programs commonly print a secret.

/// The shortest form of a secret, other than the secret itself, that is looked for: those of very short values are short
/// themselves, and would be found everywhere.
const SHORTEST: usize = 6;

/// The two alphabets of base64.
const ALPHABETS: [&[u8; 64]; 2] = [
    b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/",
    b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_",
];

/// A value as it is, as a URL component, and in JSON.
pub(super) fn plain(value: &str) -> Vec<Vec<u8>> {
    let bytes = value.as_bytes();
    let mut forms = vec![bytes.to_vec(), json_escaped(value).into()];
    forms.extend(url_encoded(bytes));
    forms.retain(|form| form == bytes || form.len() >= SHORTEST);
    forms
}

/// A value in those encodings that are broken into lines: hexadecimal and base64.
pub(super) fn encoded(value: &str) -> Vec<Vec<u8>> {
    let hex: String = value.bytes().map(|byte| format!("{byte:02x}")).collect();
    let mut forms = vec![hex.to_uppercase().into(), hex.into()];
    forms.extend(ALPHABETS.into_iter().flat_map(|alphabet| base64(value.as_bytes(), alphabet)));
    forms.retain(|form| form.len() >= SHORTEST);
    forms
}

/// Whether forms in encodings can consist of this byte.
pub(super) fn is_encoding(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"+/-_=".contains(&byte)
}

/// What the base64 of any text with `bytes` in it contains. There are three ways in which the bytes can fall into groups of
/// three. The character at the beginning that holds bits of what comes before, too, is left out; that at the end is taken
/// with whatever can follow, and with the padding if nothing does.
fn base64(bytes: &[u8], alphabet: &[u8; 64]) -> Vec<Vec<u8>> {
    let mut forms = Vec::new();
    for before in 0..3 {
        let bits = std::iter::repeat_n(0, before)
            .chain(bytes.iter().copied())
            .flat_map(|byte| (0..8).rev().map(move |bit| (byte >> bit) & 1));
        let bits: Vec<u8> = bits.skip((before * 8usize).div_ceil(6) * 6).collect();
        let value = |bits: &[u8]| bits.iter().fold(0, |value, bit| (value << 1) | usize::from(*bit));
        let groups = bits.chunks_exact(6);
        let rest = groups.remainder();
        let whole: Vec<u8> = groups.map(|group| alphabet[value(group)]).collect();
        if !rest.is_empty() {
            let open = 6 - rest.len();
            let lowest = value(rest) << open;
            forms.extend((lowest..lowest + (1 << open)).map(|last| [&whole[..], &[alphabet[last]]].concat()));
            let padding = &b"=="[..open / 2];
            forms.push([&whole[..], &[alphabet[lowest]], padding].concat());
        }
        forms.push(whole);
    }
    forms
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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn base64_of_a_text_contains_a_form_of_each_secret_in_it(
            before in prop::collection::vec(any::<u8>(), 0..5),
            secret in "[ -~]{6,20}",
            after in prop::collection::vec(any::<u8>(), 0..5),
        ) {
            let text = [&before[..], secret.as_bytes(), &after].concat();
            for (encoded, alphabet) in [
                (base64_simd::STANDARD.encode_to_string(&text), ALPHABETS[0]),
                (base64_simd::URL_SAFE.encode_to_string(&text), ALPHABETS[1]),
            ] {
                let ends = base64(secret.as_bytes(), alphabet).into_iter().filter_map(|form| {
                    let at = encoded.as_bytes().windows(form.len()).rposition(|window| window == form)?;
                    Some(at + form.len())
                });
                // To the last character that holds a bit of it, and through the padding.
                let last = ((before.len() + secret.len()) * 8).div_ceil(6);
                let expected = if after.is_empty() { encoded.len() } else { last };
                prop_assert!(ends.max() >= Some(expected), "{secret} in {encoded}");
            }
        }
    }

    #[test]
    fn forms_of_short_values_are_left_out() {
        assert_eq!(plain("a b"), [b"a b".to_vec(), b"a b".to_vec()]);
        assert_eq!(encoded("ab"), Vec::<Vec<u8>>::new());
    }
}
