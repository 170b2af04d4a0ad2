//! Audit records: one for every execution, in a log file or on standard output.
//!
//! An engine hands each [`Record`] to its [`Audit`], which never waits and never fails: records go through a bounded
//! queue to a thread of their own. That thread alone writes. It starts with the first record and ends with the last
//! clone of the [`Audit`], once all that was queued has been written; it does not keep the process alive, which is what
//! [`Audit::flush`] is for. Whatever goes wrong is an error event and nothing more.
//!
//! | part | what it is |
//! |---|---|
//! | `settings` | the options, checked, with their defaults |
//! | `record`, `line` | what is recorded, and its form in the log |
//! | `queue` | from the engine to the writing thread |
//! | `files` | the log file, its daily rotation and its retention |
//! | `stdout` | the other destination |
//! | `script` | the program that is told of new records |
//! | `losses` | counting what had no room |

mod files;
mod line;
mod losses;
mod queue;
mod record;
#[cfg(test)]
mod scratch;
mod script;
mod settings;
mod stdout;
#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use self::files::Files;
use self::losses::Losses;
use self::queue::{Bounds, Queue, Refused, Worker};
pub use self::record::{Record, code_hash, user_id};
use self::script::Scripts;
use self::settings::Destination;
pub use self::settings::{AuditError, AuditSettings, Surroundings};

/// What log events of all parts go by.
const LOG: &str = "isol8::audit";

/// How long [`Audit::flush`] waits at most.
const FLUSH_LIMIT: Duration = Duration::from_secs(5);

/// Where records go. Cheap to clone; all clones are one.
#[derive(Debug, Clone)]
pub struct Audit(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    settings: AuditSettings,
    /// None when there is nowhere to write to.
    queue: Option<Queue>,
    scripts: Option<Scripts>,
    dropped: Arc<Losses>,
}

impl Audit {
    /// Takes records from now on. Creates nothing before there is one.
    pub fn new(settings: AuditSettings) -> Self {
        Self::with_bounds(settings, Bounds::default())
    }

    fn with_bounds(settings: AuditSettings, bounds: Bounds) -> Self {
        let dropped = Arc::new(Losses::new("audit records: the queue is full"));
        let (scripts, sink) = match settings.destination.clone() {
            Destination::Files(files) => {
                let scripts = files.post_log_script.as_ref().map(|program| Scripts::new(program, &files.log_path()));
                (scripts.clone(), Some(Sink::Files(files, scripts)))
            }
            Destination::Stdout => (None, Some(Sink::Stdout)),
            Destination::Unsupported(name) => {
                tracing::error!(target: LOG, "Unsupported audit destination: {}", name.escape_debug());
                (None, None)
            }
        };
        let queue = sink.map(|sink| {
            let dropped = dropped.clone();
            Queue::new(bounds, move || sink.writer(dropped.clone()))
        });
        Self(Arc::new(Inner { settings, queue, scripts, dropped }))
    }

    /// What was asked for.
    pub fn settings(&self) -> &AuditSettings {
        &self.0.settings
    }

    /// Hands a record over to be written. What the settings do not ask for is left out.
    pub fn record(&self, record: Record) {
        let Inner { settings, queue, dropped, .. } = &*self.0;
        let Some(queue) = queue else { return };
        let pushed = match queue.push(Box::new(record.reduced_to(settings))) {
            Err(Refused::Bytes(record)) => {
                // Whoever can print much must not be able to prevent the record of it.
                let execution = record.execution_id.clone();
                queue.push(Box::new(record.shortened())).inspect(|()| {
                    tracing::error!(target: LOG, execution, "too much to record: only the short fields are");
                })
            }
            other => other,
        };
        match pushed {
            Ok(()) => {}
            Err(Refused::Bytes(_) | Refused::Records) => dropped.add(),
            Err(Refused::Thread(error)) => {
                tracing::error!(target: LOG, %error, "dropping an audit record: no thread to write it");
            }
        }
    }

    /// Returns once everything that was recorded before is written, and the post-log script was started for it; or
    /// after five seconds, with an error event.
    pub async fn flush(&self) {
        let Inner { queue, scripts, .. } = &*self.0;
        let all = async {
            if let Some(queue) = queue {
                queue.flushed().await;
            }
            if let Some(scripts) = scripts {
                scripts.started().await;
            }
        };
        if tokio::time::timeout(FLUSH_LIMIT, all).await.is_err() {
            let pending = queue.as_ref().map_or(0, Queue::pending);
            tracing::error!(target: LOG, pending, "audit records are still being written after {FLUSH_LIMIT:?}");
        }
    }
}

/// Where the writing thread writes to.
#[derive(Debug, Clone)]
enum Sink {
    Files(settings::FileSettings, Option<Scripts>),
    Stdout,
}

impl Sink {
    /// What the writing thread does with a batch.
    fn writer(&self, dropped: Arc<Losses>) -> Worker {
        match self.clone() {
            Self::Files(settings, scripts) => {
                let mut files = Files::new(settings, scripts);
                Box::new(move |records| {
                    report(files.write(records, SystemTime::now));
                    dropped.report();
                })
            }
            Self::Stdout => Box::new(move |records| {
                report(stdout::write(records));
                dropped.report();
            }),
        }
    }
}

/// Records that were not written, and why the last of them was not.
#[derive(Debug, thiserror::Error)]
#[error("could not record {count} executions in {place}")]
struct WriteError {
    count: usize,
    place: String,
    #[source]
    source: std::io::Error,
}

fn report(written: Result<(), WriteError>) {
    if let Err(error) = written {
        tracing::error!(target: LOG, "{}", crate::telemetry::chain(&error));
    }
}
