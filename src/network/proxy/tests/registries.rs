//! Package registries: what lets them through, what holds for them all the same, and when that ends.

use std::sync::Arc;

use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};

use super::support::*;
use crate::api::NetworkFilterConfig;
use crate::network::Policy;

const TOKEN: &str = "what-a-registry-says";

/// Two names of one server, of which the policy names the second alone.
fn names() -> Arc<Names> {
    Names::new(&[("registry.test", &[&["127.0.0.2"]]), ("named.test", &[&["127.0.0.2"]])])
}

fn compile(config: &NetworkFilterConfig) -> Policy {
    Policy::compile("network", config, Vec::new()).expect("a policy")
}

/// A filter of these ports that names one host.
fn naming(host: &str, ports: &[u16]) -> NetworkFilterConfig {
    NetworkFilterConfig { whitelist: owned(&[host]), ..filter(ports) }
}

/// A tunnel to `to` over which TLS has begun.
async fn tunnel(exit: &Exit, origin: &Origin, to: &str) -> DuplexStream {
    let heard = origin.heard().concat().len();
    let mut tunnel = exit.connect();
    tunnel.write_all(format!("CONNECT {to} HTTP/1.1\r\nHost: {to}\r\n\r\n").as_bytes()).await.expect("it is read");
    assert!(head_of(&mut tunnel).await.starts_with("HTTP/1.1 200"), "{to}");
    let host = to.split(':').next();
    tunnel.write_all(&client_hello(host)).await.expect("it is read");
    until(|| origin.heard().concat().len() > heard).await;
    tunnel
}

#[tokio::test]
async fn registries_are_let_through_for_a_time_and_what_reached_them_ends_with_it() {
    let origin = Origin::raw(ALLOWED, 0, Vec::new()).await;
    let port = origin.port();
    let exit = Exit::open(&naming(r"^named\.test$", &[port]), names());
    assert!(exit.get("registry.test", port).await.starts_with("HTTP/1.1 403"));

    let open = exit.let_through(&["registry.test", "named.test"]);
    let mut to_registry = tunnel(&exit, &origin, &format!("registry.test:{port}")).await;
    let mut named = tunnel(&exit, &origin, &format!("named.test:{port}")).await;
    let mut asking = exit.connect();
    let request = format!("GET http://registry.test:{port}/ HTTP/1.1\r\nHost: registry.test:{port}\r\n\r\n");
    asking.write_all(request.as_bytes()).await.expect("it is read");
    until(|| origin.open() == 3).await;

    drop(open);
    assert_eq!((rest(&mut to_registry).await, rest(&mut asking).await), (String::new(), String::new()));
    until(|| origin.open() == 1).await;
    assert!(exit.get("registry.test", port).await.starts_with("HTTP/1.1 403"));
    // What the whitelist names needs no registry.
    named.write_all(b"more").await.expect("it is open");
    until(|| origin.heard().concat().contains("more")).await;
    let mut one = [0];
    assert!(tokio::time::timeout(std::time::Duration::from_millis(50), named.read(&mut one)).await.is_err());
}

#[tokio::test]
async fn a_connection_to_a_registry_cannot_be_used_once_registries_are_closed() {
    let origin = Origin::http(ALLOWED, 0, TOKEN).await;
    let port = origin.port();
    let exit = Exit::open(&naming(r"^named\.test$", &[port]), names());
    let open = exit.let_through(&["registry.test"]);
    let request = format!("GET http://registry.test:{port}/ HTTP/1.1\r\nHost: registry.test:{port}\r\n\r\n");
    let mut connection = exit.connect();
    connection.write_all(request.as_bytes()).await.expect("it is read");
    let mut answer = vec![0; 4096];
    let length = connection.read(&mut answer).await.expect("an answer");
    assert!(answer[..length].starts_with(b"HTTP/1.1 200"));
    drop(open);
    // Fails if the connection has been closed already.
    let _ = connection.write_all(request.as_bytes()).await;
    let rest = rest(&mut connection).await;
    assert!(!rest.contains("HTTP/1.1 200"), "{rest}");
}

#[tokio::test]
async fn another_host_is_no_registry() {
    let origin = Origin::http(ALLOWED, 0, TOKEN).await;
    let port = origin.port();
    let exit = Exit::open(&naming(r"^nowhere\.test$", &[port]), names());
    let _open = exit.let_through(&["registry.test"]);
    assert!(exit.get("registry.test", port).await.ends_with(TOKEN));
    assert!(exit.get("named.test", port).await.starts_with("HTTP/1.1 403"));
}

#[tokio::test]
async fn a_registry_may_be_on_a_private_network_but_not_on_this_machine() {
    let names = Names::new(&[("mirror.test", &[&["198.18.0.1"]]), ("here.test", &[&["127.0.0.1"]])]);
    let exit = Exit::open(&NetworkFilterConfig { allow_private: None, ..filter(&[1]) }, names);
    let hosts = ["mirror.test", "here.test", "198.18.0.1"];
    let decided = async |host: &str| {
        let mut connection = exit.connect();
        let to = format!("{host}:1");
        let request = format!("CONNECT {to} HTTP/1.1\r\nHost: {to}\r\n\r\n");
        connection.write_all(request.as_bytes()).await.expect("it is read");
        let waited = tokio::time::timeout(std::time::Duration::from_secs(1), head(&mut connection)).await;
        let requests = exit.observed().requests;
        // Nobody is at that address: whoever still waits was let through.
        waited.is_err() || requests.events.is_empty()
    };
    for host in hosts {
        assert!(!decided(host).await, "{host}");
    }
    let _open = exit.let_through(&hosts);
    assert!(decided("mirror.test").await && decided("198.18.0.1").await);
    assert!(!decided("here.test").await);
}

// What a client of a server denies itself was let through with the server's whitelist.
#[tokio::test]
async fn what_either_of_two_policies_denies_holds_for_registries_too() {
    let origin = Origin::http(ALLOWED, 0, TOKEN).await;
    let port = origin.port();
    let bounds = naming(r"^named\.test$", &[port]);
    let denying = |config: NetworkFilterConfig| NetworkFilterConfig { blacklist: owned(&[r"^registry\."]), ..config };
    let here = vec![origin.address];
    for (bounds, own, answer) in [
        (compile(&bounds), compile(&filter(&[port])), "200"),
        (compile(&bounds), compile(&naming(r"^nowhere\.test$", &[port])), "200"),
        (compile(&bounds), compile(&denying(filter(&[port]))), "403"),
        (compile(&bounds), compile(&filter(&[1])), "403"),
        (compile(&bounds), compile(&filter(&[port])).sparing(here), "502"),
        (compile(&denying(bounds.clone())), compile(&filter(&[port])), "403"),
        (compile(&naming(r"^named\.test$", &[1])), compile(&filter(&[port])), "403"),
    ] {
        let exit = Exit::with_policy(own.for_clients().within(Arc::new(bounds)), names());
        let _open = exit.let_through(&["registry.test"]);
        let got = exit.get("registry.test", port).await;
        assert!(got.starts_with(&format!("HTTP/1.1 {answer}")), "{answer}: {got}");
    }
}
