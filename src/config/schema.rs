//! The JSON Schema of configuration files, made of the types.
//!
//! It is shipped as `schema/isol8.config.schema.json`, for editors. After a change of the types,
//! `ISOL8_UPDATE_SCHEMA=1 cargo test -p isol8 --lib config::schema` writes that file anew.

use std::sync::LazyLock;

use schemars::generate::SchemaSettings;
use schemars::{Schema, SchemaGenerator, json_schema};
use serde_json::{Map, Value, json};

use super::Isol8Config;
use crate::api::PrebuiltImageConfig;
use crate::runtime;

/// The one key that is not a setting: editors read it.
pub(super) const OF_EDITORS: &str = "$schema";

/// The schema: draft-07, without references, and without keywords that [`super::check`] does not know.
pub fn schema() -> &'static Value {
    static SCHEMA: LazyLock<Value> = LazyLock::new(generate);
    &SCHEMA
}

fn generate() -> Value {
    let settings = SchemaSettings::draft07().with(|settings| settings.inline_subschemas = true);
    let mut schema = settings.into_generator().into_root_schema_for::<Isol8Config>().to_value();
    tidy(&mut schema);
    if let Ok(defaults) = serde_json::to_value(Isol8Config::default()) {
        add_defaults(&mut schema, &defaults);
    }
    if let Some(properties) = schema["properties"].as_object_mut() {
        let description = "Where this schema is, for editors.";
        properties.insert(OF_EDITORS.to_owned(), json!({ "description": description, "type": "string" }));
    }
    schema
}

/// Takes away what says how Rust sees it: widths of integers, `null` for what may be absent, defaults of defaults.
fn tidy(schema: &mut Value) {
    match schema {
        Value::Object(keywords) => {
            // `format` and `default` are also names of properties, elsewhere, and then their values are objects.
            keywords.retain(|keyword, value| match keyword.as_str() {
                "format" => !value.is_string(),
                "default" => false,
                _ => true,
            });
            unwrap_optional(keywords);
            for (_, value) in keywords.iter_mut() {
                tidy(value);
            }
            for bound in ["minimum", "maximum"] {
                if let Some(bound) = keywords.get_mut(bound) {
                    *bound = as_written(bound);
                }
            }
        }
        Value::Array(values) => values.iter_mut().for_each(tidy),
        _ => {}
    }
}

/// Of `T` or `null`, just `T`: a member that shall not be there is left out.
fn unwrap_optional(keywords: &mut Map<String, Value>) {
    if let Some(Value::Array(types)) = keywords.get("type")
        && let [only, null] = types.as_slice()
        && null == "null"
    {
        let only = only.clone();
        keywords.insert("type".to_owned(), only);
    }
    let Some(Value::Array(branches)) = keywords.get("anyOf") else { return };
    let [Value::Object(only), null] = branches.as_slice() else { return };
    if *null == json!({ "type": "null" }) {
        let only = only.clone();
        keywords.remove("anyOf");
        for (keyword, value) in only {
            // The member's own description comes before that of its type.
            keywords.entry(keyword).or_insert(value);
        }
    }
}

/// Says at each member what it is when it is absent.
fn add_defaults(schema: &mut Value, defaults: &Value) {
    let Some(properties) = schema.get_mut("properties").and_then(Value::as_object_mut) else { return };
    for (name, property) in properties {
        let Some(default) = defaults.get(name) else { continue };
        let is_section = default.is_object() && property.get("properties").is_some();
        if is_section {
            add_defaults(property, default);
        } else {
            property["default"] = as_written(default);
        }
    }
}

/// A whole number without a fraction, as people write it.
pub(super) fn as_written(value: &Value) -> Value {
    // Beyond this, doubles skip integers.
    const EXACT: f64 = 9_007_199_254_740_992.0;
    match value.as_f64() {
        Some(number) if value.is_f64() && number.fract() == 0.0 && number.abs() <= EXACT => json!(number as i64),
        _ => value.clone(),
    }
}

