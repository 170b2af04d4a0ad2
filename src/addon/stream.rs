//! `executeStream`'s async iterator.

use std::sync::Arc;

use napi::Env;
use napi::bindgen_prelude::{Function, JsObjectValue, Object, PromiseRaw, Reference};
use napi_derive::napi;
use tokio::sync::Mutex;
use tokio_util::sync::CancellationToken;

use super::failure::{Failure, settle};
use super::result::{NetworkLogEntry, StreamEvent};
use crate::engine::{EventStream, in_line};
use crate::{api, client};

/// Events of an execution, wherever it runs.
pub(super) enum Events {
    /// In a container of this process.
    Here(EventStream),
    /// At a server.
    Remote(client::Events),
}

impl Events {
    async fn next(&mut self) -> Option<Result<api::StreamEvent, Failure>> {
        match self {
            Self::Here(events) => Some(events.next().await?.map_err(Failure::from)),
            Self::Remote(events) => Some(events.next().await?.map_err(Failure::from)),
        }
    }

    fn network_logs(&self) -> &[api::NetworkLogEntry] {
        match self {
            Self::Here(events) => events.network_logs(),
            Self::Remote(events) => events.network_logs(),
        }
    }

    fn install_ms(&self) -> Option<u64> {
        match self {
            Self::Here(events) => events.install_ms(),
            Self::Remote(events) => events.install_ms(),
        }
    }

    async fn cancel(&mut self) {
        match self {
            Self::Here(events) => events.cancel().await,
            Self::Remote(events) => events.cancel().await,
        }
    }
}

/// The events of one execution. Ending the iteration early kills the program, and so does dropping the object.
#[napi]
pub struct ExecutionStream {
    events: Arc<Mutex<Events>>,
    /// Set by `return()`, also while a `next()` is waiting.
    ended: CancellationToken,
}

impl ExecutionStream {
    pub(super) fn new(events: Events) -> Self {
        Self { events: Arc::new(Mutex::new(events)), ended: CancellationToken::new() }
    }
}

impl Drop for ExecutionStream {
    fn drop(&mut self) {
        self.ended.cancel();
    }
}

/// What an iterator yields: JavaScript's protocol.
#[napi(object, object_from_js = false)]
pub struct IteratorResult {
    /// The event, while there is one.
    pub value: Option<StreamEvent>,
    /// Whether there are no more.
    pub done: bool,
}

#[napi]
impl ExecutionStream {
    /// The next event.
    #[napi]
    pub fn next<'env>(
        &self,
        env: &'env Env,
        this: Reference<ExecutionStream>,
    ) -> napi::Result<PromiseRaw<'env, IteratorResult>> {
        let (turn, ended) = (in_line(self.events.clone().lock_owned()), self.ended.clone());
        let next = async move {
            tokio::select! {
                biased;
                () = ended.cancelled() => Ok(None),
                event = async { turn.await.next().await } => event.transpose(),
            }
        };
        settle(env, next, move |event| {
            // Who waits for an event may hold nothing but the promise: until it is settled, the object is in use.
            drop(this);
            IteratorResult { done: event.is_none(), value: event.map(Into::into) }
        })
    }

    /// What the program asked of the network; present with `logNetwork` once it has ended, if it asked anything.
    #[napi(getter)]
    pub fn network_logs(&self) -> Option<Vec<NetworkLogEntry>> {
        // Whoever holds it waits for an event: there is none to tell of the end yet.
        let events = self.events.try_lock().ok()?;
        let logs = events.network_logs();
        (!logs.is_empty()).then(|| logs.iter().cloned().map(Into::into).collect())
    }

    /// How long packages took to be installed, in milliseconds; present once the program has ended, if any had to be.
    #[napi(getter)]
    pub fn install_ms(&self) -> Option<f64> {
        Some(self.events.try_lock().ok()?.install_ms()? as f64)
    }

    /// Kills the program if it still runs. Resolves when its sandbox has been given back; at a server, as soon as that is
    /// about to do it.
    #[napi(js_name = "return")]
    pub fn end<'env>(&self, env: &'env Env) -> napi::Result<PromiseRaw<'env, IteratorResult>> {
        self.ended.cancel();
        let events = self.events.clone();
        let cancelled = async move {
            events.lock().await.cancel().await;
            Ok::<_, Failure>(())
        };
        settle(env, cancelled, |()| IteratorResult { done: true, value: None })
    }
}

/// Makes the streams real async iterators: they inherit `Symbol.asyncIterator` (and, where the JavaScript engine
/// has it, `Symbol.asyncDispose`) from the prototype that all async iterators share, which only a script can name.
#[napi(module_exports)]
pub fn inherit_from_async_iterator(exports: Object<'_>, env: Env) -> napi::Result<()> {
    let class: Object<'_> = exports.get_named_property_unchecked("ExecutionStream")?;
    let prototype: Object<'_> = class.get_named_property("prototype")?;
    let inherit: Function<'_, Object<'_>, ()> = env.run_script(
        "(prototype) => void Object.setPrototypeOf(prototype, \
         Object.getPrototypeOf(Object.getPrototypeOf(async function* () {}).prototype))",
    )?;
    inherit.call(prototype)
}
