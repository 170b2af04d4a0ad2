//! Names that resolve to what must not be dialled, or to something else each time.

use std::sync::Arc;

use super::support::*;
use crate::api::{NetworkAction, NetworkFilterConfig};
use crate::network::Policy;

const TOKEN: &str = "what-may-be-read";
const SECRET: &str = "what-may-not";

#[tokio::test]
async fn a_refused_name_is_never_looked_up() {
    let origin = Origin::http(ALLOWED, 0, TOKEN).await;
    let port = origin.port();
    let names = Names::new(&[("allowed.test", &[&["127.0.0.2"]]), ("denied.test", &[&["127.0.0.2"]])]);
    let config =
        NetworkFilterConfig { whitelist: owned(&["\\.test$"]), blacklist: owned(&["^denied"]), ..filter(&[port]) };
    let exit = Exit::open(&config, names.clone());
    for (host, port) in
        [("denied.test", port), ("DENIED.test.", port), ("exfiltrated.example", port), ("allowed.test", 1)]
    {
        let answer = exit.get(host, port).await;
        assert!(answer.starts_with("HTTP/1.1 403"), "{answer}");
        let answer = exit.tunnel(&format!("{host}:{port}"), "").await;
        assert!(answer.starts_with("HTTP/1.1 403"), "{answer}");
    }
    assert_eq!(names.asked(), [""; 0]);
    assert!(origin.heard().is_empty());

    assert!(exit.get("allowed.test", port).await.ends_with(TOKEN));
    assert_eq!(names.asked(), ["allowed.test"]);
}

#[tokio::test]
async fn without_the_list_a_denied_name_is_looked_up_and_reached() {
    let origin = Origin::http(ALLOWED, 0, TOKEN).await;
    let names = Names::new(&[("denied.test", &[&["127.0.0.2"]])]);
    let exit = Exit::open(&filter(&[origin.port()]), names.clone());
    assert!(exit.get("denied.test", origin.port()).await.ends_with(TOKEN));
    assert_eq!(names.asked(), ["denied.test"]);
}

// W65: allowed names that resolve to loopback, private or metadata addresses were connected to.
#[tokio::test]
async fn w65_an_allowed_name_of_a_private_address_is_refused() {
    let (_, forbidden) = allowed_and_forbidden(TOKEN, SECRET).await;
    let port = forbidden.port();
    for address in ["127.0.0.1", "::1", "::ffff:127.0.0.1", "0.0.0.0", "10.0.0.1", "169.254.1.1", "fd00::1", "fe80::1"]
    {
        let names = Names::new(&[("inside.test", &[&[address]])]);
        let config = NetworkFilterConfig { whitelist: owned(&["^inside\\.test$"]), ..filter(&[port]) };
        let exit = Exit::open(&config, names);
        let answer = exit.get("inside.test", port).await;
        assert!(answer.starts_with("HTTP/1.1 403") && answer.contains("x-isol8-block: private-address"), "{answer}");
        let answer = exit.tunnel(&format!("inside.test:{port}"), "GET / HTTP/1.1\r\n\r\n").await;
        assert!(answer.starts_with("HTTP/1.1 403"), "{answer}");
    }
    assert!(forbidden.heard().is_empty());
}

