//! What every request goes through: who is it from, and what if answering it goes wrong.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use axum::extract::{MatchedPath, Request, State};
use axum::http::{HeaderName, HeaderValue};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use futures::FutureExt;
use uuid::Uuid;

use super::app::App;
use super::refusal::Refusal;
use super::routes::PUBLIC;
use crate::api::ErrorCode;

/// Tells requests apart, in logs and for people who report a problem.
const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Lets a request through to its route.
pub(super) async fn gate(State(app): State<Arc<App>>, mut request: Request, next: Next) -> Response {
    let id = Uuid::new_v4().to_string();
    let path = request.extensions().get::<MatchedPath>().map(|path| path.as_str().to_owned());
    let is_public = path.as_deref().is_some_and(|path| PUBLIC.contains(&path));
    let answer = async {
        if !is_public {
            let caller = app.access.authenticate(request.headers()).await?;
            request.extensions_mut().insert(caller);
        }
        Ok::<_, Refusal>(next.run(request).await)
    };
    let answer = AssertUnwindSafe(answer).catch_unwind().await;
    let mut response = match answer {
        Ok(Ok(response)) => response,
        Ok(Err(refusal)) => refusal.into_response(),
        Err(_) => Refusal::new(ErrorCode::Internal, "internal error").into_response(),
    };
    if let Ok(id) = HeaderValue::try_from(id) {
        response.headers_mut().insert(REQUEST_ID, id);
    }
    response
}
