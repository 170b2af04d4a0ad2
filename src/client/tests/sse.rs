//! Event streams, where there is no way for a WebSocket.

use serde_json::json;
use tokio::sync::mpsc;

use super::fake::{Conn, Fake};
use super::{EXIT, HI, collect, hi_and_exit, live, request};
use crate::api::ErrorCode;
use crate::client::Error;
use crate::client::connection::MAX_RETRY_AFTER;
use crate::engine::Controls;
use crate::telemetry::chain;

/// A server that knows no WebSockets, and whose event streams are these bytes.
async fn streaming(bytes: &'static [&'static str]) -> Fake {
    Fake::start(move |_, mut conn: Conn| async move {
        while let Some(asked) = conn.request().await {
            if asked.line != "POST /execute/stream" {
                conn.answer("404 Not Found", r#"{"error":"Not found"}"#).await;
                continue;
            }
            conn.begin_events().await;
            for bytes in bytes {
                conn.send(bytes).await;
                tokio::task::yield_now().await;
            }
            return;
        }
    })
    .await
}

/// W123
#[tokio::test]
async fn where_there_is_no_websocket_it_is_remembered_and_the_session_is_still_kept() {
    let server = streaming(&[": hello\n\nda", "ta: ", HI, "\n", "\ndata: not JSON\n\ndata: ", EXIT]).await;
    let client = server.client(Some("s"));
    for _ in 0..2 {
        assert!(
            matches!(collect(client.stream(request(), Controls::default())).await, (events, None) if events == hi_and_exit())
        );
    }
    assert_eq!(server.lines(), ["GET /execute/ws", "POST /execute/stream", "POST /execute/stream"]);
    let body = json!({ "request": { "runtime": "bash", "cmd": "echo hi" }, "sessionId": "s" });
    assert_eq!(server.asked(1).json(), body);
    assert_eq!(server.asked(1).header("accept"), Some("text/event-stream"));
}

/// W123
#[tokio::test]
async fn an_upgrade_that_is_only_closed_is_no_websocket() {
    let server = Fake::start(|_, mut conn| async move {
        let Some(asked) = conn.request().await else { return };
        if asked.line != "GET /execute/ws" {
            conn.begin_events().await;
            conn.send(format!("data: {HI}\n\ndata: {EXIT}\n\n")).await;
        }
    })
    .await;
    let (events, error) = collect(server.client(None).stream(request(), Controls::default())).await;
    assert!(error.is_none(), "{error:?}");
    assert_eq!(events, hi_and_exit());
}

#[tokio::test]
async fn a_server_that_was_only_busy_is_asked_for_a_websocket_again() {
    let server = Fake::start(|_, mut conn| async move {
        while let Some(asked) = conn.request().await {
            if asked.line == "GET /execute/ws" {
                conn.answer("503 Service Unavailable", "").await;
                continue;
            }
            conn.begin_events().await;
            return conn.send(format!("data: {HI}\n\ndata: {EXIT}\n\n")).await;
        }
    })
    .await;
    let client = server.client(None);
    for _ in 0..2 {
        assert!(collect(client.stream(request(), Controls::default())).await.1.is_none());
    }
    assert_eq!(server.lines().iter().filter(|line| *line == "GET /execute/ws").count(), 2);
}

#[tokio::test]
async fn a_stream_without_an_end_is_an_error() {
    for bytes in [&[] as &[_], &["data: ", HI, "\n\n"], &["data: ", HI]] {
        let server = streaming(bytes).await;
        let (_, error) = collect(server.client(None).stream(request(), Controls::default())).await;
        let error = error.expect("an error");
        assert_eq!(error.code(), ErrorCode::RemoteLost, "{error}");
    }
}

#[tokio::test]
async fn a_failed_execution_is_an_error_with_its_code() {
    let server = streaming(&["data: {\"type\":\"error\",\"data\":\"no\",\"code\":\"INSTALL_FAILED\"}\n\n"]).await;
    let (events, error) = collect(server.client(None).stream(request(), Controls::default())).await;
    assert!(events.is_empty());
    let error = error.expect("an error");
    assert_eq!((chain(&error).as_str(), error.code()), ("no", ErrorCode::InstallFailed));
}

#[tokio::test]
async fn a_server_tells_nobody_to_wait_for_ever() {
    let server = streaming(&[
        "data: {\"type\":\"error\",\"data\":\"no\",\"code\":\"RATE_LIMITED\",\"retryAfterMs\":18446744073709551615}\n\n",
    ])
    .await;
    let (_, error) = collect(server.client(None).stream(request(), Controls::default())).await;
    assert_eq!(error.expect("an error").retry_after(), Some(MAX_RETRY_AFTER));
}

#[tokio::test]
async fn a_refusal_has_the_documented_message() {
    let server = Fake::start(|_, mut conn: Conn| async move {
        while conn.request().await.is_some() {
            conn.answer("403 Forbidden", r#"{"error":"Invalid API key"}"#).await;
        }
    })
    .await;
    let (_, error) = collect(server.client(None).stream(request(), Controls::default())).await;
    let error = error.expect("an error");
    assert_eq!((chain(&error).as_str(), error.code()), ("Stream failed: Invalid API key", ErrorCode::Forbidden));
}

#[tokio::test]
async fn an_answer_without_a_body_has_the_documented_message() {
    let server = Fake::start(|_, mut conn: Conn| async move {
        while let Some(asked) = conn.request().await {
            match asked.line.as_str() {
                "POST /execute/stream" => conn.send("HTTP/1.1 204 No Content\r\n\r\n").await,
                _ => conn.answer("404 Not Found", "").await,
            }
        }
    })
    .await;
    let (_, error) = collect(server.client(None).stream(request(), Controls::default())).await;
    assert_eq!(chain(&error.expect("an error")), "No response body for streaming");
}

#[tokio::test]
async fn an_event_is_no_longer_than_it_may_be() {
    let server = Fake::start(|_, mut conn| async move {
        while let Some(asked) = conn.request().await {
            if asked.line != "POST /execute/stream" {
                conn.answer("404 Not Found", "").await;
                continue;
            }
            conn.begin_events().await;
            conn.send("data: ").await;
            for _ in 0..100 {
                conn.send("a".repeat(1 << 20)).await;
            }
        }
    })
    .await;
    let (_, error) = collect(server.client(None).stream(request(), Controls::default())).await;
    assert_eq!(error.expect("an error").code(), ErrorCode::RemoteProtocol);
}

#[tokio::test]
async fn input_that_is_still_to_come_is_collected() {
    let server = streaming(&["data: ", EXIT, "\n\n"]).await;
    let (controls, input) = live();
    let events = server.client(None).stream(request(), controls);
    for chunk in [&b"\xff"[..], b"\x00"] {
        input.send(chunk.into()).await.expect("somebody reads");
    }
    drop(input);
    assert!(collect(events).await.1.is_none());
    assert_eq!(server.asked(1).json()["request"]["stdin"], json!({ "base64": "/wA=" }));
}

/// W124
#[tokio::test]
async fn a_stream_that_is_dropped_closes_its_connection() {
    let (gone, mut was_gone) = mpsc::channel(1);
    let server = Fake::start(move |_, mut conn| {
        let gone = gone.clone();
        async move {
            while let Some(asked) = conn.request().await {
                if asked.line != "POST /execute/stream" {
                    conn.answer("404 Not Found", "").await;
                    continue;
                }
                conn.begin_events().await;
                conn.send(format!("data: {HI}\n\n")).await;
                conn.closed().await;
                gone.send(()).await.expect("the test");
            }
        }
    })
    .await;
    let client = server.client(None);
    let mut events = client.stream(request(), Controls::default());
    events.next().await.expect("an event").expect("output");
    drop(events);
    was_gone.recv().await.expect("the end of its connection");

    let controls = Controls::default();
    let abort = controls.abort.clone();
    let mut events = client.stream(request(), controls);
    events.next().await.expect("an event").expect("output");
    abort.cancel();
    assert!(matches!(collect(events).await.1, Some(Error::Aborted)));
    was_gone.recv().await.expect("the end of its connection");
}
