//! Bytes in JSON: contents of files, and standard input.
//!
//! Text is a string. Bytes that are no text are `{ "base64": "…" }`. What Node.js makes of a `Buffer`,
//! `{ "type": "Buffer", "data": [1, 2] }`, is understood as well, since it is what a careless client sends. A file
//! that may be run is `{ "content": …, "executable": true }`.

use std::borrow::Cow;
use std::fmt::{self, Display, Formatter};

use bytes::Bytes;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::value::MapAccessDeserializer;
use serde::de::{Error, MapAccess, Visitor};
use serde::ser::SerializeMap;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::{FileContent, InputFile};

/// A [`FileContent`] as JSON has it.
struct Content(Bytes);

/// The members of every object that stands for bytes. Which of them belong together is checked by [`Fields::bytes`].
#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Fields {
    #[serde(deserialize_with = "given")]
    base64: Option<String>,
    #[serde(rename = "type", deserialize_with = "given")]
    kind: Option<String>,
    #[serde(deserialize_with = "given")]
    data: Option<Vec<u8>>,
    #[serde(deserialize_with = "given")]
    content: Option<Content>,
    #[serde(deserialize_with = "given")]
    executable: Option<bool>,
}

/// What is there has a value: null is none.
fn given<'de, D: Deserializer<'de>, T: Deserialize<'de>>(deserializer: D) -> Result<Option<T>, D::Error> {
    T::deserialize(deserializer).map(Some)
}

const EXPECTED: &str = "a string, { \"base64\": … } or the JSON form of a Buffer";

impl Fields {
    fn bytes(self) -> Result<Bytes, &'static str> {
        match self {
            Self { base64: Some(text), kind: None, data: None, content: None, .. } => {
                let decoded = base64_simd::STANDARD.decode_to_vec(text);
                decoded.map(Bytes::from).map_err(|_| "invalid base64")
            }
            Self { base64: None, kind: Some(kind), data: Some(data), content: None, .. } if kind == "Buffer" => {
                Ok(data.into())
            }
            Self { base64: None, kind: None, data: None, content: Some(content), .. } => Ok(content.0),
            _ => Err(EXPECTED),
        }
    }
}

/// Reads a string or [`Fields`], and makes a `T` of it.
struct Reader<F>(F);

impl<'de, T, F: FnOnce(Fields) -> Result<T, &'static str>> Visitor<'de> for Reader<F> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(EXPECTED)
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<T, E> {
        self.visit_string(text.to_owned())
    }

    fn visit_string<E: Error>(self, text: String) -> Result<T, E> {
        let content = Some(Content(text.into()));
        (self.0)(Fields { content, ..Fields::default() }).map_err(E::custom)
    }

    fn visit_map<M: MapAccess<'de>>(self, map: M) -> Result<T, M::Error> {
        (self.0)(Fields::deserialize(MapAccessDeserializer::new(map))?).map_err(M::Error::custom)
    }
}

impl<'de> Deserialize<'de> for Content {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let read = |fields: Fields| match fields {
            Fields { executable: Some(_), .. } => Err("only a file can be executable"),
            fields => fields.bytes().map(Self),
        };
        deserializer.deserialize_any(Reader(read))
    }
}

/// Bytes that are written as base64, piece by piece: there may be hundreds of megabytes.
struct Base64<'a>(&'a [u8]);

impl Base64<'_> {
    /// Bytes of a piece: the length of every piece but the last is divisible by three, so that none ends with padding.
    const PIECE: usize = 3 << 10;
}

impl Display for Base64<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let mut encoded = [0; Self::PIECE / 3 * 4];
        self.0.chunks(Self::PIECE).try_for_each(|piece| {
            let text = base64_simd::STANDARD.encode_as_str(piece, base64_simd::Out::from_slice(&mut encoded));
            f.write_str(text)
        })
    }
}

impl Serialize for Base64<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl Serialize for Content {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if let Some(text) = std::str::from_utf8(&self.0).ok().filter(|text| is_short_in_json(text)) {
            return serializer.serialize_str(text);
        }
        let mut map = serializer.serialize_map(Some(1))?;
        map.serialize_entry("base64", &Base64(&self.0))?;
        map.end()
    }
}

/// Whether a text is no longer in JSON than in base64: most control characters take six bytes there, and a file of zeros
/// is text as well. With `n` of them in `length` bytes it is `length + 5 n` against four thirds of `length`.
fn is_short_in_json(text: &str) -> bool {
    let is_long = |byte: &u8| *byte < b' ' && !matches!(byte, b'\n' | b'\r' | b'\t');
    text.as_bytes().iter().filter(|byte| is_long(byte)).count() <= text.len() / 15
}

impl JsonSchema for Content {
    fn schema_name() -> Cow<'static, str> {
        "FileContent".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "Bytes: text, base64, or the JSON form of a Buffer of Node.js.",
            "oneOf": [
                { "type": "string" },
                {
                    "type": "object",
                    "properties": { "base64": { "type": "string", "contentEncoding": "base64" } },
                    "required": ["base64"],
                    "additionalProperties": false,
                },
                {
                    "type": "object",
                    "properties": {
                        "type": { "const": "Buffer" },
                        "data": { "type": "array", "items": { "type": "integer", "minimum": 0, "maximum": 255 } },
                    },
                    "required": ["type", "data"],
                    "additionalProperties": false,
                },
            ],
        })
    }
}

impl<'de> Deserialize<'de> for InputFile {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let read = |fields: Fields| {
            let executable = fields.executable.unwrap_or(false);
            Ok(Self { content: fields.bytes()?, executable })
        };
        deserializer.deserialize_any(Reader(read))
    }
}

