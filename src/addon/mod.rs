//! The JavaScript face: one file per exported class or group of functions. Converts, delegates, never decides.
//!
//! Methods return promises made by [`failure::settle`], so that a failure reaches JavaScript with a code of our own.

pub mod cleanup;
pub mod config;
pub mod controls;
pub mod engine;
mod exit;
mod failure;
pub mod images;
pub mod labels;
pub mod options;
pub mod remote;
pub mod request;
pub mod result;
pub mod runtime;
pub mod server;
pub mod stream;
mod value;

use napi_derive::napi;

use crate::api::ErrorCode;

/// Version of this package.
#[napi]
pub const VERSION: &str = env!("CARGO_PKG_VERSION");

/// Every code that an error of the addon can have.
#[napi(ts_return_type = "string[]")]
pub fn error_codes() -> Vec<&'static str> {
    ErrorCode::ALL.iter().map(|code| code.as_str()).collect()
}
