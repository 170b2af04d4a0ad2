//! What is done to requests before they are sent.

use bytes::{Bytes, BytesMut};
use tokio::sync::mpsc;

use super::Error;
use crate::api::Request;

/// A piece of standard input that comes while the execution goes on.
pub(super) type Chunk = Bytes;

/// Bytes of standard input that are collected where it cannot be sent as it comes.
const MAX_COLLECTED: usize = 64 << 20;

/// The request, if JSON can say it. Everything else is for the server to judge, which knows its own defaults.
pub(super) fn checked(request: Request) -> Result<Request, Error> {
    match request.timeout_ms {
        // It would be written as if there were none.
        Some(timeout) if !timeout.is_finite() => Err(Error::Timeout(timeout)),
        _ => Ok(request),
    }
}

/// The request with all of the standard input that is still to come.
pub(super) async fn with_collected(request: Request, stdin: Option<mpsc::Receiver<Chunk>>) -> Result<Request, Error> {
    match stdin {
        Some(chunks) => Ok(Request { stdin: Some(collect(chunks, MAX_COLLECTED).await?), ..request }),
        None => Ok(request),
    }
}

async fn collect(mut chunks: mpsc::Receiver<Chunk>, max: usize) -> Result<Bytes, Error> {
    let mut input = BytesMut::new();
    while let Some(chunk) = chunks.recv().await {
        if input.len() + chunk.len() > max {
            return Err(Error::InputTooLong { max });
        }
        input.extend_from_slice(&chunk);
    }
    Ok(input.freeze())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn input_is_collected_whole_or_not_at_all() {
        let collected = |max| async move {
            let (sender, chunks) = mpsc::channel(4);
            for chunk in ["ab", "", "cd"] {
                sender.send(chunk.into()).await.expect("room");
            }
            drop(sender);
            collect(chunks, max).await
        };
        assert_eq!(collected(4).await.expect("short enough"), "abcd");
        assert!(matches!(collected(3).await, Err(Error::InputTooLong { max: 3 })));
    }

    #[test]
    fn a_time_limit_that_json_cannot_say_is_no_request_without_one() {
        for timeout in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
            let request = Request { timeout_ms: Some(timeout), ..Request::default() };
            assert!(matches!(checked(request), Err(Error::Timeout(_))));
        }
    }
}