impl Serialize for InputFile {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let content = Content(self.content.clone());
        if !self.executable {
            return content.serialize(serializer);
        }
        let mut map = serializer.serialize_map(Some(2))?;
        map.serialize_entry("content", &content)?;
        map.serialize_entry("executable", &true)?;
        map.end()
    }
}

impl JsonSchema for InputFile {
    fn schema_name() -> Cow<'static, str> {
        "InputFile".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let content = generator.subschema_for::<Content>();
        json_schema!({
            "description": "What is in a file, and whether it may be run.",
            "anyOf": [
                content,
                {
                    "type": "object",
                    "properties": { "content": content, "executable": { "type": "boolean" } },
                    "required": ["content"],
                    "additionalProperties": false,
                },
            ],
        })
    }
}

/// For `#[serde(with)]` of bytes that may be absent.
pub(super) mod option {
    use super::*;

    pub(in super::super) fn serialize<S: Serializer>(
        content: &Option<FileContent>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        content.clone().map(Content).serialize(serializer)
    }

    pub(in super::super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Option<FileContent>, D::Error> {
        Ok(Option::<Content>::deserialize(deserializer)?.map(|Content(bytes)| bytes))
    }

    pub(in super::super) fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        generator.subschema_for::<Option<Content>>()
    }
}

/// For `#[serde(with)]` of bytes that are always base64.
pub(super) mod base64 {
    use super::*;

    pub(in super::super) fn serialize<S: Serializer>(content: &FileContent, serializer: S) -> Result<S::Ok, S::Error> {
        Base64(content).serialize(serializer)
    }

    pub(in super::super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<FileContent, D::Error> {
        let text = String::deserialize(deserializer)?;
        let decoded = base64_simd::STANDARD.decode_to_vec(text).map_err(|_| D::Error::custom("invalid base64"))?;
        Ok(decoded.into())
    }
}

/// For `#[serde(with)]` of files that are always base64, by path.
pub(super) mod base64_files {
    use std::collections::BTreeMap;

    use super::*;

    type Files = Option<BTreeMap<String, Bytes>>;

    pub(in super::super) fn serialize<S: Serializer>(files: &Files, serializer: S) -> Result<S::Ok, S::Error> {
        let encoded = files
            .as_ref()
            .map(|files| files.iter().map(|(path, content)| (path, Base64(content))).collect::<BTreeMap<_, _>>());
        encoded.serialize(serializer)
    }

    pub(in super::super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Files, D::Error> {
        let encoded = Option::<BTreeMap<String, String>>::deserialize(deserializer)?;
        let decode = |(path, text): (String, String)| {
            let content = base64_simd::STANDARD.decode_to_vec(text).map_err(|_| D::Error::custom("invalid base64"))?;
            Ok((path, content.into()))
        };
        encoded.map(|files| files.into_iter().map(decode).collect()).transpose()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn file(value: serde_json::Value) -> Result<InputFile, String> {
        serde_json::from_value(value).map_err(|error| error.to_string())
    }

    #[test]
    fn text_base64_and_buffers_are_bytes() {
        for value in [json!("hi"), json!({ "base64": "aGk=" }), json!({ "type": "Buffer", "data": [104, 105] })] {
            assert_eq!(file(value), Ok(InputFile { content: "hi".into(), executable: false }));
        }
        let program = json!({ "content": { "base64": "aGk=" }, "executable": true });
        assert_eq!(file(program), Ok(InputFile { content: "hi".into(), executable: true }));
    }

    #[test]
    fn what_is_long_in_json_is_base64_although_it_is_text() {
        let json = |bytes: &[u8]| serde_json::to_string(&Content(Bytes::copy_from_slice(bytes))).expect("plain data");
        assert_eq!(json(b"a\tb\r\n"), r#""a\tb\r\n""#);
        assert_eq!(json(b"one \x1b[1mword\x1b[0m of many is bold"), r#""one \u001b[1mword\u001b[0m of many is bold""#);
        assert_eq!(json(&[0; 3]), r#"{"base64":"AAAA"}"#);
        let mixed = [&[0; 1000][..], &[b'a'; 1000]].concat();
        assert!(json(&mixed).len() < 2700);
    }

    #[test]
    fn pieces_of_base64_are_one() {
        for length in [0, 1, 2, 3, 3071, 3072, 3073, 6144, 10_000] {
            let bytes: Vec<u8> = (0..length).map(|n| (n % 251) as u8).collect();
            assert_eq!(Base64(&bytes).to_string(), base64_simd::STANDARD.encode_to_string(&bytes));
        }
    }

    #[test]
    fn anything_else_is_refused() {
        for value in [
            json!(1),
            json!({}),
            json!([1, 2]),
            json!({ "base64": "?" }),
            json!({ "type": "Blob", "data": [] }),
            json!({ "type": "Buffer", "data": [256] }),
            json!({ "type": "Buffer", "data": [-1] }),
            json!({ "base64": "", "type": "Buffer", "data": [] }),
            json!({ "content": { "content": "a", "executable": true } }),
            json!({ "content": "a", "mode": 7 }),
            json!({ "content": "a", "executable": null }),
            json!({ "content": "a", "base64": null }),
        ] {
            assert!(file(value.clone()).is_err(), "{value}");
        }
    }

    proptest! {
        /// W33: bytes that a client sends are the bytes that the server gets.
        #[test]
        fn bytes_survive_the_wire(content: Vec<u8>, executable: bool) {
            let sent = InputFile { content: content.into(), executable };
            let text = serde_json::to_string(&sent).expect("plain data");
            prop_assert_eq!(serde_json::from_str::<InputFile>(&text).expect("what was written"), sent);
        }
    }
}
