//! `POST /execute`: runs a program and answers when it has ended.
//!
//! A client that goes away takes its connection with it, and so the future that runs this, and so the program.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Extension, State};
use axum::response::{IntoResponse, Response};

use crate::api::wire::ExecuteBody;
use crate::engine::Controls;
use crate::server::app::App;
use crate::server::caller::Caller;
use crate::server::held;
use crate::server::refusal::Refusal;

/// What is said where a session keeps the options that it was made with.
pub(super) const OVERRULED: (&str, &str) =
    ("isol8-warning", "the session was made with other options, which hold; end it to have others");

pub(super) async fn execute(
    State(app): State<Arc<App>>,
    Extension(caller): Extension<Caller>,
    body: Body,
) -> Result<Response, Refusal> {
    let (body, share) = app.read::<ExecuteBody>(&caller, body).await?;
    let wish = app.accept(&caller, body, share)?;
    let is_overruled = wish.is_overruled();
    let (result, share) = app.admit(wish).await?.execute(Controls::default()).await?;
    let answer = held::json(&result, share)?;
    let headers = is_overruled.then_some([OVERRULED]);
    Ok(match headers {
        Some(headers) => (headers, answer).into_response(),
        None => answer,
    })
}
