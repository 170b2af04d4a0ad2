//! Requests and answers.

use std::time::Duration;

use proptest::prelude::*;
use serde_json::json;
use tokio::net::TcpListener;
use tokio::sync::{mpsc, oneshot};

use super::fake::{Conn, Fake, KEY, client};
use super::{RESULT, live, request};
use crate::api::{ErrorCode, Mode, Options, Request, Secret};
use crate::client::{Client, EndpointError, Error, RemoteOptions};
use crate::engine::Controls;
use crate::telemetry::chain;

/// A server that says the same to everybody.
async fn saying(status: &'static str, body: &'static str) -> Fake {
    Fake::start(move |_, mut conn: Conn| async move {
        while conn.request().await.is_some() {
            conn.answer(status, body).await;
        }
    })
    .await
}

async fn execute(client: &Client) -> Result<i32, Error> {
    client.execute(request(), Controls::default()).await.map(|result| result.exit_code)
}

#[tokio::test]
async fn an_execution_is_one_request_and_connections_are_used_again() {
    let server = saying("200 OK", RESULT).await;
    let options = Options {
        timeout_ms: Some(1000.0),
        secrets: [("TOKEN".to_owned(), Secret::new("s3cret".to_owned()))].into(),
        debug: Some(true),
        mode: Some(Mode::Persistent),
        ..Options::default()
    };
    let client = client(&server.host, Some("a/b"), Some(options));
    for _ in 0..3 {
        assert_eq!(execute(&client).await.expect("a result"), 3);
    }
    assert_eq!(server.connections(), 1);
    let asked = server.asked(0);
    assert_eq!(asked.line, "POST /execute");
    assert_eq!(asked.header("authorization"), Some(format!("Bearer {KEY}").as_str()));
    assert_eq!(asked.header("content-type"), Some("application/json"));
    // What concerns only this machine is not in it.
    let body = json!({
        "request": { "runtime": "bash", "cmd": "echo hi" },
        "options": { "timeoutMs": 1000.0, "secrets": { "TOKEN": "s3cret" } },
        "sessionId": "a/b",
    });
    assert_eq!(asked.json(), body);
}

#[tokio::test]
async fn without_options_none_are_sent() {
    let server = saying("200 OK", RESULT).await;
    execute(&server.client(None)).await.expect("a result");
    assert_eq!(server.asked(0).json(), json!({ "request": { "runtime": "bash", "cmd": "echo hi" } }));
}

