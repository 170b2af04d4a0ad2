//! Guests that do not keep to what an engine may expect of them. The clock is the test's, so that patience costs nothing.

use futures::{AsyncWriteExt, StreamExt};
use isol8_protocol::frame::{Channel as DataChannel, encode_data, encode_message};
use isol8_protocol::{ExecEvent, Report, Status, Step};
use tokio::sync::Notify;
use tokio_util::compat::TokioAsyncReadCompatExt;

use super::*;

const LIMIT: Duration = Duration::from_secs(5);

/// Connects to a guest that greets and answers pings, and does as `behave` says with every other request.
async fn connected<F: Future<Output = ()> + Send + 'static>(behave: fn(Request, Stream) -> F) -> Channel {
    connect(false, behave).await.expect("is greeted")
}

/// The same, with a way out or without.
async fn connect<F: Future<Output = ()> + Send + 'static>(
    proxy: bool,
    behave: fn(Request, Stream) -> F,
) -> Result<Channel, ChannelError> {
    let (ours, theirs) = tokio::io::duplex(64 * 1024);
    tokio::spawn(async move {
        let (_opener, mut inbound, driver) = mux::connect(theirs.compat(), Mode::Server);
        tokio::spawn(driver);
        while let Some(mut stream) = inbound.next().await {
            tokio::spawn(async move {
                match frame::read_message(&mut stream).await {
                    Ok(Request::Hello(..)) => {
                        frame::write_message(&mut stream, &Hello::new("liar")).await.expect("sends");
                        while let Ok(Ping(number)) = frame::read_message(&mut stream).await {
                            frame::write_message(&mut stream, &Ping(number)).await.expect("sends");
                        }
                    }
                    Ok(request) => behave(request, stream).await,
                    Err(_) => {}
                }
            });
        }
    });
    Channel::connect(Box::new(ours.compat()), Contract { uid: 100, gid: 101, proxy, writable: vec![] }).await
}

async fn running(channel: &Channel) -> Running {
    running_with(channel, vec![]).await
}

async fn running_with(channel: &Channel, files: Files) -> Running {
    let step = Step { argv: vec!["true".into()], env: vec![], cwd: "/".into(), limit_ms: 1, remove: vec![] };
    let exec = Exec { env: vec![], steps: vec![step], stdin: false };
    let mut running = channel.exec(exec, files, Stdin::Empty).await.expect("is sent");
    running.begin(LIMIT);
    running
}

/// Everything up to the end, however it comes.
async fn outcome(running: &mut Running) -> Result<Report, ChannelError> {
    loop {
        if let Told::Ended(report) = running.next().await? {
            return Ok(report);
        }
    }
}

fn report() -> Report {
    Report {
        status: Status::Exited(0),
        timed_out: false,
        out_of_memory: false,
        wall_us: 1,
        cpu_us: 1,
        peak_memory_bytes: 1,
        memory_bytes: 1,
    }
}

fn frames(events: &[ExecEvent]) -> Vec<u8> {
    let mut frames = Vec::new();
    events.iter().for_each(|event| encode_message(event, &mut frames).expect("encodes"));
    frames
}

#[tokio::test(start_paused = true)]
async fn a_command_that_never_ends_is_given_up_however_much_is_heard_of_it() {
    let channel = connected(|_, mut stream| async move {
        let _ = stream.write_all(&frames(&[ExecEvent::Started])).await;
        let mut dot = Vec::new();
        encode_data(DataChannel::Stdout, b".", &mut dot);
        while stream.write_all(&dot).await.is_ok() {
            sleep(Duration::from_secs(1)).await;
        }
    })
    .await;
    let began = tokio::time::Instant::now();
    let error = outcome(&mut running(&channel).await).await.expect_err("is given up");
    assert!(matches!(error, ChannelError::Overdue { after: LIMIT }), "{error}");
    assert!(began.elapsed() < LIMIT * 3, "{:?}", began.elapsed());
}

