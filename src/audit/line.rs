//! The form of a record in a log: one line of JSON, whatever is in it.

use std::io;

use serde::Serialize;
use serde_json::ser::{Formatter, Serializer};

use super::Record;

/// `prefix` and the record, with the line feed that ends them.
pub(super) fn line(prefix: &str, record: &Record) -> io::Result<Vec<u8>> {
    let mut line = prefix.as_bytes().to_vec();
    record.serialize(&mut Serializer::with_formatter(&mut line, OneLine))?;
    line.push(b'\n');
    Ok(line)
}

/// JSON as `serde_json` writes it, but nothing in a string can end the line for any reader, nor command a terminal on
/// which a log is looked at: JSON itself asks only for the ASCII control characters to be escaped.
struct OneLine;

impl Formatter for OneLine {
    fn write_string_fragment<W: ?Sized + io::Write>(&mut self, writer: &mut W, fragment: &str) -> io::Result<()> {
        let mut written = 0;
        for (at, character) in fragment.char_indices().filter(|(_, character)| needs_escape(*character)) {
            writer.write_all(&fragment.as_bytes()[written..at])?;
            write!(writer, "\\u{:04x}", u32::from(character))?;
            written = at + character.len_utf8();
        }
        writer.write_all(&fragment.as_bytes()[written..])
    }
}

/// All of these have four hexadecimal digits.
fn needs_escape(character: char) -> bool {
    character.is_control() || matches!(character, '\u{2028}' | '\u{2029}')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::Value;

    use super::*;

    fn text(record: &Record) -> String {
        String::from_utf8(line("", record).expect("serializable")).expect("JSON is UTF-8")
    }

    #[test]
    fn a_record_has_the_documented_fields_and_no_others() {
        let line = text(&Record { runtime: "python".to_owned(), exit_code: -1, ..Record::default() });
        assert_eq!(
            line,
            concat!(
                r#"{"executionId":"","userId":"","timestamp":"","runtime":"python","codeHash":"","containerId":"","#,
                r#""exitCode":-1,"durationMs":0}"#,
                "\n"
            )
        );
    }

    #[test]
    fn what_ends_a_line_for_some_reader_is_escaped() {
        let stdout = "a\u{2028}b\u{2029}c\u{85}d\u{b}e\u{9b}f\u{7f}€\u{1f600}";
        let line = text(&Record { stdout: Some(stdout.to_owned()), ..Record::default() });
        assert!(line.contains(r#""stdout":"a\u2028b\u2029c\u0085d\u000be\u009bf\u007f€😀""#), "{line}");
    }

    proptest! {
        #[test]
        fn any_text_stays_on_one_line_and_comes_back(
            stdout in any::<String>(), key in any::<String>(),
            controls in "[\u{0}-\u{1f}\u{7f}-\u{9f}\u{2028}\u{2029}\"\\\\{}]*",
        ) {
            let metadata = [(key.clone(), controls.clone())].into();
            let record = Record { stdout: Some(stdout.clone()), metadata: Some(metadata), ..Record::default() };
            let line = text(&record);
            let body = line.strip_suffix('\n').expect("ends with a line feed");
            prop_assert!(!body.contains(needs_escape), "{:?}", body);
            let value: Value = serde_json::from_str(body).expect("JSON");
            prop_assert_eq!(&value["stdout"], &Value::from(stdout));
            prop_assert_eq!(&value["metadata"][&key], &Value::from(controls));
        }
    }
}
