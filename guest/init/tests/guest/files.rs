//! Files in and out.

use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::time::{Duration, Instant};

use isol8_protocol::{Ack, Failure, FailureKind};

use crate::support::dir::Dir;
use crate::support::{Guest, user};

const LARGE: u64 = 1 << 40;

fn missing(kind: FailureKind, subject: &str, errno: i32) -> Result<Vec<u8>, Failure> {
    Err(Failure { kind, subject: subject.into(), errno })
}

#[tokio::test]
async fn files_come_back_as_they_went_in() {
    let dir = Dir::new();
    let guest = Guest::start().await;
    let large: Vec<u8> = (0..3_000_001_u32).map(|i| (i % 251) as u8).collect();
    let names = [dir.join("empty"), dir.join("a/b/c.txt"), dir.join("large"), dir.join("ö dd\n'name")];
    let contents: [&[u8]; 4] = [b"", b"text", &large, b"\0\xff"];
    let files: Vec<_> = names.iter().zip(contents).map(|(name, contents)| (name.as_str(), 0o640, contents)).collect();
    assert_eq!(guest.write(&files).await, Ack::Done);
    let found = guest.read(&names.each_ref().map(String::as_str), LARGE).await;
    assert!(found.iter().zip(contents).all(|(found, expected)| found.as_deref() == Ok(expected)));

    let metadata = std::fs::metadata(&names[1]).expect("is there");
    assert_eq!((metadata.uid(), metadata.mode() & 0o7777), (user().0, 0o640));
    assert_eq!(std::fs::metadata(dir.join("a/b")).expect("is there").mode() & 0o7777, 0o755);
}

#[tokio::test]
async fn ten_thousand_files_are_quick() {
    let dir = Dir::new();
    let guest = Guest::start().await;
    let names: Vec<String> = (0..10_000).map(|number| dir.join(&format!("{}/{number}", number % 100))).collect();
    let files: Vec<_> = names.iter().map(|name| (name.as_str(), 0o644, name.as_bytes())).collect();
    let begin = Instant::now();
    assert_eq!(guest.write(&files).await, Ack::Done);
    let found = guest.read(&names.iter().map(String::as_str).collect::<Vec<_>>(), 1000).await;
    let took = begin.elapsed();
    assert!(found.iter().zip(&names).all(|(found, name)| found.as_deref() == Ok(name.as_bytes())));
    assert!(took < Duration::from_secs(10), "{took:?}");
}

#[tokio::test]
async fn a_file_is_replaced_with_its_mode() {
    let dir = Dir::new();
    let guest = Guest::start().await;
    let path = dir.join("file");
    guest.write(&[(&path, 0o644, b"longer than what follows")]).await;
    assert_eq!(guest.write(&[(&path, 0o755, b"short")]).await, Ack::Done);
    assert_eq!(guest.read(&[&path], LARGE).await, [Ok(b"short".to_vec())]);
    assert_eq!(std::fs::metadata(&path).expect("is there").permissions().mode() & 0o7777, 0o755);
}

#[tokio::test]
async fn the_first_file_that_fails_is_told_and_the_stream_stays_in_step() {
    let dir = Dir::new();
    let guest = Guest::start().await;
    guest.sh(&format!("mkfifo {0}/fifo; mkdir {0}/dir", dir.path())).await;
    let cases = [
        ("/proc/version".to_owned(), FailureKind::Write, nix::libc::EACCES),
        (dir.join("fifo"), FailureKind::NotAFile, nix::libc::ENXIO),
        (dir.join("dir"), FailureKind::NotAFile, nix::libc::EISDIR),
        ("relative".to_owned(), FailureKind::Write, nix::libc::EINVAL),
        ("/a\0b".to_owned(), FailureKind::Write, nix::libc::EINVAL),
    ];
    for (path, kind, errno) in cases {
        let bulk = vec![1; 400_000];
        let ack = guest.write(&[(&path, 0o644, &bulk), (&dir.join("after"), 0o644, b"")]).await;
        assert_eq!(ack, Ack::Failed(Failure { kind, subject: path, errno }));
    }
    assert!(!std::fs::exists(dir.join("after")).expect("looks"));
}

