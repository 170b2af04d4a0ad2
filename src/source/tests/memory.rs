//! What is remembered, for whom, and for how long.

use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, SystemTime};

use sha2::{Digest, Sha256};
use url::Url;

use super::support::*;
use crate::api::RemoteCodePolicy;
use crate::network::dial::fake::Names;
use crate::source::cache::{Cache, Key};
use crate::source::{Fetcher, Wanted};

const HOUR: Duration = Duration::from_secs(3600);

fn caching() -> RemoteCodePolicy {
    RemoteCodePolicy { enable_cache: true, ..lenient() }
}

/// A site that counts, and so has other code each time.
async fn counting() -> Site {
    let count = AtomicUsize::new(0);
    Site::saying(move |_| ok(format!("print({})", count.fetch_add(1, Ordering::SeqCst)))).await
}

async fn fetched(fetcher: &Fetcher, url: &str) -> String {
    said(fetcher.fetch(&wanted(url)).await).expect("code")
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).map(|entries| entries.map(|entry| entry.expect("a file").path()).collect());
    entries.unwrap_or_default()
}

fn hash(text: &str) -> String {
    Sha256::digest(text).iter().map(|byte| format!("{byte:02x}")).collect()
}

// W130: there were options for a cache, and no cache.
#[tokio::test]
async fn w130_code_is_fetched_once_and_then_remembered_also_by_others() {
    let (site, folder) = (counting().await, tempfile::tempdir().expect("a folder"));
    let folder = folder.path().join("not/there/yet");
    let (one, other) =
        (remembering(&caching(), &Names::new(&[]), &folder), remembering(&caching(), &Names::new(&[]), &folder));
    for fetcher in [&one, &one, &other] {
        assert_eq!(fetched(fetcher, &site.url()).await, "print(0)");
    }
    assert_eq!(site.heard().len(), 1);
    // A fragment is not part of what is asked for; all else is.
    assert_eq!(fetched(&one, &format!("{}#x", site.url())).await, "print(0)");
    assert_eq!(fetched(&one, &format!("{}?x", site.url())).await, "print(1)");
}

#[tokio::test]
async fn without_a_cache_or_with_no_time_to_live_every_run_fetches() {
    let (site, folder) = (counting().await, tempfile::tempdir().expect("a folder"));
    let off = RemoteCodePolicy { enable_cache: false, ..caching() };
    let short = RemoteCodePolicy { cache_ttl: 0, ..caching() };
    for (index, policy) in [&off, &off, &short, &short].into_iter().enumerate() {
        let fetcher = remembering(policy, &Names::new(&[]), folder.path());
        assert_eq!(fetched(&fetcher, &site.url()).await, format!("print({index})"));
    }
    assert_eq!(files(folder.path()), [""; 0].map(PathBuf::from));
}

#[tokio::test]
async fn what_is_too_old_is_fetched_again() {
    let (site, folder) = (counting().await, tempfile::tempdir().expect("a folder"));
    let fetcher = remembering(&caching(), &Names::new(&[]), folder.path());
    assert_eq!(fetched(&fetcher, &site.url()).await, "print(0)");
    let [file] = &files(folder.path())[..] else { panic!("one file") };
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).expect("a time").as_secs();
    // Just young enough, too old, and from the future.
    for (came, expected) in [(now - 3500, "print(0)"), (now - 3600, "print(1)"), (now + 100, "print(2)")] {
        let mut content = fs::read(file).expect("a file");
        content[8..16].copy_from_slice(&came.to_be_bytes());
        fs::write(file, content).expect("a file");
        assert_eq!(fetched(&fetcher, &site.url()).await, expected);
    }
}

#[tokio::test]
async fn what_has_another_hash_than_the_caller_expects_is_fetched_again() {
    let (site, folder) = (counting().await, tempfile::tempdir().expect("a folder"));
    let fetcher = remembering(&caching(), &Names::new(&[]), folder.path());
    let expecting = |text| Wanted { hash: Some(hash(text)), ..wanted(&site.url()) };
    assert_eq!(fetched(&fetcher, &site.url()).await, "print(0)");
    assert_eq!(said(fetcher.fetch(&expecting("print(0)")).await).as_deref(), Ok("print(0)"));
    assert_eq!(site.heard().len(), 1);
    assert_eq!(said(fetcher.fetch(&expecting("print(1)")).await).as_deref(), Ok("print(1)"));
    assert_eq!(fetched(&fetcher, &site.url()).await, "print(1)");
    // What nobody expected is not remembered instead.
    let outcome = said(fetcher.fetch(&expecting("print(0)")).await);
    assert_eq!(outcome, Err("Remote code hash mismatch".to_owned()));
    assert_eq!(fetched(&fetcher, &site.url()).await, "print(1)");
}

