//! Output: all of it, in order, at the pace of whoever takes it.

use std::time::{Duration, Instant};

use futures::AsyncReadExt;
use isol8_protocol::frame::{Channel, Frame};
use isol8_protocol::{ExecEvent, Status};

use crate::support::{Guest, sh, within};

/// Resident memory of a process, in bytes.
fn resident(pid: u32) -> usize {
    let statm = std::fs::read_to_string(format!("/proc/{pid}/statm")).expect("runs");
    let pages: usize = statm.split_whitespace().nth(1).expect("a field").parse().expect("a number");
    pages * 4096
}

#[tokio::test]
async fn a_large_output_arrives_whole() {
    let outcome = Guest::start().await.sh("head -c 20000000 /dev/zero | tr '\\0' x; echo end >&2").await;
    assert_eq!(outcome.stdout.len(), 20_000_000);
    assert!(outcome.stdout.iter().all(|&byte| byte == b'x'));
    assert_eq!(outcome.stderr(), "end\n");
}

#[tokio::test]
async fn what_was_written_right_before_the_end_is_not_lost() {
    let guest = Guest::start().await;
    for _ in 0..100 {
        let outcome = guest.sh("printf '%060000d' 0; printf '%060000d' 0 >&2").await;
        assert_eq!((outcome.stdout.len(), outcome.stderr.len()), (60_000, 60_000));
    }
}

#[tokio::test]
async fn stdout_and_stderr_come_in_the_order_of_writing() {
    let script = "for i in 1 2 3 4 5; do echo out$i; sleep 0.02; echo err$i >&2; sleep 0.02; done";
    let guest = Guest::start().await;
    let mut run = guest.exec(sh(script)).await;
    run.started().await;
    for number in 1..=5 {
        assert_eq!(run.next().await, Frame::Data(Channel::Stdout, format!("out{number}\n").into()));
        assert_eq!(run.next().await, Frame::Data(Channel::Stderr, format!("err{number}\n").into()));
    }
}

#[tokio::test]
async fn a_flood_on_one_does_not_hide_the_other() {
    let guest = Guest::start().await;
    let mut run = guest.exec(sh("cat /dev/zero & sleep 0.2; echo here >&2; wait")).await;
    within(async { while !matches!(run.next().await, Frame::Data(Channel::Stderr, _)) {} }).await;
}

#[tokio::test]
async fn a_slow_reader_slows_the_command_and_fills_no_memory() {
    let guest = Guest::start().await;
    guest.sh("true").await;
    let before = resident(guest.pid());
    let mut run = guest.exec(sh("head -c 100000000 /dev/zero; echo done >&2")).await;
    let mut taken = 0;
    let mut most = 0;
    let mut buffer = vec![0; 1_000_000];
    while taken < 10_000_000 {
        taken += within(run.from.read(&mut buffer)).await.expect("reads");
        tokio::time::sleep(Duration::from_millis(2)).await;
        most = most.max(resident(guest.pid()));
    }
    assert!(most < before + 4_000_000, "{before} grew to {most}");
}

#[tokio::test]
async fn a_leftover_daemon_cannot_hold_the_end_back() {
    let guest = Guest::start().await;
    let begin = Instant::now();
    let mut run = guest.exec(sh("setsid sleep 1000 & yes & echo $!; exit 3")).await;
    let report = within(async {
        loop {
            if let Frame::Message(ExecEvent::Ended(report)) = run.next().await {
                break report;
            }
        }
    })
    .await;
    assert_eq!(report.status, Status::Exited(3));
    assert!(begin.elapsed() < Duration::from_secs(5), "{:?}", begin.elapsed());
}
