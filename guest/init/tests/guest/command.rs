//! Commands: what they run as and in, and how their end is reported.

use futures::AsyncWriteExt;
use isol8_protocol::frame::Frame;
use isol8_protocol::{Ack, ExecEvent, Failure, FailureKind, Input, Request, Signal, Status, frame};

use crate::support::dir::Dir;
use crate::support::{Command, Guest, Outcome, Run, contract, file_frames, sh, user};

fn failed(outcome: Outcome) -> Failure {
    outcome.report.expect_err("never runs")
}

#[tokio::test]
async fn hello_world() {
    let outcome = Guest::start().await.sh("echo hello; echo trouble >&2").await;
    assert_eq!((outcome.stdout(), outcome.stderr()), ("hello\n", "trouble\n"));
    let report = outcome.report();
    assert_eq!(report.status, Status::Exited(0));
    assert!(!report.timed_out && !report.out_of_memory);
    assert!(report.wall_us > 0 && report.cpu_us > 0 && report.peak_memory_bytes > 100_000, "{report:?}");
}

#[tokio::test]
async fn one_command_after_another_in_the_same_guest() {
    let guest = Guest::start().await;
    for number in 0..50 {
        assert_eq!(guest.sh(&format!("echo {number}")).await.stdout(), format!("{number}\n"));
    }
}

#[tokio::test]
async fn the_exit_code_and_the_signal_are_told_apart() {
    let guest = Guest::start().await;
    assert_eq!(guest.sh("exit 42").await.status(), Status::Exited(42));
    assert_eq!(guest.sh("kill -SEGV $$").await.status(), Status::Signaled(11));
    assert_eq!(guest.sh("sleep 0.1; kill -KILL $$").await.status().code(), 137);
}

#[tokio::test]
async fn usage_is_counted_per_command_and_with_its_children() {
    let guest = Guest::start().await;
    let busy = guest.sh("(i=0; while [ $i -lt 300000 ]; do i=$((i+1)); done) & wait").await.report();
    let idle = guest.sh("sleep 0.2").await.report();
    assert!(busy.cpu_us > 50_000, "{busy:?}");
    assert!(idle.cpu_us < busy.cpu_us / 2, "{idle:?}");
    assert!(idle.wall_us >= 200_000 && idle.wall_us > 5 * idle.cpu_us, "{idle:?}");
}

#[tokio::test]
async fn the_environment_is_the_images_under_the_requests() {
    let guest = Guest::start().await;
    let mut exec = sh("echo $FROM_IMAGE $ADDED; printf '%s' \"$ODD\"");
    exec.env.extend([("ADDED".into(), "too".into()), ("ODD".into(), "a\nb=c 'd' ü".into())]);
    assert_eq!(guest.exec(exec).await.outcome().await.stdout(), "yes too\na\nb=c 'd' ü");
    let mut exec = sh("echo $FROM_IMAGE");
    exec.env.push(("FROM_IMAGE".into(), "no".into()));
    assert_eq!(guest.exec(exec).await.outcome().await.stdout(), "no\n");
}

#[tokio::test]
async fn a_missing_working_directory_is_made_for_the_sandbox_user() {
    let dir = Dir::new();
    let guest = Guest::start().await;
    let cwd = dir.join("a/b c/d");
    let outcome = guest.exec(Command { cwd: cwd.clone(), ..sh("pwd; stat -c '%u %a' .") }).await.outcome().await;
    assert_eq!(outcome.stdout(), format!("{cwd}\n{} 755\n", user().0));
}

