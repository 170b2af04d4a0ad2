//! Stdin: passed on, ended, or ignored, without holding anything up.

use isol8_protocol::frame::{self, Channel};
use isol8_protocol::{Exec, Status};

use crate::support::{Guest, sh, within};

fn with_stdin(script: &str) -> Exec {
    Exec { stdin: true, ..sh(script) }
}

#[tokio::test]
async fn ten_mebibytes_go_through_cat() {
    let data: Vec<u8> = (0..10 << 20).map(|i: u32| (i.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
    let guest = Guest::start().await;
    let mut run = guest.exec(with_stdin("cat")).await;
    let mut frames = Vec::new();
    frame::encode_data(Channel::Stdin, &data, &mut frames);
    let crate::support::Run { from, mut to } = run;
    let sending = tokio::spawn(async move {
        futures::AsyncWriteExt::write_all(&mut to, &frames).await.expect("sends");
        futures::AsyncWriteExt::close(&mut to).await.expect("closes");
        to
    });
    let (mut stdout, mut from) = (Vec::new(), from);
    while stdout.len() < data.len() {
        match within(frame::read::<isol8_protocol::ExecEvent>(&mut from)).await.expect("is understood") {
            Some(frame::Frame::Data(Channel::Stdout, part)) => stdout.extend_from_slice(&part),
            Some(frame::Frame::Message(isol8_protocol::ExecEvent::Started)) => {}
            other => panic!("unexpected {other:?}"),
        }
    }
    assert!(stdout == data, "the same bytes come back");
    run = crate::support::Run { from, to: within(sending).await.expect("has sent") };
    assert_eq!(run.outcome().await.status(), Status::Exited(0));
}

#[tokio::test]
async fn without_stdin_a_command_reads_nothing() {
    assert_eq!(Guest::start().await.sh("wc -c").await.stdout().trim(), "0");
}

#[tokio::test]
async fn stdin_stays_open_until_it_is_ended() {
    let guest = Guest::start().await;
    let mut run = guest.exec(with_stdin("while read line; do echo got $line; done; echo end")).await;
    run.send(b"one\n").await;
    run.says("got one\n").await;
    run.send(b"two\n").await;
    run.says("got two\n").await;
    run.end_stdin().await;
    run.says("end\n").await;
    assert_eq!(run.outcome().await.status(), Status::Exited(0));
}

#[tokio::test]
async fn a_command_that_closes_its_stdin_is_none_the_worse() {
    let guest = Guest::start().await;
    let mut run = guest.exec(with_stdin("exec 0<&-; echo closed; sleep 0.3; echo still here")).await;
    run.says("closed\n").await;
    for _ in 0..20 {
        run.send(&[7; 60_000]).await;
    }
    run.says("still here\n").await;
    assert_eq!(run.outcome().await.status(), Status::Exited(0));
}

#[tokio::test]
async fn a_command_that_never_reads_can_still_write_and_end() {
    let guest = Guest::start().await;
    let mut run = guest.exec(with_stdin("echo ready; sleep 0.2; echo done; exit 5")).await;
    run.says("ready\n").await;
    // More than its pipe holds, and less than the stream's window does.
    run.send(&[7; 200_000]).await;
    run.says("done\n").await;
    assert_eq!(run.outcome().await.status(), Status::Exited(5));
}
