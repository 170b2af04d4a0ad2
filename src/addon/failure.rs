//! Failures, as JavaScript sees them: an `Error` with a `code`.

use std::time::Duration;

use napi::bindgen_prelude::{JsObjectValue, JsValue, PromiseRaw, ToNapiValue};
use napi::{Env, Status};

use crate::api::ErrorCode;
use crate::telemetry::chain;
use crate::{client, config, engine, server};

/// What JavaScript is told of a failure, wherever it happened.
#[derive(Debug)]
pub(super) struct Failure {
    /// `error.code`.
    pub(super) code: ErrorCode,
    /// The message with its causes.
    pub(super) message: String,
    /// When another try may be worth it: `error.retryAfterMs`.
    pub(super) retry_after: Option<Duration>,
}

impl Failure {
    pub(super) fn new(code: ErrorCode, message: String) -> Self {
        Self { code, message, retry_after: None }
    }

    /// The JavaScript `Error`. Must be called on the JavaScript thread.
    pub(super) fn into_error(self, env: &Env) -> napi::Error {
        let mut error = match env.create_error(napi::Error::new(Status::GenericFailure, self.message)) {
            Ok(error) => error,
            Err(error) => return error,
        };
        let mut tell = || {
            error.set_named_property("code", self.code.as_str())?;
            match self.retry_after {
                Some(wait) => error.set_named_property("retryAfterMs", wait.as_millis() as f64),
                None => Ok(()),
            }
        };
        match tell() {
            Ok(()) => napi::Error::from(error.to_unknown()),
            Err(error) => error,
        }
    }
}

impl From<engine::Error> for Failure {
    fn from(error: engine::Error) -> Self {
        Self::new(error.code(), chain(&error))
    }
}

impl From<client::Error> for Failure {
    fn from(error: client::Error) -> Self {
        Self { retry_after: error.retry_after(), ..Self::new(error.code(), chain(&error)) }
    }
}

impl From<config::ConfigError> for Failure {
    fn from(error: config::ConfigError) -> Self {
        Self::new(error.code(), error.to_string())
    }
}

impl From<server::StartError> for Failure {
    fn from(error: server::StartError) -> Self {
        Self::new(error.code(), chain(&error))
    }
}

impl From<(ErrorCode, String)> for Failure {
    fn from((code, message): (ErrorCode, String)) -> Self {
        Self::new(code, message)
    }
}

/// A promise for the outcome of `work`, converted on the JavaScript thread.
pub(super) fn settle<'env, T: Send + 'static, E: Into<Failure> + Send + 'static, V: ToNapiValue + 'env>(
    env: &'env Env,
    work: impl Future<Output = Result<T, E>> + Send + 'static,
    convert: impl FnOnce(T) -> V + 'static,
) -> napi::Result<PromiseRaw<'env, V>> {
    env.spawn_future_with_callback(async move { Ok(work.await) }, move |env, outcome| match outcome {
        Ok(value) => Ok(convert(value)),
        Err(error) => Err(error.into().into_error(env)),
    })
}
