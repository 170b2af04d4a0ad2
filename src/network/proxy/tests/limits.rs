//! How much one sandbox can have of the proxy, and when it ends.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::time::{Instant, timeout};
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;

use super::support::*;

#[tokio::test]
async fn what_nobody_waits_for_any_more_ends_at_the_server_too() {
    let origin = Origin::raw(ALLOWED, 0, Vec::new()).await;
    let to = origin.address;
    let exit = Exit::open(&filter(&[origin.port()]), Names::new(&[]));
    let gone = CancellationToken::new();
    let (mut asking, mut tunnel) = (exit.connect_until(gone.clone()), exit.connect_until(gone.clone()));
    let request = format!("GET http://{to}/ HTTP/1.1\r\nHost: {to}\r\n\r\n");
    asking.write_all(request.as_bytes()).await.expect("it is read");
    asking.shutdown().await.expect("it has no more to say");
    tunnel.write_all(format!("CONNECT {to} HTTP/1.1\r\nHost: {to}\r\n\r\n").as_bytes()).await.expect("it is read");
    assert!(head_of(&mut tunnel).await.starts_with("HTTP/1.1 200"));
    tunnel.write_all(&client_hello(None)).await.expect("it is read");
    until(|| origin.heard().iter().filter(|heard| !heard.is_empty()).count() == 2).await;
    assert_eq!(origin.open(), 2);

    gone.cancel();
    until(|| origin.open() == 0).await;
    assert_eq!((rest(&mut asking).await, rest(&mut tunnel).await), (String::new(), String::new()));
}

#[tokio::test(start_paused = true)]
async fn a_connection_over_which_nothing_moves_is_let_go_of() {
    let origin = Origin::raw(ALLOWED, 0, Vec::new()).await;
    let to = origin.address;
    let exit = Exit::open(&filter(&[origin.port()]), Names::new(&[]));
    let mut tunnel = exit.connect();
    tunnel.write_all(format!("CONNECT {to} HTTP/1.1\r\nHost: {to}\r\n\r\n").as_bytes()).await.expect("it is read");
    assert!(head_of(&mut tunnel).await.starts_with("HTTP/1.1 200"));
    tunnel.write_all(&client_hello(None)).await.expect("it is read");
    let begun = Instant::now();
    let mut end = [0];
    let ended = timeout(Duration::from_secs(3600), tunnel.read(&mut end)).await;
    assert_eq!(ended.expect("an end").expect("no error"), 0);
    assert!((Duration::from_secs(300)..Duration::from_secs(601)).contains(&begun.elapsed()), "{:?}", begun.elapsed());
}

#[tokio::test(start_paused = true)]
async fn a_name_and_a_server_have_a_time_to_answer() {
    let origin = Origin::raw(ALLOWED, 0, Vec::new()).await;
    let exit = Exit::open(&filter(&[origin.port()]), Names::new(&[("never.test", &[])]));
    for (host, limit) in [("never.test", 10), ("127.0.0.2", 120)] {
        let begun = Instant::now();
        let mut connection = exit.connect();
        let to = format!("{host}:{}", origin.port());
        let request = format!("GET http://{to}/ HTTP/1.1\r\nHost: {to}\r\n\r\n");
        connection.write_all(request.as_bytes()).await.expect("it is read");
        let head = timeout(Duration::from_secs(3600), head(&mut connection)).await.expect("an answer");
        assert!(head.starts_with("HTTP/1.1 502"), "{head}");
        assert_eq!(begun.elapsed().as_secs(), limit, "{host}");
    }
}

/// A server that answers once it has heard `end`, or never.
async fn answering_at(end: &'static str) -> (AbortOnDropHandle<()>, SocketAddr) {
    let listener = TcpListener::bind((ALLOWED, 0)).await.expect("a port");
    let address = listener.local_addr().expect("an address");
    let serving = tokio::spawn(async move {
        let (mut connection, _) = listener.accept().await.expect("a connection");
        let mut heard = Vec::new();
        while !heard.ends_with(end.as_bytes()) {
            let Ok(byte) = connection.read_u8().await else { return };
            heard.push(byte);
        }
        connection.write_all(b"HTTP/1.1 204 No Content\r\n\r\n").await.expect("it is read");
    });
    (AbortOnDropHandle::new(serving), address)
}

