//! Databases that go away, come back, or were never there.

use std::time::{Duration, Instant};

use super::databases::{Database, Kind, PASSWORD, Server};
use super::{create, used_after};
use crate::server::auth::store::{ANSWER_LIMIT, Store};
use crate::server::auth::{AuthError, Location, Surroundings};
use crate::telemetry::chain;

/// What a failed call may take: waiting for a connection, and for an answer, with some room.
const PATIENCE: Duration = ANSWER_LIMIT.saturating_mul(2);

async fn a_server_that_goes_away_is_an_error_until_it_is_back(kind: Kind) {
    let mut server = Server::start(kind);
    let store = server.database().await.open().await;
    let made = create(&store, "ci", "team").await;
    assert!(store.validate_key(&made.key).await.expect("asked").is_some());
    used_after(&store, made.info.id, None).await;

    server.stop();
    let start = Instant::now();
    let error = store.validate_key(&made.key).await.expect_err("nobody answers");
    assert!(start.elapsed() < PATIENCE, "{:?}", start.elapsed());
    assert_eq!(error.code().as_str(), "AUTH_DATABASE");
    assert!(!format!("{} {error:?}", chain(&error)).contains(PASSWORD), "{error:?}");

    server.start_again();
    // The first time, and not some time later.
    assert!(store.validate_key(&made.key).await.expect("it is back").is_some());

    // Nobody notices that it was away. As many connections as there can be had broken.
    futures::future::join_all((0..32).map(|_| store.validate_key(&made.key))).await;
    server.stop();
    server.start_again();
    for outcome in futures::future::join_all((0..32).map(|_| store.validate_key(&made.key))).await {
        assert!(outcome.expect("it is back").is_some());
    }
    assert!(store.revoke_key(made.info.id).await.expect("asked"));
    store.close().await;
}

#[tokio::test]
async fn postgres_goes_away_and_comes_back() {
    a_server_that_goes_away_is_an_error_until_it_is_back(Kind::Postgres).await;
}

#[tokio::test]
async fn mysql_goes_away_and_comes_back() {
    a_server_that_goes_away_is_an_error_until_it_is_back(Kind::MySql).await;
}

#[tokio::test]
async fn a_server_that_says_nothing_is_not_waited_for_without_end() {
    let server = Server::start(Kind::MySql);
    let store = server.database().await.open().await;
    let made = create(&store, "ci", "team").await;
    server.signal("STOP");
    for _ in 0..2 {
        let start = Instant::now();
        let error = store.validate_key(&made.key).await.expect_err("nobody answers");
        assert!(start.elapsed() < PATIENCE, "{:?}", start.elapsed());
        assert!(matches!(error, AuthError::Query { .. }), "{error:?}");
    }
    server.signal("CONT");
    assert!(store.validate_key(&made.key).await.expect("it is back").is_some());
}

#[tokio::test]
async fn a_server_that_cannot_be_reached_is_an_error_without_the_password() {
    for scheme in ["postgres", "mysql"] {
        let url = format!("{scheme}://isol8:{PASSWORD}@127.0.0.1:1/keys");
        let location = Location::parse(&url, &Surroundings::default()).expect("a location");
        let start = Instant::now();
        let error = Store::open(location).await.expect_err("nobody there");
        assert!(start.elapsed() < Duration::from_secs(5));
        let message = chain(&error);
        let expected = format!("could not open the auth database {scheme}://isol8:***@127.0.0.1:1/keys: ");
        assert!(message.starts_with(&expected), "{message}");
        assert!(message.contains("refused") && !format!("{error:?}").contains(PASSWORD), "{message}");
    }
}

#[tokio::test]
async fn a_wrong_password_is_an_error_that_does_not_have_it() {
    for database in [Database::postgres().await, Database::mysql().await] {
        let url = database.url.replace(PASSWORD, "wrong-password");
        let location = Location::parse(&url, &Surroundings::default()).expect("a location");
        let error = Store::open(location).await.expect_err("refused");
        let message = chain(&error);
        assert!(!format!("{message} {error:?}").contains("wrong-password"), "{message}");
        assert!(message.contains("isol8"), "{message}");
    }
}
