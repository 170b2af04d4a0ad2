//! From the engine to the writing thread, without ever making the engine wait.
//!
//! Bounded in records and, since they may hold output, in bytes; what is being written counts. The thread ends when the
//! queue is dropped and empty. Should it die before, the next record starts another.

use std::fmt;
use std::io;
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use tokio::sync::watch;

use super::Record;

/// What the writing thread does with records that arrive together.
pub(super) type Worker = Box<dyn FnMut(&[Record]) + Send>;

/// Records that are written at a time. The thread looks at the date between batches.
const BATCH: usize = 128;

/// Most that may wait.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bounds {
    /// Records.
    pub(super) records: usize,
    /// Bytes in all of them.
    pub(super) bytes: usize,
}

impl Default for Bounds {
    /// Minutes of a busy engine on a stalled disk, or thirty full outputs of the default size.
    fn default() -> Self {
        Self { records: 4096, bytes: 64 << 20 }
    }
}

/// Why a record was not taken.
#[derive(Debug)]
pub(super) enum Refused {
    /// There are too many.
    Records,
    /// They would be too long with this one, which comes back.
    Bytes(Box<Record>),
    /// Nobody could take them.
    Thread(io::Error),
}

/// A queue with the thread at its other end.
pub(super) struct Queue {
    bounds: Bounds,
    load: Arc<watch::Sender<Load>>,
    /// None before the first record.
    sender: Mutex<Option<SyncSender<Queued>>>,
    worker: Box<dyn Fn() -> Worker + Send + Sync>,
}

/// What there is and was.
#[derive(Debug, Default)]
struct Load {
    accepted: u64,
    finished: u64,
    bytes: usize,
}

impl Load {
    fn pending(&self) -> usize {
        (self.accepted - self.finished) as usize
    }
}

struct Queued {
    record: Box<Record>,
    place: Place,
}

impl Queue {
    /// A queue whose thread will do what `worker` makes.
    pub(super) fn new(bounds: Bounds, worker: impl Fn() -> Worker + Send + Sync + 'static) -> Self {
        Self { bounds, load: Arc::default(), sender: Mutex::new(None), worker: Box::new(worker) }
    }

    /// Puts a record in, or tells why not, at once.
    pub(super) fn push(&self, record: Box<Record>) -> Result<(), Refused> {
        let (place, record) = self.reserve(record)?;
        let mut queued = Queued { record, place };
        let mut sender = self.sender.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(running) = &*sender {
            match running.try_send(queued) {
                Ok(()) => return Ok(()),
                // Those who have a place fit in: only a thread that died refuses.
                Err(TrySendError::Full(refused) | TrySendError::Disconnected(refused)) => queued = refused,
            }
        }
        let started = self.start().map_err(Refused::Thread)?;
        // Cannot fail, and if it does, nobody waits for the record: its place is given back.
        let _ = started.try_send(queued);
        *sender = Some(started);
        Ok(())
    }

    /// Records that were taken and are not yet written.
    pub(super) fn pending(&self) -> usize {
        self.load.borrow().pending()
    }

    /// Returns when all that was pushed before is written.
    pub(super) async fn flushed(&self) {
        let target = self.load.borrow().accepted;
        // Cannot fail: the sender lives as long as we do.
        let _ = self.load.subscribe().wait_for(|load| load.finished >= target).await;
    }

    fn reserve(&self, record: Box<Record>) -> Result<(Place, Box<Record>), Refused> {
        let weight = record.weight();
        let mut refusal: Option<fn(Box<Record>) -> Refused> = None;
        self.load.send_if_modified(|load| {
            if load.pending() >= self.bounds.records {
                refusal = Some(|_| Refused::Records);
            } else if weight > self.bounds.bytes.saturating_sub(load.bytes) {
                refusal = Some(Refused::Bytes);
            } else {
                load.accepted += 1;
                load.bytes += weight;
            }
            // Nobody waits for more.
            false
        });
        match refusal {
            None => Ok((Place { load: self.load.clone(), weight }, record)),
            Some(refusal) => Err(refusal(record)),
        }
    }

    fn start(&self) -> io::Result<SyncSender<Queued>> {
        let (sender, receiver) = sync_channel(self.bounds.records);
        let worker = (self.worker)();
        thread::Builder::new().name("isol8-audit".to_owned()).spawn(move || work(&receiver, worker))?;
        Ok(sender)
    }
}

impl fmt::Debug for Queue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Queue").field("bounds", &self.bounds).field("load", &self.load).finish_non_exhaustive()
    }
}

fn work(receiver: &Receiver<Queued>, mut worker: Worker) {
    while let Ok(first) = receiver.recv() {
        let batch = [first].into_iter().chain(receiver.try_iter()).take(BATCH);
        let (records, places): (Vec<_>, Vec<_>) = batch.map(|queued| (*queued.record, queued.place)).unzip();
        worker(&records);
        drop(records);
        drop(places);
    }
}

