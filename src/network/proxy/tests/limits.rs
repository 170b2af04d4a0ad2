//! How much one sandbox can have of the proxy, and when it ends.

use std::time::Duration;

use isol8_protocol::MAX_TUNNELS;
use tokio::io::AsyncWriteExt;
use tokio::time::timeout;

use super::support::*;

#[tokio::test]
async fn a_guest_with_more_connections_than_there_may_be_has_the_last_ones_closed() {
    let origin = Origin::http(ALLOWED, 0, "token").await;
    let to = origin.address;
    let exit = Exit::open(&filter(&[origin.port()]), Names::new(&[]));
    let mut open: Vec<_> = (0..MAX_TUNNELS).map(|_| exit.connect()).collect();
    for connection in &mut open {
        connection.write_all(b"GET ").await.expect("it is read");
    }
    assert_eq!(rest(&mut exit.connect()).await, "");
    let mut first = open.swap_remove(0);
    let end = format!("http://{to}/ HTTP/1.1\r\nHost: {to}\r\nConnection: close\r\n\r\n");
    first.write_all(end.as_bytes()).await.expect("it is read");
    assert!(rest(&mut first).await.ends_with("token"));
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
