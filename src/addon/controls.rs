//! What a caller can do to an execution while it goes on.

use std::sync::{Mutex, PoisonError};

use bytes::Bytes;
use napi::bindgen_prelude::{Buffer, ClassInstance, Either, PromiseRaw};
use napi::{Env, Result};
use napi_derive::napi;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::failure::{Failure, settle};
use super::request::bytes;
use crate::engine::Controls;

/// Chunks of standard input that may wait for the program to read.
const QUEUE: usize = 4;

/// Ends an execution, and feeds it. Serves one execution.
#[napi]
pub struct RunControls {
    abort: CancellationToken,
    /// Gone when there is no more input, or the caller has none to give.
    input: Mutex<Option<mpsc::Sender<Bytes>>>,
    /// Taken by the execution.
    output: Mutex<Option<mpsc::Receiver<Bytes>>>,
}

#[napi]
impl RunControls {
    /// Controls for one execution. With `liveStdin`, its standard input is what `write` brings until `endStdin`.
    #[napi(constructor)]
    pub fn new(live_stdin: bool) -> Self {
        let (input, output) = mpsc::channel(QUEUE);
        let live = |(input, output)| if live_stdin { (Some(input), Some(output)) } else { (None, None) };
        let (input, output) = live((input, output));
        Self { abort: CancellationToken::new(), input: Mutex::new(input), output: Mutex::new(output) }
    }

    /// Ends the execution, which then fails with the code `ABORT_ERR`.
    #[napi]
    pub fn abort(&self) {
        self.abort.cancel();
    }

    /// Resolves when there is room for more, with whether anybody will read it.
    #[napi(ts_return_type = "Promise<boolean>")]
    pub fn write<'env>(
        &self,
        env: &'env Env,
        #[napi(ts_arg_type = "string | Uint8Array")] chunk: Either<String, Buffer>,
    ) -> Result<PromiseRaw<'env, bool>> {
        let (input, chunk) = (lock(&self.input).clone(), bytes(chunk));
        let write = async move {
            Ok::<_, Failure>(match input {
                Some(input) => input.send(chunk).await.is_ok(),
                None => false,
            })
        };
        settle(env, write, |taken| taken)
    }

    /// Says that there is no more standard input.
    #[napi]
    pub fn end_stdin(&self) {
        lock(&self.input).take();
    }
}

/// The engine's end of the controls that an execution has, if it has any; the input goes to whoever asks first.
pub(super) fn for_engine(controls: Option<ClassInstance<'_, RunControls>>) -> Controls {
    let Some(controls) = controls else { return Controls::default() };
    Controls { abort: controls.abort.clone(), stdin: lock(&controls.output).take(), ..Controls::default() }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
