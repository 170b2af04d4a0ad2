//! Requests that are meant to be read in two ways, and tunnels that are used for something else.

use std::time::Duration;

use tokio::io::AsyncWriteExt;

use super::support::*;
use crate::api::NetworkFilterConfig;

const TOKEN: &str = "what-the-server-says";

/// A server, a proxy that allows it by the name `allowed.test`, and that name with its port.
async fn allowed() -> (Origin, Exit, String) {
    let origin = Origin::http(ALLOWED, 0, TOKEN).await;
    let names = Names::new(&[("allowed.test", &[&["127.0.0.2"]]), ("denied.test", &[&["127.0.0.2"]])]);
    let config = NetworkFilterConfig { whitelist: owned(&["^allowed\\.test$"]), ..filter(&[origin.port()]) };
    let to = format!("allowed.test:{}", origin.port());
    let exit = Exit::open(&config, names);
    (origin, exit, to)
}

/// The head of a request that differs from a good one in what is added to it.
fn request(to: &str, headers: &str, body: &str) -> String {
    format!("POST http://{to}/path HTTP/1.1\r\nHost: {to}\r\n{headers}\r\n{body}")
}

#[tokio::test]
async fn a_server_sees_the_request_in_our_words() {
    let (origin, exit, to) = allowed().await;
    let headers = "Proxy-Authorization: x\r\nProxy-Connection: keep-alive\r\nConnection: X-Hop, close\r\nX-Hop: 1\r\n\
        Keep-Alive: 5\r\nTE: gzip\r\nUpgrade: h2c\r\nExpect: 100-continue\r\nX-End: 1\r\nContent-Length: 4\r\n";
    assert!(exit.say(request(&to, headers, "body")).await.ends_with(TOKEN));
    let [heard] = &origin.heard()[..] else { panic!("one connection") };
    let mut lines: Vec<_> = heard.lines().map(str::to_lowercase).collect();
    lines.sort();
    assert_eq!(lines, ["", "body", "content-length: 4", &format!("host: {to}"), "post /path http/1.1", "x-end: 1"]);
}

#[tokio::test]
async fn a_body_of_unknown_length_arrives_whatever_the_method() {
    let (origin, exit, to) = allowed().await;
    for method in ["GET", "HEAD", "POST", "DELETE", "PURGE"] {
        let head = format!("{method} http://{to}/ HTTP/1.1\r\nHost: {to}\r\nTransfer-Encoding: chunked\r\n\r\n");
        exit.say(format!("{head}4\r\nbody\r\n0\r\n\r\n")).await;
        let heard = origin.heard().pop().unwrap_or_default();
        assert!(heard.starts_with(method), "{heard}");
        assert!(heard.ends_with("transfer-encoding: chunked\r\n\r\n4\r\nbody\r\n0\r\n\r\n"), "{heard}");
    }
    exit.say(format!("GET http://{to}/ HTTP/1.1\r\nHost: {to}\r\n\r\n")).await;
    assert!(!origin.heard().pop().unwrap_or_default().contains("transfer-encoding"));
}

#[tokio::test]
async fn no_protocol_but_websocket_can_be_changed_to() {
    let (origin, exit, to) = allowed().await;
    let settings = "HTTP2-Settings: AAMAAABkAAQAAP__\r\n";
    for (method, version, headers) in [
        ("GET", "1.1", format!("Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\n{settings}")),
        ("GET", "1.1", format!("Connection: Upgrade\r\nUpgrade: h2c\r\n{settings}")),
        ("GET", "1.1", settings.to_owned()),
        ("GET", "1.1", "Connection: Upgrade\r\nUpgrade: TLS/1.0\r\n".to_owned()),
        ("GET", "1.1", "Connection: Upgrade\r\nUpgrade: websocketx\r\n".to_owned()),
        ("GET", "1.1", "Upgrade: websocket\r\n".to_owned()),
        ("GET", "1.0", "Connection: Upgrade\r\nUpgrade: websocket\r\n".to_owned()),
        ("OPTIONS", "1.1", "Connection: Upgrade\r\nUpgrade: websocket\r\n".to_owned()),
    ] {
        let answer = exit.say(format!("{method} http://{to}/ HTTP/{version}\r\nHost: {to}\r\n{headers}\r\n")).await;
        assert!(answer.ends_with(TOKEN), "{headers:?}: {answer}");
        let heard = origin.heard().pop().unwrap_or_default();
        assert!(!heard.contains("upgrade") && !heard.contains("http2-settings"), "{heard}");
    }
    for wanted in ["websocket", "WebSocket", "h2c, websocket", "websocket\r\nUpgrade: h2c"] {
        let headers = format!("Connection: keep-alive, Upgrade\r\nUpgrade: {wanted}\r\n{settings}");
        exit.say(format!("GET http://{to}/ HTTP/1.1\r\nHost: {to}\r\n{headers}\r\n")).await;
        let heard = origin.heard().pop().unwrap_or_default();
        assert!(heard.contains("connection: upgrade\r\nupgrade: websocket\r\n"), "{heard}");
        assert!(!heard.contains("h2c") && !heard.contains("http2-settings"), "{heard}");
    }
}