/// Images whose runtime is one that we have.
pub(super) fn prebuilt_images(generator: &mut SchemaGenerator) -> Schema {
    let mut images = generator.subschema_for::<Vec<PrebuiltImageConfig>>();
    if let Some(runtime) = images.pointer_mut("/items/properties/runtime") {
        runtime["enum"] = json!(runtime::ALL.map(|runtime| runtime.name));
    }
    images
}

/// Lists of packages, by the name of a runtime.
pub(super) fn dependencies(_: &mut SchemaGenerator) -> Schema {
    let lists = runtime::ALL.map(|runtime| {
        let description = format!("Packages for {}.", runtime.name);
        (runtime.name.to_owned(), json!({ "description": description, "type": "array", "items": { "type": "string" } }))
    });
    let lists: Map<String, Value> = lists.into_iter().collect();
    json_schema!({ "type": "object", "properties": lists, "additionalProperties": false })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::{env, fs};

    use super::*;

    /// The file that is shipped.
    const FILE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/schema/isol8.config.schema.json");

    /// Calls `visit` with every schema in `schema`, itself included.
    fn walk<'a>(schema: &'a Value, visit: &mut impl FnMut(&'a Map<String, Value>)) {
        let keywords = schema.as_object().expect("a schema");
        visit(keywords);
        let lists = ["anyOf", "oneOf"].iter().filter_map(|list| schema[list].as_array()).flatten();
        let properties = schema["properties"].as_object().into_iter().flat_map(Map::values);
        for schema in lists.chain(properties).chain(schema.get("items")) {
            walk(schema, visit);
        }
    }

    #[test]
    fn the_shipped_schema_is_that_of_the_types() {
        let generated = format!("{:#}\n", schema());
        if env::var_os("ISOL8_UPDATE_SCHEMA").is_some() {
            fs::write(FILE, &generated).expect("the file can be written");
        }
        let shipped = fs::read_to_string(FILE).unwrap_or_default();
        assert_eq!(shipped, generated, "`ISOL8_UPDATE_SCHEMA=1 cargo test -p isol8 --lib config::schema` updates it");
    }

    #[test]
    fn every_object_forbids_unknown_keys() {
        walk(schema(), &mut |keywords| {
            if keywords.contains_key("properties") {
                assert_eq!(keywords.get("additionalProperties"), Some(&json!(false)), "{keywords:?}");
            }
        });
    }

    #[test]
    fn every_member_is_described_in_words_for_users() {
        walk(schema(), &mut |keywords| {
            for (name, property) in keywords.get("properties").and_then(Value::as_object).into_iter().flatten() {
                let description = property["description"].as_str().unwrap_or_default();
                assert!(!description.is_empty(), "{name} has no description");
                assert!(!description.contains("[`") && !description.contains("::"), "{name}: {description}");
            }
        });
    }

    #[test]
    fn no_keyword_is_used_that_is_not_checked() {
        let known = "$schema additionalProperties anyOf const default description enum items maximum minLength \
                     minimum oneOf properties required title type";
        let known: BTreeSet<&str> = known.split_whitespace().collect();
        walk(schema(), &mut |keywords| {
            for keyword in keywords.keys() {
                assert!(known.contains(keyword.as_str()), "{keyword}");
            }
            assert!(keywords.get("type").is_none_or(Value::is_string), "{keywords:?}");
            assert!(keywords.get("minLength").is_none_or(|length| *length == 1), "{keywords:?}");
        });
    }

    #[test]
    fn defaults_stand_beside_what_they_are_for() {
        let schema = schema();
        for (member, default) in [
            ("maxConcurrent", json!(10)),
            ("defaults/properties/timeoutMs", json!(30_000)),
            ("defaults/properties/cpuLimit", json!(1)),
            ("poolSize", json!({ "clean": 1, "dirty": 1 })),
            ("audit/properties/retentionDays", json!(90)),
            ("security/properties/seccomp", json!("strict")),
        ] {
            assert_eq!(schema.pointer(&format!("/properties/{member}/default")), Some(&default), "{member}");
        }
        assert_eq!(schema.pointer("/properties/audit/properties/logDir/default"), None);
    }
}
