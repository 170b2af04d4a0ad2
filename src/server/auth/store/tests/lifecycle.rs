//! What becomes of keys.

use futures::future::join_all;
use jiff::Timestamp;

use super::databases::{Database, PASSWORD};
use super::{HOUR, create, listed, used_after};
use crate::api::KeyLifetime;
use crate::server::auth::store::{ANSWER_LIMIT, Connections, Fault, Store, ask};
use crate::server::auth::{ApiKey, ApiKeyInfo, AuthRejection, Authenticator, MasterKey, NewKey, Presented, Tenant};

/// Declares a test of each scenario for each kind of database.
macro_rules! on_all_databases {
    ($($scenario:ident)*) => {
        mod on_sqlite {
            $(#[tokio::test]
            async fn $scenario() {
                super::$scenario(&super::Database::sqlite()).await;
            })*
        }
        mod on_postgres {
            $(#[tokio::test]
            async fn $scenario() {
                super::$scenario(&super::Database::postgres().await).await;
            })*
        }
        mod on_mysql {
            $(#[tokio::test]
            async fn $scenario() {
                super::$scenario(&super::Database::mysql().await).await;
            })*
        }
    };
}

on_all_databases! {
    a_key_is_valid_from_its_making_to_its_end
    the_database_has_the_hash_of_a_key_and_not_the_key
    w120_lists_are_newest_first_and_w116_of_one_tenant_if_asked_for
    a_revoked_key_is_refused_at_once_by_all_servers_and_for_ever
    w121_sweeping_takes_what_is_no_longer_valid_and_nothing_else
    w119_the_last_use_is_kept_to_the_minute
    closing_keeps_what_was_noted_and_ends_the_store
    a_database_is_brought_up_to_date_any_number_of_times_and_by_many_at_once
    a_database_of_a_newer_isol8_is_refused
    names_are_kept_as_they_are
    requests_are_let_in_by_their_key
}

async fn a_key_is_valid_from_its_making_to_its_end(database: &Database) {
    let store = database.open().await;
    let before = Timestamp::now();
    let made = create(&store, "ci", "team").await;
    let info = made.info;
    assert_eq!((info.name.as_str(), info.tenant.as_str(), info.revoked), ("ci", "team", false));
    assert_eq!(info.key_prefix, format!("{}...", &made.key.expose()[..10]));
    assert!(info.created_at.as_millisecond() >= before.as_millisecond());
    assert_eq!(info.created_at.duration_until(info.expires_at).unsigned_abs(), HOUR);

    assert_eq!(store.validate_key(&made.key).await.expect("asked"), Some(info.clone()));
    let other = ApiKey::generate().expect("random");
    assert_eq!(store.validate_key(&other).await.expect("asked"), None);
    let last_moment = Timestamp::from_millisecond(info.expires_at.as_millisecond() - 1).expect("a time");
    assert!(store.validate_at(&made.key, last_moment).await.expect("asked").is_some());
    assert_eq!(store.validate_at(&made.key, info.expires_at).await.expect("asked"), None);
    assert_eq!(store.validate_at(&made.key, Timestamp::MAX).await.expect("asked"), None);
}

async fn the_database_has_the_hash_of_a_key_and_not_the_key(database: &Database) {
    let store = database.open().await;
    let made = create(&store, "ci", "team").await;
    let columns = [
        store.statements().find.replace("keyPrefix", "keyHash").replace("key_prefix", "key_hash"),
        store.statements().find.to_owned(),
    ];
    for (statement, expected) in columns.into_iter().zip([made.key.hash(), made.info.key_prefix.clone()]) {
        let row = ask!(&*store.0.connections, connection => {
            sqlx::query_as::<_, super::super::Row>(sqlx::AssertSqlSafe(statement.as_str()))
                .bind(made.key.hash())
                .fetch_one(connection)
        });
        let row = row.expect("one row");
        assert_eq!(row.2, expected);
        assert!(!format!("{row:?}").contains(&made.key.expose()["isol8_1234".len()..]));
    }
    assert!(!format!("{store:?} {made:?}").contains(made.key.expose()));
    assert!(!format!("{store:?}").contains(PASSWORD));
}

