//! What only a file can suffer, and what only MySQL leaves half done.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::Duration;

use futures::future::join_all;
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;

use super::databases::Database;
use super::{create, used_after};
use crate::server::auth::store::{ANSWER_LIMIT, Connections, Fault, Store, ask};
use crate::server::auth::sweep;

fn mode(path: &Path) -> u32 {
    fs::metadata(path).expect("it is there").permissions().mode() & 0o7777
}

#[tokio::test]
async fn w98_all_files_of_a_database_are_for_their_owner_only() {
    let database = Database::sqlite();
    let store = database.open().await;
    let made = create(&store, "ci", "team").await;
    let path = Path::new(&database.url);
    let directory = path.parent().expect("it has one");
    assert_eq!(mode(directory), 0o700);
    let mut names = Vec::new();
    for entry in fs::read_dir(directory).expect("it is there") {
        let entry = entry.expect("readable");
        assert_eq!(mode(&entry.path()), 0o600, "{entry:?}");
        let bytes = fs::read(entry.path()).expect("readable");
        let key = made.key.expose().as_bytes();
        assert!(!bytes.windows(key.len()).any(|window| window == key), "{entry:?} has the key");
        names.push(entry.file_name().into_string().expect("Unicode"));
    }
    names.sort();
    assert_eq!(names, ["auth.db", "auth.db-shm", "auth.db-wal"]);
    store.close().await;
    assert_eq!(mode(path), 0o600);
}

#[tokio::test]
async fn keys_are_gone_with_their_file_and_back_with_it() {
    let database = Database::sqlite();
    let store = database.open().await;
    let made = create(&store, "ci", "team").await;
    assert!(store.validate_key(&made.key).await.expect("asked").is_some());
    used_after(&store, made.info.id, None).await;
    let copy = format!("{}.copy", database.url);
    store.close().await;
    fs::copy(&database.url, &copy).expect("closed, so all is in the file");

    let store = database.open().await;
    assert!(store.validate_key(&made.key).await.expect("asked").is_some());
    for suffix in ["", "-wal", "-shm"] {
        fs::remove_file(format!("{}{suffix}", database.url)).expect("it is there");
    }
    let error = store.validate_key(&made.key).await.expect_err("no file");
    assert_eq!(error.code().as_str(), "AUTH_DATABASE");
    fs::rename(&copy, &database.url).expect("ours");
    assert!(store.validate_key(&made.key).await.expect("asked").is_some());
}

#[tokio::test]
async fn a_key_that_is_revoked_in_another_file_of_that_name_is_refused() {
    let database = Database::sqlite();
    let store = database.open().await;
    let made = create(&store, "ci", "team").await;
    assert!(store.validate_key(&made.key).await.expect("asked").is_some());
    let other = Database::sqlite();
    other.open().await.close().await;
    for suffix in ["-wal", "-shm"] {
        fs::remove_file(format!("{}{suffix}", database.url)).expect("it is there");
    }
    fs::rename(&other.url, &database.url).expect("on one file system");
    assert_eq!(store.validate_key(&made.key).await.expect("asked"), None);
}

#[tokio::test]
async fn many_use_one_file_at_once() {
    let database = Database::sqlite();
    let stores: Vec<Store> = join_all((0..4).map(|_| database.open())).await;
    let keys = join_all(stores.iter().cycle().take(100).map(|store| create(store, "ci", "team"))).await;
    let validated = join_all(keys.iter().zip(stores.iter().rev().cycle()).map(|(made, store)| async {
        let valid = store.validate_key(&made.key).await.expect("asked").is_some();
        valid && store.revoke_key(made.info.id).await.expect("asked")
    }));
    assert!(validated.await.into_iter().all(|done| done));
    assert_eq!(stores[0].cleanup().await.expect("swept"), 100);
}

#[tokio::test]
async fn w115_sweeping_goes_on_until_the_server_ends() {
    let database = Database::sqlite();
    let store = database.open().await;
    let end = CancellationToken::new();
    let sweeping = tokio::spawn(sweep(store.clone(), Duration::from_millis(5), end.clone()));
    for _ in 0..3 {
        let made = create(&store, "ci", "team").await;
        assert!(store.revoke_key(made.info.id).await.expect("asked"));
        let start = Instant::now();
        while !store.list_keys(None).await.expect("listed").is_empty() {
            assert!(start.elapsed() < Duration::from_secs(10), "nobody sweeps");
            sleep(Duration::from_millis(5)).await;
        }
    }
    end.cancel();
    sweeping.await.expect("it ends");
}

/// As when the server was killed in between.
#[tokio::test]
async fn a_migration_of_mysql_that_was_cut_off_is_done_again() {
    let database = Database::mysql().await;
    let store = database.open().await;
    for statement in ["DROP TABLE api_keys", "UPDATE isol8_migrations SET success = FALSE"] {
        let done = ask!(&*store.0.connections, connection => async {
            sqlx::query(statement).execute(connection).await.map(drop)
        });
        done.expect("done");
    }
    let stores: Vec<Store> = join_all((0..4).map(|_| database.open())).await;
    let made = create(&stores[0], "ci", "team").await;
    assert!(stores[3].validate_key(&made.key).await.expect("asked").is_some());
}
