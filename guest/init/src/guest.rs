//! What the operations share: the contract of the sandbox, its processes, and whose turn it is.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use isol8_protocol::{Contract, Failure, FailureKind, Writable};
use tokio::sync::Notify;

use crate::children::Children;
use crate::identity::Sandbox;
use crate::memory::OomCounter;

/// The guest, from the greeting on.
#[derive(Debug)]
pub(crate) struct Guest<'a> {
    pub(crate) sandbox: Sandbox,
    /// Where user code can leave something behind.
    pub(crate) writable: Vec<Writable>,
    pub(crate) children: &'a Children,
    pub(crate) oom_kills: OomCounter,
    /// Where to ask for the death of the running command. Set and cleared by its run.
    pub(crate) running: RefCell<Option<Rc<Notify>>>,
    taken: Cell<bool>,
}

/// The right to run a command or to reset. There is one, given back when this is dropped.
#[derive(Debug)]
pub(crate) struct Turn<'a>(&'a Cell<bool>);

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        self.0.set(false);
    }
}

impl<'a> Guest<'a> {
    pub(crate) fn new(contract: Contract, children: &'a Children) -> Self {
        Self {
            sandbox: Sandbox::new(contract.uid, contract.gid),
            writable: contract.writable,
            children,
            oom_kills: OomCounter::open(),
            running: RefCell::new(None),
            taken: Cell::new(false),
        }
    }

    /// Takes the turn, if nobody has it.
    pub(crate) fn take_turn(&self) -> Result<Turn<'_>, Failure> {
        if self.taken.replace(true) {
            return Err(Failure { kind: FailureKind::Busy, subject: String::new(), errno: 0 });
        }
        Ok(Turn(&self.taken))
    }
}

/// A failure of the given kind, about `subject`, for the reason of `error`.
pub(crate) fn failure(kind: FailureKind, subject: &str, error: &std::io::Error) -> Failure {
    Failure { kind, subject: subject.to_owned(), errno: error.raw_os_error().unwrap_or(0) }
}
