//! The engine's end of the channel to a guest.
//!
//! A [`Channel`] lives as long as the byte stream under it. Dropping it closes the stream, at which the guest
//! kills everything and exits. A guest that stops answering pings counts as lost: the channel closes itself.

mod deadline;
mod running;
#[cfg(test)]
mod tests;
mod transfer;
mod tunnels;

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use futures::{AsyncReadExt, AsyncWriteExt};
use isol8_protocol::frame::{self, FrameError};
use isol8_protocol::mux::{self, Disconnected, Mode, Opener, Stream};
use isol8_protocol::{
    Ack, Contract, Exec, Failure, FailureKind, GRACE_MS, Hello, MAX_FINDINGS, Ping, ReadEvent, ReadFiles, Request,
    ResetReport, Signal, VERSION,
};
use tokio::task::AbortHandle;
use tokio::time::{sleep, timeout};
use tokio_util::task::AbortOnDropHandle;

use super::backend::ByteStream;
pub use running::{Running, Told};
use transfer::{Batch, read_file};
pub use transfer::{Files, Stdin};
pub use tunnels::{Tunnel, Tunnels};

/// How long a guest may take to say hello once its container has started. Generous: on a loaded machine the
/// daemon's own start-up work still competes with it.
const HELLO_TIMEOUT: Duration = Duration::from_secs(30);

/// How often a guest is asked whether it is there.
const PING_INTERVAL: Duration = Duration::from_secs(10);

/// How long an answer may take. A guest shares its CPU limit with user code.
const PING_TIMEOUT: Duration = Duration::from_secs(20);

/// How long a reset may take. The guest gives up on processes that do not die well before.
const RESET_TIMEOUT: Duration = Duration::from_secs(10);

/// How long a guest may take over the time that programs have to end. Whoever has no answer by then kills them.
const END_TIMEOUT: Duration = Duration::from_millis(GRACE_MS + 3000);

/// How long files may take to be written, or to be read, besides [`allowance`].
const FILES_TIMEOUT: Duration = Duration::from_secs(60);

/// How long a guest may take to listen for connections to the proxy. As generous as that for its hello.
const LISTEN_TIMEOUT: Duration = Duration::from_secs(30);

/// Longest text that is believed to be what a failure is about: the kernel's bound of a path.
const MAX_SUBJECT: usize = 4096;