#[tokio::test]
async fn the_policy_is_asked_whatever_is_remembered() {
    let (site, folder) = (counting().await, tempfile::tempdir().expect("a folder"));
    let url = format!("http://a.test:{}/", site.port);
    let names = Names::new(&[("a.test", &[&["127.0.0.2"], &["10.0.0.1"]])]);
    let fetcher = remembering(&caching(), &names, folder.path());
    assert_eq!(fetched(&fetcher, &url).await, "print(0)");
    assert_eq!(said(fetcher.fetch(&wanted(&url)).await), Err("Blocked code URL host: a.test".to_owned()));

    let names = Names::new(&[("a.test", &[&["127.0.0.2"]])]);
    for (policy, expected) in [
        (RemoteCodePolicy { enabled: false, ..caching() }, "Remote code fetching is disabled"),
        (RemoteCodePolicy { blocked_hosts: vec!["a".to_owned()], ..caching() }, "Blocked code URL host: a.test"),
        (RemoteCodePolicy { require_hash: true, ..caching() }, "Hash verification required"),
        (RemoteCodePolicy { allowed_schemes: vec!["https".to_owned()], ..caching() }, "URL scheme not allowed: http"),
    ] {
        let error = said(remembering(&policy, &names, folder.path()).fetch(&wanted(&url)).await).expect_err(expected);
        assert!(error.starts_with(expected), "{error}");
    }
    let secure = Wanted { allow_insecure: false, ..wanted(&url) };
    assert!(remembering(&caching(), &names, folder.path()).fetch(&secure).await.is_err());
    let small = RemoteCodePolicy { max_code_size: 3, ..caching() };
    let error = said(remembering(&small, &names, folder.path()).fetch(&wanted(&url)).await);
    assert_eq!(error, Err("Remote code exceeds maxCodeSize (3 bytes): 8 bytes".to_owned()));
}

