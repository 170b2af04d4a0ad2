//! What the operations share: the contract of the sandbox, its processes, and whose turn it is.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use isol8_protocol::{Contract, Failure, FailureKind, Writable};
use tokio::sync::Notify;

use crate::children::Children;
use crate::identity::Sandbox;
use crate::memory::{MemoryInUse, OomCounter};
use crate::reset::Mounts;
use crate::tunnel::Tunnels;

/// The guest, from the greeting on.
#[derive(Debug)]
pub(crate) struct Guest<'a> {
    pub(crate) sandbox: Sandbox,
    /// Where user code can leave something behind.
    pub(crate) writable: Vec<Writable>,
    pub(crate) children: &'a Children,
    pub(crate) oom_kills: OomCounter,
    pub(crate) memory: MemoryInUse,
    pub(crate) mounts: Mounts,
    /// Whether there is a way out through the proxy.
    pub(crate) proxies: bool,
    pub(crate) tunnels: Tunnels,
    /// Whether the sandbox outlives the connection.
    pub(crate) stays: &'a Cell<bool>,
    /// How to reach the running command. Set and cleared by its run.
    pub(crate) running: RefCell<Option<Rc<Reins>>>,
    taken: Cell<bool>,
    given_back: Notify,
}

/// What others may ask of a running command.
#[derive(Debug, Default)]
pub(crate) struct Reins {
    /// To kill it, and tell the engine so.
    pub(crate) kill: Notify,
    /// To kill it and say no more: nobody takes its output.
    pub(crate) abandon: Notify,
}

/// The right to run a command or to reset. There is one, given back when this is dropped.
#[derive(Debug)]
pub(crate) struct Turn<'a> {
    taken: &'a Cell<bool>,
    given_back: &'a Notify,
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        self.taken.set(false);
        self.given_back.notify_one();
    }
}

impl<'a> Guest<'a> {
    pub(crate) fn new(contract: Contract, children: &'a Children, stays: &'a Cell<bool>) -> Self {
        Self {
            sandbox: Sandbox::new(contract.uid, contract.gid),
            writable: contract.writable,
            children,
            oom_kills: OomCounter::open(),
            memory: MemoryInUse::open(),
            mounts: Mounts::default(),
            proxies: contract.proxy,
            tunnels: Tunnels::default(),
            stays,
            running: RefCell::new(None),
            taken: Cell::new(false),
            given_back: Notify::new(),
        }
    }

    /// Takes the turn, if nobody has it.
    pub(crate) fn take_turn(&self) -> Result<Turn<'_>, Failure> {
        if self.taken.replace(true) {
            return Err(Failure { kind: FailureKind::Busy, subject: String::new(), errno: 0 });
        }
        Ok(Turn { taken: &self.taken, given_back: &self.given_back })
    }

    /// Takes the turn from whoever has it: a command that is running is killed, and its output dropped.
    pub(crate) async fn seize_turn(&self) -> Turn<'_> {
        loop {
            if let Ok(turn) = self.take_turn() {
                return turn;
            }
            if let Some(reins) = self.running.borrow().as_ref() {
                reins.abandon.notify_one();
            }
            self.given_back.notified().await;
        }
    }
}

/// A failure of the given kind, about `subject`, for the reason of `error`.
pub(crate) fn failure(kind: FailureKind, subject: &str, error: &std::io::Error) -> Failure {
    Failure { kind, subject: subject.to_owned(), errno: error.raw_os_error().unwrap_or(0) }
}
