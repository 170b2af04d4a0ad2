//! JSON objects that are objects.
//!
//! What serde makes of a structure can be written as a list as well, with the members in their order. Nobody means that,
//! no schema allows it, and what such a list says changes with the order of our fields.

use std::fmt;
use std::marker::PhantomData;

use serde::de::value::MapAccessDeserializer;
use serde::de::{DeserializeOwned, Deserializer, MapAccess, Visitor};
use serde::{Deserialize, de};

/// The object that this text is.
pub fn from_slice<T: DeserializeOwned>(json: &[u8]) -> serde_json::Result<T> {
    let mut deserializer = serde_json::Deserializer::from_slice(json);
    let value = required(&mut deserializer)?;
    deserializer.end()?;
    Ok(value)
}

/// For `deserialize_with` of a member that is an object.
pub(super) fn required<'de, D: Deserializer<'de>, T: Deserialize<'de>>(deserializer: D) -> Result<T, D::Error> {
    deserializer.deserialize_map(Object(PhantomData))
}

/// For `deserialize_with` of one that may be missing.
pub(super) fn optional<'de, D: Deserializer<'de>, T: Deserialize<'de>>(deserializer: D) -> Result<Option<T>, D::Error> {
    deserializer.deserialize_option(Optional(PhantomData))
}

struct Object<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de>> Visitor<'de> for Object<T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, members: A) -> Result<T, A::Error> {
        T::deserialize(MapAccessDeserializer::new(members))
    }
}

struct Optional<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de>> Visitor<'de> for Optional<T> {
    type Value = Option<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object or null")
    }

    fn visit_none<E: de::Error>(self) -> Result<Option<T>, E> {
        Ok(None)
    }

    fn visit_unit<E: de::Error>(self) -> Result<Option<T>, E> {
        Ok(None)
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Option<T>, D::Error> {
        required(deserializer).map(Some)
    }
}

#[cfg(test)]
mod tests {
    use crate::api::wire::{ClientMessage, ExecuteBody};

    use super::*;

    #[test]
    fn a_list_is_no_object_wherever_one_is_expected() {
        for text in [
            r#"[{"runtime":"bash","cmd":":"}]"#,
            r#"{"request":["bash","id"]}"#,
            r#"{"request":{"runtime":"bash","cmd":":"},"options":[]}"#,
            r#"{"request":{"runtime":"bash","cmd":":"},"options":["ephemeral","host"]}"#,
            r#"{"request":{"runtime":"bash","cmd":":"},"options":{"networkFilter":[[]]}}"#,
            r#"{"request":{"runtime":"bash","cmd":":"},"options":{"security":["unconfined"]}}"#,
            r#"{"request":{"runtime":"bash","cmd":":"},"options":{"remoteCode":[true]}}"#,
            r#"{"request":{"runtime":"bash","cmd":":"},"options":{"audit":[true]}}"#,
        ] {
            let error = from_slice::<ExecuteBody>(text.as_bytes()).expect_err(text).to_string();
            assert!(error.starts_with("invalid type: sequence, expected an object"), "{error}");
        }
        for text in [
            r#"["execute",{"runtime":"bash","cmd":":"}]"#,
            r#"{"type":"execute","request":["bash","id"]}"#,
            r#"{"type":"execute","request":{"runtime":"bash","cmd":":"},"options":["ephemeral","host"]}"#,
        ] {
            assert!(from_slice::<ClientMessage>(text.as_bytes()).is_err(), "{text}");
        }
    }

    #[test]
    fn what_may_be_missing_may_be_null() {
        let text = r#"{"request":{"runtime":"bash","cmd":":"},"options":null}"#;
        assert_eq!(from_slice::<ExecuteBody>(text.as_bytes()).expect("a body").options, None);
        let text = r#"{"request":{"runtime":"bash","cmd":":"},"options":{"security":null}} x"#;
        assert!(from_slice::<ExecuteBody>(text.as_bytes()).is_err(), "there is more");
    }
}
