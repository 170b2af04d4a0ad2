//! What a monitoring system is told: counts of what has happened, and how things stand when it asks.
//!
//! No label holds what a client can choose freely, so however many clients there are and whatever they send, the answer
//! stays small; and nothing in it is about a single tenant.

use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use prometheus_client::encoding::text::encode;
use prometheus_client::encoding::{EncodeLabelSet, EncodeLabelValue};
use prometheus_client::metrics::counter::{ConstCounter, Counter};
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::{ConstGauge, Gauge};
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Registry, Unit};

use super::app::App;
use super::decisions::Decisions;
use crate::runtime;

/// From a warm shell to a long computation, in seconds.
const BUCKETS: [f64; 16] =
    [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 300.0, 3600.0];

/// The runtime of those that we do not know.
const OTHER: &str = "other";

/// What has happened so far.
#[derive(Debug)]
pub(super) struct Metrics {
    executions: Family<Execution, Counter>,
    phases: Family<Part, Histogram, fn() -> Histogram>,
    requests: Family<Answer, Counter>,
    /// Counted where it is decided.
    pub(super) decisions: Arc<Decisions>,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Execution {
    runtime: &'static str,
    outcome: Outcome,
}

/// How an execution went.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, EncodeLabelValue)]
#[allow(non_camel_case_types, reason = "the names are the labels")]
pub(super) enum Outcome {
    /// The program exited with 0.
    success,
    /// It exited with something else.
    failure,
    /// It took too long.
    timeout,
    /// It was not run, or not to its end, and not because of itself.
    error,
    /// The client had it ended, or went away.
    cancelled,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Part {
    phase: Phase,
}

/// What the time of an execution is spent on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, EncodeLabelValue)]
#[allow(non_camel_case_types, reason = "the names are the labels")]
pub(super) enum Phase {
    /// Waiting for its turn.
    queue,
    /// Waiting for a sandbox.
    sandbox,
    /// Everything in the sandbox, the program above all.
    run,
    /// All of it.
    total,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Answer {
    route: &'static str,
    status: u16,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Decision {
    action: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Sandboxes {
    state: &'static str,
}

impl Metrics {
    pub(super) fn new() -> Self {
        let (executions, requests, decisions) = Default::default();
        let phases = Family::<Part, Histogram, fn() -> Histogram>::new_with_constructor(|| Histogram::new(BUCKETS));
        Self { executions, phases, requests, decisions }
    }

    /// An execution has ended.
    pub(super) fn ended(&self, runtime: &str, outcome: Outcome) {
        let runtime = runtime::get(runtime).map_or(OTHER, |runtime| runtime.name);
        self.executions.get_or_create(&Execution { runtime, outcome }).inc();
    }

    /// A part of one took this long.
    pub(super) fn took(&self, phase: Phase, time: Duration) {
        self.phases.get_or_create(&Part { phase }).observe(time.as_secs_f64());
    }

    /// A request has been answered.
    pub(super) fn answered(&self, route: &'static str, status: u16) {
        self.requests.get_or_create(&Answer { route, status }).inc();
    }

    /// Everything, as text.
    pub(super) fn text(&self, app: &App) -> String {
        let mut registry = Registry::with_prefix("isol8");
        registry.register("executions", "Executions that have ended", self.executions.clone());
        registry.register_with_unit("phase", "What executions spend their time on", Unit::Seconds, self.phases.clone());
        registry.register("requests", "Requests that were answered", self.requests.clone());
        let decisions = Family::<Decision, Counter<u64, AtomicU64>>::default();
        for (action, count) in [("allow", self.decisions.allowed()), ("block", self.decisions.blocked())] {
            decisions.get_or_create(&Decision { action }).inc_by(count);
        }
        registry.register("proxy_decisions", "Requests of programs to the network", decisions);

        let load = app.admission.load();
        gauge(&mut registry, "executions_running", "Executions that run", load.running);
        gauge(&mut registry, "executions_waiting", "Executions that wait for their turn", load.waiting);
        gauge(&mut registry, "executions_capacity", "Executions that can run at a time", app.admission.capacity());
        gauge(&mut registry, "sessions", "Sessions", app.sessions.count());
        gauge(&mut registry, "connections", "Connections", app.connections.count());
        let (engines, (idle, pending)) = app.engines.standing_by();
        gauge(&mut registry, "engines", "Sets of options that sandboxes stand ready for", engines);
        let sandboxes = Family::<Sandboxes, Gauge>::default();
        for (state, count) in [("ready", idle), ("preparing", pending)] {
            sandboxes.get_or_create(&Sandboxes { state }).set(i64::try_from(count).unwrap_or(i64::MAX));
        }
        registry.register("pool_sandboxes", "Sandboxes that nobody uses", sandboxes);
        let up = ConstCounter::new(app.started.elapsed().as_secs_f64());
        registry.register_with_unit("up", "Time since the server was started", Unit::Seconds, up);

        let mut text = String::new();
        // Into memory.
        let _ = encode(&mut text, &registry);
        text
    }
}

fn gauge(registry: &mut Registry, name: &str, help: &str, value: usize) {
    registry.register(name, help, ConstGauge::new(i64::try_from(value).unwrap_or(i64::MAX)));
}
