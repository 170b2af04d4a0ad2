//! WebSockets.

use std::time::Duration;

use bytes::Bytes;
use serde_json::{Value, json};
use tokio::sync::mpsc;
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;

use super::fake::{Fake, KEY, Socket, client};
use super::{EXIT, HI, RESULT, collect, event, hi_and_exit, live, request};
use crate::api::{ErrorCode, Options, StreamEventKind};
use crate::client::Error;
use crate::engine::Controls;
use crate::telemetry::chain;

/// A server that does as `serve` says with each WebSocket, which has had its first message.
async fn serving<F: Future<Output = ()> + Send>(
    serve: impl Fn(Socket, Value) -> F + Clone + Send + Sync + 'static,
) -> Fake {
    Fake::start(move |_, mut conn| {
        let serve = serve.clone();
        async move {
            let Some(asked) = conn.request().await else { return };
            let mut socket = conn.upgrade(&asked).await;
            if let Some(first) = socket.message().await {
                serve(socket, first).await;
            }
        }
    })
    .await
}

/// W122: the session is in the message.
#[tokio::test]
async fn an_execution_is_one_message() {
    let (heard, mut was_heard) = mpsc::channel(1);
    let server = serving(move |mut socket, first| {
        let heard = heard.clone();
        async move {
            heard.send(first).await.expect("the test");
            socket.text(HI).await;
            socket.text(EXIT).await;
            socket.close().await;
        }
    })
    .await;
    let options = Options { cpu_limit: Some(2.0), ..Options::default() };
    let client = client(&server.host, Some("s"), Some(options));
    let (events, error) = collect(client.stream(request(), Controls::default())).await;
    assert!(error.is_none(), "{error:?}");
    assert_eq!(events, hi_and_exit());
    let message = json!({
        "type": "execute",
        "request": { "runtime": "bash", "cmd": "echo hi" },
        "options": { "cpuLimit": 2.0 },
        "sessionId": "s",
        "liveStdin": false,
    });
    assert_eq!(was_heard.recv().await, Some(message));
    let asked = server.asked(0);
    assert_eq!(asked.line, "GET /execute/ws");
    assert_eq!(asked.header("authorization"), Some(format!("Bearer {KEY}").as_str()));
}

