//! What a server and its clients say to each other around requests, results and events.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{
    ErrorCode, ExecutionResult, FileContent, NetworkLogEntry, Options, Request, Secret, StreamEvent, StreamEventKind,
    content, object, secret,
};

/// The body of `POST /execute` and `POST /execute/stream`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ExecuteBody {
    /// What to run.
    #[serde(deserialize_with = "object::required")]
    pub request: Request,
    /// Options of the sandbox, as far as the server lets clients have a say.
    #[serde(default, deserialize_with = "object::optional", skip_serializing_if = "Option::is_none")]
    pub options: Option<Options>,
    /// The session to run it in; a sandbox of its own when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session_id: Option<String>,
}

/// The body of `POST /file`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct FileBody {
    /// The session whose sandbox it is for.
    pub session_id: String,
    /// Where to: an absolute path, or one relative to `/sandbox`.
    pub path: String,
    /// What is to be in it.
    #[serde(with = "content::base64")]
    #[schemars(with = "String", extend("contentEncoding" = "base64"))]
    pub content: FileContent,
}

/// The answer to `GET /file`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct FileAnswer {
    /// What is in it.
    #[serde(with = "content::base64")]
    #[schemars(with = "String", extend("contentEncoding" = "base64"))]
    pub content: FileContent,
}

/// The answer to `GET /sessions`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct SessionList {
    /// Those that the key may see.
    pub sessions: Vec<SessionInfo>,
}

/// A session of a server.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct SessionInfo {
    /// The name that its client gave it.
    pub id: String,
    /// Whether something runs in it right now.
    pub is_active: bool,
    /// When it was last used, ISO 8601.
    pub last_accessed_at: String,
    /// Whose it is; only told to holders of the master key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tenant_id: Option<String>,
}

/// The body of `POST /auth/keys` and `POST /auth/login`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct KeyRequest {
    /// What the key is called.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Whose it is; `default` when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tenant_id: Option<String>,
    /// Milliseconds for which it is valid; what the configuration says when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ttl_ms: Option<f64>,
}

/// What `POST /auth/login` answers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Login {
    /// The key.
    #[serde(serialize_with = "secret::expose")]
    #[schemars(with = "String")]
    pub token: Secret,
    /// When it stops being valid, ISO 8601.
    pub expires_at: String,
    /// By which it is revoked.
    pub key_id: String,
}

/// What a client sends over a WebSocket.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "type", rename_all = "lowercase", rename_all_fields = "camelCase", deny_unknown_fields)]
pub enum ClientMessage {
    /// Run this; the first message, once.
    Execute {
        /// What to run.
        #[serde(deserialize_with = "object::required")]
        request: Box<Request>,
        /// Options of the sandbox, as far as the server lets clients have a say.
        #[serde(default, deserialize_with = "object::optional", skip_serializing_if = "Option::is_none")]
        options: Option<Box<Options>>,
        /// The session to run it in; a sandbox of its own when absent.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        session_id: Option<String>,
        /// Whether `stdin` messages follow, which the program reads until one says that it is the last. Without it
        /// standard input is what the request says, and such messages are ignored.
        #[serde(default)]
        live_stdin: bool,
        /// Answer with a `ServerResult` when the program has ended, instead of with events while it runs.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        buffered: bool,
    },
    /// Standard input of the program.
    Stdin {
        /// What it reads next.
        #[serde(default, with = "content::option")]
        #[schemars(schema_with = "content::option::json_schema")]
        data: Option<FileContent>,
        /// Whether that was all.
        #[serde(default)]
        end: bool,
    },
    /// A signal for the program.
    Signal {
        /// Which.
        signal: ProgramSignal,
    },
}

/// A signal that a client can send to its program.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum ProgramSignal {
    /// As Ctrl-C does.
    #[serde(rename = "SIGINT")]
    Interrupt,
    /// A polite request to end.
    #[serde(rename = "SIGTERM")]
    Terminate,
}

/// What a server sends, as one frame of a WebSocket or one `data:` of an event stream. One with the kind `error` and no
/// phase says that the execution failed, as `ErrorBody` does where nothing is streamed; nothing follows it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ServerEvent {
    /// What happened.
    #[serde(flatten)]
    pub event: StreamEvent,
    /// What kind of failure, where the execution failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    /// When another try may be worth it, in milliseconds, where the execution failed for want of room or of a turn.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_after_ms: Option<u64>,
    /// With the last `exit`: what the program asked of the network, where the options ask for it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub network_logs: Vec<NetworkLogEntry>,
    /// With the last `exit`: how long installing packages took, in milliseconds, if any were asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub install_ms: Option<u64>,
}

