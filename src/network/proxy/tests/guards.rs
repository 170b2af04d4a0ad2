//! What each guard is there for: with it, an attack gets nothing; without it, the same attack gets what it wants.

use super::support::*;
use crate::api::NetworkFilterConfig;
use crate::network::guard::{Guard, without};

const TOKEN: &str = "what-may-be-read";
const SECRET: &str = "what-may-not";

/// Runs an attack with all guards in their places, and then without some: the secret comes back only then.
async fn only_without(guards: &[Guard], attack: impl AsyncFn() -> String) {
    let got = attack().await;
    assert!(!got.contains(SECRET), "with all guards: {got}");
    let _removed = without(guards);
    let got = attack().await;
    assert!(got.contains(SECRET), "without {guards:?}: {got}");
}

/// A way out to `name`, which has these addresses, one lookup after the other.
fn exit_to(config: &NetworkFilterConfig, name: &str, addresses: &[&[&str]]) -> Exit {
    Exit::open(config, Names::new(&[(name, addresses)]))
}

#[tokio::test]
async fn canonical_form() {
    let origin = Origin::http(ALLOWED, 0, SECRET).await;
    let port = origin.port();
    let config = NetworkFilterConfig { blacklist: owned(&["^denied\\.test$", "^127\\.0\\.0\\.2$"]), ..filter(&[port]) };
    for spelling in ["denied.test.", "0x7f000002", "127.2", "2130706434", "[::ffff:127.0.0.2]"] {
        // What these names are to a resolver that takes them as they are.
        let exit = || exit_to(&config, spelling, &[&["127.0.0.2"]]);
        only_without(&[Guard::Canonical], async || exit().get(spelling, port).await).await;
    }
}

#[tokio::test]
async fn ports() {
    let origin = Origin::http(ALLOWED, 0, SECRET).await;
    let exit = || Exit::open(&filter(&[1]), Names::new(&[]));
    only_without(&[Guard::Port], async || exit().get("127.0.0.2", origin.port()).await).await;
    let request = format!("GET / HTTP/1.1\r\nHost: {}\r\n\r\n", origin.address);
    only_without(&[Guard::Port], async || exit().tunnel(&origin.address.to_string(), &request).await).await;
}

#[tokio::test]
async fn addresses() {
    let origin = Origin::http(FORBIDDEN, 0, SECRET).await;
    let port = origin.port();
    for host in ["inside.test", "127.0.0.1", "0x7f.1"] {
        let exit = || exit_to(&filter(&[port]), host, &[&["127.0.0.1"]]);
        only_without(&[Guard::Address], async || exit().get(host, port).await).await;
    }
}

#[tokio::test]
async fn the_address_that_was_decided_on() {
    let (allowed, _forbidden) = allowed_and_forbidden(TOKEN, SECRET).await;
    let port = allowed.port();
    let exit = || exit_to(&filter(&[port]), "rebinding.test", &[&["127.0.0.2"], &["127.0.0.1"]]);
    only_without(&[Guard::DialChecked], async || exit().get("rebinding.test", port).await).await;
}

#[tokio::test]
async fn the_host_header() {
    let origin = Origin::http(ALLOWED, 0, SECRET).await;
    let to = format!("allowed.test:{}", origin.port());
    let config = NetworkFilterConfig { whitelist: owned(&["^allowed\\.test$"]), ..filter(&[origin.port()]) };
    let exit = || exit_to(&config, "allowed.test", &[&["127.0.0.2"]]);
    let fronted = format!("GET http://{to}/ HTTP/1.1\r\nHost: denied.test\r\n\r\n");
    only_without(&[Guard::HostHeader], async || exit().say(&fronted).await).await;
    // It is caught twice: without the check alone, the server still hears the host that was asked for.
    assert!(!origin.heard().concat().contains("denied.test"));
    only_without(&[Guard::HostHeader, Guard::OwnWords], async || exit().say(&fronted).await).await;
    assert!(origin.heard().concat().contains("denied.test"));

    let within = "GET / HTTP/1.1\r\nHost: denied.test\r\n\r\n";
    only_without(&[Guard::HostHeader], async || exit().tunnel(&to, within).await).await;
    let twice = format!("GET http://{to}/ HTTP/1.1\r\nHost: {to}\r\nHost: denied.test\r\n\r\n");
    only_without(&[Guard::OneHost], async || exit().say(&twice).await).await;
}

#[tokio::test]
async fn own_words() {
    let origin = Origin::http(ALLOWED, 0, TOKEN).await;
    let to = origin.address;
    let exit = || Exit::open(&filter(&[to.port()]), Names::new(&[]));
    let request = format!("GET http://{to}/ HTTP/1.1\r\nHost: {to}\r\nProxy-Authorization: {SECRET}\r\n\r\n");
    only_without(&[Guard::OwnWords], async || {
        exit().say(&request).await;
        origin.heard().concat()
    })
    .await;
}

#[tokio::test]
async fn protocols() {
    let other = "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n";
    let origin = Origin::raw(ALLOWED, 0, format!("{other}{SECRET}").into_bytes()).await;
    let to = origin.address;
    let exit = || Exit::open(&filter(&[to.port()]), Names::new(&[]));
    let head = format!("GET http://{to}/ HTTP/1.1\r\nHost: {to}\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n");
    only_without(&[Guard::Protocol], async || exit().say(&head).await).await;
}

#[tokio::test]
async fn framing() {
    let origin = Origin::http(ALLOWED, 0, SECRET).await;
    let to = origin.address;
    let exit = || Exit::open(&filter(&[to.port()]), Names::new(&[]));
    for encoding in ["gzip, chunked", "x, chunked"] {
        let head = format!("POST http://{to}/ HTTP/1.1\r\nHost: {to}\r\nTransfer-Encoding: {encoding}\r\n\r\n");
        only_without(&[Guard::Framing], async || exit().say(format!("{head}4\r\nbody\r\n0\r\n\r\n")).await).await;
    }
}

#[tokio::test]
async fn the_server_name() {
    let origin = Origin::http(ALLOWED, 0, SECRET).await;
    let to = format!("allowed.test:{}", origin.port());
    let config = NetworkFilterConfig { whitelist: owned(&["^allowed\\.test$"]), ..filter(&[origin.port()]) };
    let exit = || exit_to(&config, "allowed.test", &[&["127.0.0.2"]]);
    let hello = client_hello(Some("denied.test"));
    only_without(&[Guard::ServerName], async || exit().tunnel(&to, &hello).await).await;
}

#[tokio::test]
async fn private_names() {
    let exit = || exit_to(&filter(&[80]), "inside.test", &[&["10.0.0.1"]]);
    // What is wanted is only to know that the name is there.
    let attack = async || exit().get("inside.test", 80).await.replace("private-address", SECRET);
    only_without(&[Guard::Secret], attack).await;
}