#[tokio::test]
async fn a_server_changes_to_what_it_was_asked_for_or_to_nothing() {
    for (agreed, answer) in [("WebSocket", "HTTP/1.1 101"), ("h2c", "HTTP/1.1 502"), ("", "HTTP/1.1 502")] {
        let head = format!("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: {agreed}\r\n\r\n");
        let origin = Origin::raw(ALLOWED, 0, head.into_bytes()).await;
        let to = origin.address;
        let exit = Exit::open(&filter(&[origin.port()]), Names::new(&[]));
        let request = "Connection: Upgrade\r\nUpgrade: websocket\r\n";
        let got = exit.say(format!("GET http://{to}/ HTTP/1.1\r\nHost: {to}\r\n{request}\r\n")).await;
        assert!(got.starts_with(answer), "{agreed}: {got}");
    }
}

#[tokio::test]
async fn what_can_be_read_in_two_ways_is_not_passed_on() {
    let (origin, exit, to) = allowed().await;
    let denied = to.replace("allowed", "denied");
    let smuggled = format!("0\r\n\r\nGET http://{denied}/ HTTP/1.1\r\nHost: {denied}\r\n\r\n");
    let heads = [
        "Content-Length: 4\r\nContent-Length: 5\r\n",
        "Content-Length: 4, 5\r\n",
        "Content-Length: +4\r\n",
        "Content-Length: -4\r\n",
        "Content-Length: 0x4\r\n",
        "Content-Length: 99999999999999999999\r\n",
        "Transfer-Encoding: identity\r\n",
        "Transfer-Encoding: chunked, identity\r\n",
        "Transfer-Encoding: gzip, chunked\r\n",
        "Transfer-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n",
        "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n",
        "Transfer-Encoding: xchunked\r\n",
        "Content-Length : 4\r\n",
        "Transfer-Encoding : chunked\r\n",
        " Transfer-Encoding: chunked\r\n",
        "X-Folded: one\r\n two\r\n",
        "X-Null: a\0b\r\n",
        "X-Return: a\rb\r\n",
        "No colon\r\n",
        ": no name\r\n",
    ];
    for head in heads {
        let answer = exit.say(request(&to, head, &smuggled)).await;
        assert!(!answer.contains(TOKEN), "{head:?}: {answer}");
    }
    assert_eq!(origin.heard(), [""; 0]);
    assert!(exit.say(request(&to, "Content-Length: 4\r\n", "body")).await.ends_with(TOKEN));
}

// As RFC 9112, section 6.1, has it: the chunks count, and nothing on that connection after them.
#[tokio::test]
async fn of_two_lengths_the_server_is_told_one() {
    let (origin, exit, to) = allowed().await;
    let smuggled = format!("4\r\nbody\r\n0\r\n\r\nGET http://{to}/smuggled HTTP/1.1\r\nHost: {to}\r\n\r\n");
    for head in [
        "Content-Length: 4\r\nTransfer-Encoding: chunked\r\n",
        "Transfer-Encoding: chunked\r\nContent-Length: 4\r\n",
        "Content-Length: 4\r\nTransfer-Encoding: chunked\r\nContent-Length: 5\r\n",
    ] {
        assert_eq!(exit.say(request(&to, head, &smuggled)).await.matches(TOKEN).count(), 1, "{head:?}");
    }
    assert!(exit.say(request(&to, "Content-Length: 4\r\nContent-Length: 4\r\n", "body")).await.ends_with(TOKEN));
    let heard = origin.heard();
    for heard in &heard[..3] {
        assert!(!heard.contains("content-length") && !heard.contains("smuggled"), "{heard}");
        assert!(heard.ends_with("transfer-encoding: chunked\r\n\r\n4\r\nbody\r\n0\r\n\r\n"), "{heard}");
    }
    assert_eq!(heard[3].matches("content-length").count(), 1, "{heard:?}");
}

