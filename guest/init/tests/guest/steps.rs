//! Several commands in one run: their order, their ends, and the files that go with them.

use isol8_protocol::frame::{Channel, Frame};
use isol8_protocol::{Ack, Exec, ExecEvent, Request, Step, frame};

use crate::support::dir::Dir;
use crate::support::{Guest, Run, sh, within};

/// These scripts as the steps of one run.
fn steps(scripts: &[&str]) -> Exec {
    let mut execs = scripts.iter().map(|script| Exec::from(sh(script)));
    let mut all = execs.next().expect("one at least");
    all.steps.extend(execs.flat_map(|exec| exec.steps));
    all
}

/// What a run tells up to its end: output as text, ends as exit codes.
async fn told(mut run: Run) -> Vec<String> {
    let mut told = Vec::new();
    while let Some(frame) = within(frame::read(&mut run.from)).await.expect("is understood") {
        told.push(match frame {
            Frame::Data(Channel::Stdout, data) => String::from_utf8_lossy(&data).into_owned(),
            Frame::Message(ExecEvent::Started) => continue,
            Frame::Message(ExecEvent::Ended(report)) => report.status.code().to_string(),
            Frame::Message(ExecEvent::Failed(failure)) => format!("{:?}", failure.kind),
            other => panic!("unexpected {other:?}"),
        });
    }
    told
}

#[tokio::test]
async fn one_follows_the_other_and_the_last_one_gets_the_input() {
    let guest = Guest::start().await;
    let mut exec = steps(&["cat; echo first", "cat; echo second"]);
    exec.stdin = true;
    let mut run = guest.exec(exec).await;
    run.send(b"given ").await;
    run.end_stdin().await;
    assert_eq!(told(run).await.concat(), "first\n0given second\n0");
}

#[tokio::test]
async fn one_that_fails_is_the_last() {
    let guest = Guest::start().await;
    assert_eq!(told(guest.exec(steps(&["exit 3", "echo no"])).await).await, ["3"]);
    assert_eq!(told(guest.exec(steps(&["kill -9 $$", "echo no"])).await).await, ["137"]);
    let mut cannot_start = steps(&["true", "echo no", "echo no"]);
    cannot_start.steps[1].argv = vec!["/nowhere".into()];
    assert_eq!(told(guest.exec(cannot_start).await).await, ["0", "Spawn"]);
    assert_eq!(told(guest.exec(Exec { env: vec![], steps: vec![], stdin: false }).await).await, ["Spawn"]);
}

#[tokio::test]
async fn each_has_a_limit_and_an_environment_of_its_own() {
    let guest = Guest::start().await;
    let mut exec = steps(&["echo $WHO $SHARED; sleep 0.2", "echo $WHO $SHARED; sleep 60"]);
    exec.env.extend([("SHARED".into(), "us".into()), ("WHO".into(), "both".into())]);
    exec.steps[0].env = vec![("WHO".into(), "first".into())];
    exec.steps[1].limit_ms = 100;
    assert_eq!(told(guest.exec(exec).await).await.concat(), "first us\n0both us\n137");
}

#[tokio::test]
async fn temporary_files_are_gone_after_their_step_whatever_becomes_of_it() {
    let guest = Guest::start().await;
    for (scripts, limit_ms) in [(["true", "true"], 60_000), (["false", "true"], 60_000), (["true", "sleep 60"], 100)] {
        let dir = Dir::new();
        let names = ["a", "b"].map(|name| dir.join(name));
        for name in &names {
            assert_eq!(guest.write(&[(name, 0o644, b"x")]).await, Ack::Done);
        }
        let mut exec = steps(&scripts);
        for (step, name) in exec.steps.iter_mut().zip(&names) {
            *step = Step { remove: vec![name.clone()], limit_ms, ..step.clone() };
        }
        told(guest.exec(exec).await).await;
        assert!(names.iter().all(|name| !std::path::Path::new(name).exists()), "{scripts:?}");
    }
}

#[tokio::test]
async fn what_an_earlier_step_left_running_outlives_the_limit_of_a_later_one() {
    let guest = Guest::start().await;
    let mut exec = steps(&["sleep 300 >/dev/null 2>&1 & echo $!", "sleep 300"]);
    exec.steps[1].limit_ms = 100;
    let told = told(guest.exec(exec).await).await;
    let pid: i32 = told[0].trim().parse().expect("a pid");
    assert_eq!(told[1..], ["0", "137"]);
    assert!(std::path::Path::new(&format!("/proc/{pid}")).exists());
}

#[tokio::test]
async fn an_abandoned_run_is_gone_when_the_answer_comes() {
    let guest = Guest::start().await;
    let mut run = guest.exec(steps(&["sleep 300", "echo no"])).await;
    run.started().await;
    for _ in 0..2 {
        let mut stream = guest.request(&Request::Abandon).await;
        assert_eq!(within(frame::read_message::<Ack>(&mut stream)).await.expect("answers"), Ack::Done);
    }
    run.ends_without_a_report().await;
    // Nobody has the turn any more.
    assert_eq!(guest.sh("echo next").await.stdout(), "next\n");
}
