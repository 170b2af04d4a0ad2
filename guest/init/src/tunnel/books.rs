//! Which connections there are, here and in the engine.
//!
//! A connection that has ended here still has a place until the engine has let go of its stream: otherwise programs that
//! open and give up faster than the engine notices would have more streams there than a connection of the channel may
//! have, which would be the end of it.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, HashMap};
use std::rc::Rc;
use std::time::Duration;

use isol8_protocol::TunnelEnd;
use isol8_protocol::frame::{self, FrameError};
use tokio::sync::Notify;
use tokio::time::{MissedTickBehavior, interval};

use crate::channel::Stream;

/// How often the engine is told of connections that it has not let go of. It may not have heard of one the first time,
/// since the stream itself may have been on its way.
const AGAIN: Duration = Duration::from_secs(1);

/// The books.
#[derive(Debug, Default)]
pub(super) struct Books {
    /// Connections that have not ended here.
    open: Cell<usize>,
    /// Of their streams, those that the engine has not let go of, with whom to tell when it does.
    carried: RefCell<HashMap<u32, Rc<Notify>>>,
    /// Streams of connections that have ended here, but not there.
    lingering: RefCell<BTreeMap<u32, Lingering>>,
    /// Places were given back, or connections have ended.
    changed: Notify,
    /// There is something to tell the engine.
    news: Notify,
}

/// What the engine has to know of a connection that has ended here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Lingering {
    /// Nothing: it ends there, too, when all that was said has arrived.
    Ended,
    /// That nobody waits for it.
    GivenUp,
    /// It was told so.
    Told,
}

/// The place of a connection that has not ended here.
#[derive(Debug)]
pub(super) struct Place<'a> {
    books: &'a Books,
    stream: Option<u32>,
    left: Lingering,
}

impl Books {
    /// How many places are taken.
    pub(super) fn taken(&self) -> usize {
        self.open.get() + self.lingering.borrow().len()
    }

    /// How many connections have not ended here.
    pub(super) fn open(&self) -> usize {
        self.open.get()
    }

    /// Takes a place.
    pub(super) fn take(&self) -> Place<'_> {
        self.open.set(self.open.get() + 1);
        Place { books: self, stream: None, left: Lingering::GivenUp }
    }

    /// Resolves when something has changed after this was called.
    pub(super) fn changed(&self) -> impl Future<Output = ()> {
        self.changed.notified()
    }

    /// Tells the engine, and is told by it.
    pub(super) async fn share(&self, control: &mut Stream) -> Result<(), FrameError> {
        let mut told = control.clone();
        tokio::select! {
            ended = self.listen(control) => ended,
            ended = self.tell(&mut told) => ended,
        }
    }

    async fn listen(&self, control: &mut Stream) -> Result<(), FrameError> {
        loop {
            let TunnelEnd(id) = frame::read_message(control).await?;
            if let Some(let_go) = self.carried.borrow_mut().remove(&id) {
                let_go.notify_one();
            }
            self.lingering.borrow_mut().remove(&id);
            self.changed.notify_waiters();
        }
    }

    async fn tell(&self, control: &mut Stream) -> Result<(), FrameError> {
        let mut round = interval(AGAIN);
        round.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            let again = tokio::select! {
                () = self.news.notified() => false,
                _ = round.tick(), if !self.lingering.borrow().is_empty() => true,
            };
            for id in self.given_up(again) {
                frame::write_message(control, &TunnelEnd(id)).await?;
            }
        }
    }

    /// Whom nobody waits for, and the engine has not been told of. With `again`, also those of which it has.
    fn given_up(&self, again: bool) -> Vec<u32> {
        let mut lingering = self.lingering.borrow_mut();
        let untold = lingering.iter_mut().filter_map(|(id, state)| {
            let tell = *state == Lingering::GivenUp || again && *state == Lingering::Told;
            tell.then(|| {
                *state = Lingering::Told;
                *id
            })
        });
        untold.collect()
    }
}

impl Place<'_> {
    /// The connection has a stream from now on. The engine's letting go of it is told to what is returned.
    pub(super) fn enter(&mut self, stream: u32) -> Rc<Notify> {
        self.stream = Some(stream);
        self.books.carried.borrow_mut().entry(stream).or_default().clone()
    }

    /// The connection has ended here: by itself, with all said in both directions, or without.
    pub(super) fn leave(mut self, by_itself: bool) {
        if by_itself {
            self.left = Lingering::Ended;
        }
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        let Self { books, stream, left } = self;
        books.open.set(books.open.get() - 1);
        if let Some(id) = *stream
            && books.carried.borrow_mut().remove(&id).is_some()
        {
            books.lingering.borrow_mut().insert(id, *left);
            books.news.notify_one();
        }
        books.changed.notify_waiters();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hear(books: &Books, id: u32) {
        books.carried.borrow_mut().remove(&id);
        books.lingering.borrow_mut().remove(&id);
    }

    #[test]
    fn a_place_is_free_when_both_ends_have_let_go() {
        let books = Books::default();
        let (mut one, mut two) = (books.take(), books.take());
        one.enter(2);
        two.enter(4);
        one.leave(true);
        assert_eq!((books.taken(), books.open()), (2, 1));
        hear(&books, 2);
        assert_eq!(books.taken(), 1);
        hear(&books, 4);
        assert_eq!(books.taken(), 1);
        two.leave(true);
        assert_eq!(books.taken(), 0);
    }

    #[test]
    fn a_connection_that_never_had_a_stream_leaves_no_trace() {
        let books = Books::default();
        drop(books.take());
        books.take().leave(false);
        assert_eq!((books.taken(), books.given_up(true)), (0, vec![]));
    }

    #[test]
    fn the_engine_is_told_of_what_was_given_up_until_it_lets_go() {
        let books = Books::default();
        let (mut ended, mut given_up) = (books.take(), books.take());
        ended.enter(2);
        given_up.enter(4);
        ended.leave(true);
        given_up.leave(false);
        assert_eq!(books.given_up(false), [4]);
        assert_eq!(books.given_up(false), []);
        assert_eq!(books.given_up(true), [4]);
        hear(&books, 4);
        assert_eq!(books.given_up(true), []);
    }
}
