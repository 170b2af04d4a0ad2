//! What is left running is asked before it is killed.

use std::time::{Duration, Instant};

use isol8_protocol::{Ack, GRACE_MS, Request};

use crate::support::dir::Dir;
use crate::support::{Guest, sh};

const GRACE: Duration = Duration::from_millis(GRACE_MS);

#[tokio::test]
async fn where_nothing_runs_nobody_waits() {
    let guest = Guest::start().await;
    let begun = Instant::now();
    assert_eq!(guest.ask(&Request::End).await, Ack::Done);
    assert!(begun.elapsed() < GRACE, "{:?}", begun.elapsed());
}

#[tokio::test]
async fn a_background_process_can_finish_what_it_does() {
    let dir = Dir::new();
    let guest = Guest::start().await;
    let server = "trap 'sleep 0.2; echo saved > state; exit' TERM; : > ready; while :; do sleep 0.01; done";
    let script = format!("cd {}; (setsid sh -c \"{server}\" > /dev/null 2>&1 &)", dir.path());
    guest.exec(sh(&format!("{script}; while ! [ -e ready ]; do sleep 0.01; done"))).await.outcome().await;
    assert_eq!(guest.ask(&Request::End).await, Ack::Done);
    assert_eq!(std::fs::read_to_string(dir.join("state")).expect("was written"), "saved\n");
}

#[tokio::test]
async fn one_that_does_not_listen_has_its_time_and_no_more() {
    let guest = Guest::start().await;
    guest.sh("(setsid sh -c 'trap \"\" TERM; sleep 300' > /dev/null 2>&1 &); sleep 0.3").await;
    let begun = Instant::now();
    assert_eq!(guest.ask(&Request::End).await, Ack::Done);
    assert!(begun.elapsed() >= GRACE, "{:?}", begun.elapsed());
    // What ends with its container elsewhere.
    guest.reset().await;
}
