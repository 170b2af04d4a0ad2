//! Keys that nobody has: an address may present so many in a minute, and then has to wait without the database being
//! asked. So whoever tries keys, by the thousand or by mistake, does not have everybody else wait for it.
//!
//! A key that was good the last time is not held up by what else comes from its address: behind a proxy, all clients
//! have the same one. Whether it still is good, the database is asked all the same.

use std::collections::HashSet;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::rate::Rate;

/// Wrong keys in a minute. More than people mistype, and next to nothing for a database.
const PER_MINUTE: u64 = 300;

/// Good keys that are remembered, by half.
const REMEMBERED: usize = 4096;

/// Bits of an IPv6 address that tell networks apart. Of the rest, everybody has as many as they like.
const NETWORK_BITS: u32 = 64;

/// How many wrong keys have come from where.
#[derive(Debug)]
pub(super) struct Guesses {
    wrong: Rate<IpAddr>,
    good: Mutex<Good>,
}

/// Hashes of keys that were good. When there are too many, the older half is forgotten.
#[derive(Debug, Default)]
struct Good {
    young: HashSet<String>,
    old: HashSet<String>,
}

/// A key that the database may be asked for.
#[derive(Debug)]
pub(super) struct Guess<'a> {
    guesses: &'a Guesses,
    hash: &'a str,
    /// What was taken from its address, unless it was good before.
    taken: Option<IpAddr>,
}

impl Guesses {
    pub(super) fn new() -> Self {
        Self { wrong: Rate::new(PER_MINUTE), good: Mutex::default() }
    }

    /// Whether the database may be asked for the key of this hash; if not, after how long.
    pub(super) fn admit<'a>(&'a self, from: IpAddr, hash: &'a str) -> Result<Guess<'a>, Duration> {
        let taken = match self.good().has(hash) {
            true => None,
            false => {
                let network = network(from);
                self.wrong.take(network)?;
                Some(network)
            }
        };
        Ok(Guess { guesses: self, hash, taken })
    }

    /// Held for some bookkeeping at the most.
    fn good(&self) -> MutexGuard<'_, Good> {
        self.good.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Guess<'_> {
    /// It is a good key.
    pub(super) fn right(self) {
        if self.taken.is_some() {
            self.guesses.good().remember(self.hash.to_owned());
        }
        self.unknown();
    }

    /// Nobody can say what it is.
    pub(super) fn unknown(self) {
        if let Some(network) = self.taken {
            self.guesses.wrong.give_back(network);
        }
    }

    /// Nobody has it, or no longer.
    pub(super) fn wrong(self) {
        let mut good = self.guesses.good();
        good.young.remove(self.hash);
        good.old.remove(self.hash);
    }
}

impl Good {
    fn has(&mut self, hash: &str) -> bool {
        if let Some(hash) = self.old.take(hash) {
            self.remember(hash);
        }
        self.young.contains(hash)
    }

    fn remember(&mut self, hash: String) {
        if self.young.len() >= REMEMBERED {
            self.old = std::mem::take(&mut self.young);
        }
        self.young.insert(hash);
    }
}

/// Where an address is from, as far as it matters.
fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => {
            Ipv6Addr::from_bits(address.to_bits() & (u128::MAX << (u128::BITS - NETWORK_BITS))).into()
        }
        address => address,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(text: &str) -> IpAddr {
        text.parse().expect("an address")
    }

    #[tokio::test(start_paused = true)]
    async fn whoever_tries_too_many_keys_has_to_wait_and_others_do_not() {
        let guesses = Guesses::new();
        let (here, elsewhere) = (address("192.0.2.1"), address("192.0.2.2"));
        guesses.admit(here, "good").expect("the first").right();
        for n in 0..PER_MINUTE {
            guesses.admit(here, &n.to_string()).expect("not too many yet").wrong();
        }
        assert_eq!(guesses.admit(here, "another").expect_err("too many"), Duration::from_millis(200));
        guesses.admit(here, "good").expect("it was good before").right();
        guesses.admit(elsewhere, "another").expect("somebody else").wrong();
        tokio::time::advance(Duration::from_millis(200)).await;
        guesses.admit(here, "another").expect("it has waited").wrong();
    }

    #[tokio::test(start_paused = true)]
    async fn a_key_that_is_no_longer_good_is_one_like_any_other() {
        let guesses = Guesses::new();
        let here = address("192.0.2.1");
        guesses.admit(here, "once good").expect("the first").right();
        guesses.admit(here, "once good").expect("it was good before").wrong();
        for _ in 0..PER_MINUTE {
            guesses.admit(here, "once good").expect("not too many yet").wrong();
        }
        assert!(guesses.admit(here, "once good").is_err());
    }

    #[tokio::test(start_paused = true)]
    async fn what_nobody_can_say_is_nobodys_fault() {
        let guesses = Guesses::new();
        for n in 0..2 * PER_MINUTE {
            guesses.admit(address("::1"), &n.to_string()).expect("as many as they like").unknown();
        }
    }

    #[test]
    fn a_network_is_one_address_and_so_is_a_mapped_one() {
        assert_eq!(network(address("2001:db8:1:2:3::1")), network(address("2001:db8:1:2:ffff::")));
        assert_ne!(network(address("2001:db8:1:2::")), network(address("2001:db8:1:3::")));
        assert_eq!(network(address("::ffff:192.0.2.1")), address("192.0.2.1"));
    }

    #[test]
    fn good_keys_are_remembered_while_they_are_used_and_never_too_many() {
        let mut good = Good::default();
        good.remember("used".to_owned());
        for n in 0..10 * REMEMBERED {
            good.remember(n.to_string());
            assert!(good.has("used"));
            assert!(good.young.len() + good.old.len() <= 2 * REMEMBERED);
        }
        assert!(!good.has("0"));
    }
}