#[tokio::test]
async fn a_full_disk_is_told() {
    let guest = Guest::start().await;
    // The only place that is always full; as it is a device, nothing is written there at all.
    let Ack::Failed(failure) = guest.write(&[("/dev/full", 0o644, b"x")]).await else { panic!("is no file") };
    assert_eq!(failure.kind, FailureKind::NotAFile);
}

#[tokio::test]
async fn what_cannot_be_read_is_told_for_each_path() {
    let dir = Dir::new();
    let guest = Guest::start().await;
    guest.sh(&format!("cd {}; mkfifo fifo; mkdir dir; echo 12345 > file; touch shut; chmod 0 shut", dir.path())).await;
    let [none, fifo, directory, file, shut] = ["none", "fifo", "dir", "file", "shut"].map(|name| dir.join(name));
    let found = guest.read(&[&none, &fifo, &directory, &file, &shut, "/proc/self/status", "file"], 6).await;
    assert_eq!(
        found,
        [
            missing(FailureKind::Read, &none, nix::libc::ENOENT),
            missing(FailureKind::NotAFile, &fifo, nix::libc::EINVAL),
            missing(FailureKind::NotAFile, &directory, nix::libc::EISDIR),
            Ok(b"12345\n".to_vec()),
            missing(FailureKind::Read, &shut, nix::libc::EACCES),
            missing(FailureKind::NotAFile, "/proc/self/status", nix::libc::EINVAL),
            missing(FailureKind::Read, "file", nix::libc::EINVAL),
        ]
    );
    assert_eq!(guest.read(&[&file], 5).await, [missing(FailureKind::TooLarge, &file, nix::libc::EFBIG)]);
}

#[tokio::test]
async fn a_link_leads_no_further_than_user_code_could_go() {
    if user().0 != 100 {
        // Whoever runs this has no other identity to be kept from.
        assert_eq!(user().0, nix::unistd::geteuid().as_raw());
        return;
    }
    let dir = Dir::new();
    let guest = Guest::start().await;
    let secret = std::env::temp_dir().join(format!("isol8-init-secret-{}", std::process::id()));
    std::fs::write(&secret, "root's").expect("writes");
    std::fs::set_permissions(&secret, PermissionsExt::from_mode(0o600)).expect("is ours");
    guest.sh(&format!("ln -s {} {}", secret.display(), dir.join("link"))).await;
    let link = dir.join("link");
    assert_eq!(guest.read(&[&link], LARGE).await, [missing(FailureKind::Read, &link, nix::libc::EACCES)]);
    let ack = guest.write(&[(&link, 0o644, b"mine")]).await;
    assert_eq!(std::fs::read_to_string(&secret).expect("reads"), "root's");
    std::fs::remove_file(&secret).expect("removes");
    assert_eq!(ack, Ack::Failed(Failure { kind: FailureKind::Write, subject: link, errno: nix::libc::EACCES }));
}

#[tokio::test]
async fn what_would_be_too_much_together_is_left_out_and_what_still_fits_is_not() {
    let dir = Dir::new();
    let guest = Guest::start().await;
    guest.sh(&format!("cd {}; truncate -s 100M hole; echo 12345 > five; echo 1 > one", dir.path())).await;
    let [hole, five, one] = ["hole", "five", "one"].map(|name| dir.join(name));
    let found = guest.read_up_to(&[&five, &hole, &five, &one], LARGE, 9).await;
    assert_eq!(
        found,
        [
            Ok(b"12345\n".to_vec()),
            missing(FailureKind::TooLarge, &hole, nix::libc::EFBIG),
            missing(FailureKind::TooLarge, &five, nix::libc::EFBIG),
            Ok(b"1\n".to_vec()),
        ]
    );
}
