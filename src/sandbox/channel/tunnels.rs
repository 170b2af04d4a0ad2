//! The connections that a sandbox's programs make to the proxy, each on a stream that the guest opens.
//!
//! Both ends keep the same books: a connection is one of [`MAX_TUNNELS`] until this end has let go of its stream and has
//! told the guest so. They are taken by one taker at a time, and those that nobody takes are let go of at once: what a
//! program says while nobody has its sandbox is never said in the name of the next.

use std::collections::HashMap;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, ready};

use futures::io::{AsyncWrite as _, ReadHalf, WriteHalf};
use futures::{AsyncReadExt, Stream as _, StreamExt};
use isol8_protocol::frame::{self, FrameError, MAX_DATA};
use isol8_protocol::mux::{Inbound, Packet, Stream};
use isol8_protocol::{MAX_TUNNELS, TunnelEnd};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

/// A piece of at least this many bytes is sent as it is; shorter ones go out together with what follows them.
const LARGE: usize = 4 * 1024;

/// The connections of one sandbox.
#[derive(Debug, Default, Clone)]
pub struct Tunnels {
    taker: Arc<Mutex<Option<mpsc::Sender<Tunnel>>>>,
}

/// One connection.
#[derive(Debug)]
pub struct Tunnel {
    /// Let go of before its place is.
    stream: Stream,
    /// What came on it last, and how much of that has been read.
    came: Option<(Packet, usize)>,
    gone: CancellationToken,
    _place: Place,
}

/// The place that a connection has in the books.
#[derive(Debug)]
struct Place {
    id: u32,
    freed: mpsc::Sender<u32>,
}

impl Drop for Place {
    fn drop(&mut self) {
        // There is room for all. Nobody listens once the channel is gone, and then nobody counts.
        let _ = self.freed.try_send(self.id);
    }
}

impl Tunnel {
    /// Cancelled when nobody in the sandbox waits for this connection any more.
    pub fn gone(&self) -> &CancellationToken {
        &self.gone
    }
}

impl Tunnels {
    /// From now on, the connections come here instead of to whoever took them before.
    pub fn take(&self) -> mpsc::Receiver<Tunnel> {
        let (taker, taken) = mpsc::channel(MAX_TUNNELS);
        *lock(&self.taker) = Some(taker);
        taken
    }

    /// Keeps the books on `control` and passes connections on, until the guest is gone or breaks the protocol.
    pub(super) async fn carry(self, inbound: Inbound, control: Stream) -> Result<(), FrameError> {
        let (heard, told) = AsyncReadExt::split(control);
        let open = Open::default();
        let (freed, letting_go) = mpsc::channel(MAX_TUNNELS);
        tokio::select! {
            // A connection is known before what is said of it is heard.
            biased;
            () = self.accept(inbound, &open, freed) => Ok(()),
            ended = tell(letting_go, &open, told) => ended,
            ended = listen(heard, &open) => ended,
        }
    }

    async fn accept(&self, mut inbound: Inbound, open: &Open, freed: mpsc::Sender<u32>) {
        while let Some(stream) = inbound.next().await {
            let (id, gone) = (stream.id().val(), CancellationToken::new());
            // The guest keeps to this number; one that does not is not to be trusted with more.
            if lock(open).len() >= MAX_TUNNELS {
                continue;
            }
            lock(open).insert(id, gone.clone());
            let tunnel = Tunnel { stream, came: None, gone, _place: Place { id, freed: freed.clone() } };
            if let Some(taker) = &*lock(&self.taker) {
                // Nobody is there any more: it is let go of.
                let _ = taker.try_send(tunnel);
            }
        }
    }
}

/// Connections that have not been let go of, with what cancels them.
type Open = Mutex<HashMap<u32, CancellationToken>>;

/// Tells the guest of each connection that has been let go of.
async fn tell(mut letting_go: mpsc::Receiver<u32>, open: &Open, mut told: WriteHalf<Stream>) -> Result<(), FrameError> {
    while let Some(id) = letting_go.recv().await {
        lock(open).remove(&id);
        frame::write_message(&mut told, &TunnelEnd(id)).await?;
    }
    Ok(())
}

/// Hears of connections that nobody waits for any more. Of one that is not here (any more, or yet), the guest says so
/// again.
async fn listen(mut heard: ReadHalf<Stream>, open: &Open) -> Result<(), FrameError> {
    loop {
        let TunnelEnd(id) = frame::read_message(&mut heard).await?;
        if let Some(gone) = lock(open).get(&id) {
            gone.cancel();
        }
    }
}

fn lock<T>(of: &Mutex<T>) -> MutexGuard<'_, T> {
    of.lock().unwrap_or_else(PoisonError::into_inner)
}

