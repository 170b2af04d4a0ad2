//! A backend for tests: containers are tasks, their guests answer hello, ping and reset, lose commands, and fail on
//! request.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use futures::{AsyncWriteExt, StreamExt};
use isol8_protocol::frame;
use isol8_protocol::mux::{self, Mode, Stream};
use isol8_protocol::{Ack, ExecEvent, Hello, Ping, Request, ResetReport};
use jiff::Timestamp;
use tokio_util::compat::TokioAsyncReadCompatExt;

use super::backend::{Backend, BackendError, ByteStream, ContainerId};
use super::contract::ContainerSpec;

/// How long a fake container takes to start.
pub const START_TIME: Duration = Duration::from_millis(150);

/// A fake Docker engine. All clones are the same one.
#[derive(Debug, Clone, Default)]
pub struct Fake {
    state: Arc<Mutex<State>>,
}

#[derive(Debug, Default)]
struct State {
    started: usize,
    attempts: usize,
    starting: usize,
    most_starting: usize,
    live: BTreeSet<String>,
    failing_starts: usize,
    findings: Vec<String>,
    mute: bool,
}

impl Fake {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("no test panics while it holds the lock")
    }

    /// How many containers have been started so far.
    pub fn started(&self) -> usize {
        self.state().started
    }

    /// How many starts have been asked for, failed ones included.
    pub fn attempts(&self) -> usize {
        self.state().attempts
    }

    /// The most that were being started at the same time.
    pub fn most_starting(&self) -> usize {
        self.state().most_starting
    }

    /// How many run now.
    pub fn live(&self) -> usize {
        self.state().live.len()
    }

    /// Lets the next `n` starts fail.
    pub fn fail_starts(&self, n: usize) {
        self.state().failing_starts = n;
    }

    /// What resets find from now on.
    pub fn find(&self, findings: &[&str]) {
        self.state().findings = findings.iter().map(|&finding| finding.to_owned()).collect();
    }

    /// Guests stop answering.
    pub fn mute(&self) {
        self.state().mute = true;
    }

    async fn guest(self, id: String, stream: tokio::io::DuplexStream) {
        let (_opener, mut inbound, driver) = mux::connect(stream.compat(), Mode::Server);
        let serve = async {
            while let Some(stream) = inbound.next().await {
                tokio::spawn(self.clone().answer(stream));
            }
        };
        // The engine closing the stream is the end of the container.
        tokio::select! {
            _ = driver => {}
            () = serve => {}
        }
        self.state().live.remove(&id);
    }

    async fn answer(self, mut stream: Stream) {
        let Ok(request) = frame::read_message(&mut stream).await else { return };
        let answered = match request {
            Request::Hello(..) => {
                let hello = frame::write_message(&mut stream, &Hello::new("fake")).await;
                while let Ok(Ping(number)) = frame::read_message(&mut stream).await {
                    if self.state().mute {
                        std::future::pending::<()>().await;
                    }
                    if frame::write_message(&mut stream, &Ping(number)).await.is_err() {
                        break;
                    }
                }
                hello
            }
            Request::Reset => {
                let findings = self.state().findings.clone();
                frame::write_message(&mut stream, &ResetReport { findings }).await
            }
            Request::Tunnels => match frame::write_message(&mut stream, &Ack::Done).await {
                Ok(()) => std::future::pending().await,
                lost => lost,
            },
            // Every command prints something and is lost.
            Request::Exec(_) => {
                let mut frames = Vec::new();
                frame::encode_message(&ExecEvent::Started, &mut frames).expect("is short");
                frame::encode_data(frame::Channel::Stderr, b"half way\n", &mut frames);
                // An engine that does not listen any more is told nothing.
                let _ = stream.write_all(&frames).await;
                stream.close().await.map_err(Into::into)
            }
            other => panic!("the fake guest cannot {other:?}"),
        };
        drop(answered);
    }
}

impl Backend for Fake {
    async fn start(&self, _spec: &ContainerSpec) -> Result<(ContainerId, ByteStream), BackendError> {
        {
            let mut state = self.state();
            state.starting += 1;
            state.attempts += 1;
            state.most_starting = state.most_starting.max(state.starting);
        }
        tokio::time::sleep(START_TIME).await;
        let id = {
            let mut state = self.state();
            state.starting -= 1;
            if state.failing_starts > 0 {
                state.failing_starts -= 1;
                return Err(BackendError::Failed { action: "start a container", source: "asked to fail".into() });
            }
            state.started += 1;
            let id = format!("container-{}", state.started);
            state.live.insert(id.clone());
            id
        };
        let (ours, theirs) = tokio::io::duplex(64 * 1024);
        tokio::spawn(self.clone().guest(id.clone(), theirs));
        Ok((ContainerId::new(id), Box::new(ours.compat())))
    }

    async fn ran_out_of_memory(&self, _id: &ContainerId, _since: Timestamp) -> bool {
        false
    }

    async fn destroy(&self, id: &ContainerId) {
        self.state().live.remove(id.as_str());
    }
}
