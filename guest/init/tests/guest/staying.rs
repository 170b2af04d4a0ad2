//! A guest that was told to stay outlives its connection, and ends when it is asked to.

use isol8_protocol::{Ack, Request, frame};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::support::{Guest, Run, sh, within};

#[tokio::test]
async fn it_stays_with_all_that_runs_until_it_is_asked_to_end() {
    let mut guest = Guest::start().await;
    let mut stream = guest.request(&Request::Stay).await;
    assert_eq!(within(frame::read_message::<Ack>(&mut stream)).await.expect("answers"), Ack::Done);
    let outcome = guest.exec(sh("sleep 300 >/dev/null 2>&1 & echo $!")).await.outcome().await;
    let background: i32 = outcome.stdout().trim().parse().expect("a pid");

    guest.driving.abort();
    // Long enough for one that does not stay to have ended many times.
    let ended = tokio::time::timeout(std::time::Duration::from_millis(300), guest.process.wait()).await;
    assert!(ended.is_err(), "{ended:?}");
    assert!(std::path::Path::new(&format!("/proc/{background}")).exists());

    kill(Pid::from_raw(guest.pid().cast_signed()), Signal::SIGTERM).expect("is there");
    assert!(guest.ended().await.success());
    assert!(!std::path::Path::new(&format!("/proc/{background}")).exists());
}

#[tokio::test]
async fn it_stays_while_a_command_runs_too() {
    let mut guest = Guest::start().await;
    let mut run: Run = guest.exec(sh("echo $$; sleep 300")).await;
    run.started().await;
    let mut stream = guest.request(&Request::Stay).await;
    assert_eq!(within(frame::read_message::<Ack>(&mut stream)).await.expect("answers"), Ack::Done);
    guest.driving.abort();
    let ended = tokio::time::timeout(std::time::Duration::from_millis(300), guest.process.wait()).await;
    assert!(ended.is_err(), "{ended:?}");
}