/// A record's share of the bounds, given back when it is written, or lost.
struct Place {
    load: Arc<watch::Sender<Load>>,
    weight: usize,
}

impl Drop for Place {
    fn drop(&mut self) {
        self.load.send_modify(|load| {
            load.finished += 1;
            load.bytes -= self.weight;
        });
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;
    use std::time::Duration;

    use super::*;

    /// A queue whose thread says when it has a batch, and then waits for permission to go on; dropping the sender of
    /// permissions permits all.
    fn slow_queue(bounds: Bounds) -> (Queue, Receiver<Vec<String>>, SyncSender<()>) {
        let (batches, seen) = sync_channel(100);
        let (permit, permits) = sync_channel::<()>(100);
        let permits = Arc::new(Mutex::new(permits));
        let queue = Queue::new(bounds, move || {
            let (batches, permits) = (batches.clone(), permits.clone());
            Box::new(move |records| {
                let ids = records.iter().map(|record| record.execution_id.clone()).collect();
                batches.send(ids).expect("the test listens");
                let _ = permits.lock().expect("sound").recv();
            })
        });
        (queue, seen, permit)
    }

    fn record(id: &str) -> Box<Record> {
        Box::new(Record { execution_id: id.to_owned(), ..Record::default() })
    }

    #[test]
    fn w137_a_stalled_writer_holds_nobody_up_and_a_full_queue_refuses() {
        let (queue, seen, permit) = slow_queue(Bounds { records: 3, bytes: 1 << 20 });
        queue.push(record("a")).expect("room");
        assert_eq!(seen.recv().expect("running"), ["a"]);
        queue.push(record("b")).expect("room");
        queue.push(record("c")).expect("room");
        assert!(matches!(queue.push(record("d")), Err(Refused::Records)));
        assert_eq!(queue.pending(), 3);

        permit.send(()).expect("it waits");
        assert_eq!(seen.recv().expect("running"), ["b", "c"]);
        queue.push(record("e")).expect("what was written made room");
    }

    #[test]
    fn the_bound_in_bytes_counts_all_that_is_pending() {
        let long = |id: &str| Box::new(Record { stdout: Some("x".repeat(1000)), ..*record(id) });
        let bytes = 2 * long("a").weight() + long("a").weight() / 2;
        let (queue, seen, _permit) = slow_queue(Bounds { records: 100, bytes });
        queue.push(long("a")).expect("room");
        assert_eq!(seen.recv().expect("running"), ["a"]);
        queue.push(long("b")).expect("room");
        match queue.push(long("c")) {
            Err(Refused::Bytes(record)) => assert_eq!(record.execution_id, "c"),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn dropping_the_queue_writes_what_is_left_and_ends_the_thread() {
        let (queue, seen, permit) = slow_queue(Bounds::default());
        queue.push(record("a")).expect("room");
        assert_eq!(seen.recv().expect("running"), ["a"]);
        queue.push(record("b")).expect("room");
        drop((queue, permit));
        assert_eq!(seen.recv().expect("written"), ["b"]);
        // The thread's end of the channel goes when the thread does.
        assert!(seen.recv().is_err());
    }

    #[test]
    fn a_thread_that_died_is_replaced_and_its_records_make_room() {
        let (batches, seen) = sync_channel(100);
        let queue = Queue::new(Bounds { records: 1, bytes: 1 << 20 }, move || {
            let batches = batches.clone();
            Box::new(move |records| {
                assert_ne!(records[0].execution_id, "fatal");
                batches.send(records.len()).expect("the test listens");
            })
        });
        queue.push(record("fatal")).expect("room");
        let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
        runtime.block_on(queue.flushed());
        // Whether the first of these still meets the dying thread is a race; the second cannot.
        let _ = queue.push(record("a"));
        runtime.block_on(queue.flushed());
        queue.push(record("b")).expect("room, and a new thread");
        assert_eq!(seen.recv().expect("running"), 1);
    }

    #[tokio::test(start_paused = true)]
    async fn flushing_waits_for_what_was_there_and_not_for_more() {
        let (queue, seen, permit) = slow_queue(Bounds::default());
        queue.flushed().await;
        queue.push(record("a")).expect("room");
        assert_eq!(seen.recv().expect("running"), ["a"]);
        let flushed = queue.flushed();
        tokio::pin!(flushed);
        assert!(tokio::time::timeout(Duration::from_secs(1), &mut flushed).await.is_err(), "still being written");
        queue.push(record("b")).expect("room");
        permit.send(()).expect("it waits");
        flushed.await;
        assert_eq!(queue.pending(), 1);
    }
}
