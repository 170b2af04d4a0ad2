use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{UnixListener, UnixStream};

use super::*;
use crate::api::DockerConnection;
use crate::sandbox::backend::Backend;

/// What the daemon is asked for, as the request begins, and the status and the body of its answer. Without a status, it
/// hangs up; with [`NEVER`], it says nothing.
type Answer = (&'static str, Option<u16>, &'static str);

const NEVER: Option<u16> = Some(0);

const DELETE: &str = "DELETE /containers/c";
const WAIT: &str = "POST /containers/c/wait?condition=removed";

#[derive(Default)]
struct Script {
    answers: VecDeque<Answer>,
    /// What was asked for that there was no answer to.
    surplus: Vec<String>,
}

/// A daemon that answers as it was told, in that order.
struct Scripted {
    docker: Docker,
    script: Arc<Mutex<Script>>,
    _directory: TempDir,
}

impl Scripted {
    async fn new(answers: &[Answer]) -> Self {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("docker.sock");
        let listener = UnixListener::bind(&path).expect("a socket");
        let script = Script { answers: answers.iter().copied().collect(), ..Script::default() };
        let script = Arc::new(Mutex::new(script));
        let shared = script.clone();
        tokio::spawn(async move {
            while let Ok((connection, _)) = listener.accept().await {
                tokio::spawn(answer(connection, shared.clone()));
            }
        });
        let socket_path = path.to_str().map(str::to_owned);
        let connection = DockerConnection { socket_path, ..Default::default() };
        let docker = Docker::connect(Some(&connection)).await.expect("it answers");
        Self { docker, script, _directory: directory }
    }

    /// How many answers nobody has asked for yet.
    fn left(&self) -> usize {
        let script = self.script.lock().expect("nobody panics");
        assert_eq!(script.surplus, <[String; 0]>::default());
        script.answers.len()
    }
}

async fn answer(mut connection: UnixStream, script: Arc<Mutex<Script>>) {
    let mut head = Vec::new();
    while !head.windows(4).any(|end| end == b"\r\n\r\n") {
        if connection.read_buf(&mut head).await.unwrap_or(0) == 0 {
            return;
        }
    }
    let asked = String::from_utf8_lossy(&head);
    let next = if asked.starts_with("GET /_ping") {
        Some(("GET", Some(200), "OK"))
    } else {
        let mut script = script.lock().expect("nobody panics");
        let next = script.answers.pop_front().filter(|(expected, ..)| asked.starts_with(expected));
        if next.is_none() {
            script.surplus.push(asked.lines().next().unwrap_or_default().to_owned());
        }
        next
    };
    let Some((_, status, body)) = next else { return };
    match status {
        None => {}
        NEVER => std::future::pending().await,
        Some(status) => {
            let length = body.len();
            let headers = format!("content-type: application/json\r\ncontent-length: {length}\r\nconnection: close");
            let text = format!("HTTP/1.1 {status} As told\r\n{headers}\r\n\r\n{body}");
            let _ = connection.write_all(text.as_bytes()).await;
        }
    }
}

fn c() -> ContainerId {
    ContainerId::new("c")
}

async fn removed(answers: &[Answer]) -> Result<(), String> {
    let daemon = Scripted::new(answers).await;
    let removed = daemon.docker.remove(&c()).await;
    assert_eq!(daemon.left(), 0);
    removed.map_err(|error| chain(&error))
}

const UNDER_WAY_ALREADY: Answer = (DELETE, Some(409), r#"{"message":"removal of container c is already in progress"}"#);

#[tokio::test]
async fn what_is_gone_is_removed() {
    let gone = [
        &[(DELETE, Some(204), "")][..],
        &[(DELETE, Some(404), r#"{"message":"No such container: c"}"#)],
        // Whatever the exit code of its guest.
        &[UNDER_WAY_ALREADY, (WAIT, Some(200), r#"{"StatusCode":0}"#)],
        &[UNDER_WAY_ALREADY, (WAIT, Some(200), r#"{"StatusCode":0,"Error":null}"#)],
        &[UNDER_WAY_ALREADY, (WAIT, Some(200), r#"{"StatusCode":137}"#)],
        &[UNDER_WAY_ALREADY, (WAIT, Some(404), r#"{"message":"No such container: c"}"#)],
    ];
    for answers in gone {
        assert_eq!(removed(answers).await, Ok(()), "{answers:?}");
    }
}

#[tokio::test]
async fn what_is_still_there_is_not() {
    let there: [(&[Answer], &str); 6] = [
        (&[(DELETE, Some(500), r#"{"message":"layer is busy"}"#)], "layer is busy"),
        (&[(DELETE, Some(403), r#"{"message":"not for you"}"#)], "not for you"),
        (&[(DELETE, None, "")], "no Docker engine answers"),
        (&[UNDER_WAY_ALREADY, (WAIT, None, "")], "no Docker engine answers"),
        (&[UNDER_WAY_ALREADY, (WAIT, Some(200), r#"{"StatusCode":137,"Error":{"Message":"busy"}}"#)], "busy"),
        (&[UNDER_WAY_ALREADY, (WAIT, Some(200), r#"{"StatusCode":0,"Error":{"Message":"busy"}}"#)], "busy"),
    ];
    for (answers, reason) in there {
        let error = removed(answers).await.expect_err("it is still there");
        assert!(error.contains(reason), "{answers:?}: {error}");
    }
}

/// Nobody is told of a removal that failed before they asked.
#[tokio::test]
async fn a_removal_of_which_nothing_is_heard_is_asked_for_again() {
    let answers = [UNDER_WAY_ALREADY, (WAIT, NEVER, ""), (DELETE, Some(204), "")];
    assert_eq!(removed(&answers).await, Ok(()));
}

#[tokio::test]
async fn what_could_not_be_removed_is_tried_again_until_it_is_gone() {
    let busy = (DELETE, Some(500), r#"{"message":"layer is busy"}"#);
    let daemon = Scripted::new(&[busy, busy, (DELETE, None, ""), (DELETE, Some(204), "")]).await;
    daemon.docker.destroy(&c()).await;
    assert_eq!(daemon.left(), 3);
    assert!(removals_pending());
    // Once, however many want it gone.
    assert!(matches!(Pending::begin(&c()), Ok(None)));
    while removals_pending() {
        sleep(Duration::from_millis(10)).await;
    }
    assert_eq!(daemon.left(), 0);
}