#[tokio::test]
async fn a_flood_that_goes_on_is_given_up_too() {
    let channel = connected(|_, mut stream| async move {
        let mut block = frames(&[ExecEvent::Started]);
        let _ = stream.write_all(&block).await;
        block.clear();
        encode_data(DataChannel::Stderr, &[b'x'; 64 * 1024], &mut block);
        while stream.write_all(&block).await.is_ok() {}
    })
    .await;
    let mut running = running(&channel).await;
    running.begin(Duration::from_millis(100));
    let error = within("test", Duration::from_secs(60), outcome(&mut running)).await.expect_err("is given up");
    assert!(matches!(error, ChannelError::Overdue { .. }), "{error}");
}

#[tokio::test(start_paused = true)]
async fn a_consumer_may_take_its_time() {
    let channel = connected(|_, mut stream| async move {
        let mut all = frames(&[ExecEvent::Started]);
        (0..4).for_each(|_| encode_data(DataChannel::Stdout, &[b'x'; 1024], &mut all));
        all.extend(frames(&[ExecEvent::Ended(report())]));
        stream.write_all(&all).await.expect("sends");
        std::future::pending::<()>().await;
    })
    .await;
    let mut running = running(&channel).await;
    for _ in 0..4 {
        assert!(matches!(running.next().await, Ok(Told::Stdout(_))));
        sleep(LIMIT * 10).await;
    }
    assert!(matches!(running.next().await, Ok(Told::Ended(_))));
}

#[tokio::test(start_paused = true)]
async fn silence_has_an_end_whatever_was_asked() {
    let channel = connected(|_, stream| async move {
        std::future::pending::<()>().await;
        drop(stream);
    })
    .await;
    let file = || vec![("/sandbox/x".to_owned(), 0o644, Bytes::from_static(b"x"))];
    let error = channel.write_files(file()).await.expect_err("is not acknowledged");
    assert!(matches!(error, ChannelError::Silent { request: "write", .. }), "{error}");
    let error = channel.signal(Signal::Kill).await.expect_err("is not acknowledged");
    assert!(matches!(error, ChannelError::Silent { request: "signal", .. }), "{error}");
    let error = channel.reset().await.expect_err("is not answered");
    assert!(matches!(error, ChannelError::Silent { request: "reset", .. }), "{error}");
    let error = channel.read_files(vec!["/x".into()], 10, 10).await.expect_err("is not answered");
    assert!(matches!(error, ChannelError::Silent { request: "read", .. }), "{error}");
    let error = outcome(&mut running(&channel).await).await.expect_err("does not start");
    assert!(matches!(error, ChannelError::Overdue { .. }), "{error}");
}

#[tokio::test]
async fn a_command_starts_once() {
    let channel = connected(|_, mut stream| async move {
        let twice = frames(&[ExecEvent::Started, ExecEvent::Started, ExecEvent::Ended(report())]);
        stream.write_all(&twice).await.expect("sends");
    })
    .await;
    let error = outcome(&mut running(&channel).await).await.expect_err("makes no sense");
    assert!(matches!(error, ChannelError::Protocol(_)), "{error}");
}

#[tokio::test]
async fn words_of_a_guest_are_cut_to_what_it_has_reason_to_say() {
    let channel = connected(|request, mut stream| async move {
        let subject = "é".repeat(1 << 20);
        let failure = Failure { kind: FailureKind::Write, subject: subject.clone(), errno: 28 };
        match request {
            Request::Reset => {
                let findings = vec![subject; 1];
                let many =
                    ResetReport { findings: findings.into_iter().chain(vec!["x".to_owned(); 100_000]).collect() };
                frame::write_message(&mut stream, &many).await.expect("sends");
            }
            Request::Signal(_) => drop(frame::write_message(&mut stream, &Ack::Failed(failure)).await),
            _ => drop(stream.write_all(&frames(&[ExecEvent::Failed(failure)])).await),
        }
    })
    .await;
    let ChannelError::Refused(failure) = outcome(&mut running(&channel).await).await.expect_err("is refused") else {
        panic!("it is a refusal")
    };
    assert_eq!(failure.subject.len(), MAX_SUBJECT);
    let report = channel.reset().await.expect("is answered");
    assert_eq!(report.findings.len(), MAX_FINDINGS);
    assert!(report.findings.iter().all(|finding| finding.len() <= MAX_SUBJECT));
}

