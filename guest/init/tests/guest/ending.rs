//! Commands that have to be killed, with everything that they started and nothing else.

use std::time::{Duration, Instant};

use isol8_protocol::frame::{Channel, Frame};
use isol8_protocol::{Ack, Signal, Status};

use crate::support::{Command, Guest, Run, sh, within};

/// What a limit may be missed by, with dozens of tests competing for the machine.
const TOLERANCE: Duration = Duration::from_millis(250);

/// A script that leaves a process behind that is hard to find and to kill, and writes its pid.
const HIDE: &str =
    "setsid sh -c 'setsid sh -c \"trap : TERM INT HUP; echo \\$\\$; while :; do sleep 1; done\" & exit' & ";

fn exists(pid: i32) -> bool {
    std::fs::read_to_string(format!("/proc/{pid}/stat")).is_ok_and(|stat| !stat.contains(") Z "))
}

fn pid(text: &[u8]) -> i32 {
    String::from_utf8_lossy(text).trim().parse().expect("a pid")
}

/// Waits for the pid that a script writes first of all.
async fn told_pid(run: &mut Run) -> i32 {
    run.started().await;
    let Frame::Data(Channel::Stdout, first) = run.next().await else { panic!("the pid comes") };
    let line = first.split(|&byte| byte == b'\n').next().expect("a line");
    pid(line)
}

/// Waits for something that happens without an answer to wait for.
async fn until(done: impl Fn() -> bool) {
    within(async {
        while !done() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    })
    .await;
}

#[tokio::test]
async fn at_the_limit_the_whole_tree_is_gone() {
    let guest = Guest::start().await;
    let begin = Instant::now();
    let exec = Command { limit_ms: 500, ..sh(&format!("{HIDE} trap '' TERM; while :; do sleep 1; done")) };
    let outcome = guest.exec(exec).await.outcome().await;
    let took = begin.elapsed();
    let report = outcome.report();
    assert!(report.timed_out, "{report:?}");
    assert_eq!(report.status, Status::Signaled(9));
    assert!(!exists(pid(&outcome.stdout)), "the hidden one is gone when the answer comes");
    let limit = Duration::from_millis(500);
    let wall = Duration::from_micros(report.wall_us);
    assert!(wall >= limit && wall < limit + TOLERANCE, "{wall:?}");
    assert!(took < limit + 2 * TOLERANCE, "{took:?}");
}

#[tokio::test]
async fn the_limit_holds_while_nobody_takes_the_output() {
    let guest = Guest::start().await;
    let begin = Instant::now();
    let mut run = guest.exec(Command { limit_ms: 300, ..sh("echo $$; exec cat /dev/zero") }).await;
    let pid = told_pid(&mut run).await;
    until(|| !exists(pid)).await;
    assert!(begin.elapsed() < Duration::from_millis(300) + 2 * TOLERANCE, "{:?}", begin.elapsed());
    let report = run.outcome().await.report();
    assert!(report.timed_out && report.wall_us < 550_000, "{report:?}");
}

#[tokio::test]
async fn a_fork_bomb_is_gone_at_the_limit() {
    let guest = Guest::start().await;
    // Bounded, as there is no control group here to bound it.
    let bomb =
        "b() { [ $1 -gt 0 ] || exec sleep 1000; b $(($1-1)) & setsid sh -c 'sleep 1000' & b $(($1-1)) & }; b 5; wait";
    let outcome = guest.exec(Command { limit_ms: 700, ..sh(bomb) }).await.outcome().await;
    let report = outcome.report();
    assert!(report.timed_out && report.wall_us < 1_000_000, "{report:?}");
    let children = format!("/proc/{0}/task/{0}/children", guest.pid());
    assert_eq!(std::fs::read_to_string(children).expect("runs"), "");
}

#[tokio::test]
async fn what_an_earlier_command_left_running_survives_the_end_of_a_later_one() {
    let guest = Guest::start().await;
    let server = "(while :; do sleep 0.05; done) > /dev/null 2>&1 & echo $!";
    let survivor = pid(&guest.sh(server).await.stdout);
    let report = guest.exec(Command { limit_ms: 300, ..sh(&format!("{HIDE} sleep 1000")) }).await.outcome().await;
    assert!(report.report().timed_out);
    assert!(!exists(pid(&report.stdout)), "the later one's is gone");
    assert!(exists(survivor), "the earlier one's is not");
    guest.reset().await;
    assert!(!exists(survivor), "until the reset");
}

#[tokio::test]
async fn a_kill_on_request_takes_the_whole_tree() {
    let guest = Guest::start().await;
    let mut run = guest.exec(sh(&format!("{HIDE} sleep 1000"))).await;
    let hidden = told_pid(&mut run).await;
    assert_eq!(guest.signal(Signal::Kill).await, Ack::Done);
    let report = run.outcome().await.report();
    assert_eq!(report.status, Status::Signaled(9));
    assert!(!report.timed_out);
    assert!(!exists(hidden));
}

#[tokio::test]
async fn a_command_whose_stream_is_dropped_is_killed() {
    let guest = Guest::start().await;
    // One that says nothing, one that floods, and one that is being sent more than it reads.
    for (script, stdin) in
        [("echo $$; exec sleep 1000", 0), ("echo $$; exec cat /dev/zero", 0), ("echo $$; exec sleep 1000", 200_000)]
    {
        let mut run = guest.exec(Command { stdin: stdin > 0, ..sh(script) }).await;
        let pid = told_pid(&mut run).await;
        run.send(&vec![7; stdin]).await;
        drop(run);
        until(|| !exists(pid)).await;
        // And the next one may run as soon as that is so; until then it is refused.
        within(async { while guest.sh("true").await.report.is_err() {} }).await;
    }
}

#[tokio::test]
async fn a_limit_does_not_undo_a_command_that_ended_before_it() {
    let guest = Guest::start().await;
    // Fits the pipe and the stream's window, so that the command ends while nobody takes its output.
    let mut run = guest.exec(Command { limit_ms: 300, ..sh("head -c 300000 /dev/zero") }).await;
    run.started().await;
    tokio::time::sleep(Duration::from_millis(500)).await;
    let report = run.outcome().await.report();
    assert!(!report.timed_out, "{report:?}");
    assert_eq!(report.status, Status::Exited(0));
}