/// What was let through on the way to it under one policy need not be under another.
#[tokio::test]
async fn what_is_remembered_under_one_policy_is_not_there_for_another() {
    let inside = Site::open(FORBIDDEN, 0, None, |_| ok("secret")).await;
    let to = format!("http://127.0.0.1:{}/", inside.port);
    let site = Site::saying(move |_| redirect(&to)).await;
    let folder = tempfile::tempdir().expect("a folder");
    let mut wide = caching();
    wide.allowed_hosts.push(r"^127\.0\.0\.1$".to_owned());
    assert_eq!(fetched(&remembering(&wide, &Names::new(&[]), folder.path()), &site.url()).await, "secret");
    let outcome = remembering(&caching(), &Names::new(&[]), folder.path()).fetch(&wanted(&site.url())).await;
    assert_eq!(said(outcome), Err("Blocked code URL host: 127.0.0.1".to_owned()));
    let tightened = wide.tightened(&serde_json::from_str(r#"{ "allowedHosts": ["2$"] }"#).expect("options"));
    let outcome = remembering(&tightened, &Names::new(&[]), folder.path()).fetch(&wanted(&site.url())).await;
    assert_eq!(said(outcome), Err("Blocked code URL host: 127.0.0.1".to_owned()));
}

#[tokio::test]
async fn a_file_that_was_changed_cut_or_replaced_counts_as_absent() {
    let (site, folder) = (counting().await, tempfile::tempdir().expect("a folder"));
    let fetcher = remembering(&caching(), &Names::new(&[]), folder.path());
    assert_eq!(fetched(&fetcher, &site.url()).await, "print(0)");
    let [file] = &files(folder.path())[..] else { panic!("one file") };
    let damages: [fn(&Path, Vec<u8>); 6] = [
        |file, content| fs::write(file, [&content[..content.len() - 1], b"!"].concat()).expect("a file"),
        |file, content| fs::write(file, &content[..content.len() - 2]).expect("a file"),
        |file, content| fs::write(file, &content[..20]).expect("a file"),
        |file, _| fs::write(file, "").expect("a file"),
        |file, content| fs::write(file, [b"x", &content[1..]].concat()).expect("a file"),
        |file, content| {
            let elsewhere = file.with_extension("elsewhere");
            fs::write(&elsewhere, content).expect("a file");
            fs::remove_file(file).expect("a file");
            symlink(&elsewhere, file).expect("a link");
        },
    ];
    for (index, damage) in damages.into_iter().enumerate() {
        damage(file, fs::read(file).expect("a file"));
        let expected = format!("print({})", index + 1);
        assert_eq!(fetched(&fetcher, &site.url()).await, expected);
        assert_eq!(fetched(&fetcher, &site.url()).await, expected, "it is remembered again");
    }
    // Without a place for it, code is fetched all the same.
    fs::remove_file(file).expect("a file");
    fs::create_dir(file).expect("a folder");
    assert_eq!(fetched(&fetcher, &site.url()).await, "print(7)");
    assert_eq!(fetched(&fetcher, &site.url()).await, "print(8)");
}

#[tokio::test]
async fn nobody_else_can_look_into_it() {
    let (site, root) = (counting().await, tempfile::tempdir().expect("a folder"));
    let folder = root.path().join("cache");
    fs::create_dir(&folder).expect("a folder");
    fs::set_permissions(&folder, Permissions::from_mode(0o777)).expect("ours");
    fetched(&remembering(&caching(), &Names::new(&[]), &folder), &site.url()).await;
    let mode = |path: &Path| fs::metadata(path).expect("there").permissions().mode() & 0o777;
    assert_eq!(mode(&folder), 0o700);
    assert_eq!(files(&folder).iter().map(|file| mode(file)).collect::<Vec<_>>(), [0o600]);

    // A link could lead to where somebody else looks.
    let link = root.path().join("link");
    symlink(&folder, &link).expect("a link");
    let before = files(&folder).len();
    fetched(&remembering(&caching(), &Names::new(&[]), &link), &format!("{}?y", site.url())).await;
    assert_eq!(files(&folder).len(), before);
}

fn key(n: usize) -> Key {
    Key::new(&Url::parse(&format!("https://a.test/{n}")).expect("a URL"), &[0; 32], false)
}

async fn put(cache: &Cache, n: usize, content: Vec<u8>) {
    cache.put(key(n), HOUR, Sha256::digest(&content).into(), content).await;
}

#[tokio::test]
async fn it_holds_a_bounded_number_of_files_and_bytes_and_the_oldest_go_first() {
    let folder = tempfile::tempdir().expect("a folder");
    let cache = Cache::at(folder.path());
    // So old that the clock tells them from what comes now.
    for n in 0..300 {
        put(&cache, n, b"print(1)".to_vec()).await;
        let newest = files(folder.path()).into_iter().max_by_key(|file| modified(file)).expect("a file");
        let file = fs::File::options().write(true).open(newest).expect("ours");
        file.set_modified(SystemTime::now() - Duration::from_secs(2000 - n as u64)).expect("ours");
    }
    assert_eq!(files(folder.path()).len(), 256);
    assert_eq!(cache.get(key(0), HOUR, 100).await, None);
    assert!(cache.get(key(299), HOUR, 100).await.is_some());

    for n in 1000..1005 {
        put(&cache, n, vec![b'#'; 20 << 20]).await;
        let bytes: u64 = files(folder.path()).iter().map(|file| fs::metadata(file).expect("there").len()).sum();
        assert!(bytes <= 64 << 20, "{bytes}");
    }
    assert!(cache.get(key(1004), HOUR, 100 << 20).await.is_some());
    put(&cache, 2000, vec![b'#'; (64 << 20) + 1]).await;
    assert_eq!(cache.get(key(2000), HOUR, 100 << 20).await, None);
}

fn modified(file: &Path) -> SystemTime {
    fs::metadata(file).and_then(|metadata| metadata.modified()).expect("there")
}

#[tokio::test]
async fn what_is_too_old_and_what_was_left_unfinished_goes_when_something_comes() {
    let folder = tempfile::tempdir().expect("a folder");
    let cache = Cache::at(folder.path());
    put(&cache, 1, b"old".to_vec()).await;
    fs::write(folder.path().join("abandoned.new"), "x").expect("a file");
    for file in files(folder.path()) {
        let file = fs::File::options().write(true).open(file).expect("ours");
        file.set_modified(SystemTime::now() - HOUR).expect("ours");
    }
    put(&cache, 2, b"new".to_vec()).await;
    assert_eq!(files(folder.path()).len(), 1);
    assert!(cache.get(key(2), HOUR, 3).await.is_some());
    assert_eq!(cache.get(key(2), HOUR, 2).await, None);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn many_at_a_time_never_see_half_a_file() {
    let folder = tempfile::tempdir().expect("a folder");
    let cache = Cache::at(folder.path());
    let tasks = (0..8).map(|writer| {
        let cache = cache.clone();
        tokio::spawn(async move {
            for round in 0..30 {
                put(&cache, 0, vec![b'a' + writer; 100_000]).await;
                let entry = cache.get(key(0), HOUR, 1 << 20).await.unwrap_or_else(|| panic!("round {round}"));
                assert_eq!(entry.content.len(), 100_000);
                assert!(entry.content.iter().all(|byte| *byte == entry.content[0]));
            }
        })
    });
    for task in tasks.collect::<Vec<_>>() {
        task.await.expect("no panic");
    }
    assert_eq!(files(folder.path()).len(), 1);
}
