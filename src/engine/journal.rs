//! The audit record of one execution: begun when it has a container, and written whatever becomes of it.

use std::sync::Arc;
use std::time::Instant;

use isol8_protocol::Report;
use jiff::Timestamp;

use super::plan::Plan;
use super::run::{Ended, timestamp};
use super::{Error, Shared};
use crate::api::ResourceUsage;
use crate::audit::{Audit, Record, code_hash, user_id};
use crate::network::log::Collected;
use crate::network::proxy::Outlet;
use crate::network::traffic::Observed;
use crate::telemetry::chain;

/// The exit code of an execution that was cut short: its program was killed.
const KILLED: i32 = 137;

/// The exit code of an execution that failed otherwise: nobody knows it.
const UNKNOWN: i32 = 1;

const BYTES_PER_MB: u64 = 1 << 20;

/// A record that is written when this is dropped.
#[derive(Debug)]
pub(super) struct Journal {
    audit: Audit,
    record: Record,
    begun: Instant,
    /// What goes through its sandbox's way out, until it has been noted.
    outlet: Option<Arc<Outlet>>,
    logs_network: bool,
}

impl Journal {
    /// Begins a record, if any are kept.
    pub(super) fn begin(
        shared: &Shared,
        plan: &Plan,
        execution_id: &str,
        started: Timestamp,
        container: &str,
        outlet: Option<Arc<Outlet>>,
    ) -> Option<Self> {
        let audit = shared.audit.clone()?;
        let output = || audit.settings().includes_output().then(String::new);
        let source = String::from_utf8_lossy(&plan.source);
        let record = Record {
            execution_id: execution_id.to_owned(),
            user_id: user_id(Some(&plan.metadata)),
            timestamp: timestamp(started),
            runtime: plan.runtime.name().to_owned(),
            code_hash: code_hash(&source),
            container_id: container.to_owned(),
            metadata: (!plan.metadata.is_empty()).then(|| plan.metadata.clone()),
            code: audit.settings().includes_code().then(|| source.into_owned()),
            stdout: output(),
            stderr: output(),
            // What stands here if nobody says more.
            exit_code: KILLED,
            tenant_id: shared.service.as_ref().and_then(|service| service.tenant.clone()),
            error: Some(Error::Aborted.to_string()),
            ..Record::default()
        };
        let logs_network = shared.settings.log_network;
        Some(Self { audit, record, begun: Instant::now(), outlet, logs_network })
    }

    /// The program has printed this.
    pub(super) fn stdout(&mut self, text: &str) {
        self.record.stdout.iter_mut().for_each(|stdout| stdout.push_str(text));
    }

    /// The program has printed this on its other stream.
    pub(super) fn stderr(&mut self, text: &str) {
        self.record.stderr.iter_mut().for_each(|stderr| stderr.push_str(text));
    }

    /// What it asked of the network.
    fn note(&mut self, requests: Collected) {
        let record = &mut self.record;
        (record.security_events, record.dropped_security_events) = (requests.events, requests.dropped_events);
        (record.network_logs, record.dropped_network_logs) = (requests.entries, requests.dropped_entries);
    }

    /// How the execution ended.
    pub(super) fn end(&mut self, outcome: &Result<Ended, Error>) {
        match outcome {
            Ok(ended) => {
                self.record.exit_code = ended.exit_code();
                self.record.duration_ms = ended.duration_ms();
                self.record.resource_usage = ended.usage;
                self.record.error = ended.trouble();
                self.outlet = None;
                self.note(ended.requests.clone());
            }
            Err(error) => {
                self.record.exit_code = UNKNOWN;
                self.record.error = Some(chain(error));
            }
        }
    }
}

impl Drop for Journal {
    fn drop(&mut self) {
        if let Some(outlet) = self.outlet.take() {
            let mut requests = outlet.traffic().take().requests;
            if !self.logs_network {
                requests.forget_entries();
            }
            self.note(requests);
        }
        // Nobody has measured one that did not come to its end.
        if self.record.duration_ms == 0 {
            self.record.duration_ms = u64::try_from(self.begun.elapsed().as_millis()).unwrap_or(u64::MAX);
        }
        self.audit.record(std::mem::take(&mut self.record));
    }
}

/// What the guest has measured, in the terms of results and records.
pub(super) fn usage(report: &Report, observed: Option<&Observed>) -> ResourceUsage {
    ResourceUsage {
        cpu_percent: ResourceUsage::percent(report.cpu_us as f64 / report.wall_us as f64),
        memory_mb: report.memory_bytes / BYTES_PER_MB,
        peak_memory_mb: Some(report.peak_memory_bytes / BYTES_PER_MB),
        // Nothing goes over an interface of a sandbox, and what goes over the host's is not counted.
        network_bytes_in: observed.map_or(0, |observed| observed.bytes_in),
        network_bytes_out: observed.map_or(0, |observed| observed.bytes_out),
    }
}