#[tokio::test]
async fn the_last_event_is_the_end_even_if_the_server_does_not_close() {
    let server = serving(|mut socket, _| async move {
        socket.text(r#"{"type":"exit","data":"0","phase":"setup"}"#).await;
        socket.text(r#"{"type":"error","data":"EXECUTION TIMED OUT","phase":"code"}"#).await;
        let entry = r#"{"timestamp":"t","method":"GET","host":"h","path":"/","action":"ALLOW","durationMs":1}"#;
        socket
            .text(&format!(r#"{{"type":"exit","data":"137","phase":"code","networkLogs":[{entry}],"installMs":7}}"#))
            .await;
        std::future::pending::<()>().await;
    })
    .await;
    let mut events = server.client(None).stream(request(), Controls::default());
    let mut kinds = Vec::new();
    while let Some(event) = timeout(Duration::from_secs(5), events.next()).await.expect("the end") {
        kinds.push(event.expect("an event").kind);
    }
    assert_eq!(kinds, [StreamEventKind::Exit, StreamEventKind::Error, StreamEventKind::Exit]);
    assert_eq!((events.network_logs().len(), events.install_ms()), (1, Some(7)));
}

#[tokio::test]
async fn a_setup_script_that_failed_is_the_end() {
    let server = serving(|mut socket, _| async move {
        socket.text(r#"{"type":"error","data":"Setup script failed (exit code 3)","phase":"setup"}"#).await;
        socket.text(r#"{"type":"exit","data":"3","phase":"setup"}"#).await;
        std::future::pending::<()>().await;
    })
    .await;
    let (events, error) = collect(server.client(None).stream(request(), Controls::default())).await;
    assert!(error.is_none() && events.len() == 2, "{events:?} {error:?}");
}

#[tokio::test]
async fn frames_that_are_no_events_are_passed_over() {
    let server = serving(|mut socket, _| async move {
        for text in ["", "no JSON", "{}", "[]", r#"{"type":"of tomorrow","data":"x"}"#, r#"{"type":"stdout"}"#] {
            socket.text(text).await;
        }
        socket.send(Message::Binary(HI.into())).await;
        socket.send(Message::Ping(Bytes::from_static(b"?"))).await;
        socket.text(HI).await;
        socket.text(EXIT).await;
    })
    .await;
    let (events, error) = collect(server.client(None).stream(request(), Controls::default())).await;
    assert!(error.is_none(), "{error:?}");
    assert_eq!(events, hi_and_exit());
}

#[tokio::test]
async fn a_failed_execution_is_an_error_with_its_code() {
    for (code, expected) in [
        (r#","code":"INVALID_REQUEST""#, ErrorCode::InvalidRequest),
        (r#","code":"OF_TOMORROW""#, ErrorCode::RemoteFailed),
        ("", ErrorCode::RemoteFailed),
    ] {
        let server = serving(move |mut socket, _| async move {
            socket.text(&format!(r#"{{"type":"error","data":"no such thing"{code}}}"#)).await;
            socket.close().await;
        })
        .await;
        let (events, error) = collect(server.client(None).stream(request(), Controls::default())).await;
        assert!(events.is_empty());
        let error = error.expect("an error");
        assert_eq!((chain(&error).as_str(), error.code()), ("no such thing", expected));
    }
}

#[tokio::test]
async fn what_has_begun_is_never_begun_again() {
    // Closed with a reason, closed without one, and broken.
    for way in 0..3 {
        let server = serving(move |mut socket, _| async move {
            socket.text(HI).await;
            match way {
                0 => {
                    let frame = CloseFrame { code: CloseCode::Policy, reason: "enough".into() };
                    socket.send(Message::Close(Some(frame))).await;
                    socket.close().await;
                }
                1 => socket.close().await,
                _ => drop(socket),
            }
        })
        .await;
        let (events, error) = collect(server.client(None).stream(request(), Controls::default())).await;
        assert_eq!(events, [event(StreamEventKind::Stdout, "hi")]);
        let error = error.expect("an error");
        assert_eq!(error.code(), ErrorCode::RemoteLost);
        assert!(chain(&error).starts_with("WebSocket connection failed"), "{error}");
        assert!(way != 0 || chain(&error).contains("1008 enough"), "{error}");
        assert_eq!(server.lines(), ["GET /execute/ws"]);
    }
}

#[tokio::test]
async fn a_frame_is_no_longer_than_it_may_be() {
    let server = serving(|mut socket, _| async move {
        socket.text(&format!(r#"{{"type":"stdout","data":"{}","phase":"code"}}"#, "a".repeat(17 << 20))).await;
    })
    .await;
    let (_, error) = collect(server.client(None).stream(request(), Controls::default())).await;
    assert_eq!(error.expect("an error").code(), ErrorCode::RemoteLost);
}

#[tokio::test]
async fn input_is_sent_as_it_comes_and_output_comes_meanwhile() {
    let server = serving(|mut socket, first| async move {
        assert_eq!(first["liveStdin"], true);
        while let Some(message) = socket.message().await {
            if message["end"] == true {
                break;
            }
            let data = message["data"].as_str().map_or_else(|| message["data"]["base64"].to_string(), str::to_owned);
            socket.text(&json!({ "type": "stdout", "data": data, "phase": "code" }).to_string()).await;
        }
        socket.text(EXIT).await;
    })
    .await;
    let (controls, input) = live();
    let mut events = server.client(None).stream(request(), controls);
    for (chunk, echo) in [(&b"ping"[..], "ping"), (b"\xff", "\"/w==\"")] {
        input.send(chunk.into()).await.expect("somebody reads");
        let answer = events.next().await.expect("an event").expect("output");
        assert_eq!(answer, event(StreamEventKind::Stdout, echo));
    }
    drop(input);
    assert_eq!(collect(events).await.0, [event(StreamEventKind::Exit, "0")]);
}

#[tokio::test]
async fn a_buffered_execution_with_input_to_come_answers_when_the_program_has_ended() {
    let server = serving(|mut socket, first| async move {
        assert_eq!((&first["liveStdin"], &first["buffered"]), (&json!(true), &json!(true)));
        assert_eq!(socket.message().await.expect("input")["data"], "ping");
        socket.text(r#"{"type":"news"}"#).await;
        socket.text(&format!(r#"{{"type":"result","result":{RESULT}}}"#)).await;
        socket.close().await;
    })
    .await;
    let (controls, input) = live();
    let execution = tokio::spawn(server.client(None).execute(request(), controls));
    input.send("ping".into()).await.expect("somebody reads");
    // Its input goes on, and the program does not.
    assert_eq!(execution.await.expect("no panic").expect("a result").stdout, "hi");
    assert!(input.is_closed());
}

#[tokio::test]
async fn a_buffered_execution_with_input_to_come_is_refused_as_others_are() {
    let server = serving(|mut socket, _| async move {
        socket.text(r#"{"type":"error","data":"no such thing","code":"INVALID_REQUEST"}"#).await;
        socket.close().await;
    })
    .await;
    let (controls, _input) = live();
    let error = server.client(None).execute(request(), controls).await.expect_err("a refusal");
    assert_eq!(error.code(), ErrorCode::InvalidRequest);
    assert_eq!(error.to_string(), "Execution failed: no such thing");
}

#[tokio::test]
async fn input_that_nobody_reads_is_held_back() {
    let server = serving(|socket, _| async move {
        std::future::pending::<()>().await;
        drop(socket);
    })
    .await;
    let (controls, input) = live();
    let _events = server.client(None).stream(request(), controls);
    let chunk = Bytes::from(vec![b'a'; 1 << 20]);
    let mut taken = 0;
    while timeout(Duration::from_millis(500), input.send(chunk.clone())).await.is_ok_and(|sent| sent.is_ok()) {
        taken += 1;
        assert!(taken < 64, "64 MiB were taken, and nobody has read any");
    }
    assert!(!input.is_closed());
}

/// W124
#[tokio::test]
async fn a_stream_that_is_dropped_aborted_or_stopped_closes_its_connection() {
    let (gone, mut was_gone) = mpsc::channel(1);
    let server = serving(move |mut socket, _| {
        let gone = gone.clone();
        async move {
            socket.text(HI).await;
            while socket.message().await.is_some() {}
            gone.send(()).await.expect("the test");
        }
    })
    .await;
    let client = server.client(None);

    let mut events = client.stream(request(), Controls::default());
    events.next().await.expect("an event").expect("output");
    drop(events);
    was_gone.recv().await.expect("the end of its connection");

    let mut events = client.stream(request(), Controls::default());
    events.next().await.expect("an event").expect("output");
    events.cancel().await;
    assert!(events.next().await.is_none());
    was_gone.recv().await.expect("the end of its connection");

    let controls = Controls::default();
    let abort = controls.abort.clone();
    let mut events = client.stream(request(), controls);
    events.next().await.expect("an event").expect("output");
    abort.cancel();
    assert!(matches!(collect(events).await.1, Some(Error::Aborted)));
    was_gone.recv().await.expect("the end of its connection");

    let mut events = client.stream(request(), Controls::default());
    events.next().await.expect("an event").expect("output");
    client.stop().await;
    assert!(matches!(collect(events).await.1, Some(Error::Stopped)));
    was_gone.recv().await.expect("the end of its connection");
}

#[tokio::test]
async fn a_server_that_is_not_there_is_not_looked_for_twice() {
    let client = client("http://127.0.0.1:1", None, None);
    let (_, error) = collect(client.stream(request(), Controls::default())).await;
    let error = error.expect("an error");
    assert_eq!(error.code(), ErrorCode::RemoteUnreachable);
    assert!(error.to_string().starts_with("Stream failed: could not connect to http://127.0.0.1:1: "), "{error}");
}