// The time for an answer began with the request: uploads were cut after two minutes however steadily they went on.
#[tokio::test(start_paused = true)]
async fn an_upload_takes_as_long_as_it_takes_while_it_moves() {
    let (_serving, to) = answering_at("end").await;
    let exit = Exit::open(&filter(&[to.port()]), Names::new(&[]));
    let mut connection = exit.connect();
    let head = format!("POST http://{to}/ HTTP/1.1\r\nHost: {to}\r\nContent-Length: 13\r\n\r\n");
    connection.write_all(head.as_bytes()).await.expect("it is read");
    for byte in b"0123456789end" {
        tokio::time::sleep(Duration::from_secs(100)).await;
        connection.write_all(&[*byte]).await.expect("it is read");
    }
    assert!(head_of(&mut connection).await.starts_with("HTTP/1.1 204"));
}

#[tokio::test(start_paused = true)]
async fn a_server_has_its_time_to_answer_once_it_has_all_of_an_upload() {
    for headers in ["Content-Length: 3\r\n\r\nab", "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r"] {
        let (_serving, to) = answering_at("never").await;
        let exit = Exit::open(&filter(&[to.port()]), Names::new(&[]));
        let mut connection = exit.connect();
        let request = format!("POST http://{to}/ HTTP/1.1\r\nHost: {to}\r\n{headers}");
        connection.write_all(request.as_bytes()).await.expect("it is read");
        tokio::time::sleep(Duration::from_secs(100)).await;
        let begun = Instant::now();
        connection.write_all(b"\n").await.expect("it is read");
        let head = timeout(Duration::from_secs(3600), head(&mut connection)).await.expect("an answer");
        assert!(head.starts_with("HTTP/1.1 502"), "{head}");
        assert_eq!(begun.elapsed().as_secs(), 120, "{headers}");
    }
}

#[tokio::test]
async fn no_connection_outlives_the_sandbox() {
    let origin = Origin::raw(ALLOWED, 0, Vec::new()).await;
    let to = origin.address;
    let mut exit = Exit::open(&filter(&[origin.port()]), Names::new(&[]));
    let (mut idle, mut waiting, mut tunnel) = (exit.connect(), exit.connect(), exit.connect());
    idle.write_all(b"GET ").await.expect("it is read");
    let request = format!("GET http://{to}/ HTTP/1.1\r\nHost: {to}\r\n\r\n");
    waiting.write_all(request.as_bytes()).await.expect("it is read");
    tunnel.write_all(format!("CONNECT {to} HTTP/1.1\r\nHost: {to}\r\n\r\n").as_bytes()).await.expect("it is read");
    assert!(head_of(&mut tunnel).await.starts_with("HTTP/1.1 200"));
    tunnel.write_all(&client_hello(None)).await.expect("it is read");

    exit.serving.abort();
    // It was aborted.
    let _ = (&mut exit.serving).await;
    for connection in [&mut idle, &mut waiting, &mut tunnel] {
        assert_eq!(rest(connection).await, "");
    }
}

#[tokio::test(start_paused = true)]
async fn a_head_has_to_come_to_an_end() {
    let exit = Exit::open(&filter(&[80]), Names::new(&[]));
    let mut connection = exit.connect();
    connection.write_all(b"GET http://example.com/ HTTP/1.1\r\nX: ").await.expect("it is read");
    let answer = timeout(Duration::from_secs(120), async {
        let mut all = Vec::new();
        tokio::io::AsyncReadExt::read_to_end(&mut connection, &mut all).await.map(|_| all)
    });
    assert!(answer.await.expect("an end").is_ok());
}

#[tokio::test]
async fn a_head_has_a_length_that_fits() {
    let origin = Origin::http(ALLOWED, 0, "token").await;
    let to = origin.address;
    let exit = Exit::open(&filter(&[origin.port()]), Names::new(&[]));
    let mut connection = exit.connect();
    let head = format!("GET http://{to}/ HTTP/1.1\r\nHost: {to}\r\nX: {}\r\n\r\n", "x".repeat(1 << 20));
    // It is not read to its end.
    let _ = connection.write_all(head.as_bytes()).await;
    let answer = rest(&mut connection).await;
    assert!(answer.starts_with("HTTP/1.1 431"), "{answer}");
    assert!(origin.heard().is_empty());
}