#[tokio::test]
async fn the_host_is_said_once_and_is_the_one_that_is_asked_for() {
    let (origin, exit, to) = allowed().await;
    let denied = to.replace("allowed", "denied");
    let port = origin.port();
    for said in [
        format!("GET http://{to}/ HTTP/1.1\r\nHost: {denied}\r\n\r\n"),
        format!("GET http://{to}/ HTTP/1.1\r\nHost: {to}\r\nHost: {denied}\r\n\r\n"),
        format!("GET http://{to}/ HTTP/1.1\r\nHost: {to}\r\nHost: {to}\r\n\r\n"),
        format!("GET http://{to}/ HTTP/1.1\r\n\r\n"),
        format!("GET http://{to}/ HTTP/1.1\r\nHost:\r\n\r\n"),
        format!("GET http://{to}/ HTTP/1.1\r\nHost: allowed.test\r\n\r\n"),
        format!("GET http://{denied}/ HTTP/1.1\r\nHost: {to}\r\n\r\n"),
        format!("GET http://{to}@{denied}/ HTTP/1.1\r\nHost: {to}\r\n\r\n"),
        format!("GET http://{denied}@{to}/ HTTP/1.1\r\nHost: {to}\r\n\r\n"),
        format!("GET http://{denied}\\@{to}/ HTTP/1.1\r\nHost: {to}\r\n\r\n"),
        format!("GET http://denied.test%00.{to}/ HTTP/1.1\r\nHost: {to}\r\n\r\n"),
        format!("GET http://denied.test\0.{to}/ HTTP/1.1\r\nHost: {to}\r\n\r\n"),
        format!("GET http://allowed.test:{port}:80/ HTTP/1.1\r\nHost: {to}\r\n\r\n"),
        format!("GET //{denied}/ HTTP/1.1\r\nHost: {to}\r\n\r\n"),
        format!("GET / HTTP/1.1\r\nHost: {to}\r\n\r\n"),
        format!("GET https://{to}/ HTTP/1.1\r\nHost: {to}\r\n\r\n"),
        format!("GET ftp://{to}/ HTTP/1.1\r\nHost: {to}\r\n\r\n"),
        format!("GET {to} HTTP/1.1\r\nHost: {to}\r\n\r\n"),
        format!("GET http://{to}/ HTTP/0.9\r\nHost: {to}\r\n\r\n"),
        format!("GET http://{to}/\r\n\r\n"),
        format!("CONNECT {to}\0 HTTP/1.1\r\nHost: {to}\r\n\r\n"),
        format!("CONNECT {to} HTTP/1.1\r\nHost: {denied}\r\n\r\n"),
        format!("CONNECT {denied} HTTP/1.1\r\nHost: {to}\r\n\r\n"),
        format!("CONNECT http://{to}/ HTTP/1.1\r\nHost: {denied}\r\n\r\n"),
        "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0".to_owned(),
    ] {
        let answer = exit.say(&said).await;
        assert!(!answer.contains(TOKEN) && !answer.starts_with("HTTP/1.1 200"), "{said:?}: {answer}");
    }
    assert_eq!(origin.heard(), [""; 0]);
    assert!(exit.get("ALLOWED.test.", port).await.ends_with(TOKEN));
    assert!(origin.heard()[0].contains(&format!("host: {to}\r\n")), "{:?}", origin.heard());
}

#[tokio::test]
async fn a_line_that_ends_without_a_return_changes_nothing_of_what_the_server_reads() {
    let (origin, exit, to) = allowed().await;
    let denied = to.replace("allowed", "denied");
    exit.say(format!(
        "GET http://{to}/ HTTP/1.1\nHost: {to}\nX-A: 1\n\nGET http://{denied}/ HTTP/1.1\nHost: {denied}\n\n"
    ))
    .await;
    for heard in origin.heard() {
        assert!(!heard.contains("denied") && !heard.replace("\r\n", "").contains('\n'), "{heard:?}");
    }
}