#[tokio::test]
async fn a_working_directory_that_cannot_be_entered_is_named() {
    let dir = Dir::new();
    let guest = Guest::start().await;
    guest.sh(&format!("touch {0}/file; mkdir {0}/shut; chmod 0 {0}/shut", dir.path())).await;
    for (name, errno) in [("file", nix::libc::ENOTDIR), ("file/below", nix::libc::ENOTDIR), ("shut", nix::libc::EACCES)]
    {
        let cwd = dir.join(name);
        let failure = failed(guest.exec(Command { cwd: cwd.clone(), ..sh("echo no") }).await.outcome().await);
        assert_eq!(failure, Failure { kind: FailureKind::Directory, subject: cwd, errno });
    }
    let failure = failed(guest.exec(Command { cwd: "tmp".into(), ..sh("echo no") }).await.outcome().await);
    assert_eq!((failure.kind, failure.errno), (FailureKind::Directory, nix::libc::EINVAL));
}

#[tokio::test]
async fn a_program_that_cannot_be_started_is_named() {
    let dir = Dir::new();
    let guest = Guest::start().await;
    guest.write(&[(&dir.join("data"), 0o644, b"not a program")]).await;
    let cases = [
        (vec!["no-such-program".to_owned()], nix::libc::ENOENT),
        (vec![dir.join("missing")], nix::libc::ENOENT),
        (vec![dir.join("data")], nix::libc::EACCES),
        (vec!["echo".to_owned(), "a\0b".to_owned()], nix::libc::EINVAL),
        (vec![], nix::libc::EINVAL),
    ];
    for (argv, errno) in cases {
        let subject = argv.first().cloned().unwrap_or_default();
        let failure = failed(guest.exec(Command { argv, ..sh("") }).await.outcome().await);
        assert_eq!(failure, Failure { kind: FailureKind::Spawn, subject, errno });
    }
    assert_eq!(guest.sh("echo fine").await.stdout(), "fine\n");
}

#[tokio::test]
async fn the_program_is_looked_up_in_the_path_of_the_request() {
    let dir = Dir::new();
    let guest = Guest::start().await;
    guest.write(&[(&dir.join("tool"), 0o755, b"#!/bin/sh\necho found\n")]).await;
    let env = vec![("PATH".into(), format!("/nowhere:{}", dir.path()))];
    let outcome = guest.exec(Command { argv: vec!["tool".into()], env, ..sh("") }).await.outcome().await;
    assert_eq!(outcome.stdout(), "found\n");
}

#[tokio::test]
async fn user_code_starts_with_nothing_that_it_should_not_have() {
    let guest = Guest::start().await;
    let outcome = guest
        .sh("id -u; id -g; id -G; ls -x /proc/self/fd; ulimit -c; umask; cat /proc/self/oom_score_adj; \
             ps -o sid= -p $$; echo $$; grep -E 'NoNewPrivs|CapEff|CapPrm|CapInh|CapAmb|SigBlk|SigIgn' /proc/self/status")
        .await;
    let lines: Vec<&str> = outcome.stdout().lines().collect();
    let (uid, gid) = user();
    assert_eq!(lines[..2], [uid.to_string(), gid.to_string()]);
    if uid == 100 {
        assert_eq!(lines[2], gid.to_string(), "no further groups");
    }
    assert_eq!(lines[3].split_whitespace().collect::<Vec<_>>(), ["0", "1", "2", "3"], "3 is the directory itself");
    assert_eq!(lines[4..7], ["0", "0022", "500"]);
    assert_eq!(lines[7].trim(), lines[8], "its own session");
    for line in &lines[9..] {
        let (name, value) = line.split_once(":\t").expect("a field");
        let value = u64::from_str_radix(value, 16).expect("a number");
        // The C library keeps 32 and 33 for itself, so that nobody can change what came from above.
        let value = if name == "SigIgn" { value & !(3 << 31) } else { value };
        assert_eq!(value, u64::from(name == "NoNewPrivs"), "{name}");
    }
}

#[tokio::test]
async fn output_can_be_opened_by_name() {
    let outcome = Guest::start().await.sh("echo one > /dev/stdout; echo two > /dev/stderr").await;
    assert_eq!((outcome.stdout(), outcome.stderr()), ("one\n", "two\n"));
}

