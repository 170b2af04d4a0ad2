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
pub mod remote;
pub mod request;
pub mod result;
pub mod runtime;
pub mod server;
pub mod stream;
mod value;

use std::time::Duration;

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

    /// When another try may be worth it: `error.retryAfterMs`.
    fn retry_after(&self) -> Option<Duration> {
        None
    }
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
        Err(error) => Err(coded_error(env, &error)),
    })
}

/// A JavaScript `Error` with all that there is to know of `failure`. Must be called on the JavaScript thread.
fn coded_error(env: &Env, failure: &impl Coded) -> napi::Error {
    let mut error = match env.create_error(napi::Error::new(Status::GenericFailure, failure.full_message())) {
        Ok(error) => error,
        Err(error) => return error,
    };
    let mut tell = || {
        error.set_named_property("code", failure.code().as_str())?;
        match failure.retry_after() {
            Some(wait) => error.set_named_property("retryAfterMs", wait.as_millis() as f64),
            None => Ok(()),
        }
    };
    match tell() {
        Ok(()) => napi::Error::from(error.to_unknown()),
        Err(error) => error,
    }
}

/// A JavaScript `Error` with a `code`. Must be called on the JavaScript thread.
fn js_error(env: &Env, code: ErrorCode, message: String) -> napi::Error {
    coded_error(env, &(code, message))
}

impl Coded for (ErrorCode, String) {
    fn code(&self) -> ErrorCode {
        self.0
    }

    fn full_message(&self) -> String {
        self.1.clone()
    }
}
