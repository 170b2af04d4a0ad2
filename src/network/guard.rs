//! The guards of the filter by name, so that tests can take one away and see the attack that it is there for succeed. A
//! test that would pass without the guard that it is about shows nothing.
//!
//! In the product all of them stand, always: there, [`stands`] is the constant `true`, and nothing to switch.

/// What stands between a program and what it may not reach.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Guard {
    /// A host has one form, however it was spelled.
    Canonical,
    /// Only some ports are reached.
    Port,
    /// An address is decided on before it is dialled.
    Address,
    /// The address that was decided on is the one that is dialled.
    DialChecked,
    /// The `Host` header names the host that was asked for.
    HostHeader,
    /// There is one `Host` header.
    OneHost,
    /// Requests are written anew.
    OwnWords,
    /// A connection changes to no other protocol than WebSocket.
    Protocol,
    /// Encodings that would be read in two ways are refused.
    Framing,
    /// A TLS client names the host of its tunnel.
    ServerName,
    /// A program is not told which private names exist.
    Secret,
}

/// Whether a guard is in its place.
#[cfg(not(test))]
pub(super) const fn stands(_: Guard) -> bool {
    true
}

#[cfg(test)]
pub(super) use removal::{stands, without};

#[cfg(test)]
mod removal {
    use std::cell::RefCell;

    use super::Guard;

    thread_local! {
        /// Of this test: each has a thread of its own, with all its tasks.
        static REMOVED: RefCell<Vec<Guard>> = const { RefCell::new(Vec::new()) };
    }

    pub(in crate::network) fn stands(guard: Guard) -> bool {
        REMOVED.with_borrow(|removed| !removed.contains(&guard))
    }

    /// Takes guards away for as long as what is returned lives.
    pub(in crate::network) fn without(guards: &[Guard]) -> Removed {
        REMOVED.set(guards.to_vec());
        Removed
    }

    /// Puts them back.
    pub(in crate::network) struct Removed;

    impl Drop for Removed {
        fn drop(&mut self) {
            REMOVED.set(Vec::new());
        }
    }
}