#[tokio::test]
async fn failures_have_the_documented_messages_and_a_code() {
    for (status, body, reason, code) in [
        ("403 Forbidden", r#"{"error":"Invalid API key"}"#, "Invalid API key", ErrorCode::Forbidden),
        ("403 Forbidden", r#"{"error":"no","code":"UNAUTHORIZED"}"#, "no", ErrorCode::Unauthorized),
        ("401 Unauthorized", r#"{"error":"Missing"}"#, "Missing", ErrorCode::Unauthorized),
        ("404 Not Found", r#"{"error":"gone","code":"SESSION_NOT_FOUND"}"#, "gone", ErrorCode::SessionNotFound),
        ("400 Bad Request", r#"{"error":"bad","code":"OF_TOMORROW"}"#, "bad", ErrorCode::InvalidRequest),
        ("502 Bad Gateway", "<html>", "Bad Gateway", ErrorCode::RemoteFailed),
        ("599 Whatever", "", "599", ErrorCode::RemoteFailed),
    ] {
        let server = saying(status, body).await;
        let client = server.client(Some("s"));
        let check = |error: Error, prefix: &str| {
            assert_eq!(chain(&error), format!("{prefix}: {reason}"));
            assert_eq!(error.code(), code, "{error}");
        };
        check(execute(&client).await.expect_err(status), "Execution failed");
        check(client.put_file("a".into(), "b".into()).await.expect_err(status), "File upload failed");
        check(client.get_file("a").await.expect_err(status), "File download failed");
        check(client.list_sessions().await.expect_err(status), "Failed to list sessions");
        check(client.delete_session("s").await.expect_err(status), "Failed to delete session");
        let health = client.start().await.expect_err(status);
        assert_eq!(chain(&health), format!("Remote server health check failed: {}", &status[..3]));
    }
}

#[tokio::test]
async fn a_server_that_has_too_much_to_do_says_when_to_come_back() {
    let server = Fake::start(|_, mut conn| async move {
        conn.request().await;
        conn.send("HTTP/1.1 429 Too Many Requests\r\nretry-after: 7\r\ncontent-length: 0\r\n\r\n").await;
    })
    .await;
    let error = execute(&server.client(None)).await.expect_err("429");
    assert_eq!((error.code(), error.retry_after()), (ErrorCode::RateLimited, Some(Duration::from_secs(7))));
    assert_eq!(chain(&error), "Execution failed: Too Many Requests");
}

#[tokio::test]
async fn answers_of_others_are_not_results() {
    for body in ["", "<html>", "{}", "[]", "null", r#"{"stdout":1}"#] {
        let server = saying("200 OK", body).await;
        assert_eq!(execute(&server.client(None)).await.expect_err(body).code(), ErrorCode::RemoteProtocol);
    }
}

#[tokio::test]
async fn an_answer_is_no_longer_than_it_may_be() {
    let declared = Fake::start(|_, mut conn| async move {
        conn.request().await;
        conn.send("HTTP/1.1 200 OK\r\ncontent-length: 99999999999\r\n\r\n{").await;
        conn.closed().await;
    })
    .await;
    let error = execute(&declared.client(None)).await.expect_err("too long");
    assert_eq!(error.code(), ErrorCode::RemoteProtocol, "{error}");

    let endless = Fake::start(|_, mut conn| async move {
        conn.request().await;
        conn.send("HTTP/1.1 500 Internal Server Error\r\ntransfer-encoding: chunked\r\n\r\n").await;
        for _ in 0..100 {
            conn.send(format!("100000\r\n{}\r\n", " ".repeat(1 << 20))).await;
        }
    })
    .await;
    let error = execute(&endless.client(None)).await.expect_err("too long");
    assert_eq!(chain(&error), "Execution failed: Internal Server Error");
}

#[tokio::test]
async fn the_key_is_not_taken_to_where_a_server_redirects() {
    let other = saying("200 OK", RESULT).await;
    let to: &'static str = format!("{}/execute", other.host).leak();
    let server = Fake::start(move |_, mut conn| async move {
        while conn.request().await.is_some() {
            conn.send(format!("HTTP/1.1 307 Temporary Redirect\r\nlocation: {to}\r\ncontent-length: 0\r\n\r\n")).await;
        }
    })
    .await;
    let error = execute(&server.client(None)).await.expect_err("a redirect");
    assert_eq!(error.code(), ErrorCode::RemoteProtocol);
    assert!(error.to_string().contains(to), "{error}");
    let (_, error) = super::collect(server.client(None).stream(request(), Controls::default())).await;
    assert_eq!(error.expect("a redirect").code(), ErrorCode::RemoteProtocol);
    assert_eq!(other.connections(), 0);
}

/// W124
#[tokio::test]
async fn what_was_not_sent_is_tried_again() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("an address");
    drop(listener);
    let client = client(&format!("http://{address}"), None, None);
    let error = execute(&client).await.expect_err("nobody there");
    assert_eq!(error.code(), ErrorCode::RemoteUnreachable);
    assert!(error.to_string().starts_with(&format!("Execution failed: could not connect to http://{address}: ")));

    let execution = tokio::spawn(client.execute(request(), Controls::default()));
    tokio::time::sleep(Duration::from_millis(30)).await;
    let listener = TcpListener::bind(address).await.expect("the same port");
    let server = Fake::on(listener, |_, mut conn| async move {
        conn.request().await;
        conn.answer("200 OK", RESULT).await;
    });
    assert_eq!(execution.await.expect("no panic").expect("a result").exit_code, 3);
    assert_eq!(server.lines(), ["POST /execute"]);
}

/// W124
#[tokio::test]
async fn what_may_have_been_done_is_not_tried_again() {
    for begun in ["", "HTTP/1.1 200 OK\r\n", "HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{"] {
        let server = Fake::start(move |_, mut conn| async move {
            conn.request().await;
            conn.send(begun).await;
        })
        .await;
        let error = execute(&server.client(None)).await.expect_err("a broken connection");
        assert_eq!(error.code(), ErrorCode::RemoteLost, "{error}");
        assert_eq!(server.lines(), ["POST /execute"]);
    }
}

#[tokio::test]
async fn a_kept_connection_that_the_server_closed_is_replaced() {
    let server = Fake::start(|_, mut conn| async move {
        conn.request().await;
        conn.answer("200 OK", RESULT).await;
    })
    .await;
    let client = server.client(None);
    for _ in 0..3 {
        execute(&client).await.expect("a result");
        // So that the end of the connection has arrived.
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert_eq!(server.connections(), 3);
}

/// W124
#[tokio::test]
async fn an_execution_that_is_aborted_or_stopped_closes_its_connection() {
    let (gone, mut was_gone) = mpsc::channel(1);
    let server = Fake::start(move |_, mut conn| {
        let gone = gone.clone();
        async move {
            while let Some(asked) = conn.request().await {
                match asked.line.as_str() {
                    "POST /execute" => {
                        gone.send(()).await.expect("the test");
                        conn.closed().await;
                        gone.send(()).await.expect("the test");
                    }
                    _ => conn.answer("200 OK", r#"{"ok":true}"#).await,
                }
            }
        }
    })
    .await;
    let client = server.client(Some("s"));
    let controls = Controls::default();
    let abort = controls.abort.clone();
    let execution = tokio::spawn(client.execute(request(), controls));
    was_gone.recv().await.expect("a request");
    abort.cancel();
    assert!(matches!(execution.await.expect("no panic"), Err(Error::Aborted)));
    was_gone.recv().await.expect("the end of its connection");

    let execution = tokio::spawn(client.execute(request(), Controls::default()));
    was_gone.recv().await.expect("a request");
    client.stop().await;
    assert!(matches!(execution.await.expect("no panic"), Err(Error::Stopped)));
    was_gone.recv().await.expect("the end of its connection");
    assert_eq!(server.lines().last().map(String::as_str), Some("DELETE /session/s"));
    // It can be used again.
    client.start().await.expect("a server");
}

#[tokio::test]
async fn stopping_is_no_failure_where_there_is_nothing_to_stop() {
    client("http://127.0.0.1:1", None, None).stop().await;
    client("http://127.0.0.1:1", Some("s"), None).stop().await;
    saying("500 Internal Server Error", "").await.client(Some("s")).stop().await;
}

#[tokio::test]
async fn input_that_is_still_to_come_is_collected_where_there_is_no_websocket() {
    let server = saying("200 OK", RESULT).await;
    let (controls, input) = live();
    let execution = tokio::spawn(server.client(None).execute(request(), controls));
    for chunk in ["one ", "two"] {
        input.send(chunk.into()).await.expect("somebody reads");
    }
    drop(input);
    execution.await.expect("no panic").expect("a result");
    assert_eq!(server.lines(), ["GET /execute/ws", "POST /execute"]);
    assert_eq!(server.asked(1).json()["request"]["stdin"], "one two");
}

#[tokio::test]
async fn executions_in_a_session_are_sent_in_the_order_of_the_calls() {
    let (heard, mut was_heard) = mpsc::channel(1);
    let server = Fake::start(move |_, mut conn| {
        let heard = heard.clone();
        async move {
            while let Some(asked) = conn.request().await {
                let (answer, may_answer) = oneshot::channel();
                heard.send((asked.json()["request"]["cmd"].clone(), answer)).await.expect("the test");
                may_answer.await.expect("the test");
                conn.answer("200 OK", RESULT).await;
            }
        }
    })
    .await;
    let client = server.client(Some("s"));
    let call = |n: i32| client.execute(Request { cmd: Some(n.to_string()), ..request() }, Controls::default());
    let executions: Vec<_> = (0..4).map(call).collect();
    // Whichever goes on first.
    let executions: Vec<_> = executions.into_iter().rev().map(tokio::spawn).collect();
    for n in 0..4 {
        let (cmd, answer) = was_heard.recv().await.expect("a request");
        assert_eq!(cmd, n.to_string());
        assert!(was_heard.try_recv().is_err(), "one at a time");
        answer.send(()).expect("somebody waits");
    }
    for execution in executions {
        execution.await.expect("no panic").expect("a result");
    }
}

#[tokio::test]
async fn sessions_are_listed_and_ended() {
    let list = r#"{"sessions":[{"id":"a","isActive":true,"lastAccessedAt":"t","more":1}]}"#;
    let server = saying("200 OK", list).await;
    let client = server.client(None);
    let sessions = client.list_sessions().await.expect("a list");
    assert_eq!((sessions[0].id.as_str(), sessions[0].is_active), ("a", true));
    client.delete_session("a/b c").await.expect("the end of it");
    assert!(matches!(client.delete_session("..").await, Err(Error::Endpoint(EndpointError::SessionId(_)))));
    assert_eq!(server.lines(), ["GET /sessions", "DELETE /session/a%2Fb%20c"]);
}

#[tokio::test]
async fn files_need_a_session() {
    let client = client("http://127.0.0.1:1", None, None);
    for error in [
        client.put_file("a".into(), "b".into()).await.expect_err("no session"),
        client.get_file("a").await.expect_err("no session"),
    ] {
        assert_eq!(chain(&error), "File operations require a sessionId (persistent mode)");
        assert_eq!(error.code(), ErrorCode::NoContainer);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(16))]

    /// W33: bytes arrive as they were sent, both ways.
    #[test]
    fn files_are_bytes(content: Vec<u8>, path in "[^\u{0}]{1,20}") {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        let (sent, read) = runtime.block_on(async {
            let server = Fake::start(|_, mut conn| async move {
                let upload = conn.request().await.expect("an upload");
                conn.answer("200 OK", r#"{"ok":true}"#).await;
                conn.request().await.expect("a download");
                conn.answer("200 OK", json!({ "content": upload.json()["content"] }).to_string()).await;
            })
            .await;
            let client = server.client(Some("s"));
            client.put_file(path.clone(), content.clone().into()).await.expect("an upload");
            let read = client.get_file(&path).await.expect("a download");
            (server.asked(0).json(), read)
        });
        prop_assert_eq!(&sent["path"], &json!(path));
        prop_assert_eq!(read, content);
    }
}

#[test]
fn what_makes_no_sense_is_refused_at_once() {
    let remote = || RemoteOptions {
        host: "http://localhost".to_owned(),
        api_key: Secret::new(KEY.to_owned()),
        session_id: None,
    };
    for options in [
        Options { timeout_ms: Some(f64::NAN), ..Options::default() },
        Options { memory_limit: Some("much".to_owned()), ..Options::default() },
        Options { docker: Some(Default::default()), ..Options::default() },
        Options { mode: Some(Mode::Persistent), ..Options::default() },
    ] {
        let error = Client::new(remote(), Some(options)).expect_err("senseless options");
        assert_eq!(error.code(), ErrorCode::InvalidOptions, "{error}");
    }
    let client = Client::new(remote(), None).expect("a client");
    assert!(!format!("{client:?}").contains(KEY));
}

#[tokio::test]
async fn a_time_limit_that_is_no_number_is_refused_at_once() {
    let client = client("http://127.0.0.1:1", None, None);
    let request = Request { timeout_ms: Some(f64::NAN), ..request() };
    let error = client.execute(request, Controls::default()).await.expect_err("no number");
    assert_eq!(error.code(), ErrorCode::InvalidRequest);
}
