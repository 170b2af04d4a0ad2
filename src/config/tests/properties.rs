//! What holds for every file.

use proptest::collection::{btree_map, vec};
use proptest::prelude::*;
use proptest::sample::select;
use serde_json::json;

use super::*;

/// Any JSON.
fn anything() -> BoxedStrategy<Value> {
    let scalar = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        ".{0,8}".prop_map(Value::from),
    ];
    let nested = |inner: BoxedStrategy<Value>| {
        prop_oneof![
            vec(inner.clone(), 0..4).prop_map(Value::from),
            btree_map(".{0,8}", inner, 0..4).prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    };
    scalar.prop_recursive(4, 24, 4, move |inner| nested(inner.boxed())).boxed()
}

/// What `schema` mostly accepts: now and then out of range, or something else.
fn alike(schema: &Value) -> BoxedStrategy<Value> {
    if let Some(variants) = schema["anyOf"].as_array() {
        return proptest::strategy::Union::new(variants.iter().map(alike)).boxed();
    }
    let likely = match schema["type"].as_str() {
        Some("boolean") => any::<bool>().prop_map(Value::from).boxed(),
        Some("integer" | "number") => {
            let least = schema["minimum"].as_f64().unwrap_or(-1e9);
            let most = schema["maximum"].as_f64().unwrap_or(1e9);
            // Perhaps too large, perhaps a fraction.
            prop_oneof![9 => (least..=most).prop_map(f64::round), 1 => least..=2.0 * most].prop_map(Value::from).boxed()
        }
        Some("string") => select(vec!["512m", "~/a", "/a/./b", "a", "", "python", "(", "postgres://a:b@c"])
            .prop_map(Value::from)
            .boxed(),
        Some("array") => vec(alike(&schema["items"]), 0..3).prop_map(Value::from).boxed(),
        Some("object") => members_alike(schema),
        _ => {
            select(vec!["none", "host", "filtered", "fast", "secure", "strict", "custom"]).prop_map(Value::from).boxed()
        }
    };
    prop_oneof![40 => likely, 1 => anything()].boxed()
}

fn members_alike(schema: &Value) -> BoxedStrategy<Value> {
    let required = schema["required"].as_array().cloned().unwrap_or_default();
    let mut members = Just(Value::Object(serde_json::Map::new())).boxed();
    for (name, property) in schema["properties"].as_object().into_iter().flatten() {
        let presence = if required.contains(&json!(name)) { 0.97 } else { 0.2 };
        let (name, member) = (name.clone(), proptest::option::weighted(presence, alike(property)));
        members = (members, member)
            .prop_map(move |(mut members, member)| {
                if let Some(member) = member {
                    members[&name] = member;
                }
                members
            })
            .boxed();
    }
    members
}

proptest! {
    #[test]
    fn any_json_is_a_configuration_or_a_fault(content in anything()) {
        if let Err(fault) = merged(content) {
            prop_assert_ne!(fault.reason, SCHEMA_AND_TYPES_DIFFER);
        }
    }

    #[test]
    fn what_the_schema_allows_the_types_allow_too(content in alike(schema::schema())) {
        if let Err(fault) = merged(content) {
            prop_assert_ne!(fault.reason, SCHEMA_AND_TYPES_DIFFER);
        }
    }

    #[test]
    fn a_merged_configuration_merged_again_is_the_same(content in alike(schema::schema())) {
        let outcome = merged(content);
        // Often: with too few of those, the test fails.
        prop_assume!(outcome.is_ok());
        let (once, _) = outcome.expect("just looked");
        let written = serde_json::to_value(&once).expect("a configuration is JSON");
        prop_assert_eq!(merged(written), Ok((once, Vec::new())));
    }
}
