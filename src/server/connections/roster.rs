//! Which connections there are, and which of them are told to go when there are too many.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::PAUSE;

#[derive(Debug, Default)]
pub(super) struct Connection {
    /// Requests that are being answered.
    busy: AtomicUsize,
    /// Requests that have been answered.
    answered: AtomicUsize,
    /// Cancelled when there has been a request.
    pub(super) begun: CancellationToken,
    /// Cancelled when it is told to go.
    pub(super) unwanted: CancellationToken,
}

impl Connection {
    pub(super) fn is_idle(&self) -> bool {
        self.busy.load(Ordering::Relaxed) == 0
    }

    pub(super) fn begin(&self) {
        self.begun.cancel();
        self.busy.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn end(&self) {
        self.answered.fetch_add(1, Ordering::Relaxed);
        self.busy.fetch_sub(1, Ordering::Relaxed);
    }

    /// How many requests have been answered.
    pub(super) fn answered(&self) -> usize {
        self.answered.load(Ordering::Relaxed)
    }
}

#[derive(Debug)]
pub(super) struct Roster {
    /// How many may stay.
    bound: usize,
    /// How many there may be together with those that were told to go: they have files until they are gone.
    most: usize,
    /// By the order in which they came.
    staying: BTreeMap<u64, Arc<Connection>>,
    /// Those that were told to go, and when.
    going: BTreeMap<u64, (Arc<Connection>, Instant)>,
    /// The number of the next.
    next: u64,
}

impl Roster {
    /// At most `bound` stay, and there are no more than `possible`. An eighth more than stay may be on their way out.
    pub(super) fn new(bound: usize, possible: usize) -> Self {
        let bound = bound.min(possible - possible / 8);
        let most = possible.min(bound.saturating_add(bound / 8).saturating_add(1));
        Self { bound, most, staying: BTreeMap::new(), going: BTreeMap::new(), next: 0 }
    }

    pub(super) fn len(&self) -> usize {
        self.staying.len() + self.going.len()
    }

    /// Another one, with its number. Whether there is room was asked before, but for one that goes on in another protocol:
    /// it is there already, and counts twice until HTTP has let go of it.
    pub(super) fn enter(&mut self) -> (u64, Arc<Connection>) {
        let (number, connection) = (self.next, Arc::<Connection>::default());
        self.next += 1;
        self.staying.insert(number, connection.clone());
        (number, connection)
    }

    pub(super) fn leave(&mut self, number: u64) {
        if self.staying.remove(&number).is_none() {
            self.going.remove(&number);
        }
    }

    /// Whether another has to wait for one that is about to go. Tells one to go when none is: those that were told a while
    /// ago do not go by themselves.
    pub(super) fn has_to_wait(&mut self) -> bool {
        if self.len() < self.most {
            return false;
        }
        let is_about_to_go =
            |(connection, told): &(Arc<Connection>, Instant)| connection.is_idle() && told.elapsed() < PAUSE;
        self.going.values().any(is_about_to_go) || self.dismiss(1) > 0
    }

    /// Tells idle ones to go so that there is room for another. Says whether there is.
    pub(super) fn make_room(&mut self) -> bool {
        let surplus = (self.staying.len() + 1).saturating_sub(self.bound);
        self.dismiss(surplus) == surplus && self.len() < self.most
    }

    /// Tells the oldest idle ones to go, as many at the most. Says how many there were.
    pub(super) fn dismiss(&mut self, count: usize) -> usize {
        let idle = self.staying.iter().filter(|(_, connection)| connection.is_idle());
        let chosen: Vec<u64> = idle.take(count).map(|(number, _)| *number).collect();
        for number in &chosen {
            if let Some(connection) = self.staying.remove(number) {
                connection.unwanted.cancel();
                self.going.insert(*number, (connection, Instant::now()));
            }
        }
        chosen.len()
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::advance;

    use super::*;

    /// A roster with as many, in the order in which they came.
    fn with(count: usize, bound: usize, possible: usize) -> (Roster, Vec<(u64, Arc<Connection>)>) {
        let mut roster = Roster::new(bound, possible);
        let connections = (0..count).map(|_| roster.enter()).collect();
        (roster, connections)
    }

    /// Which of them have been told to go.
    fn unwanted(connections: &[(u64, Arc<Connection>)]) -> Vec<u64> {
        let unwanted = connections.iter().filter(|(_, connection)| connection.unwanted.is_cancelled());
        unwanted.map(|(number, _)| *number).collect()
    }

    #[test]
    fn the_oldest_idle_one_makes_room_and_busy_ones_do_not() {
        let (mut roster, connections) = with(3, 3, 1000);
        connections[0].1.begin();
        assert!(roster.make_room());
        assert_eq!(unwanted(&connections), [1]);
        roster.leave(1);
        roster.enter();
        connections[2].1.begin();
        // The newest is idle.
        assert!(roster.make_room());
        roster.leave(3);
        let (number, newest) = roster.enter();
        newest.begin();
        assert!(!roster.make_room());
        newest.end();
        assert_eq!(unwanted(&connections), [1]);
        assert_eq!((number, roster.dismiss(9)), (4, 1));
    }

    #[tokio::test(start_paused = true)]
    async fn those_that_go_count_until_they_are_gone() {
        let (mut roster, connections) = with(7, 1000, 8);
        assert!(roster.make_room());
        roster.enter();
        assert_eq!(roster.len(), 8);
        // One is enough, unless it takes too long.
        assert!(roster.has_to_wait() && roster.has_to_wait());
        assert_eq!(unwanted(&connections), [0]);
        advance(PAUSE).await;
        assert!(roster.has_to_wait() && roster.has_to_wait());
        assert_eq!(unwanted(&connections), [0, 1]);
        assert!(!roster.make_room());
        roster.leave(1);
        assert!(!roster.has_to_wait() && roster.make_room());
    }

    #[test]
    fn nobody_waits_for_those_that_do_not_go() {
        let (mut roster, connections) = with(8, 1000, 8);
        assert_eq!(roster.dismiss(1), 1);
        // A request that had been sent before it was told.
        for (_, connection) in &connections {
            connection.begin();
        }
        assert!(!roster.has_to_wait() && !roster.make_room());
    }

    #[test]
    fn bounds_leave_room_for_those_that_go() {
        for (bound, possible, limits) in
            [(100, 1000, (100, 113)), (20_000, 150, (132, 149)), (4, 1000, (4, 5)), (1, usize::MAX, (1, 2))]
        {
            let Roster { bound, most, .. } = Roster::new(bound, possible);
            assert!((bound, most) == limits, "{bound} and {most}");
        }
    }
}
