//! The only way out of a filtered sandbox: what connects to the proxy's address in here is carried to the engine, one
//! stream for each connection. The engine decides what becomes of it; nothing is looked at on this side.
//!
//! The number of connections is bounded; more wait in the kernel's queue. One takes a place until it has ended here and
//! the engine has let go of its stream, too: both ends always count the same. A program that gives a connection up is
//! noticed, and the engine told. A reset ends them all.

mod books;
mod owners;

use std::cell::RefCell;
use std::convert::Infallible;
use std::io;
use std::net::{Ipv4Addr, SocketAddrV4};
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use futures::StreamExt;
use futures::stream::FuturesUnordered;
use isol8_protocol::frame::{self, FrameError};
use isol8_protocol::mux::Opener;
use isol8_protocol::{Ack, FailureKind, MAX_TUNNELS, PROXY_PORT};
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt, ReadBuf, copy_bidirectional_with_sizes};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::Notify;
use tokio::time::sleep;
use tokio_util::compat::FuturesAsyncReadCompatExt;

use crate::channel;
use crate::guest::failure;
use books::{Books, Place};
use owners::Owners;

/// Bytes that are moved at a time, in each direction.
const CHUNK: usize = 64 * 1024;

/// Connections that may wait for a place. Whoever comes when all of these wait tries again after a second.
const WAITING: u32 = 4096;

/// Most bytes that are taken before there is a stream for them: the head of an ordinary request.
const FIRST_WORDS: usize = 4 * 1024;

/// Where programs find the proxy.
const ADDRESS: SocketAddrV4 = SocketAddrV4::new(Ipv4Addr::LOCALHOST, PROXY_PORT);

/// How often it is looked whether somebody still has a connection that has nothing more to say: most of those are closed.
const SOON: Duration = Duration::from_millis(500);

/// How often, whether somebody has one that says nothing at the moment.
const SELDOM: Duration = Duration::from_secs(5);

/// Looks in a row that have to find nobody: the kernel's list is not made at one moment.
const LOOKS: u32 = 2;

/// The connections that are being carried.
#[derive(Debug, Default)]
pub(crate) struct Tunnels {
    books: Books,
    owners: Owners,
    end: Notify,
    /// What connections come to, from the engine's request until it is served.
    listener: RefCell<Option<TcpListener>>,
    listens: Notify,
}

impl Tunnels {
    /// Accepts connections and carries them, once the engine has asked for it.
    pub(crate) async fn serve(&self, opener: Opener) -> Infallible {
        let listener = loop {
            if let Some(listener) = self.listener.take() {
                break listener;
            }
            self.listens.notified().await;
        };
        let mut carried = FuturesUnordered::new();
        loop {
            tokio::select! {
                accepted = listener.accept(), if self.books.taken() < MAX_TUNNELS => match accepted {
                    Ok((connection, program)) => {
                        let place = self.books.take();
                        carried.push(self.carry(place, connection, program.port(), opener.clone()));
                    }
                    // The program has given up before its turn came, or there are no descriptors left for a moment.
                    Err(_) => tokio::task::yield_now().await,
                },
                Some(()) = carried.next() => {}
                () = self.books.changed() => {}
            }
        }
    }

    /// Begins to listen, tells the engine whether that went well, and keeps the books together with it.
    pub(crate) async fn account(&self, control: &mut channel::Stream) -> Result<(), FrameError> {
        match listen() {
            Ok(listener) => *self.listener.borrow_mut() = Some(listener),
            Err(error) => {
                let failure = failure(FailureKind::Listen, &ADDRESS.to_string(), &error);
                return frame::write_message(control, &Ack::Failed(failure)).await;
            }
        }
        self.listens.notify_one();
        frame::write_message(control, &Ack::Done).await?;
        self.books.share(control).await
    }

    /// Ends all connections, and returns when they are gone. There must be nobody left who could make new ones.
    pub(crate) async fn end_all(&self) {
        while self.books.open() > 0 {
            let changed = self.books.changed();
            self.end.notify_waiters();
            changed.await;
        }
    }

    async fn carry(&self, mut place: Place<'_>, connection: TcpStream, port: u16, opener: Opener) {
        // Small requests and answers should not wait for each other.
        let _ = connection.set_nodelay(true);
        let ended_by_itself = tokio::select! {
            ended = self.forward(&mut place, connection, port, opener) => ended,
            () = self.end.notified() => false,
        };
        place.leave(ended_by_itself);
    }

    /// Gives a connection a stream, once there is something to say on it: the engine hears of a stream with its first
    /// byte, and would never end one on which there is none. Says whether both ends have said all that they had to.
    async fn forward(&self, place: &mut Place<'_>, connection: TcpStream, port: u16, opener: Opener) -> bool {
        let Some(first) = first_words(&connection).await else { return true };
        let Ok(mut stream) = opener.open().await.map(FuturesAsyncReadCompatExt::compat) else { return true };
        let let_go = place.enter(stream.get_ref().id().val());
        if stream.write_all(&first).await.is_err() {
            return false;
        }
        let (said_all, heard_all) = (Notify::new(), Notify::new());
        let mut program = Program { connection, said_all: &said_all, heard_all: &heard_all };
        // The program may keep its end of a connection that is over, but not a place with it.
        let over = async { futures::join!(let_go.notified(), heard_all.notified()) };
        tokio::select! {
            ended = copy_bidirectional_with_sizes(&mut program, &mut stream, CHUNK, CHUNK) => ended.is_ok(),
            () = self.deserted(port, &said_all) => false,
            _ = over => true,
        }
    }

    /// Resolves when nobody in the sandbox has the program's end of a connection any more. That it was closed looks the
    /// same from this end as if the program only had nothing more to say, and waited for its answer.
    async fn deserted(&self, port: u16, said_all: &Notify) {
        let (mut pause, mut looks) = (SELDOM, 0);
        while looks < LOOKS {
            tokio::select! {
                () = sleep(pause) => looks = if self.owners.have(port) { 0 } else { looks + 1 },
                () = said_all.notified() => pause = SOON,
            }
        }
    }
}

fn listen() -> io::Result<TcpListener> {
    let socket = TcpSocket::new_v4()?;
    socket.set_reuseaddr(true)?;
    socket.bind(ADDRESS.into())?;
    socket.listen(WAITING)
}

/// What a program says first, if it says anything.
async fn first_words(connection: &TcpStream) -> Option<Vec<u8>> {
    loop {
        connection.readable().await.ok()?;
        let mut words = Vec::with_capacity(FIRST_WORDS);
        match connection.try_read_buf(&mut words) {
            Ok(0) => return None,
            Ok(_) => return Some(words),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(_) => return None,
        }
    }
}

/// This end of a program's connection.
struct Program<'a> {
    connection: TcpStream,
    /// Told when the program has said all that it had to say.
    said_all: &'a Notify,
    /// Told when it has been sent all that it had to hear.
    heard_all: &'a Notify,
}

impl AsyncRead for Program<'_> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = into.filled().len();
        ready!(Pin::new(&mut self.connection).poll_read(cx, into))?;
        if into.filled().len() == before {
            self.said_all.notify_one();
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Program<'_> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.connection).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.connection).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(Pin::new(&mut self.connection).poll_shutdown(cx))?;
        self.heard_all.notify_one();
        Poll::Ready(Ok(()))
    }
}