#[tokio::test]
async fn a_second_command_is_refused_while_one_runs() {
    let guest = Guest::start().await;
    let mut first = guest.exec(Command { stdin: true, ..sh("echo ready; cat") }).await;
    first.says("ready\n").await;
    assert_eq!(failed(guest.sh("echo no").await).kind, FailureKind::Busy);
    first.end_stdin().await;
    assert_eq!(first.outcome().await.status(), Status::Exited(0));
    assert_eq!(guest.sh("echo yes").await.stdout(), "yes\n");
}

#[tokio::test]
async fn files_come_first_on_the_same_stream() {
    let dir = Dir::new();
    let guest = Guest::with(contract(&[&dir])).await;
    let script = dir.join("deep/er/script.sh");
    let mut stream = guest.request(&Request::Exec(Command { argv: vec![script.clone()], ..sh("") }.into())).await;
    let files = file_frames(&[(&script, 0o755, b"#!/bin/sh\necho from a file\n")]);
    stream.write_all(&files).await.expect("sends");
    assert_eq!(Run::new(stream).outcome().await.stdout(), "from a file\n");
}

#[tokio::test]
async fn a_file_that_cannot_be_written_keeps_the_command_from_running() {
    let dir = Dir::new();
    let guest = Guest::start().await;
    let path = dir.join("file/below");
    guest.write(&[(&dir.join("file"), 0o644, b"")]).await;
    let mut stream = guest.request(&Request::Exec(sh("echo no").into())).await;
    let files = file_frames(&[(&path, 0o644, &[7; 500_000]), (&dir.join("late"), 0o644, b"x")]);
    stream.write_all(&files).await.expect("sends");
    let failure = failed(Run::new(stream).outcome().await);
    assert_eq!(failure, Failure { kind: FailureKind::Write, subject: path, errno: nix::libc::ENOTDIR });
    assert_eq!(guest.sh("echo yes").await.stdout(), "yes\n");
}

#[tokio::test]
async fn anything_but_files_before_the_start_ends_the_connection() {
    let mut guest = Guest::start().await;
    let mut stream = guest.request(&Request::Exec(sh("echo no").into())).await;
    let mut frames = Vec::new();
    frame::encode_data(frame::Channel::Stdin, b"early", &mut frames);
    stream.write_all(&frames).await.expect("sends");
    assert!(!guest.ended().await.success());
}

#[tokio::test]
async fn a_signal_reaches_the_process_group() {
    let guest = Guest::start().await;
    let script = "trap 'echo interrupted; exit 7' INT; echo ready; while :; do sleep 0.05; done";
    let mut run = guest.exec(sh(script)).await;
    run.says("ready\n").await;
    assert_eq!(guest.signal(Signal::Interrupt).await, Ack::Done);
    let outcome = run.outcome().await;
    assert_eq!((outcome.stdout(), outcome.status()), ("interrupted\n", Status::Exited(7)));

    let mut run = guest.exec(sh("echo ready; sleep 1000 & wait")).await;
    run.says("ready\n").await;
    assert_eq!(guest.signal(Signal::Terminate).await, Ack::Done);
    assert_eq!(run.outcome().await.status(), Status::Signaled(15));
}

#[tokio::test]
async fn a_signal_needs_a_command() {
    let guest = Guest::start().await;
    for signal in [Signal::Interrupt, Signal::Kill] {
        let Ack::Failed(failure) = guest.signal(signal).await else { panic!("nothing runs") };
        assert_eq!(failure.kind, FailureKind::Idle);
    }
}

#[tokio::test]
async fn started_comes_before_everything_else() {
    let guest = Guest::start().await;
    let mut stream = guest.request(&Request::Exec(sh("echo hello").into())).await;
    frame::write_message(&mut stream, &Input::Start).await.expect("sends");
    assert_eq!(Run::new(stream).next().await, Frame::Message(ExecEvent::Started));
}