#[tokio::test]
async fn an_open_proxy_does_not_tell_which_private_names_exist() {
    let (_, forbidden) = allowed_and_forbidden(TOKEN, SECRET).await;
    let port = forbidden.port();
    let answers: &[(&str, &[&[&str]])] = &[("real.test", &[&["127.0.0.1"]]), ("meta.test", &[&["169.254.169.254"]])];
    let exit = Exit::open(&filter(&[port]), Names::new(answers));
    for real in ["real.test", "meta.test"] {
        let missing = exit.get("none.test", port).await;
        assert!(missing.starts_with("HTTP/1.1 502") && !missing.contains("x-isol8-block"), "{missing}");
        assert_eq!(without_date(&exit.get(real, port).await), without_date(&missing.replace("none.test", real)));
        let missing = exit.tunnel(&format!("none.test:{port}"), "").await;
        let tunnel = exit.tunnel(&format!("{real}:{port}"), "").await;
        assert_eq!(without_date(&tunnel), without_date(&missing));
    }
    // Whoever runs it is told.
    let events = exit.observed().requests.events;
    let told: Vec<_> =
        events.iter().map(|event| event.details["block"].split(';').next().unwrap_or_default()).collect();
    assert_eq!(told, ["private-address", "private-address", "metadata-address", "metadata-address"]);
    assert!(forbidden.heard().is_empty());

    // A name that a pattern names, and those that everybody knows, are no secret.
    let answers: &[(&str, &[&[&str]])] = &[("real.test", &[&["127.0.0.1"]]), ("localhost", &[&["127.0.0.1"]])];
    let named = NetworkFilterConfig { whitelist: owned(&["^real\\.test$"]), ..filter(&[port]) };
    assert!(Exit::open(&named, Names::new(answers)).get("real.test", port).await.starts_with("HTTP/1.1 403"));
    let exit = Exit::open(&filter(&[port]), Names::new(answers));
    assert!(exit.get("localhost", port).await.starts_with("HTTP/1.1 403"));
    assert!(exit.get("127.0.0.1", port).await.starts_with("HTTP/1.1 403"));
}

#[tokio::test]
async fn of_a_server_not_even_the_client_is_told_which_private_names_exist() {
    let (_, forbidden) = allowed_and_forbidden(TOKEN, SECRET).await;
    let port = forbidden.port();
    let compile = |config: &NetworkFilterConfig| Policy::compile("network", config, Vec::new()).expect("a policy");
    let bounds = Arc::new(compile(&filter(&[port])));
    // The client names it, but the operator does not.
    let asked = NetworkFilterConfig { whitelist: owned(&["^real\\.test$", "^none\\.test$"]), ..filter(&[port]) };
    let policy = compile(&asked).for_clients().within(bounds);
    let exit = Exit::with_policy(policy, Names::new(&[("real.test", &[&["127.0.0.1"]])]));
    for host in ["real.test", "none.test"] {
        assert!(exit.get(host, port).await.starts_with("HTTP/1.1 502"));
    }
    let requests = exit.observed().requests;
    let entries: Vec<_> = requests.entries.iter().map(|entry| (entry.action, entry.block.as_deref())).collect();
    assert_eq!(entries, [(NetworkAction::Allow, None); 2]);
    assert_eq!(requests.events.len(), 1);
    assert!(requests.events[0].details["block"].starts_with("private-address"));
}

/// An answer without the one header that time alone decides on.
fn without_date(answer: &str) -> String {
    answer.split_inclusive("\r\n").filter(|line| !line.starts_with("date:")).collect()
}

#[tokio::test]
async fn with_its_network_allowed_the_private_address_is_reached() {
    let (_, forbidden) = allowed_and_forbidden(TOKEN, SECRET).await;
    let names = Names::new(&[("inside.test", &[&["127.0.0.1"]])]);
    let exit = Exit::open(&lifted(&[forbidden.port()]), names);
    assert!(exit.get("inside.test", forbidden.port()).await.ends_with(SECRET));
}

#[tokio::test]
async fn metadata_services_are_refused_even_where_all_networks_are_allowed() {
    let names = Names::new(&[
        ("metadata.test", &[&["169.254.169.254"]]),
        ("mapped.test", &[&["::ffff:169.254.169.254"]]),
        ("six.test", &[&["fd00:ec2::254"]]),
    ]);
    let allow_private = Some(owned(&["0.0.0.0/0", "::/0"]));
    let config = NetworkFilterConfig { whitelist: owned(&[".*"]), allow_private, ..filter(&[80]) };
    let exit = Exit::open(&config, names);
    for host in ["metadata.test", "mapped.test", "six.test", "169.254.169.254", "[fd00:ec2::254]", "0xa9fea9fe"] {
        let answer = exit.get(host, 80).await;
        assert!(answer.starts_with("HTTP/1.1 403") && answer.contains("metadata-address"), "{host}: {answer}");
    }
}

