//! The beginning and the end of a connection.

use std::process::Command;

use futures::{AsyncReadExt, AsyncWriteExt};
use isol8_protocol::{Hello, Ping, Request, VERSION, frame};
use tokio::io::AsyncWriteExt as _;

use crate::support::{Guest, connect, contract, sh, spawn, within};

#[test]
fn the_version_is_told() {
    let output = Command::new(env!("CARGO_BIN_EXE_isol8-init")).arg("--version").output().expect("runs");
    assert!(output.status.success());
    assert_eq!(String::from_utf8_lossy(&output.stdout), format!("isol8-init {}\n", env!("CARGO_PKG_VERSION")));
}

#[tokio::test]
async fn pings_come_back() {
    let mut guest = Guest::start().await;
    for number in [0, 7, u32::MAX] {
        frame::write_message(&mut guest.control, &Ping(number)).await.expect("sends");
        assert_eq!(frame::read_message::<Ping>(&mut guest.control).await.expect("comes back"), Ping(number));
    }
}

#[tokio::test]
async fn an_engine_of_another_version_is_told_ours_and_left() {
    let mut process = spawn();
    let (opener, _driving) = connect(&mut process);
    let mut control = opener.open().await.expect("opens");
    let theirs = Hello { version: VERSION + 1, ..Hello::new("from the future") };
    frame::write_message(&mut control, &Request::Hello(theirs, contract(&[]))).await.expect("sends");

    let ours: Hello = within(frame::read_message(&mut control)).await.expect("answers");
    assert_eq!(ours, Hello::new(env!("CARGO_PKG_VERSION")));
    let output = within(process.wait_with_output()).await.expect("ends");
    assert!(!output.status.success());
    let reason = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(reason.contains("from the future") && reason.contains(&(VERSION + 1).to_string()), "{reason}");
}

#[tokio::test]
async fn nothing_is_served_before_the_greeting() {
    let mut process = spawn();
    let (opener, _driving) = connect(&mut process);
    let mut stream = opener.open().await.expect("opens");
    frame::write_message(&mut stream, &Request::Exec(sh("echo no").into())).await.expect("sends");
    assert!(!within(process.wait()).await.expect("ends").success());
    assert_eq!(stream.read(&mut [0]).await.unwrap_or(0), 0, "nothing was answered");
}

#[tokio::test]
async fn a_second_greeting_ends_the_connection() {
    let mut guest = Guest::start().await;
    let _stream = guest.request(&Request::Hello(Hello::new("again"), guest.contract.clone())).await;
    assert!(!guest.ended().await.success());
}

#[tokio::test]
async fn a_frame_of_no_known_kind_ends_the_connection() {
    let mut guest = Guest::start().await;
    let mut stream = guest.opener.open().await.expect("opens");
    stream.write_all(&[9, 0, 0, 0, 0]).await.expect("sends");
    assert!(!guest.ended().await.success());
}

#[tokio::test]
async fn garbage_on_stdin_ends_the_guest() {
    let mut process = spawn();
    process.stdin.as_mut().expect("piped").write_all(&[0xff; 64]).await.expect("sends");
    assert!(!within(process.wait()).await.expect("ends").success());
}

#[tokio::test]
async fn the_end_of_stdin_ends_the_guest_and_all_that_it_started() {
    let mut guest = Guest::start().await;
    let mut run = guest.exec(sh("setsid sh -c 'trap \"\" TERM HUP; echo $$; exec sleep 1000' & wait")).await;
    run.started().await;
    let frame::Frame::Data(_, pid) = run.next().await else { panic!("the pid comes") };
    let pid: i32 = String::from_utf8_lossy(&pid).trim().parse().expect("a pid");
    assert!(std::fs::exists(format!("/proc/{pid}")).expect("looks"));

    guest.driving.abort();
    assert!(guest.ended().await.success());
    assert!(!std::fs::exists(format!("/proc/{pid}")).expect("looks"), "nothing is left");
}

#[tokio::test]
async fn an_end_of_stdin_right_away_is_no_error() {
    let mut process = spawn();
    drop(process.stdin.take());
    let output = within(process.wait_with_output()).await.expect("ends");
    assert!(output.status.success());
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
}