#[tokio::test(start_paused = true)]
async fn files_have_one_time_for_all_of_them() {
    let channel = connected(|_, mut stream| async move {
        let missing = ReadEvent::Missing(Failure { kind: FailureKind::Read, subject: "/x".into(), errno: 2 });
        // Each by itself is soon enough.
        while frame::write_message(&mut stream, &missing).await.is_ok() {
            sleep(FILES_TIMEOUT / 2).await;
        }
    })
    .await;
    let began = tokio::time::Instant::now();
    let error = channel.read_files(vec!["/x".into(); 1000], 10, 10).await.expect_err("takes too long");
    assert!(matches!(error, ChannelError::Silent { request: "read", .. }), "{error}");
    assert!(began.elapsed() < FILES_TIMEOUT * 2, "{:?}", began.elapsed());
}

#[tokio::test]
async fn a_guest_whose_files_nobody_wants_any_more_is_told() {
    static TOLD: Notify = Notify::const_new();
    let channel = connected(|_, mut stream| async move {
        let (mut head, mut block) = (Vec::new(), Vec::new());
        encode_message(&ReadEvent::File(1 << 30), &mut head).expect("encodes");
        encode_data(DataChannel::File, &[b'x'; 64 * 1024], &mut block);
        let _ = stream.write_all(&head).await;
        while stream.write_all(&block).await.is_ok() {}
        TOLD.notify_one();
    })
    .await;
    let reading = channel.read_files(vec!["/sandbox/large".into()], 1 << 30, 1 << 30);
    timeout(Duration::from_millis(100), reading).await.expect_err("it is large");
    timeout(Duration::from_secs(10), TOLD.notified()).await.expect("is told");
}

#[tokio::test(start_paused = true)]
async fn the_way_of_files_is_not_the_time_of_a_command() {
    let channel = connected(|_, mut stream| async move {
        sleep(LIMIT + Duration::from_secs(3)).await;
        let _ = stream.write_all(&frames(&[ExecEvent::Started])).await;
        sleep(LIMIT + Duration::from_secs(3)).await;
        let _ = stream.write_all(&frames(&[ExecEvent::Ended(report())])).await;
    })
    .await;
    let files = vec![("/sandbox/x".to_owned(), 0o644, Bytes::from(vec![0; 4 << 20]))];
    let began = tokio::time::Instant::now();
    let error = outcome(&mut running_with(&channel, files).await).await.expect_err("is late");
    assert!(matches!(error, ChannelError::Overdue { after: LIMIT }), "{error}");
    // It was allowed to start as late as it did; once it had, it was the command's time again.
    assert!(began.elapsed() >= LIMIT * 2 + Duration::from_secs(3), "{:?}", began.elapsed());
    assert!(began.elapsed() < LIMIT * 3, "{:?}", began.elapsed());
}

#[tokio::test(start_paused = true)]
async fn a_guest_that_cannot_listen_is_no_sandbox_with_a_way_out() {
    let refused = connect(true, |_, mut stream| async move {
        let failure = Failure { kind: FailureKind::Listen, subject: "127.0.0.1:8118".into(), errno: 98 };
        frame::write_message(&mut stream, &Ack::Failed(failure)).await.expect("sends");
    })
    .await;
    let silent = connect(true, |_, stream| async move {
        std::future::pending::<()>().await;
        drop(stream);
    })
    .await;
    for error in [refused, silent].map(|channel| channel.expect_err("nobody listens")) {
        assert!(matches!(error, ChannelError::Proxy(_)), "{error}");
        assert_eq!(error.to_string(), "Proxy failed to start within timeout");
    }
}