async fn w120_lists_are_newest_first_and_w116_of_one_tenant_if_asked_for(database: &Database) {
    let store = database.open().await;
    for name in ["1", "2", "3", "4", "5", "6"] {
        // Tenants that a language would take for one.
        create(&store, name, ["team", "Team", "téam"][name.parse::<usize>().expect("a number") % 3]).await;
    }
    let names = async |tenant: Option<&str>| {
        let tenant: Option<Tenant> = tenant.map(|tenant| tenant.parse().expect("a tenant"));
        let keys = store.list_keys(tenant.as_ref()).await.expect("listed");
        keys.into_iter().map(|key| key.name).collect::<Vec<_>>()
    };
    assert_eq!(names(None).await, ["6", "5", "4", "3", "2", "1"]);
    assert_eq!(names(Some("team")).await, ["6", "3"]);
    assert_eq!(names(Some("Team")).await, ["4", "1"]);
    assert_eq!(names(Some("téam")).await, ["5", "2"]);
    assert!(names(Some("nobody")).await.is_empty());
}

async fn a_revoked_key_is_refused_at_once_by_all_servers_and_for_ever(database: &Database) {
    let (one, other) = (database.open().await, database.open().await);
    let made = create(&one, "ci", "team").await;
    for _ in 0..20 {
        assert!(other.validate_key(&made.key).await.expect("asked").is_some());
    }
    assert!(one.revoke_key(made.info.id).await.expect("asked"));
    assert_eq!(other.validate_key(&made.key).await.expect("asked"), None);
    assert_eq!(one.validate_key(&made.key).await.expect("asked"), None);
    assert!(listed(&other, made.info.id).await.revoked);
    // There still is such a key.
    assert!(other.revoke_key(made.info.id).await.expect("asked"));
    assert_eq!(other.validate_key(&made.key).await.expect("asked"), None);
    let nobodys = "6f1c3a52-8f4e-4b0e-9a53-0d8a4b1f2c3d".parse().expect("an id");
    assert!(!one.revoke_key(nobodys).await.expect("asked"));
}

async fn w121_sweeping_takes_what_is_no_longer_valid_and_nothing_else(database: &Database) {
    let store = database.open().await;
    let lasting = KeyLifetime::from_millis(KeyLifetime::MAX_MS as f64).expect("possible");
    let lasting = store.create_key(NewKey::new("lasting", None, lasting).expect("valid")).await.expect("made");
    let short = create(&store, "short", "team").await;
    let revoked = create(&store, "revoked", "team").await;
    assert!(store.revoke_key(revoked.info.id).await.expect("asked"));

    assert_eq!(store.cleanup().await.expect("swept"), 1);
    assert_eq!(store.cleanup_at(short.info.expires_at).await.expect("swept"), 1);
    assert_eq!(store.cleanup_at(short.info.expires_at).await.expect("swept"), 0);
    let left = store.list_keys(None).await.expect("listed");
    assert_eq!(left, std::slice::from_ref(&lasting.info));
    assert!(store.validate_key(&lasting.key).await.expect("asked").is_some());
    // A revoked key is not back once nothing is known of it any more.
    assert_eq!(store.validate_key(&revoked.key).await.expect("asked"), None);
    assert!(!store.revoke_key(revoked.info.id).await.expect("asked"));
}

async fn w119_the_last_use_is_kept_to_the_minute(database: &Database) {
    let store = database.open().await;
    let made = create(&store, "ci", "team").await;
    assert_eq!(listed(&store, made.info.id).await.last_used_at, None);
    let start = made.info.created_at;
    let after = |seconds: i64| start + jiff::SignedDuration::from_secs(seconds);
    let using = async |at: Timestamp| assert!(store.validate_at(&made.key, at).await.expect("asked").is_some());

    using(after(1)).await;
    assert_eq!(used_after(&store, made.info.id, None).await, after(1));
    for seconds in 2..61 {
        using(after(seconds)).await;
    }
    using(after(61)).await;
    assert_eq!(used_after(&store, made.info.id, Some(after(1))).await, after(61));
    // A key that is refused is not used.
    assert_eq!(store.validate_at(&made.key, Timestamp::MAX).await.expect("asked"), None);
    store.close().await;
    assert_eq!(listed(&database.open().await, made.info.id).await.last_used_at, Some(after(61)));
}