impl AsyncRead for Tunnel {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        loop {
            if let Some((packet, read)) = &mut self.came {
                let rest = &packet.as_ref()[*read..];
                let length = rest.len().min(into.remaining());
                into.put_slice(&rest[..length]);
                *read += length;
                if length < rest.len() {
                    return Poll::Ready(Ok(()));
                }
                self.came = None;
                if length > 0 {
                    return Poll::Ready(Ok(()));
                }
            }
            // Whole packets, so that their bytes are copied once, and to a place that need not be zeroed for it.
            match ready!(Pin::new(&mut self.stream).poll_next(cx)) {
                Some(packet) => self.came = Some((packet?, 0)),
                None => return Poll::Ready(Ok(())),
            }
        }
    }
}

impl AsyncWrite for Tunnel {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, bytes)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        pieces: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let mut pieces = pieces.iter().filter(|piece| !piece.is_empty()).peekable();
        let Some(first) = pieces.next() else { return Poll::Ready(Ok(0)) };
        if first.len() >= LARGE || pieces.peek().is_none() {
            return self.poll_write(cx, first);
        }
        let mut joined = first.to_vec();
        for piece in pieces {
            let length = piece.len().min(MAX_DATA - joined.len());
            joined.extend_from_slice(&piece[..length]);
        }
        self.poll_write(cx, &joined)
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_close(cx)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use futures::AsyncWriteExt;
    use isol8_protocol::mux::{self, Mode, Opener};
    use tokio::time::timeout;
    use tokio_util::compat::TokioAsyncReadCompatExt;

    use super::*;

    /// What the books say at the guest's end.
    struct Guest {
        opener: Opener,
        heard: ReadHalf<Stream>,
        told: WriteHalf<Stream>,
        _inbound: Inbound,
    }

    impl Guest {
        /// A guest, with what carries its connections running on the other side.
        async fn start() -> (Self, Tunnels) {
            let (ours, theirs) = tokio::io::duplex(64 * 1024);
            let (opener, inbound, driver) = mux::connect(ours.compat(), Mode::Client);
            tokio::spawn(driver);
            let (guest_opener, mut guest_inbound, guest_driver) = mux::connect(theirs.compat(), Mode::Server);
            tokio::spawn(guest_driver);
            let mut control = opener.open().await.expect("opens");
            control.write_all(b"!").await.expect("sends");
            let tunnels = Tunnels::default();
            tokio::spawn(tunnels.clone().carry(inbound, control));
            let mut control = guest_inbound.next().await.expect("a stream");
            control.read_exact(&mut [0]).await.expect("a byte");
            let (heard, told) = AsyncReadExt::split(control);
            (Self { opener: guest_opener, heard, told, _inbound: guest_inbound }, tunnels)
        }

        async fn open(&self) -> Stream {
            let mut stream = self.opener.open().await.expect("opens");
            stream.write_all(b"first").await.expect("sends");
            stream
        }

        async fn hears(&mut self) -> u32 {
            let TunnelEnd(id) = within(frame::read_message(&mut self.heard)).await.expect("a message");
            id
        }
    }

    async fn within<T>(what: impl Future<Output = T>) -> T {
        timeout(Duration::from_secs(20), what).await.expect("happens in time")
    }

    #[tokio::test]
    async fn a_guest_that_opens_too_many_has_the_last_ones_reset_and_gets_each_place_back() {
        let (mut guest, tunnels) = Guest::start().await;
        let mut taken = tunnels.take();
        let (mut streams, mut open) = (Vec::new(), Vec::new());
        for _ in 0..MAX_TUNNELS {
            streams.push(guest.open().await);
            open.push(within(taken.recv()).await.expect("a connection"));
        }
        let mut excess = guest.open().await;
        assert_eq!(within(excess.read(&mut [0])).await.expect("an end"), 0);

        let (first, id) = (open.swap_remove(0), streams[0].id().val());
        drop(first);
        assert_eq!(guest.hears().await, id);
        let _next = guest.open().await;
        within(taken.recv()).await.expect("there is room again");
    }

    #[tokio::test]
    async fn what_nobody_takes_is_let_go_of() {
        let (mut guest, tunnels) = Guest::start().await;
        let stream = guest.open().await;
        assert_eq!(guest.hears().await, stream.id().val());

        // Nor is it kept for whoever comes next.
        let first = tunnels.take();
        let mut waiting = guest.open().await;
        while first.is_empty() {
            tokio::task::yield_now().await;
        }
        drop(first);
        let mut next = tunnels.take();
        assert_eq!(guest.hears().await, waiting.id().val());
        assert_eq!(within(waiting.read(&mut [0])).await.expect("an end"), 0);
        assert!(next.try_recv().is_err());
    }

    #[tokio::test]
    async fn a_connection_that_nobody_waits_for_is_said_to_be_gone() {
        let (mut guest, tunnels) = Guest::start().await;
        let mut taken = tunnels.take();
        let (one, _other) = (guest.open().await, guest.open().await);
        let (first, second) = (within(taken.recv()).await.expect("one"), within(taken.recv()).await.expect("two"));
        for id in [4711, one.id().val()] {
            frame::write_message(&mut guest.told, &TunnelEnd(id)).await.expect("sends");
        }
        within(first.gone().cancelled()).await;
        assert!(!second.gone().is_cancelled());
    }
}
