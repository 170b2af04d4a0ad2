//! What a server can be asked, as an OpenAPI document: made of the same table that the routes are mounted from, and of
//! the types that they read and write.

use axum::http::{Method, StatusCode};
use schemars::generate::SchemaSettings;
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde_json::{Map, Value, json};

use super::routes::{Access, Route};
use crate::api::Request;
use crate::api::wire::{ClientMessage, ErrorBody, ServerEvent, ServerResult};
use crate::runtime;

/// The form of a body.
pub(super) type Form = fn(&mut SchemaGenerator) -> Schema;

/// The form of a `T`.
pub(super) fn form<T: JsonSchema>(generator: &mut SchemaGenerator) -> Schema {
    generator.subschema_for::<T>()
}

/// What is said of a route.
#[derive(Debug, Clone, Copy)]
pub(super) struct Operation {
    /// What it does.
    pub summary: &'static str,
    /// Its query, as the members of an object.
    pub query: Option<Form>,
    /// The body that it takes.
    pub body: Option<Form>,
    /// Whether it has to be there.
    pub needs_body: bool,
    /// The status of a success.
    pub status: StatusCode,
    /// What it then answers.
    pub answer: Answer,
    /// How it can say no, besides what any route can.
    pub refusals: &'static [StatusCode],
}

/// What a success looks like.
#[derive(Debug, Clone, Copy)]
pub(super) enum Answer {
    /// JSON of this form.
    Json(Form),
    /// Text of this media type.
    Text(&'static str),
    /// Events of a stream.
    Events,
    /// A WebSocket takes over.
    Upgrade,
}

/// How any request can be refused, and how any with a key can.
const ALWAYS: [StatusCode; 1] = [StatusCode::INTERNAL_SERVER_ERROR];
const WITH_KEY: [StatusCode; 4] =
    [StatusCode::UNAUTHORIZED, StatusCode::FORBIDDEN, StatusCode::TOO_MANY_REQUESTS, StatusCode::SERVICE_UNAVAILABLE];
const WITH_BODY: [StatusCode; 4] = [
    StatusCode::BAD_REQUEST,
    StatusCode::REQUEST_TIMEOUT,
    StatusCode::PAYLOAD_TOO_LARGE,
    StatusCode::UNSUPPORTED_MEDIA_TYPE,
];

/// The document for these routes.
pub(super) fn document(routes: &[Route]) -> Value {
    let settings = SchemaSettings::draft2020_12().with(|settings| {
        settings.definitions_path = "/components/schemas".into();
        settings.meta_schema = None;
    });
    let mut generator = settings.into_generator();
    let error = generator.subschema_for::<ErrorBody>().to_value();
    let mut paths = Map::new();
    for route in routes {
        let item = paths.entry(route.path).or_insert_with(|| json!({}));
        let method = match route.method {
            Method::GET => "get",
            Method::DELETE => "delete",
            _ => "post",
        };
        item[method] = operation(route, &mut generator, &error);
    }
    let mut schemas = generator.take_definitions(true);
    let runtimes: Vec<_> = runtime::ALL.iter().map(|runtime| runtime.name).collect();
    if let Some(request) = schemas.get_mut(&*Request::schema_name()) {
        request["properties"]["runtime"]["enum"] = json!(runtimes);
    }
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "isol8",
            "version": env!("CARGO_PKG_VERSION"),
            "description": "Runs untrusted code in locked-down containers.",
        },
        "paths": paths,
        "components": {
            "schemas": schemas,
            "securitySchemes": { "key": { "type": "http", "scheme": "bearer" } },
        },
    })
}

