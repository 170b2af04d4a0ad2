//! The whole: from `record` to what an outsider finds.

use std::collections::{BTreeMap, BTreeSet};
use std::env;
use std::path::Path;
use std::process::Command;
use std::sync::{Arc, Mutex};
use std::thread;

use serde_json::{Value, json};

use super::scratch::Scratch;
use super::*;
use crate::api::{AuditConfig, NetworkAction, NetworkLogEntry, ResourceUsage, SecurityEvent};

fn config(dir: &Path) -> AuditConfig {
    let log_dir = Some(dir.to_str().expect("UTF-8").to_owned());
    AuditConfig { enabled: Some(true), log_dir, ..AuditConfig::default() }
}

fn audit(config: AuditConfig) -> Audit {
    let settings = AuditSettings::parse(config, &Surroundings::default()).expect("valid").expect("enabled");
    Audit::new(settings)
}

fn full_record() -> Record {
    let metadata = BTreeMap::from([("userId".to_owned(), "ada".to_owned()), ("job".to_owned(), "7".to_owned())]);
    Record {
        execution_id: "e-1".to_owned(),
        user_id: user_id(Some(&metadata)),
        timestamp: "2026-01-02T03:04:05.678Z".to_owned(),
        runtime: "python".to_owned(),
        code_hash: code_hash("print(1)"),
        container_id: "c-1".to_owned(),
        exit_code: 137,
        duration_ms: 42,
        resource_usage: Some(ResourceUsage { cpu_percent: 1.5, memory_mb: 3, ..ResourceUsage::default() }),
        security_events: vec![SecurityEvent {
            kind: "network_blocked".to_owned(),
            message: "Security event: network_blocked".to_owned(),
            details: BTreeMap::from([("host".to_owned(), "evil.example".to_owned())]),
            timestamp: "2026-01-02T03:04:06Z".to_owned(),
        }],
        dropped_security_events: 2,
        network_logs: vec![NetworkLogEntry {
            timestamp: "2026-01-02T03:04:06Z".to_owned(),
            method: "GET".to_owned(),
            host: "evil.example".to_owned(),
            path: Some("/".to_owned()),
            action: NetworkAction::Block,
            duration_ms: 0,
            block: Some("blacklist".to_owned()),
        }],
        dropped_network_logs: 3,
        metadata: Some(metadata),
        code: Some("print(1)".to_owned()),
        stdout: Some("1\n".to_owned()),
        stderr: Some(String::new()),
        tenant_id: Some("t-1".to_owned()),
        error: Some("timed out".to_owned()),
    }
}

fn full_json() -> Value {
    json!({
        "executionId": "e-1", "userId": "ada", "timestamp": "2026-01-02T03:04:05.678Z", "runtime": "python",
        "codeHash": code_hash("print(1)"), "containerId": "c-1", "exitCode": 137, "durationMs": 42,
        "resourceUsage": { "cpuPercent": 1.5, "memoryMB": 3, "networkBytesIn": 0, "networkBytesOut": 0 },
        "securityEvents": [{
            "type": "network_blocked", "message": "Security event: network_blocked",
            "details": { "host": "evil.example" }, "timestamp": "2026-01-02T03:04:06Z",
        }],
        "droppedSecurityEvents": 2,
        "networkLogs": [{
            "timestamp": "2026-01-02T03:04:06Z", "method": "GET", "host": "evil.example", "path": "/",
            "action": "BLOCK", "durationMs": 0, "block": "blacklist",
        }],
        "droppedNetworkLogs": 3,
        "metadata": { "userId": "ada", "job": "7" },
        "code": "print(1)", "stdout": "1\n", "stderr": "", "tenantId": "t-1", "error": "timed out",
    })
}

fn json_without(left_out: &[&str]) -> Value {
    let mut json = full_json();
    json.as_object_mut().expect("an object").retain(|field, _| !left_out.contains(&field.as_str()));
    json
}

fn lines(text: &str) -> Vec<Value> {
    text.lines().map(|line| serde_json::from_str(line).expect(line)).collect()
}

/// What was logged on this thread meanwhile.
fn logged(action: impl FnOnce()) -> String {
    #[derive(Clone, Default)]
    struct Buffer(Arc<Mutex<Vec<u8>>>);
    impl std::io::Write for Buffer {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().expect("sound").extend(bytes);
            Ok(bytes.len())
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }
    let buffer = Buffer::default();
    let writer = buffer.clone();
    let subscriber =
        tracing_subscriber::fmt().with_ansi(false).without_time().with_writer(move || writer.clone()).finish();
    tracing::subscriber::with_default(subscriber, action);
    let text = buffer.0.lock().expect("sound").clone();
    String::from_utf8(text).expect("UTF-8")
}

#[tokio::test]
async fn w132_w133_a_record_has_all_that_was_asked_for_failures_included() {
    let scratch = Scratch::new();
    let audit = audit(AuditConfig { include_code: Some(true), include_output: Some(true), ..config(&scratch) });
    audit.record(full_record());
    audit.flush().await;
    assert_eq!(lines(&scratch.read("executions.log")), [full_json()]);
}

#[tokio::test]
async fn w132_what_was_not_asked_for_is_not_recorded_whoever_supplies_it() {
    let scratch = Scratch::new();
    let audit = audit(AuditConfig { track_resources: Some(false), ..config(&scratch) });
    audit.record(full_record());
    audit.flush().await;
    let expected = json_without(&["code", "stdout", "stderr", "resourceUsage"]);
    assert_eq!(lines(&scratch.read("executions.log")), [expected]);
}