impl From<StreamEvent> for ServerEvent {
    fn from(event: StreamEvent) -> Self {
        Self { event, code: None, retry_after_ms: None, network_logs: Vec::new(), install_ms: None }
    }
}

impl ServerEvent {
    /// The execution failed.
    pub fn failure(code: ErrorCode, message: String) -> Self {
        let event = StreamEvent { kind: StreamEventKind::Error, data: message, phase: None };
        Self { code: Some(code.as_str().to_owned()), ..event.into() }
    }
}

/// What a server sends over a WebSocket of an execution that was asked for `buffered`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ServerResult {
    #[serde(rename = "type")]
    kind: ResultKind,
    /// How it ended.
    pub result: ExecutionResult,
}

/// Tells a result from events.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
enum ResultKind {
    Result,
}

impl From<ExecutionResult> for ServerResult {
    fn from(result: ExecutionResult) -> Self {
        Self { kind: ResultKind::Result, result }
    }
}

/// The body of every answer that is not a success.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ErrorBody {
    /// What went wrong.
    pub error: String,
    /// What kind of failure, as `error.code` of the library has it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn messages_have_the_documented_form() {
        let text = json!({ "type": "execute", "request": { "runtime": "python", "code": "1" }, "sessionId": "a" });
        let message: ClientMessage = serde_json::from_value(text).expect("a message");
        assert!(matches!(message, ClientMessage::Execute { session_id: Some(id), live_stdin: false, .. } if id == "a"));
        let signal: ClientMessage =
            serde_json::from_value(json!({ "type": "signal", "signal": "SIGINT" })).expect("a signal");
        assert_eq!(signal, ClientMessage::Signal { signal: ProgramSignal::Interrupt });
        let stdin: ClientMessage = serde_json::from_value(json!({ "type": "stdin", "data": "hi" })).expect("input");
        assert_eq!(stdin, ClientMessage::Stdin { data: Some("hi".into()), end: false });
    }

    #[test]
    fn files_and_sessions_have_the_documented_form() {
        let file = FileBody { session_id: "a".into(), path: "/tmp/b".into(), content: vec![0, 255].into() };
        let text = json!({ "sessionId": "a", "path": "/tmp/b", "content": "AP8=" });
        assert_eq!(serde_json::to_value(&file).expect("plain data"), text);
        assert_eq!(serde_json::from_value::<FileBody>(text).expect("a file"), file);
        assert!(serde_json::from_value::<FileAnswer>(json!({ "content": "?" })).is_err());
        let session = SessionInfo {
            id: "a".into(),
            is_active: true,
            last_accessed_at: "2026-01-01T00:00:00Z".into(),
            tenant_id: None,
        };
        let text = json!({ "id": "a", "isActive": true, "lastAccessedAt": "2026-01-01T00:00:00Z" });
        assert_eq!(serde_json::to_value(session).expect("plain data"), text);
    }

    #[test]
    fn a_misspelt_option_is_no_silent_loss_of_protection() {
        let body = json!({ "request": { "runtime": "python", "code": "1" }, "options": { "netwrok": "none" } });
        let error = serde_json::from_value::<ExecuteBody>(body).expect_err("a misspelt option");
        assert!(error.to_string().contains("netwrok"), "{error}");
    }

    #[test]
    fn what_concerns_only_this_machine_never_crosses_the_wire() {
        for options in [json!({ "docker": {} }), json!({ "maxConcurrent": 3 })] {
            assert!(serde_json::from_value::<Options>(options.clone()).is_err(), "{options}");
        }
        let adapter = json!({ "runtime": "x", "code": "1", "adapter": { "image": "x" } });
        assert!(serde_json::from_value::<Request>(adapter).is_err());
    }

    #[test]
    fn secrets_cross_the_wire_and_are_hidden_on_both_sides() {
        let text = r#"{"secrets":{"KEY":"hunter2"}}"#;
        let options: Options = serde_json::from_str(text).expect("options");
        assert!(!format!("{options:?}").contains("hunter2"));
        assert_eq!(serde_json::to_string(&options).expect("plain data"), text);
    }
}
