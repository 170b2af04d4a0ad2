//! What routes take out of the address of a request, refused in our own words where it makes no sense.

use axum::extract::rejection::{PathRejection, QueryRejection};
use axum::extract::{FromRequestParts, Path, Query};
use axum::http::request::Parts;
use serde::de::DeserializeOwned;

use super::refusal::Refusal;
use crate::api::ErrorCode;

/// The query, as a `T`.
pub(super) struct Params<T>(pub(super) T);

/// The name in the path.
pub(super) struct Name(pub(super) String);

impl<S: Send + Sync, T: DeserializeOwned> FromRequestParts<S> for Params<T> {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Refusal> {
        let query = Query::<T>::from_request_parts(parts, state).await;
        query.map(|Query(params)| Self(params)).map_err(|error: QueryRejection| {
            Refusal::new(ErrorCode::InvalidRequest, format!("malformed query: {}", error.body_text()))
        })
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Name {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Refusal> {
        let path = Path::<String>::from_request_parts(parts, state).await;
        path.map(|Path(name)| Self(name)).map_err(|error: PathRejection| {
            Refusal::new(ErrorCode::InvalidRequest, format!("malformed path: {}", error.body_text()))
        })
    }
}