#[tokio::test]
async fn requests_after_the_first_are_decided_as_well() {
    let (origin, exit, to) = allowed().await;
    let denied = to.replace("allowed", "denied");
    let get = |host: &str| format!("GET http://{host}/ HTTP/1.1\r\nHost: {host}\r\n\r\n");
    let answer = exit.say([get(&to), get(&denied), get(&to)].concat()).await;
    assert_eq!((answer.matches("HTTP/1.1 200").count(), answer.matches("HTTP/1.1 403").count()), (2, 1), "{answer}");
    assert!(origin.heard().iter().all(|heard| !heard.contains("denied")));
    assert_eq!(exit.log(), ["GET allowed.test / Allow", "GET denied.test / Block", "GET allowed.test / Allow"]);
}

#[tokio::test]
async fn a_body_cannot_become_a_request() {
    let (origin, exit, to) = allowed().await;
    let inner = "GET /smuggled HTTP/1.1\r\nHost: denied.test\r\n\r\n";
    let chunked = format!("{:x};x=\"\r\n\"\r\n{inner}\r\n0\r\n\r\n", inner.len());
    for (headers, body) in [
        (format!("Content-Length: {}\r\n", inner.len()), inner.to_owned()),
        ("Transfer-Encoding: chunked\r\n".to_owned(), chunked),
        ("Transfer-Encoding: chunked\r\n".to_owned(), format!("{:x}\r\n{inner}\r\n0\r\n\r\n", inner.len())),
    ] {
        exit.say(request(&to, &headers, &body)).await;
    }
    // Whoever counts finds as many requests as were decided on.
    let decided = exit.log().len();
    let heads = |heard: &String| {
        let (mut count, mut left) = (0, heard.as_str());
        while let Some((head, body)) = left.split_once("\r\n\r\n") {
            count += 1;
            let length =
                head.lines().find_map(|line| line.to_lowercase().strip_prefix("content-length: ")?.parse().ok());
            left = match length {
                Some(length) => body.get(length..).unwrap_or_default(),
                None => body.split_once("0\r\n\r\n").map_or("", |(_, left)| left),
            };
        }
        count
    };
    assert!(origin.heard().iter().map(heads).sum::<usize>() <= decided, "{:?}", origin.heard());
}

#[tokio::test]
async fn a_tunnel_carries_tls_for_its_host_byte_for_byte() {
    let (origin, exit, to) = allowed().await;
    let hello = client_hello(Some("allowed.test"));
    assert!(exit.tunnel(&to, [&hello[..], b"and whatever follows"].concat()).await.ends_with(TOKEN));
    let heard = origin.heard().concat();
    assert!(heard.ends_with("and whatever follows") && heard.contains("allowed.test"), "{heard:?}");
    assert_eq!(exit.log(), ["CONNECT allowed.test - Allow"]);
}

#[tokio::test]
async fn a_tunnel_does_not_lead_to_another_host_of_the_same_server() {
    let (origin, exit, to) = allowed().await;
    for (what, hello) in [
        ("another name", client_hello(Some("denied.test"))),
        ("no name", client_hello(None)),
        ("an empty name", client_hello(Some(""))),
        ("a name with a null", client_hello(Some("allowed.test\0.denied.test"))),
        ("an address", client_hello(Some("127.0.0.2"))),
        ("two records", [client_hello(Some("denied.test")), client_hello(Some("allowed.test"))].concat()),
        ("half of a record", client_hello(Some("allowed.test"))[..20].to_vec()),
        ("an alert", vec![21, 3, 3, 0, 2, 1, 0]),
        ("a version of its own", [&[22, 9, 9][..], &client_hello(Some("denied.test"))[3..]].concat()),
    ] {
        let answer = exit.tunnel(&to, &hello).await;
        assert!(!answer.contains(TOKEN), "{what}: {answer}");
    }
    // The tunnel was made before anything could be known of it.
    assert!(origin.heard().iter().all(String::is_empty), "{:?}", origin.heard());
    assert!(exit.log().contains(&"CONNECT allowed.test - Block".to_owned()));
}

#[tokio::test]
async fn a_tunnel_to_an_address_may_be_used_without_a_name_but_not_with_another() {
    let origin = Origin::http(ALLOWED, 0, TOKEN).await;
    let exit = Exit::open(&filter(&[origin.port()]), Names::new(&[]));
    let to = origin.address.to_string();
    assert!(exit.tunnel(&to, client_hello(None)).await.ends_with(TOKEN));
    assert_eq!(exit.tunnel(&to, client_hello(Some("denied.test"))).await, "");
}

