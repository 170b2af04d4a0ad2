//! Bodies that keep something until they have been sent.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};

use axum::body::{Body, HttpBody};
use axum::http::HeaderValue;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use hyper::body::{Frame, SizeHint};
use serde::Serialize;

use super::memory::Share;
use super::refusal::Refusal;
use crate::api::ErrorCode;

/// An answer that counts in `share`, instead of whatever did, until it has been sent.
pub(super) fn json(value: &impl Serialize, mut share: Share) -> Result<Response, Refusal> {
    let bytes = serde_json::to_vec(value)
        .map_err(|error| Refusal::new(ErrorCode::Internal, format!("an answer without JSON form: {error}")))?;
    share.set(bytes.len() as u64);
    let body = Body::new(Held::new(Body::new(Parts(bytes.into())), share));
    Ok(([(CONTENT_TYPE, HeaderValue::from_static("application/json"))], body).into_response())
}

/// The most that is handed over at a time, and so all that is still to be sent when nothing counts any more.
const PART: usize = 64 * 1024;

/// A body that is handed over part by part, as it is sent.
struct Parts(Bytes);

impl HttpBody for Parts {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let part = self.0.len().min(PART);
        Poll::Ready((part > 0).then(|| Ok(Frame::data(self.0.split_to(part)))))
    }

    fn is_end_stream(&self) -> bool {
        self.0.is_empty()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.0.len() as u64)
    }
}

/// A body, and what is dropped with it.
pub(super) struct Held<T> {
    body: Body,
    _kept: T,
}

impl<T> Held<T> {
    pub(super) fn new(body: Body, kept: T) -> Self {
        Self { body, _kept: kept }
    }
}

impl<T: Unpin> HttpBody for Held<T> {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        Pin::new(&mut self.body).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
