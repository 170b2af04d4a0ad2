//! Reset: nothing of what ran before is left.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::time::{Duration, Instant};

use isol8_protocol::{Ping, Request, frame};

use crate::support::dir::Dir;
use crate::support::{Guest, contract, sh, within};

fn entries(dir: &Dir) -> Vec<std::ffi::OsString> {
    fs::read_dir(dir.path()).expect("is there").map(|entry| entry.expect("is read").file_name()).collect()
}

/// Resets, and expects that all went well and that the directories are empty.
async fn reset(guest: &Guest, dirs: &[&Dir]) {
    let report = within(guest.reset()).await;
    assert_eq!(report.findings, Vec::<String>::new());
    for dir in dirs {
        assert!(entries(dir).is_empty(), "{:?}", entries(dir));
        assert_eq!(fs::metadata(dir.path()).expect("is there").mode() & 0o7777, 0o755);
    }
}

#[tokio::test]
async fn a_clean_sandbox_is_reset_at_once() {
    let dir = Dir::new();
    let guest = Guest::with(contract(&[&dir])).await;
    reset(&guest, &[&dir]).await;
    let begin = Instant::now();
    for _ in 0..20 {
        reset(&guest, &[&dir]).await;
    }
    assert!(begin.elapsed() < Duration::from_secs(1), "{:?}", begin.elapsed());
}

#[tokio::test]
async fn files_of_every_kind_name_and_mode_are_removed() {
    let (dir, other) = (Dir::new(), Dir::new());
    let guest = Guest::with(contract(&[&dir, &other])).await;
    let script = r#"
        touch -- .hidden ..two ... -rf '*' "a b" "$(printf 'new\nline')" "$(printf '\377\376\001')" .isol8-0 .isol8-1
        mkdir -p full/of/dirs .isol8-2/x "$(printf 'dir\n\377')/y" "$(printf '%0255d' 0)"
        touch full/of/dirs/file full/file; mkfifo fifo full/fifo
        ln -s /etc outside; ln -s full inside; ln -s nowhere full/dangling; ln full/file full/hard
        mkdir -p shut/shut/shut; touch shut/shut/file; chmod 000 shut/shut/shut shut/shut shut full/of/dirs/file
        mkdir sticky; chmod 7777 sticky; touch sticky/s; chmod 6755 sticky/s"#;
    for place in [&dir, &other] {
        let outcome = guest.sh(&format!("set -e; cd {}; {script}", place.path())).await;
        assert_eq!(outcome.stderr(), "");
        assert!(entries(place).len() > 10);
    }
    reset(&guest, &[&dir, &other]).await;
    assert!(fs::exists("/etc/passwd").expect("looks"), "links are not followed");
}

#[tokio::test]
async fn the_deepest_tree_is_removed_without_running_out_of_anything() {
    let dir = Dir::new();
    let guest = Guest::with(contract(&[&dir])).await;
    // A relative path of a thousand directories, five times.
    let script = format!(
        "cd {}; p=$(printf 'd/%.0s' $(seq 1000)); for i in 1 2 3 4 5; do mkdir -p $p && touch $p/f && cd -P $p || exit 1; done",
        dir.path()
    );
    assert_eq!(guest.sh(&script).await.stderr(), "");
    reset(&guest, &[&dir]).await;
}

#[tokio::test]
async fn the_engine_is_answered_while_many_files_are_removed() {
    let dir = Dir::new();
    let mut guest = Guest::with(contract(&[&dir])).await;
    guest.sh(&format!("cd {}; seq 30000 | xargs touch", dir.path())).await;
    let mut stream = guest.request(&Request::Reset).await;
    frame::write_message(&mut guest.control, &Ping(1)).await.expect("sends");
    let ping = frame::read_message::<Ping>(&mut guest.control);
    let report = frame::read_message::<isol8_protocol::ResetReport>(&mut stream);
    tokio::pin!(ping, report);
    tokio::select! {
        biased;
        ping = &mut ping => assert_eq!(ping.expect("comes back"), Ping(1)),
        _ = &mut report => panic!("the ping had to wait"),
    }
    assert!(within(report).await.expect("answers").findings.is_empty());
    assert!(entries(&dir).is_empty());
}