#[tokio::test]
async fn w136_nothing_is_created_before_there_is_something_to_record() {
    let scratch = Scratch::new();
    let audit = audit(config(&scratch.join("audit")));
    audit.flush().await;
    assert!(scratch.names().is_empty());
    audit.record(Record::default());
    audit.flush().await;
    assert_eq!(scratch.names(), ["audit"]);
}

#[tokio::test]
async fn w137_all_records_of_many_threads_and_two_engines_are_whole() {
    let scratch = Scratch::new();
    let audits = [audit(config(&scratch)), audit(config(&scratch))];
    thread::scope(|scope| {
        for writer in 0..8 {
            let audit = audits[writer % 2].clone();
            scope.spawn(move || {
                for number in 0..100 {
                    let execution_id = format!("{writer}-{number}");
                    // Beyond what pipes and pages hold.
                    let error = Some("x".repeat(number * 100));
                    audit.record(Record { execution_id, error, ..Record::default() });
                }
            });
        }
    });
    for audit in &audits {
        audit.flush().await;
    }
    let records = lines(&scratch.read("executions.log"));
    let ids: BTreeSet<_> = records.iter().map(|record| record["executionId"].to_string()).collect();
    assert_eq!((records.len(), ids.len()), (800, 800));
    assert_eq!(scratch.names(), ["executions.log"]);
}

#[test]
fn an_unknown_destination_is_logged_and_records_nothing() {
    let scratch = Scratch::new();
    let config = AuditConfig { destination: Some("syslog".to_owned()), ..config(&scratch) };
    let log = logged(|| audit(config).record(Record::default()));
    assert!(log.contains("ERROR") && log.contains("Unsupported audit destination: syslog"), "{log}");
    assert!(scratch.names().is_empty());
}

#[tokio::test]
async fn what_is_too_long_is_recorded_shortened_and_dropped_only_if_that_does_not_help() {
    let scratch = Scratch::new();
    let config = AuditConfig { include_output: Some(true), ..config(&scratch) };
    let settings = AuditSettings::parse(config, &Surroundings::default()).expect("valid").expect("enabled");
    let audit = Audit::with_bounds(settings, Bounds { records: 10, bytes: 10_000 });
    let long = || Some("x".repeat(20_000));
    let log = logged(|| {
        audit.record(Record { execution_id: "a".to_owned(), stdout: long(), ..Record::default() });
        audit.record(Record { execution_id: "b".to_owned(), error: long(), ..Record::default() });
    });
    audit.flush().await;
    let records = lines(&scratch.read("executions.log"));
    assert_eq!(records.len(), 1);
    assert_eq!((&records[0]["executionId"], records[0].get("stdout")), (&json!("a"), None));
    assert!(log.contains("only the short fields are"), "{log}");
    assert!(log.contains("ERROR isol8::audit: dropping audit records: the queue is full"), "{log}");
}

#[test]
fn losses_are_logged_at_the_first_and_then_as_a_number() {
    let losses = Losses::new("records");
    let log = logged(|| {
        for _ in 0..1000 {
            losses.add();
        }
        losses.report();
        losses.report();
    });
    assert_eq!(log.lines().count(), 2, "{log}");
    assert!(log.contains("dropped records count=1000"), "{log}");
}

#[tokio::test(start_paused = true)]
async fn flushing_gives_up_after_five_seconds() {
    let queue = Queue::new(Bounds::default(), || {
        Box::new(|_| {
            loop {
                thread::park();
            }
        })
    });
    let settings = audit(config(Path::new("/nowhere"))).settings().clone();
    let dropped = Arc::new(Losses::new("records"));
    let audit = Audit(Arc::new(Inner { settings, queue: Some(queue), scripts: None, dropped }));
    audit.record(Record::default());
    let start = tokio::time::Instant::now();
    audit.flush().await;
    assert_eq!(start.elapsed(), FLUSH_LIMIT);
}

#[tokio::test]
async fn the_script_finds_each_record_in_the_log_that_it_is_told_of() {
    let scratch = Scratch::new();
    let program = scratch.script("wc -l < \"$1\" >> \"$(dirname \"$0\")/counts\"");
    let post_log_script = Some(program.to_str().expect("UTF-8").to_owned());
    let audit = audit(AuditConfig { post_log_script, ..config(&scratch.join("audit")) });
    for count in 1..=3 {
        audit.record(Record::default());
        audit.flush().await;
        audit.0.scripts.as_ref().expect("configured").ended().await;
        let counts = scratch.read("counts");
        assert_eq!(counts.lines().last().map(str::trim), Some(count.to_string().as_str()), "{counts}");
    }
}

/// Set for the process whose standard output is looked at.
const CHILD: &str = "ISOL8_TEST_AUDIT_STDOUT";

#[tokio::test]
async fn w135_on_standard_output_a_record_is_a_line_of_json() {
    if env::var_os(CHILD).is_some() {
        let destination = Some("stdout".to_owned());
        let audit = audit(AuditConfig { enabled: Some(true), destination, ..AuditConfig::default() });
        audit.record(full_record());
        audit.flush().await;
        return;
    }
    // With one thread, the harness would print the name of the test on the same line.
    let output = Command::new(env::current_exe().expect("a test"))
        .args(["--exact", "--nocapture", "--test-threads=2"])
        .arg("audit::tests::w135_on_standard_output_a_record_is_a_line_of_json")
        .env(CHILD, "1")
        .output()
        .expect("a test");
    assert!(output.status.success());
    let text = String::from_utf8(output.stdout).expect("UTF-8");
    let records: Vec<_> = text.lines().filter_map(|line| line.strip_prefix("AUDIT_LOG: ")).collect();
    assert_eq!(records.len(), 1, "{text}");
    assert_eq!(serde_json::from_str::<Value>(records[0]).expect("JSON"), json_without(&["code", "stdout", "stderr"]));
}
