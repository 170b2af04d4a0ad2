//! The connection to the engine: the greeting, then one operation per stream.
//!
//! Everything the guest does is polled from [`serve`], in an order that saves system calls: first what has ended,
//! then the operations, then the connection, which puts all that they have to say into one write.

mod operation;
mod outlet;
mod pipes;
mod stream;

use std::cell::Cell;
use std::future::pending;
use std::io;
use std::time::Duration;

use futures::StreamExt;
use futures::stream::FuturesUnordered;
use isol8_protocol::frame::{self, FrameError};
use isol8_protocol::mux::{self, ConnectionError, Inbound, Mode, Opener};
use isol8_protocol::{Contract, Hello, Ping, opening};
use tokio::signal::unix::{SignalKind, signal};

use crate::children::Children;
use crate::guest::Guest;
use crate::tree;
use pipes::Pipes;
pub(crate) use stream::Stream;

/// How long an engine may take to greet, longer than it waits for our answer. One that died while it started the
/// container never will, and the daemon does not always close our stdin then.
const GREETING: Duration = Duration::from_secs(60);

/// How long an engine may be silent: it pings every ten seconds. A connection can die without an end.
const SILENCE: Duration = Duration::from_secs(90);

/// How long an engine of another version has to read our greeting, before the guest ends.
const FAREWELL: Duration = Duration::from_secs(1);

/// Why the guest ended other than by being told to.
#[derive(Debug)]
pub(crate) enum End {
    /// The engine said something that this version does not understand.
    Protocol(FrameError),
    /// The connection broke.
    Connection(ConnectionError),
    /// No engine has greeted, or it has fallen silent.
    Alone,
    /// The engine speaks another version.
    Version(Hello),
}

impl std::fmt::Display for End {
    fn fmt(&self, to: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Protocol(_) => write!(to, "the engine broke the protocol"),
            // Its own text goes down to the bottom.
            Self::Connection(error) => write!(to, "the connection broke: {error}"),
            Self::Alone => write!(to, "the engine is silent"),
            Self::Version(hello) => write!(
                to,
                "the engine (build {:?}) speaks protocol version {}, this guest {}",
                hello.build,
                hello.version,
                isol8_protocol::VERSION
            ),
        }
    }
}

impl std::error::Error for End {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Protocol(error) => Some(error),
            Self::Connection(_) | Self::Alone | Self::Version(_) => None,
        }
    }
}

/// Serves the engine at the other end of stdin and stdout until the connection ends, or SIGTERM asks for the end. If
/// the engine has it stay, only the latter counts.
pub(crate) async fn serve() -> io::Result<()> {
    let pipes = Pipes::from_stdio()?;
    let mut asked_to_end = signal(SignalKind::terminate())?;
    let (opener, inbound, driver) = mux::connect(pipes, Mode::Server);
    let (children, stays) = (Children::default(), Cell::new(false));
    let end = tokio::select! {
        biased;
        error = children.reap_forever() => return Err(error),
        end = operations(inbound, opener, &children, &stays) => Err(io::Error::other(end)),
        end = driver => end.map_err(|error| io::Error::other(End::Connection(error))),
        _ = asked_to_end.recv() => {
            tree::ask_all_to_end(&children).await;
            return Ok(());
        }
    };
    if !stays.get() {
        return end;
    }
    tokio::select! {
        error = children.reap_forever() => return Err(error),
        _ = asked_to_end.recv() => {}
    }
    tree::ask_all_to_end(&children).await;
    Ok(())
}

/// Serves every stream that the engine opens. Resolves when the engine must not be served any longer.
async fn operations(mut inbound: Inbound, opener: Opener, children: &Children, stays: &Cell<bool>) -> End {
    let greeting = async {
        let Some(control) = inbound.next().await else { return pending().await };
        let mut control = Stream::new(control);
        greet(&mut control).await.map(|contract| (control, contract))
    };
    let (control, contract) = match tokio::time::timeout(GREETING, greeting).await {
        Ok(Ok(greeted)) => greeted,
        Ok(Err(end)) => return end,
        Err(_) => return End::Alone,
    };
    let guest = Guest::new(contract, children, stays);
    let mut operations = FuturesUnordered::new();
    let heartbeat = echo(control);
    tokio::pin!(heartbeat);
    let way_out = async { if guest.proxies { guest.tunnels.serve(opener).await } else { pending().await } };
    tokio::pin!(way_out);
    loop {
        let ended = tokio::select! {
            Some(stream) = inbound.next() => {
                operations.push(operation::serve(&guest, Stream::new(stream)));
                continue;
            }
            Some(ended) = operations.next() => ended,
            end = &mut heartbeat => return end,
            never = &mut way_out => match never {},
        };
        match ended {
            Ok(()) | Err(FrameError::Ended | FrameError::Io(_)) => {}
            Err(error) => return End::Protocol(error),
        }
    }
}

/// Exchanges greetings. Whoever speaks another version is told ours, so that it can name both, and nothing else.
async fn greet(control: &mut Stream) -> Result<Contract, End> {
    let (hello, contract) = opening::read(control).await.map_err(End::Protocol)?;
    let ours = Hello::new(env!("CARGO_PKG_VERSION"));
    frame::write_message(control, &ours).await.map_err(End::Protocol)?;
    let Some(contract) = contract else {
        tokio::time::sleep(FAREWELL).await;
        return Err(End::Version(hello));
    };
    Ok(contract)
}

/// Sends every ping back, until the control stream ends; a guest without one serves on. Resolves when the engine
/// breaks the protocol or falls silent.
async fn echo(mut control: Stream) -> End {
    loop {
        let ping: Ping = match tokio::time::timeout(SILENCE, frame::read_message(&mut control)).await {
            Ok(Ok(ping)) => ping,
            Ok(Err(FrameError::Ended | FrameError::Io(_))) => return pending().await,
            Ok(Err(error)) => return End::Protocol(error),
            Err(_) => return End::Alone,
        };
        if frame::write_message(&mut control, &ping).await.is_err() {
            return pending().await;
        }
    }
}