fn operation(route: &Route, generator: &mut SchemaGenerator, error: &Value) -> Value {
    let Operation { summary, query, body, needs_body, status, answer, refusals } = route.operation;
    let mut responses = Map::new();
    let success = match answer {
        Answer::Json(form) => {
            json!({ "description": "Success.", "content": { "application/json": { "schema": form(generator) } } })
        }
        Answer::Text(kind) => {
            json!({ "description": "Success.", "content": { kind: { "schema": { "type": "string" } } } })
        }
        Answer::Events => {
            let event = named::<ServerEvent>(generator);
            let description = format!("The `data` of each event is a `{event}` as JSON.");
            // What a schema here would describe, every reader of such documents has an opinion of its own about.
            json!({ "description": description, "content": { "text/event-stream": {} } })
        }
        Answer::Upgrade => {
            let (message, event) = (named::<ClientMessage>(generator), named::<ServerEvent>(generator));
            let result = named::<ServerResult>(generator);
            let description = format!(
                "Each message of the client is a `{message}`, each of the server a `{event}`, as JSON text; what was asked \
                 for `buffered` is answered with one `{result}`, or the `{event}` of its failure."
            );
            json!({ "description": description })
        }
    };
    responses.insert(status.as_str().to_owned(), success);
    let with_key: &[StatusCode] = if route.access == Access::Public { &[] } else { &WITH_KEY };
    let with_body: &[StatusCode] = if body.is_some() { &WITH_BODY } else { &[] };
    for status in ALWAYS.iter().chain(with_key).chain(with_body).chain(refusals) {
        let refusal = json!({
            "description": status.canonical_reason().unwrap_or_default(),
            "content": { "application/json": { "schema": error } },
        });
        responses.entry(status.as_str()).or_insert(refusal);
    }
    let mut operation = json!({ "summary": summary, "responses": responses });
    let parameters = parameters(route.path, query, generator);
    if !parameters.is_empty() {
        operation["parameters"] = parameters.into();
    }
    if let Some(form) = body {
        operation["requestBody"] =
            json!({ "required": needs_body, "content": { "application/json": { "schema": form(generator) } } });
    }
    if route.access != Access::Public {
        operation["security"] = json!([{ "key": [] }]);
    }
    operation
}

/// The name of a `T` among the schemas of the document.
fn named<T: JsonSchema>(generator: &mut SchemaGenerator) -> String {
    generator.subschema_for::<T>();
    T::schema_name().into_owned()
}

/// Those in the path, and the members of the query.
fn parameters(path: &str, query: Option<Form>, generator: &mut SchemaGenerator) -> Vec<Value> {
    let in_path = path.split('/').filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'));
    let mut parameters: Vec<_> = in_path
        .map(|name| json!({ "name": name, "in": "path", "required": true, "schema": { "type": "string" } }))
        .collect();
    let Some(query) = query.map(|form| form(generator).to_value()) else { return parameters };
    let required = query["required"].as_array().cloned().unwrap_or_default();
    for (name, schema) in query["properties"].as_object().into_iter().flatten() {
        let is_required = required.contains(&json!(name));
        parameters.push(json!({ "name": name, "in": "query", "required": is_required, "schema": schema }));
    }
    parameters
}

#[cfg(test)]
mod tests {
    use super::super::routes;
    use super::*;

    /// Every value of `key` in `value`.
    fn find<'a>(value: &'a Value, key: &str, found: &mut Vec<&'a Value>) {
        match value {
            Value::Object(members) => members.iter().for_each(|(name, member)| {
                if name == key {
                    found.push(member);
                }
                find(member, key, found);
            }),
            Value::Array(items) => items.iter().for_each(|item| find(item, key, found)),
            _ => {}
        }
    }

    #[test]
    fn every_reference_leads_somewhere() {
        let document = document(&routes::table());
        let mut references = Vec::new();
        find(&document, "$ref", &mut references);
        assert!(!references.is_empty());
        for reference in references {
            let path = reference.as_str().and_then(|text| text.strip_prefix('#')).expect("a local reference");
            assert!(document.pointer(path).is_some(), "{path}");
        }
    }

    #[test]
    fn what_is_told_is_for_those_who_have_no_source_text() {
        let document = document(&routes::table());
        let mut descriptions = Vec::new();
        find(&document, "description", &mut descriptions);
        assert!(!descriptions.is_empty());
        for text in descriptions.iter().filter_map(|text| text.as_str()) {
            assert!(!text.contains("::") && !text.contains("[`"), "{text}");
        }
        for name in ["ClientMessage", "ServerEvent", "ServerResult"] {
            assert!(document["components"]["schemas"][name].is_object(), "{name}");
        }
    }

    #[test]
    fn what_needs_a_key_says_so() {
        let document = document(&routes::table());
        for (path, method) in [("/execute", "post"), ("/sessions", "get"), ("/session/{id}", "delete")] {
            let operation = &document["paths"][path][method];
            assert_eq!(operation["security"], json!([{ "key": [] }]), "{path}");
            for status in ["401", "403"] {
                assert!(operation["responses"][status].is_object(), "{path} {status}");
            }
        }
        assert!(document["paths"]["/health"]["get"]["security"].is_null());
    }
}
