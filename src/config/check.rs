//! Values against a JSON Schema: as much of the standard as the schema of configurations uses.
//!
//! Not a library's work, since the result is for people: the first fault with the path of its key and without the
//! values of strings, which may be secrets; and unknown keys, which are taken out, with the nearest known one.

use serde_json::{Map, Number, Value};

use super::error::{Fault, MAX_SHOWN, shown};
use super::schema::as_written;

/// More unknown keys than this are only counted.
const MAX_WARNINGS: usize = 20;

/// What the user should know.
#[derive(Debug, Default)]
pub(super) struct Warnings {
    told: Vec<String>,
    untold: usize,
}

impl Warnings {
    fn unknown_key(&mut self, path: &str, key: &str, known: &Map<String, Value>) {
        if self.told.len() == MAX_WARNINGS {
            self.untold += 1;
            return;
        }
        let hint = nearest(key, known).map(|name| format!(" (did you mean \"{name}\"?)")).unwrap_or_default();
        self.told.push(format!("unknown key \"{}\"{hint}", member(path, key)));
    }
}

impl From<Warnings> for Vec<String> {
    fn from(Warnings { mut told, untold }: Warnings) -> Self {
        if untold > 0 {
            told.push(format!("and {untold} more unknown keys"));
        }
        told
    }
}

/// Takes unknown keys out of `value`, which stands at `path`, and finds the first fault in the rest.
pub(super) fn check(value: &mut Value, schema: &Value, path: &str, warnings: &mut Warnings) -> Result<(), Fault> {
    let Some(schema) = variants(schema).iter().find(|schema| fits(value, schema)) else {
        let reason = format!("expected {}, found {}", expectation(schema), description(value, schema));
        return Err(Fault::new(path, reason));
    };
    match value {
        Value::Object(members) => check_members(members, schema, path, warnings),
        Value::Array(items) => items
            .iter_mut()
            .enumerate()
            .try_for_each(|(index, item)| check(item, &schema["items"], &format!("{path}[{index}]"), warnings)),
        Value::Number(_) => {
            // `30000.0` and `3e4` are whole numbers too.
            *value = as_written(value);
            Ok(())
        }
        _ => Ok(()),
    }
}

fn check_members(
    members: &mut Map<String, Value>,
    schema: &Value,
    path: &str,
    warnings: &mut Warnings,
) -> Result<(), Fault> {
    let none = Map::new();
    let known = schema["properties"].as_object().unwrap_or(&none);
    members.retain(|key, _| {
        let is_known = known.contains_key(key);
        if !is_known {
            warnings.unknown_key(path, key, known);
        }
        is_known
    });
    for (key, value) in &mut *members {
        check(value, &known[key], &member(path, key), warnings)?;
    }
    match required(schema).find(|name| !members.contains_key(*name)) {
        Some(missing) => Err(Fault::new(member(path, missing), "is missing")),
        None => Ok(()),
    }
}

/// The schemas of which one has to fit.
fn variants(schema: &Value) -> &[Value] {
    match schema.get("anyOf") {
        Some(Value::Array(variants)) => variants,
        _ => std::slice::from_ref(schema),
    }
}

/// Whether `value` is of the type that `schema` asks for, and in its range. Looks at no members.
fn fits(value: &Value, schema: &Value) -> bool {
    if let Some(mut allowed) = choices(schema) {
        return allowed.any(|choice| choice == value);
    }
    match (schema["type"].as_str(), value) {
        (Some("boolean"), Value::Bool(_)) | (Some("array"), Value::Array(_)) | (Some("object"), Value::Object(_)) => {
            true
        }
        (Some("string"), Value::String(text)) => !(text.is_empty() && schema["minLength"] == 1),
        (Some("number"), Value::Number(number)) => is_in_range(number, schema),
        (Some("integer"), Value::Number(number)) => !as_written(value).is_f64() && is_in_range(number, schema),
        _ => false,
    }
}

fn is_in_range(number: &Number, schema: &Value) -> bool {
    let number = number.as_f64().unwrap_or(f64::NAN);
    number >= schema["minimum"].as_f64().unwrap_or(f64::MIN) && number <= schema["maximum"].as_f64().unwrap_or(f64::MAX)
}

/// The values that a schema allows, if it lists them: in one list, or each with a description.
fn choices(schema: &Value) -> Option<impl Iterator<Item = &Value>> {
    let listed = schema["enum"].as_array().or_else(|| schema["oneOf"].as_array())?;
    Some(listed.iter().flat_map(|choice| match choice.get("const") {
        Some(constant) => std::slice::from_ref(constant),
        None => choice["enum"].as_array().map_or(std::slice::from_ref(choice), Vec::as_slice),
    }))
}

fn required(schema: &Value) -> impl Iterator<Item = &str> {
    schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str)
}

/// What a schema asks for, in words.
fn expectation(schema: &Value) -> String {
    if let Some(variants) = schema["anyOf"].as_array() {
        return variants.iter().map(expectation).collect::<Vec<_>>().join(" or ");
    }
    if let Some(choices) = choices(schema) {
        return format!("one of {}", choices.map(Value::to_string).collect::<Vec<_>>().join(", "));
    }
    match schema["type"].as_str().unwrap_or_default() {
        "boolean" => "true or false".to_owned(),
        "string" if schema["minLength"] == 1 => "a string that is not empty".to_owned(),
        "string" => "a string".to_owned(),
        "array" => "a list".to_owned(),
        "integer" => format!("a whole number{}", range(schema)),
        "number" => format!("a number{}", range(schema)),
        _ => {
            let names: Vec<_> = required(schema).map(|name| format!("\"{name}\"")).collect();
            if names.is_empty() { "an object".to_owned() } else { format!("an object with {}", names.join(" and ")) }
        }
    }
}

fn range(schema: &Value) -> String {
    match (schema.get("minimum"), schema.get("maximum")) {
        (Some(minimum), Some(maximum)) => format!(" from {minimum} to {maximum}"),
        (Some(minimum), None) => format!(" of at least {minimum}"),
        (None, Some(maximum)) => format!(" of at most {maximum}"),
        (None, None) => String::new(),
    }
}

/// What a value is. Text of the user's only where it should be one of a few words: elsewhere it may be a secret.
fn description(value: &Value, schema: &Value) -> String {
    match value {
        Value::Null | Value::Bool(_) | Value::Number(_) => value.to_string(),
        Value::String(text) if text.is_empty() => "an empty string".to_owned(),
        Value::String(text) if choices(schema).is_some() => format!("\"{}\"", shown(text)),
        Value::String(_) => "a string".to_owned(),
        Value::Array(_) => "a list".to_owned(),
        Value::Object(_) => "an object".to_owned(),
    }
}

/// The path of a member.
fn member(path: &str, key: &str) -> String {
    let dot = if path.is_empty() { "" } else { "." };
    format!("{path}{dot}{}", shown(key))
}

/// The known key that `key` is most likely meant to be.
fn nearest<'a>(key: &str, known: &'a Map<String, Value>) -> Option<&'a str> {
    // Comparing takes time and memory that grow with the length, and no known key is as long.
    if key.len() > MAX_SHOWN {
        return None;
    }
    let key = key.to_lowercase();
    let distances = known.keys().map(|name| (strsim::damerau_levenshtein(&key, &name.to_lowercase()), name));
    let (distance, name) = distances.min_by_key(|(distance, _)| *distance)?;
    // One slip in every three letters; with more, it is another word.
    (distance * 3 <= name.len()).then_some(name)
}
