//! One line of JSON on standard error for every request.
//!
//! Lines are written by a thread of their own, which a bounded queue leads to: a reader of standard error that is slow
//! costs lines and never time. No line has a key, or anything of a body.

use std::io::Write;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use serde::Serialize;

/// Lines that wait to be written.
const QUEUE: usize = 4096;

/// What is said of a request.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Line<'a> {
    /// When it was answered, ISO 8601.
    pub time: String,
    /// Always `info`.
    pub level: &'static str,
    /// Always `request`.
    pub message: &'static str,
    /// The one that the client got in `X-Request-Id`.
    pub request_id: &'a str,
    /// Its method.
    pub method: &'a str,
    /// Its route.
    pub route: &'a str,
    /// Status of the answer; 499 if nobody waited for it.
    pub status: u16,
    /// Until the last byte was sent.
    pub duration_ms: f64,
    /// Whose key it came with.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tenant: Option<&'a str>,
    /// Which key.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key_id: Option<&'a str>,
    /// What kind of failure, also where the client was told of it in a stream.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub code: Option<&'a str>,
}

/// Where lines go. Cheap to clone.
#[derive(Debug, Clone)]
pub(super) struct RequestLog(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    lines: Mutex<Option<SyncSender<String>>>,
    writer: Mutex<Option<JoinHandle<()>>>,
    lost: Arc<AtomicU64>,
}

impl RequestLog {
    /// Starts to write.
    pub(super) fn start() -> std::io::Result<Self> {
        let (lines, queue) = sync_channel(QUEUE);
        let lost = Arc::<AtomicU64>::default();
        let counted = lost.clone();
        let writer = std::thread::Builder::new().name("isol8-log".to_owned()).spawn(move || write(&queue, &counted))?;
        Ok(Self(Arc::new(Inner { lines: Some(lines).into(), writer: Some(writer).into(), lost })))
    }

    /// Has a line written, if there is room.
    pub(super) fn write(&self, line: &Line<'_>) {
        let Ok(text) = serde_json::to_string(line) else { return };
        if let Some(lines) = &*self.0.lines.lock().unwrap_or_else(PoisonError::into_inner)
            && let Err(TrySendError::Full(_)) = lines.try_send(text)
        {
            self.0.lost.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Resolves when all that was to be written is, or after a while.
    pub(super) async fn end(&self, patience: Duration) {
        self.0.lines.lock().unwrap_or_else(PoisonError::into_inner).take();
        let Some(writer) = self.0.writer.lock().unwrap_or_else(PoisonError::into_inner).take() else { return };
        let written = tokio::task::spawn_blocking(move || writer.join());
        // Whoever does not read has had their chance.
        let _ = tokio::time::timeout(patience, written).await;
    }
}

fn write(queue: &Receiver<String>, lost: &AtomicU64) {
    while let Ok(mut line) = queue.recv() {
        line.push('\n');
        // As many as there are, in one go.
        while line.len() < 64 * 1024
            && let Ok(next) = queue.try_recv()
        {
            line.push_str(&next);
            line.push('\n');
        }
        let lost = lost.swap(0, Ordering::Relaxed);
        if lost > 0 {
            line.push_str(&format!("{{\"level\":\"warn\",\"message\":\"lines were lost\",\"count\":{lost}}}\n"));
        }
        // There is nowhere to say that there is nowhere to say something.
        let _ = std::io::stderr().lock().write_all(line.as_bytes());
    }
}
