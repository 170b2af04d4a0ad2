//! Stdin: passed on, ended, or ignored, without holding anything up.

use futures::AsyncWriteExt;
use isol8_protocol::frame::{self, Channel, Frame};
use isol8_protocol::{ExecEvent, Status};

use crate::support::{Command, Guest, Run, sh, within};

fn with_stdin(script: &str) -> Command {
    Command { stdin: true, ..sh(script) }
}

#[tokio::test]
async fn ten_mebibytes_go_through_cat() {
    let data: Vec<u8> = (0..10 << 20).map(|i: u32| (i.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
    let guest = Guest::start().await;
    let Run { mut from, mut to } = guest.exec(with_stdin("cat")).await;
    let mut frames = Vec::new();
    frame::encode_data(Channel::Stdin, &data, &mut frames);
    let sending = tokio::spawn(async move {
        to.write_all(&frames).await.expect("sends");
        to.close().await.expect("closes");
        to
    });
    let mut stdout = Vec::new();
    while stdout.len() < data.len() {
        match within(frame::read::<ExecEvent>(&mut from)).await.expect("is understood") {
            Some(Frame::Data(Channel::Stdout, part)) => stdout.extend_from_slice(&part),
            Some(Frame::Message(ExecEvent::Started)) => {}
            other => panic!("unexpected {other:?}"),
        }
    }
    assert!(stdout == data, "the same bytes come back");
    let run = Run { from, to: within(sending).await.expect("has sent") };
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
