//! Which of the connections to the proxy somebody in the sandbox still has.
//!
//! The kernel lists a socket without an inode once no process has it, until it is forgotten altogether.

use std::cell::{Cell, RefCell};
use std::collections::HashSet;
use std::time::{Duration, Instant};

use isol8_protocol::PROXY_PORT;

use crate::procfs;

/// Programs may connect with sockets of either version; the addresses of version 6 end in those of version 4 then.
const LISTS: [&str; 2] = ["/proc/net/tcp", "/proc/net/tcp6"];

/// How long a look is good for all who ask: the lists cost a millisecond each.
const GOOD_FOR: Duration = Duration::from_millis(250);

/// The owners, as they were at the last look.
#[derive(Debug, Default)]
pub(super) struct Owners {
    looked: Cell<Option<Instant>>,
    ports: RefCell<HashSet<u16>>,
    /// The lists could not be read.
    unknown: Cell<bool>,
}

impl Owners {
    /// Whether somebody has the connection that comes from `port`. Where that cannot be known, somebody has.
    pub(super) fn have(&self, port: u16) -> bool {
        if self.looked.get().is_none_or(|at| at.elapsed() >= GOOD_FOR) {
            self.look();
        }
        self.unknown.get() || self.ports.borrow().contains(&port)
    }

    fn look(&self) {
        let mut ports = self.ports.borrow_mut();
        ports.clear();
        let mut read = 0;
        for list in LISTS {
            // There is no second list where there is no version 6.
            if let Ok(text) = procfs::read_text(list) {
                read += 1;
                ports.extend(text.lines().filter_map(owned));
            }
        }
        self.unknown.set(read == 0);
        self.looked.set(Some(Instant::now()));
    }
}

/// The port that a line's connection to the proxy comes from, if somebody has it.
fn owned(line: &str) -> Option<u16> {
    let mut fields = line.split_ascii_whitespace();
    let (local, remote) = (fields.nth(1)?, fields.next()?);
    let inode = fields.nth(6)?;
    let (address, port) = remote.split_once(':')?;
    let is_to_proxy = address.ends_with("0100007F") && u16::from_str_radix(port, 16) == Ok(PROXY_PORT);
    let (_, port) = local.split_once(':')?;
    (is_to_proxy && inode != "0").then(|| u16::from_str_radix(port, 16).ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn connections_to_the_proxy_that_somebody_has_are_found() {
        for (line, port) in [
            (
                "   1: 0100007F:8A2C 0100007F:1FB6 01 00000000:00000000 00:00000000 00000000   100 0 4711 1 0",
                Some(0x8a2c),
            ),
            (
                "   2: 0100007F:8A2C 0100007F:1FB6 05 00000000:00000000 03:000016D2 00000000   100 0 4711 1 0",
                Some(0x8a2c),
            ),
            ("   3: 0100007F:8A2C 0100007F:1FB6 05 00000000:00000000 03:000016D2 00000000     0 0 0 1 0", None),
            ("   4: 0100007F:1FB6 0100007F:8A2C 08 00000000:00000000 00:00000000 00000000     0 0 4711 1 0", None),
            ("   5: 0100007F:8A2C 0100007F:1F90 01 00000000:00000000 00:00000000 00000000   100 0 4711 1 0", None),
            (
                "   6: 0000000000000000FFFF00000100007F:8A2C 0000000000000000FFFF00000100007F:1FB6 01 \
                 00000000:00000000 00:00000000 00000000   100 0 4711 1 0",
                Some(0x8a2c),
            ),
            ("  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode", None),
            ("", None),
        ] {
            assert_eq!(owned(line), port, "{line}");
        }
    }
}