#[tokio::test]
async fn a_mount_gets_its_mode_back() {
    let dir = Dir::new();
    let guest = Guest::with(contract(&[&dir])).await;
    guest.sh(&format!("cd {0}; touch file; chmod 000 {0}", dir.path())).await;
    assert_eq!(fs::metadata(dir.path()).expect("is there").permissions().mode() & 0o777, 0);
    reset(&guest, &[&dir]).await;
}

#[tokio::test]
async fn a_mount_gets_rid_of_its_attributes_and_times() {
    let dir = Dir::new();
    let guest = Guest::with(contract(&[&dir])).await;
    guest.sh(&format!("touch -d 1999-12-31 {}", dir.path())).await;
    assert!(fs::metadata(dir.path()).expect("is there").mtime() < 1_000_000_000);
    let set = guest.sh(&format!("python3 -c \"import os; os.setxattr('{}', 'user.secret', b'x')\"", dir.path())).await;
    assert_eq!(set.stderr(), "");
    reset(&guest, &[&dir]).await;
    assert!(fs::metadata(dir.path()).expect("is there").mtime() > 1_000_000_000);
    let listed = guest.sh(&format!("python3 -c \"import os; print(os.listxattr('{}'))\"", dir.path())).await;
    assert_eq!(listed.stdout(), "[]\n");
}

#[tokio::test]
async fn everything_that_runs_is_killed() {
    let dir = Dir::new();
    let guest = Guest::with(contract(&[&dir])).await;
    let script = "for i in 1 2 3; do setsid sh -c 'trap \"\" TERM; while :; do touch file; sleep 0.01; done' & done";
    let outcome = guest.sh(&format!("cd {}; ({script}) > /dev/null 2>&1", dir.path())).await;
    assert_eq!(outcome.stderr(), "");
    let children = format!("/proc/{0}/task/{0}/children", guest.pid());
    assert_ne!(fs::read_to_string(&children).expect("runs"), "");
    reset(&guest, &[&dir]).await;
    assert_eq!(fs::read_to_string(&children).expect("runs"), "");
    assert!(entries(&dir).is_empty(), "and nobody writes any more");
}

#[tokio::test]
async fn a_running_command_ends_by_a_reset_without_a_word() {
    let dir = Dir::new();
    let guest = Guest::with(contract(&[&dir])).await;
    let mut run = guest.exec(sh("sleep 1000")).await;
    run.started().await;
    reset(&guest, &[&dir]).await;
    run.ends_without_a_report().await;
    assert_eq!(guest.sh("echo again").await.stdout(), "again\n");
}

#[tokio::test]
async fn an_abandoned_flood_does_not_block_what_comes_after_a_reset() {
    let dir = Dir::new();
    let guest = Guest::with(contract(&[&dir])).await;
    let mut run = guest.exec(sh("yes")).await;
    run.started().await;
    // Closed one way, so that dropping it tells the guest nothing.
    run.end_stdin().await;
    drop(run);
    reset(&guest, &[&dir]).await;
    assert_eq!(guest.sh("echo again").await.stdout(), "again\n");
}

#[tokio::test]
async fn what_cannot_be_removed_is_found() {
    if nix::unistd::geteuid().as_raw() != 0 {
        // Only root can plant what the sandbox user cannot remove.
        return;
    }
    let dir = Dir::new();
    let guest = Guest::with(contract(&[&dir])).await;
    fs::create_dir(dir.join("foreign")).expect("makes");
    fs::write(dir.join("foreign/file"), "").expect("writes");
    let report = guest.reset().await;
    assert_eq!(report.findings.len(), 1);
    assert!(report.findings[0].contains("\"foreign\""), "{report:?}");
}

#[tokio::test]
async fn a_mount_that_is_not_there_is_found() {
    let dir = Dir::new();
    let guest = Guest::with(contract(&[&dir])).await;
    fs::remove_dir(dir.path()).expect("is empty");
    let report = guest.reset().await;
    assert!(report.findings.len() == 1 && report.findings[0].contains(dir.path()), "{report:?}");
}
