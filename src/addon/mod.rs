//! The JavaScript face: one file per exported class or group of functions. Converts, delegates, never decides.
//!
//! Methods return promises made by [`settle`], so that a failure reaches JavaScript with the engine's own code.

pub mod engine;
pub mod images;
pub mod options;
pub mod request;
pub mod result;
pub mod runtime;
pub mod stream;

use napi::bindgen_prelude::{FromNapiValue, JsObjectValue, JsValue, PromiseRaw, ToNapiValue, Unknown};
use napi::{Env, Status, ValueType};
use napi_derive::napi;

use crate::engine::Error;

/// Version of this package.
#[napi]
pub const VERSION: &str = env!("CARGO_PKG_VERSION");

/// A promise for the outcome of `work`, converted on the JavaScript thread.
fn settle<'env, T: Send + 'static, V: ToNapiValue + 'env>(
    env: &'env Env,
    work: impl Future<Output = Result<T, Error>> + Send + 'static,
    convert: impl FnOnce(T) -> V + 'static,
) -> napi::Result<PromiseRaw<'env, V>> {
    env.spawn_future_with_callback(async move { Ok(work.await) }, move |env, outcome| match outcome {
        Ok(value) => Ok(convert(value)),
        Err(error) => Err(js_error(env, error.code(), error.full_message())),
    })
}

/// A JavaScript `Error` with a `code`. Must be called on the JavaScript thread.
fn js_error(env: &Env, code: &str, message: String) -> napi::Error {
    let error = env.create_error(napi::Error::new(Status::GenericFailure, message));
    let coded = error.and_then(|mut error| {
        error.set_named_property("code", code)?;
        Ok(napi::Error::from(error.to_unknown()))
    });
    coded.unwrap_or_else(|error| error)
}

/// What the caller passed, as a `T`. The error has the code that a bad value of that kind has everywhere.
fn convert<T: FromNapiValue>(env: &Env, value: Unknown<'_>, code: &str, what: &str) -> napi::Result<T> {
    let raw = value.value();
    // Reading properties of a value that is not even an object says nothing helpful.
    if value.get_type()? != ValueType::Object {
        return Err(js_error(env, code, format!("{what} must be an object")));
    }
    #[allow(unsafe_code, reason = "napi offers no safe call for a conversion that may fail")]
    // SAFETY: the value and its environment come from the call that is being handled, on its thread.
    let converted = unsafe { T::from_napi_value(raw.env, raw.value) };
    converted.map_err(|error| js_error(env, code, format!("invalid {what}: {}", error.reason)))
}
