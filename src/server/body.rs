//! Bodies of requests: JSON, not too long, not too slow, and no more of one tenant at a time than it may have.

use std::time::Duration;

use axum::body::Body;
use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt;
use hyper::body::Body as _;
use serde::de::DeserializeOwned;
use tokio::time::{Instant, timeout, timeout_at};

use super::memory::Share;
use super::refusal::Refusal;
use crate::api::{ErrorCode, object};

/// How long a client may send nothing.
const PATIENCE: Duration = Duration::from_secs(15);

/// How long a whole body may take, however short it is.
const BASE_TIME: Duration = Duration::from_secs(30);

/// Bytes in a second that a longer one has to come at.
const MIN_RATE: u64 = 64 * 1024;

/// The rule of the operator's that bounds a body.
const BODY_SIZE: &str = " (server.limits.bodySize)";

/// The longest body that is about nothing but a few names.
const SHORT: u64 = 64 * 1024;

/// Bytes that are still read of a body that is refused: a client that is not read from may never look at the answer.
const MAX_IGNORED: u64 = 16 << 20;

/// How long they are waited for.
const IGNORING_TIME: Duration = Duration::from_secs(2);

/// The body as a `T`. What it takes up in memory is in `share`.
pub(super) async fn json<T: DeserializeOwned>(body: Body, limit: u64, share: &mut Share) -> Result<T, Refusal> {
    parse(&read(body, limit, || too_long(limit, BODY_SIZE), |bytes| share.take(bytes)).await?)
}

/// A short body, which may be left out, as a `T`.
pub(super) async fn optional_json<T: DeserializeOwned + Default>(body: Body, limit: u64) -> Result<T, Refusal> {
    let (limit, rule) = if limit > SHORT { (SHORT, "") } else { (limit, BODY_SIZE) };
    match read(body, limit, || too_long(limit, rule), |_| Ok(())).await? {
        empty if empty.trim_ascii().is_empty() => Ok(T::default()),
        bytes => parse(&bytes),
    }
}

fn parse<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Refusal> {
    object::from_slice(bytes).map_err(|error| malformed("body", &error))
}

/// What a client sent makes no sense.
pub(super) fn malformed(what: &str, error: &serde_json::Error) -> Refusal {
    let kind = if error.is_data() { "malformed" } else { "invalid JSON in" };
    Refusal::new(ErrorCode::InvalidRequest, format!("{kind} {what}: {error}"))
}

/// The whole body. `take` is told of every part of it before it is kept, and may refuse it.
async fn read(
    mut body: Body,
    limit: u64,
    too_long: impl Fn() -> Refusal,
    mut take: impl FnMut(u64) -> Result<(), Refusal>,
) -> Result<Bytes, Refusal> {
    if body.size_hint().lower() > limit {
        return Err(ignored(body, too_long()).await);
    }
    let begun = Instant::now();
    let mut bytes = BytesMut::new();
    loop {
        let deadline = begun + BASE_TIME + Duration::from_secs(bytes.len() as u64 / MIN_RATE);
        let next = timeout_at(deadline.min(Instant::now() + PATIENCE), body.frame()).await;
        let Some(frame) = next.map_err(|_| too_slow())? else { return Ok(bytes.freeze()) };
        let frame = frame.map_err(|error| Refusal::new(ErrorCode::InvalidRequest, format!("broken body: {error}")))?;
        let Ok(data) = frame.into_data() else { continue };
        if bytes.len() as u64 + data.len() as u64 > limit {
            return Err(ignored(body, too_long()).await);
        }
        if let Err(refusal) = take(data.len() as u64) {
            return Err(ignored(body, refusal).await);
        }
        bytes.extend_from_slice(&data);
    }
}

/// Reads on for a while and forgets what comes, so that the client learns of the refusal.
async fn ignored(mut body: Body, refusal: Refusal) -> Refusal {
    let ignore = async {
        let mut ignored = 0;
        while let Some(Ok(frame)) = body.frame().await {
            ignored += frame.into_data().map_or(0, |data| data.len() as u64);
            if ignored > MAX_IGNORED {
                break;
            }
        }
    };
    // Whatever came of it, the answer is the same.
    let _ = timeout(IGNORING_TIME, ignore).await;
    refusal
}

fn too_long(limit: u64, rule: &str) -> Refusal {
    Refusal::new(ErrorCode::TooLarge, format!("the body is longer than {limit} bytes{rule}"))
}

fn too_slow() -> Refusal {
    Refusal::new(ErrorCode::TooSlow, "the body took too long to arrive")
}
