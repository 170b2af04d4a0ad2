//! Stdout, which the daemon's relay takes a page at a time.
//!
//! Whoever writes to a full pipe is woken for each page that is taken: it costs more than the writing, and takes the
//! processor from the relay that is waited for. A pipe that is full is therefore made larger, and left alone for long
//! enough to drain by a good part of it, but not to run dry.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use nix::fcntl::{FcntlArg, fcntl};
use nix::libc::c_int;
use tokio::io::AsyncWrite as _;
use tokio::io::unix::AsyncFd;
use tokio::net::unix::pipe;

use crate::sys::Alarm;

/// What pipes are made with.
const USUAL: c_int = 64 * 1024;

/// As large as they become without privileges (pipe-max-size in `proc_sys_fs(5)`).
const LARGE: c_int = 1024 * 1024;

/// How long a full pipe is left alone. The relay takes some 200 bytes in a microsecond.
const REST: Duration = Duration::from_micros(250);

/// A pipe that has not been full for so long is made as it was: all pipes of a user share one bound on their sizes.
const CALM: Duration = Duration::from_secs(1);

/// The pipe, and how large it is.
pub(super) struct Outlet {
    pipe: pipe::Sender,
    size: Size,
}

enum Size {
    Usual,
    Large(Rest),
    /// As usual, since the kernel did not let us have more at that time.
    Refused(Instant),
}

impl Outlet {
    pub(super) fn new(pipe: pipe::Sender) -> Self {
        Self { pipe, size: Size::Usual }
    }

    pub(super) fn poll_write(&mut self, cx: &mut Context<'_>, pieces: &[IoSlice<'_>]) -> Poll<io::Result<usize>> {
        if let Size::Large(rest) = &mut self.size {
            ready!(rest.poll(cx));
        }
        let written = ready!(Pin::new(&mut self.pipe).poll_write_vectored(cx, pieces))?;
        if written < pieces.iter().map(|piece| piece.len()).sum() {
            self.ran_full();
        } else {
            self.had_room();
        }
        Poll::Ready(Ok(written))
    }

    fn ran_full(&mut self) {
        match &mut self.size {
            Size::Large(rest) => return rest.begin(),
            Size::Refused(when) if when.elapsed() < CALM => return,
            Size::Usual | Size::Refused(_) => {}
        }
        let rest = Rest::new().and_then(|rest| self.resize(LARGE).map(|()| rest));
        self.size = match rest {
            Ok(mut rest) => {
                rest.begin();
                Size::Large(rest)
            }
            Err(_) => Size::Refused(Instant::now()),
        };
    }

    fn had_room(&mut self) {
        let Size::Large(rest) = &mut self.size else { return };
        if rest.begun.elapsed() < CALM {
            return;
        }
        // It may hold more than would fit. Then it is tried again later, and not with each write.
        rest.begun = Instant::now();
        if self.resize(USUAL).is_ok() {
            self.size = Size::Usual;
        }
    }

    fn resize(&self, size: c_int) -> io::Result<()> {
        fcntl(&self.pipe, FcntlArg::F_SETPIPE_SZ(size))?;
        Ok(())
    }
}

/// A pause that is shorter than the timers of the event loop can measure.
struct Rest {
    alarm: AsyncFd<Alarm>,
    goes_on: bool,
    begun: Instant,
}

impl Rest {
    fn new() -> io::Result<Self> {
        Ok(Self { alarm: Alarm::new()?, goes_on: false, begun: Instant::now() })
    }

    /// Without an alarm there is none.
    fn begin(&mut self) {
        self.goes_on = self.alarm.get_ref().set(REST).is_ok();
        self.begun = Instant::now();
    }

    /// Whether it is over.
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if self.goes_on {
            if let Ok(mut rung) = ready!(self.alarm.poll_read_ready(cx)) {
                // What it would say is how often it rang. The next one rings anew without its being read.
                rung.clear_ready();
            }
            self.goes_on = false;
        }
        Poll::Ready(())
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;
    use std::io::Read;

    use tokio::task::yield_now;

    use super::*;

    /// An outlet, and the other end.
    fn outlet() -> (Outlet, std::io::PipeReader) {
        let (reader, writer) = std::io::pipe().expect("a pipe");
        (Outlet::new(pipe::Sender::from_owned_fd(writer.into()).expect("a pipe")), reader)
    }

    fn size_of(outlet: &Outlet) -> c_int {
        fcntl(&outlet.pipe, FcntlArg::F_GETPIPE_SZ).expect("a pipe")
    }

    fn rest_of(outlet: &mut Outlet) -> &mut Rest {
        let Size::Large(rest) = &mut outlet.size else { panic!("it is not large") };
        rest
    }

    async fn write(outlet: &mut Outlet, bytes: &[u8]) -> usize {
        poll_fn(|cx| outlet.poll_write(cx, &[IoSlice::new(&[]), IoSlice::new(bytes)])).await.expect("written")
    }

    fn take(reader: &mut impl Read, length: usize) -> Vec<u8> {
        let mut taken = vec![0; length];
        reader.read_exact(&mut taken).expect("as much");
        taken
    }

    #[tokio::test]
    async fn a_pipe_is_large_once_it_was_full_and_until_it_has_not_been_for_a_while() {
        let (mut outlet, mut reader) = outlet();
        let block = vec![1; 2 * USUAL as usize];
        assert_eq!((write(&mut outlet, b"x").await, size_of(&outlet)), (1, USUAL));
        assert!(write(&mut outlet, &block).await < block.len());
        assert_eq!(size_of(&outlet), LARGE);
        take(&mut reader, 4096);
        assert_eq!(write(&mut outlet, &block).await, block.len());
        assert_eq!(size_of(&outlet), LARGE, "it was full a moment ago");
        rest_of(&mut outlet).begun -= CALM;
        write(&mut outlet, b"x").await;
        assert_eq!(size_of(&outlet), LARGE, "it holds more than would fit");
        take(&mut reader, block.len());
        rest_of(&mut outlet).begun -= CALM;
        write(&mut outlet, b"x").await;
        assert_eq!(size_of(&outlet), USUAL);
    }

    #[tokio::test]
    async fn a_full_pipe_is_left_alone_for_a_while() {
        let (mut outlet, mut reader) = outlet();
        let block = vec![1; 2 * LARGE as usize];
        write(&mut outlet, &block).await;
        assert!(write(&mut outlet, &block).await < block.len());
        let begun = rest_of(&mut outlet).begun;
        take(&mut reader, 4096);
        assert_eq!(write(&mut outlet, &block).await, 4096);
        assert!(begun.elapsed() >= REST);
        // And somebody who takes nothing is waited for as ever.
        tokio::select! {
            biased;
            _ = write(&mut outlet, &block) => panic!("it is full"),
            () = tokio::time::sleep(REST * 100) => {}
        }
        take(&mut reader, 4096);
        assert_eq!(write(&mut outlet, &block).await, 4096);
    }

    #[tokio::test]
    async fn nothing_is_lost_or_moved() {
        let (mut outlet, mut reader) = outlet();
        let sent: Vec<u8> = (0..8 * LARGE as usize).map(|at| (at / 7) as u8).collect();
        let length = sent.len();
        let taking = std::thread::spawn(move || take(&mut reader, length));
        let mut left = &sent[..];
        while !left.is_empty() {
            left = &left[write(&mut outlet, &left[..left.len().min(60_000)]).await..];
            yield_now().await;
        }
        assert!(taking.join().expect("no panic") == sent);
    }
}