/// Why the engine lost touch with a guest, or could not talk to it.
#[derive(Debug, thiserror::Error)]
pub enum ChannelError {
    /// The image carries a guest from another release.
    #[error("guest speaks channel version {theirs}, the engine needs {VERSION}")]
    Version {
        /// The guest's version.
        theirs: u16,
    },
    /// It did not answer in time.
    #[error("guest sent nothing for {waited:?} while `{request}` was pending")]
    Silent {
        /// What it was asked.
        request: &'static str,
        /// How long the engine waited.
        waited: Duration,
    },
    /// It goes on with a command that should have ended.
    #[error("guest did not end a command within {after:?}")]
    Overdue {
        /// How long the engine waited, or let it talk.
        after: Duration,
    },
    /// The container, the daemon or the connection to it is gone.
    #[error("the connection to the sandbox was lost")]
    Lost,
    /// It sent something that makes no sense.
    #[error("guest broke the protocol")]
    Protocol(#[source] FrameError),
    /// It could not do what it was asked.
    #[error("guest could not {:?} {}", .0.kind, .0.subject)]
    Refused(Failure),
    /// Programs would find no proxy.
    #[error("Proxy failed to start within timeout")]
    Proxy(#[source] Box<ChannelError>),
}

impl From<FrameError> for ChannelError {
    fn from(error: FrameError) -> Self {
        match error {
            FrameError::Ended | FrameError::Io(_) => Self::Lost,
            hostile => Self::Protocol(hostile),
        }
    }
}

impl From<Disconnected> for ChannelError {
    fn from(_: Disconnected) -> Self {
        Self::Lost
    }
}

/// The connection to one guest.
#[derive(Debug)]
pub struct Channel {
    opener: Opener,
    driver: AbortHandle,
    heartbeat: AbortHandle,
    silence: Arc<Mutex<Option<Duration>>>,
    /// Connections that the guest carries here, and what passes them on. There are none without a proxy.
    tunnels: Option<(Tunnels, AbortOnDropHandle<()>)>,
}

impl Drop for Channel {
    fn drop(&mut self) {
        self.heartbeat.abort();
        self.driver.abort();
    }
}

impl Channel {
    /// Greets the guest at the other end of `stream` and tells it the `contract` of its sandbox.
    pub async fn connect(stream: ByteStream, contract: Contract) -> Result<Self, ChannelError> {
        let (opener, inbound, driver) = mux::connect(stream, Mode::Client);
        // A guest without a proxy opens no streams: if it does, they are reset.
        let inbound = contract.proxy.then_some(inbound);
        let driver = tokio::spawn(async move {
            if let Err(error) = driver.await {
                tracing::debug!(error = %error, "channel closed");
            }
        })
        .abort_handle();
        let silence = Arc::new(Mutex::new(None));
        let mut channel =
            Self { opener, driver: driver.clone(), heartbeat: driver, silence: silence.clone(), tunnels: None };
        let control = within("hello", HELLO_TIMEOUT, channel.greet(contract)).await?;
        channel.heartbeat = tokio::spawn(heartbeat(control, channel.driver.clone(), silence)).abort_handle();
        if let Some(inbound) = inbound {
            let (tunnels, driver) = (Tunnels::default(), channel.driver.clone());
            let control = channel.way_out().await.map_err(|error| ChannelError::Proxy(error.into()))?;
            let carrying = tunnels.clone().carry(inbound, control);
            let carrying = tokio::spawn(async move {
                if let Err(error) = carrying.await {
                    tracing::debug!(error = %error, "the guest lost count of its connections");
                    driver.abort();
                }
            });
            channel.tunnels = Some((tunnels, AbortOnDropHandle::new(carrying)));
        }
        Ok(channel)
    }

    /// The connections that the sandbox's programs make to the proxy, if its contract has one.
    pub fn tunnels(&self) -> Option<&Tunnels> {
        self.tunnels.as_ref().map(|(tunnels, _)| tunnels)
    }

    /// Whether the connection is gone.
    pub fn is_lost(&self) -> bool {
        self.driver.is_finished()
    }

    /// Says why a request failed with [`ChannelError::Lost`], as far as that is known.
    pub fn explain(&self, error: ChannelError) -> ChannelError {
        match (error, *self.silence.lock().unwrap_or_else(PoisonError::into_inner)) {
            (ChannelError::Lost, Some(waited)) => ChannelError::Silent { request: "ping", waited },
            (error, _) => error,
        }
    }

    async fn greet(&self, contract: Contract) -> Result<Stream, ChannelError> {
        let mut stream = self.opener.open().await?;
        let hello = Hello::new(env!("CARGO_PKG_VERSION"));
        frame::write_message(&mut stream, &Request::Hello(hello, contract)).await?;
        let theirs: Hello = frame::read_message(&mut stream).await?;
        if theirs.is_compatible() { Ok(stream) } else { Err(ChannelError::Version { theirs: theirs.version }) }
    }

    /// Has the guest listen for connections to the proxy, before any program can want to make one.
    async fn way_out(&self) -> Result<Stream, ChannelError> {
        let listening = async {
            let mut control = self.request(&Request::Tunnels).await?;
            acknowledged(frame::read_message(&mut control).await?)?;
            Ok(control)
        };
        within("listen", LISTEN_TIMEOUT, listening).await
    }

    /// Opens a stream with `request` as its first message.
    async fn request(&self, request: &Request) -> Result<Stream, ChannelError> {
        let mut stream = self.opener.open().await?;
        frame::write_message(&mut stream, request).await?;
        Ok(stream)
    }

    /// Opens a stream with `request` as all that we have to say on it. The end of our half travels with it, instead of by
    /// itself after the answer. Only for answers that fit the first window: yamux does not tell the guest that a stream
    /// is dropped whose half has been closed, so that it would wait for room to say the rest for ever.
    async fn whole_request(&self, request: &Request) -> Result<Stream, ChannelError> {
        let mut stream = self.request(request).await?;
        stream.close().await.map_err(FrameError::from)?;
        Ok(stream)
    }

    /// Starts commands, after writing `files`.
    pub async fn exec(&self, exec: Exec, files: Files, stdin: Stdin) -> Result<Running, ChannelError> {
        // Before there is a stream that the guest would never learn of.
        let mut head = Vec::new();
        frame::encode_message(&Request::Exec(exec), &mut head)?;
        Ok(Running::new(self.opener.open().await?, head, files, stdin))
    }

    /// Kills the running command, if there is one, and resolves when it is gone.
    pub async fn abandon(&self) -> Result<(), ChannelError> {
        self.ask("abandon", &Request::Abandon).await
    }

    /// Asks everything that runs to end, and resolves when it has, or has had its time.
    pub async fn end(&self) -> Result<(), ChannelError> {
        within("end", END_TIMEOUT, self.ask("end", &Request::End)).await
    }

    /// Has the sandbox outlive this connection.
    pub async fn stay(&self) -> Result<(), ChannelError> {
        self.ask("stay", &Request::Stay).await
    }

    /// Makes a request that is answered by an acknowledgement and nothing else.
    async fn ask(&self, name: &'static str, request: &Request) -> Result<(), ChannelError> {
        let answer = async { Ok(frame::read_message(&mut self.whole_request(request).await?).await?) };
        acknowledged(within(name, RESET_TIMEOUT, answer).await?)
    }

    /// Sends a signal to the running command, and says whether there was one.
    pub async fn signal(&self, signal: Signal) -> Result<bool, ChannelError> {
        match self.ask("signal", &Request::Signal(signal)).await {
            Ok(()) => Ok(true),
            Err(ChannelError::Refused(_)) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Writes files as the sandbox user.
    pub async fn write_files(&self, files: Files) -> Result<(), ChannelError> {
        let patience = FILES_TIMEOUT + allowance(transfer::length(&files));
        let written = async {
            let (mut reader, mut writer) = self.request(&Request::WriteFiles).await?.split();
            let feed = async {
                let mut batch = Batch::new(&mut writer);
                batch.files(files).await?;
                batch.flush().await
            };
            // The guest reads everything before it answers, also after a failure.
            let (sent, ack) = futures::join!(feed, frame::read_message::<Ack>(&mut reader));
            acknowledged(ack?)?;
            Ok(sent?)
        };
        within("write", patience, written).await
    }

    /// Reads files as the sandbox user, each with the reason why it could not be read. A file longer than
    /// `max_bytes`, or than what the ones before it have left of `max_total`, counts as too large. So do all that
    /// follow where a guest does not keep to that.
    pub async fn read_files(
        &self,
        paths: Vec<String>,
        max_bytes: u64,
        max_total: u64,
    ) -> Result<Vec<Result<Bytes, Failure>>, ChannelError> {
        let request = Request::ReadFiles(ReadFiles { paths: paths.clone(), max_bytes, max_total });
        let read = async {
            let mut stream = self.request(&request).await?;
            let (mut files, mut room) = (Vec::with_capacity(paths.len()), max_total);
            for _ in &paths {
                files.push(match frame::read_message(&mut stream).await? {
                    ReadEvent::Missing(failure) => Err(believable(failure)),
                    ReadEvent::File(length) if length > room => break,
                    ReadEvent::File(length) => {
                        room -= length;
                        Ok(read_file(&mut stream, length, max_bytes).await?)
                    }
                });
            }
            Ok(files)
        };
        // One bound for all of it, however many they are and however slowly they come.
        let mut files = within("read", FILES_TIMEOUT + allowance(max_total), read).await?;
        let unread = paths.into_iter().skip(files.len());
        files.extend(unread.map(|subject| Err(Failure { kind: FailureKind::TooLarge, subject, errno: 0 })));
        Ok(files)
    }

    /// Makes the sandbox as new, or says what is in the way.
    pub async fn reset(&self) -> Result<ResetReport, ChannelError> {
        let reset = async {
            let mut stream = self.whole_request(&Request::Reset).await?;
            let mut report: ResetReport = frame::read_message(&mut stream).await?;
            report.findings.truncate(MAX_FINDINGS);
            report.findings.iter_mut().for_each(clip);
            Ok(report)
        };
        within("reset", RESET_TIMEOUT, reset).await
    }
}

fn acknowledged(ack: Ack) -> Result<(), ChannelError> {
    match ack {
        Ack::Done => Ok(()),
        Ack::Failed(failure) => Err(refused(failure)),
    }
}

/// The error for a refusal of the guest.
fn refused(failure: Failure) -> ChannelError {
    ChannelError::Refused(believable(failure))
}

/// A failure whose words, which end up in messages, are no more than a guest has reason to say.
fn believable(mut failure: Failure) -> Failure {
    clip(&mut failure.subject);
    failure
}

/// Keeps as much of a text as a path can be long.
fn clip(text: &mut String) {
    text.truncate(text.floor_char_boundary(MAX_SUBJECT));
}

/// How much longer something may take because it moves so many bytes: a second for each MiB.
fn allowance(bytes: u64) -> Duration {
    Duration::from_secs(bytes >> 20)
}

async fn within<T>(
    request: &'static str,
    waited: Duration,
    work: impl Future<Output = Result<T, ChannelError>>,
) -> Result<T, ChannelError> {
    timeout(waited, work).await.unwrap_or(Err(ChannelError::Silent { request, waited }))
}

/// Pings until an answer stays out, then closes the channel.
async fn heartbeat(mut control: Stream, driver: AbortHandle, silence: Arc<Mutex<Option<Duration>>>) {
    for number in 0u32.. {
        sleep(PING_INTERVAL).await;
        let exchange = async {
            frame::write_message(&mut control, &Ping(number)).await?;
            Ok(frame::read_message::<Ping>(&mut control).await?)
        };
        match within("ping", PING_TIMEOUT, exchange).await {
            Ok(Ping(echo)) if echo == number => {}
            Ok(_) | Err(_) => {
                *silence.lock().unwrap_or_else(PoisonError::into_inner) = Some(PING_TIMEOUT);
                driver.abort();
                return;
            }
        }
    }
}
