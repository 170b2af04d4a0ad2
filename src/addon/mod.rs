//! The JavaScript face: one file per exported class or group of functions. Converts, delegates, never decides.
//!
//! Methods return promises made by [`settle`], so that a failure reaches JavaScript with the engine's own code.

pub mod cleanup;
pub mod config;
pub mod controls;
pub mod engine;
mod exit;
pub mod images;
pub mod labels;
pub mod options;
pub mod request;
pub mod result;
pub mod runtime;
pub mod server;
pub mod stream;
mod value;

use napi::bindgen_prelude::{JsObjectValue, JsValue, PromiseRaw, ToNapiValue};
use napi::{Env, Status};
use napi_derive::napi;

use crate::api::ErrorCode;
use crate::engine::Error;

/// Version of this package.
#[napi]
pub const VERSION: &str = env!("CARGO_PKG_VERSION");

/// Every code that an error of the addon can have.
#[napi(ts_return_type = "string[]")]
pub fn error_codes() -> Vec<&'static str> {
    ErrorCode::ALL.iter().map(|code| code.as_str()).collect()
}

/// A failure that JavaScript can tell from others.
trait Coded: Send + 'static {
    /// What JavaScript sees as `error.code`.
    fn code(&self) -> ErrorCode;

    /// The message with its causes.
    fn full_message(&self) -> String;
}

impl Coded for Error {
    fn code(&self) -> ErrorCode {
        Error::code(self)
    }

    fn full_message(&self) -> String {
        Error::full_message(self)
    }
}

/// A promise for the outcome of `work`, converted on the JavaScript thread.
fn settle<'env, T: Send + 'static, V: ToNapiValue + 'env>(
    env: &'env Env,
    work: impl Future<Output = Result<T, Error>> + Send + 'static,
    convert: impl FnOnce(T) -> V + 'static,
) -> napi::Result<PromiseRaw<'env, V>> {
    settle_coded(env, work, convert)
}

/// The same for failures of other kinds.
fn settle_coded<'env, T: Send + 'static, E: Coded, V: ToNapiValue + 'env>(
    env: &'env Env,
    work: impl Future<Output = Result<T, E>> + Send + 'static,
    convert: impl FnOnce(T) -> V + 'static,
) -> napi::Result<PromiseRaw<'env, V>> {
    env.spawn_future_with_callback(async move { Ok(work.await) }, move |env, outcome| match outcome {
        Ok(value) => Ok(convert(value)),
        Err(error) => Err(js_error(env, error.code(), error.full_message())),
    })
}

/// A JavaScript `Error` with a `code`. Must be called on the JavaScript thread.
fn js_error(env: &Env, code: ErrorCode, message: String) -> napi::Error {
    let error = env.create_error(napi::Error::new(Status::GenericFailure, message));
    let coded = error.and_then(|mut error| {
        error.set_named_property("code", code.as_str())?;
        Ok(napi::Error::from(error.to_unknown()))
    });
    coded.unwrap_or_else(|error| error)
}