#[tokio::test]
async fn of_several_addresses_only_allowed_ones_are_dialled() {
    let (allowed, forbidden) = allowed_and_forbidden(TOKEN, SECRET).await;
    let port = allowed.port();
    let mixed: &[&[&str]] = &[&["127.0.0.1", "::1", "127.0.0.2", "10.0.0.1"]];
    let exit = Exit::open(&filter(&[port]), Names::new(&[("mixed.test", mixed)]));
    assert!(exit.get("mixed.test", port).await.ends_with(TOKEN));
    assert!(forbidden.heard().is_empty());

    let exit = Exit::open(&lifted(&[port]), Names::new(&[("mixed.test", mixed)]));
    assert!(exit.get("mixed.test", port).await.ends_with(SECRET));
}

#[tokio::test]
async fn the_address_that_was_decided_on_is_the_one_that_is_dialled() {
    let (allowed, forbidden) = allowed_and_forbidden(TOKEN, SECRET).await;
    let port = allowed.port();
    let rebinding: &[&[&str]] = &[&["127.0.0.2"], &["127.0.0.1"]];
    let names = Names::new(&[("rebinding.test", rebinding)]);
    let config = NetworkFilterConfig { whitelist: owned(&["^rebinding\\.test$"]), ..filter(&[port]) };
    let exit = Exit::open(&config, names.clone());
    assert!(exit.get("rebinding.test", port).await.ends_with(TOKEN));
    assert_eq!(names.asked().len(), 1);
    // A connection of its own is decided anew.
    let answer = exit.get("rebinding.test", port).await;
    assert!(answer.starts_with("HTTP/1.1 403"), "{answer}");
    assert_eq!(names.asked().len(), 2);
    assert!(forbidden.heard().is_empty());

    let exit = Exit::open(&lifted(&[port]), Names::new(&[("rebinding.test", rebinding)]));
    assert!(exit.get("rebinding.test", port).await.ends_with(TOKEN));
    assert!(exit.get("rebinding.test", port).await.ends_with(SECRET));
}

#[tokio::test]
async fn a_name_that_changes_within_a_tunnel_leads_nowhere() {
    let (allowed, forbidden) = allowed_and_forbidden(TOKEN, SECRET).await;
    let to = format!("rebinding.test:{}", allowed.port());
    let rebinding: &[&[&str]] = &[&["127.0.0.2"], &["127.0.0.1"]];
    let request = format!("GET / HTTP/1.1\r\nHost: {to}\r\n\r\n");

    let exit = Exit::open(&filter(&[allowed.port()]), Names::new(&[("rebinding.test", rebinding)]));
    let answer = exit.tunnel(&to, &request).await;
    assert!(!answer.contains(SECRET), "{answer}");
    assert!(forbidden.heard().is_empty());

    let exit = Exit::open(&lifted(&[allowed.port()]), Names::new(&[("rebinding.test", rebinding)]));
    assert!(exit.tunnel(&to, &request).await.ends_with(SECRET));
}

#[tokio::test]
async fn requests_on_one_connection_to_one_host_need_one_lookup() {
    let origin = Origin::http(ALLOWED, 0, TOKEN).await;
    let port = origin.port();
    let names = Names::new(&[("one.test", &[&["127.0.0.2"]]), ("two.test", &[&["127.0.0.2"]])]);
    let exit = Exit::open(&filter(&[port]), names.clone());
    let request = |host: &str| format!("GET http://{host}:{port}/ HTTP/1.1\r\nHost: {host}:{port}\r\n\r\n");
    let answer = exit.say([request("one.test"), request("one.test"), request("two.test")].concat()).await;
    assert_eq!(answer.matches(TOKEN).count(), 3);
    assert_eq!(names.asked(), ["one.test", "two.test"]);
}

#[tokio::test]
async fn a_name_that_nobody_has_is_a_bad_gateway() {
    let exit = Exit::open(&filter(&[80]), Names::new(&[("empty.test", &[&[]])]));
    for name in ["nobody.test", "empty.test"] {
        let answer = exit.get(name, 80).await;
        assert!(answer.starts_with("HTTP/1.1 502"), "{answer}");
        assert!(answer.ends_with(&format!("isol8: proxy error: connection to {name}:80 failed")), "{answer}");
    }
    // W61: failed connections were not logged.
    assert_eq!(exit.log(), ["GET nobody.test / Allow", "GET empty.test / Allow"]);
}
