//! The body of a request on its way to the server, and when that is over.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use hyper::Request;
use hyper::body::{Body, Frame, Incoming, SizeHint};
use tokio::sync::oneshot;

/// A body as it comes.
pub(super) struct Upload {
    body: Incoming,
    /// Closed with it: whoever sends a body lets go of it once it has all been passed on, or is not wanted any more.
    _under_way: oneshot::Sender<Infallible>,
}

/// Resolves, with an error, when an upload is over.
pub(super) type Over = oneshot::Receiver<Infallible>;

/// The request with its body watched.
pub(super) fn watched(request: Request<Incoming>) -> (Request<Upload>, Over) {
    let (under_way, over) = oneshot::channel();
    (request.map(|body| Upload { body, _under_way: under_way }), over)
}

impl Body for Upload {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        Pin::new(&mut self.body).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