async fn closing_keeps_what_was_noted_and_ends_the_store(database: &Database) {
    let store = database.open().await;
    let mut keys = Vec::new();
    for _ in 0..20 {
        keys.push(create(&store, "ci", "team").await);
    }
    join_all(keys.iter().map(|made| store.validate_key(&made.key))).await;
    store.close().await;
    store.close().await;
    let error = store.validate_key(&keys[0].key).await.expect_err("closed");
    assert_eq!(error.code().as_str(), "AUTH_DATABASE");
    let listed = database.open().await.list_keys(None).await.expect("listed");
    assert!(listed.len() == 20 && listed.iter().all(|key| key.last_used_at.is_some()));
}

async fn a_database_is_brought_up_to_date_any_number_of_times_and_by_many_at_once(database: &Database) {
    let stores: Vec<Store> = join_all((0..6).map(|_| database.open())).await;
    let made = create(&stores[0], "ci", "team").await;
    for store in stores.iter().chain([&database.open().await]) {
        assert!(store.validate_key(&made.key).await.expect("asked").is_some());
    }
}

async fn a_database_of_a_newer_isol8_is_refused(database: &Database) {
    let store = database.open().await;
    let done = ask!(&*store.0.connections, connection => async {
        let version = "UPDATE isol8_migrations SET version = 9999";
        sqlx::query(version).execute(connection).await.map(drop)
    });
    done.expect("done");
    let error = Store::open(database.location()).await.expect_err("too new");
    let message = crate::telemetry::chain(&error);
    assert!(message.ends_with("it was brought up to date by a newer isol8 (migration 9999)"), "{message}");
    assert!(!message.contains(PASSWORD), "{message}");
}

async fn names_are_kept_as_they_are(database: &Database) {
    let store = database.open().await;
    for name in ["'; DROP TABLE api_keys; --", "\"quoted\" \\ back\\slash", "ünïcode 🚀", "%_", &"🚀".repeat(256)]
    {
        let made = create(&store, name, "Ünïcode 🚀 team").await;
        let info = store.validate_key(&made.key).await.expect("asked").expect("valid");
        assert_eq!((info.name.as_str(), info.tenant.as_str()), (name, "Ünïcode 🚀 team"));
    }
    assert_eq!(store.list_keys(None).await.expect("listed").len(), 5);
}

/// What is known of a key that is not the master key.
async fn authenticate(authenticator: &Authenticator, header: &[u8]) -> Result<Option<ApiKeyInfo>, AuthRejection> {
    match authenticator.recognise(Some(header))? {
        Presented::Master => Ok(None),
        Presented::Key(key) => authenticator.look_up(&key).await.map(Some),
    }
}

async fn requests_are_let_in_by_their_key(database: &Database) {
    let store = database.open().await;
    let made = create(&store, "ci", "team").await;
    let master = MasterKey::new(&crate::api::Secret::new("open sesame".into())).expect("a key");
    let authenticator = Authenticator::new(master, Some(store.clone()));
    let header = format!("Bearer {}", made.key.expose());

    let info = authenticate(&authenticator, header.as_bytes()).await.expect("let in").expect("a key of the database");
    assert_eq!((info.id, info.tenant.as_str()), (made.info.id, "team"));
    assert!(authenticate(&authenticator, b"Bearer open sesame").await.expect("let in").is_none());

    store.revoke_key(made.info.id).await.expect("asked");
    let refused = authenticate(&authenticator, header.as_bytes()).await.expect_err("revoked");
    assert!(matches!(refused, AuthRejection::Invalid));
    store.close().await;
    let refused = authenticate(&authenticator, header.as_bytes()).await.expect_err("nobody knows");
    assert_eq!((refused.status(), refused.code().as_str()), (503, "AUTH_DATABASE"));
    assert!(authenticate(&authenticator, b"Bearer open sesame").await.expect("let in").is_none());
}
