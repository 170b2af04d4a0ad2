//! How long a guest may take over a command, whatever it says meanwhile.
//!
//! A guest ends a command at its time limit. One that does not, because user code has taken it over, can neither be silent
//! nor talk for ever. Only the time that the engine waits for it counts: a consumer who is slow to take the output keeps
//! what the guest had sent in time waiting. Of that, no more is left than the buffers between the two hold.

use std::time::Duration;

use isol8_protocol::frame::HEADER;
use isol8_protocol::mux::MAX_UNREAD;
use tokio::time::Instant;

use super::ChannelError;

/// Most bytes that can have been under way when a command ended: the windows of the channel, the pipes of the program
/// and of the container, and what the daemon and the kernel keep between them.
const MAX_UNDER_WAY: usize = MAX_UNREAD + (16 << 20);

/// The time that a guest has for one command.
#[derive(Debug)]
pub(super) struct Deadline {
    patience: Duration,
    began: Instant,
    waited: Duration,
    /// Bytes that came after the end of patience.
    late: usize,
}

impl Deadline {
    pub(super) fn new(patience: Duration) -> Self {
        Self { patience, began: Instant::now(), waited: Duration::ZERO, late: 0 }
    }

    /// For how long it may still be waited.
    pub(super) fn left(&self) -> Duration {
        self.patience.saturating_sub(self.waited)
    }

    /// Output came, after it had been waited for since `asked`.
    pub(super) fn heard(&mut self, asked: Instant, bytes: usize) -> Result<(), ChannelError> {
        self.waited += asked.elapsed();
        if self.began.elapsed() > self.patience {
            self.late = self.late.saturating_add(bytes + HEADER);
        }
        if self.late > MAX_UNDER_WAY { Err(self.passed()) } else { Ok(()) }
    }

    /// What it means that it has passed.
    pub(super) fn passed(&self) -> ChannelError {
        ChannelError::Overdue { after: self.patience }
    }
}