#[tokio::test]
async fn requests_in_a_tunnel_are_for_its_host() {
    let (origin, exit, to) = allowed().await;
    let denied = to.replace("allowed", "denied");
    for said in [
        format!("GET / HTTP/1.1\r\nHost: {denied}\r\n\r\n"),
        format!("GET http://{denied}/ HTTP/1.1\r\nHost: {denied}\r\n\r\n"),
        format!("GET http://{denied}/ HTTP/1.1\r\nHost: {to}\r\n\r\n"),
        format!("GET / HTTP/1.1\r\nHost: {to}\r\nHost: {denied}\r\n\r\n"),
        format!("CONNECT {to} HTTP/1.1\r\nHost: {to}\r\n\r\n"),
        format!("CONNECT {denied} HTTP/1.1\r\nHost: {denied}\r\n\r\n"),
        "SSH-2.0-OpenSSH_9.9\r\n".to_owned(),
        "EHLO denied.test\r\n".to_owned(),
        "\0\0\0\0garbage".to_owned(),
        "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_owned(),
    ] {
        let answer = exit.tunnel(&to, &said).await;
        assert!(!answer.contains(TOKEN), "{said:?}: {answer}");
    }
    assert!(origin.heard().iter().all(String::is_empty), "{:?}", origin.heard());
    assert!(exit.tunnel(&to, format!("GET /path HTTP/1.1\r\nHost: {to}\r\n\r\n")).await.ends_with(TOKEN));
    assert!(origin.heard().concat().starts_with("GET /path HTTP/1.1\r\n"));
    assert_eq!(exit.log().last().map(String::as_str), Some("GET allowed.test /path Allow"));
}

#[tokio::test]
async fn the_answer_of_a_server_cannot_become_two() {
    let bodies = [
        "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 50\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n5\r\nabcde\r\n0\r\n\r\n",
        "HTTP/1.1 204 No Content\r\nContent-Length: 5\r\n\r\nabcde",
        "HTTP/1.1 200 OK\r\nX: a\r\n b\r\n\r\n",
        "HTTP/1.1 101 Switching Protocols\r\n\r\n",
        "garbage\r\n\r\n",
    ];
    for answer in bodies {
        let origin = Origin::raw(ALLOWED, 0, answer.as_bytes().to_vec()).await;
        let exit = Exit::open(&filter(&[origin.port()]), Names::new(&[]));
        let got = exit.get("127.0.0.2", origin.port()).await;
        assert!(got.matches("HTTP/1.1").count() <= 1, "{answer:?}: {got:?}");
        let head = got.split("\r\n\r\n").next().unwrap_or_default().to_lowercase();
        assert!(!(head.contains("content-length") && head.contains("transfer-encoding")), "{got:?}");
    }
}

// W61: log lines were built by string formatting, so that quotes in a path broke or forged them.
#[tokio::test]
async fn w61_what_is_logged_is_one_harmless_line() {
    let (_origin, exit, to) = allowed().await;
    exit.say(format!("GET http://{to}/\"}},{{\"action\":\"ALLOW'\\ HTTP/1.1\r\nHost: {to}\r\n\r\n")).await;
    exit.say(format!("G\"T http://{to}/ HTTP/1.1\r\nHost: {to}\r\n\r\n")).await;
    exit.say("CONNECT \x1b[2Jdenied.test:443 HTTP/1.1\r\nHost: x\r\n\r\n").await;
    exit.say("CONNECT d\u{e9}nied\u{202e}.test:443 HTTP/1.1\r\nHost: x\r\n\r\n").await;
    exit.say(format!("CONNECT {}.test:443 HTTP/1.1\r\nHost: x\r\n\r\n", "a".repeat(5000))).await;
    let observed = exit.observed().requests;
    assert!(!observed.entries.is_empty());
    for entry in observed.entries {
        let text = format!("{}{}{}", entry.method, entry.host, entry.path.unwrap_or_default());
        assert!(text.len() < 5000 && text.chars().all(|c| c.is_ascii_graphic() || c == '…'), "{text:?}");
    }
}

#[tokio::test]
async fn a_head_that_comes_slowly_holds_nobody_else_up() {
    let (_origin, exit, to) = allowed().await;
    let mut slow: Vec<_> = (0..100).map(|_| exit.connect()).collect();
    for connection in &mut slow {
        connection.write_all(b"GET http://allo").await.expect("it is read");
    }
    tokio::time::timeout(Duration::from_secs(5), exit.say(request(&to, "Content-Length: 0\r\n", "")))
        .await
        .map(|answer| assert!(answer.ends_with(TOKEN), "{answer}"))
        .expect("others are served");
}
