//! What is recorded of an execution.

use std::collections::BTreeMap;

use serde::Serialize;
use sha2::{Digest, Sha256};

use super::AuditSettings;
use crate::api::{NetworkLogEntry, ResourceUsage, SecurityEvent};

/// One execution: buffered or streaming, successful or failed after it had a container.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Record {
    /// That of the result.
    pub execution_id: String,
    /// See [`user_id`].
    pub user_id: String,
    /// Start of the execution, ISO 8601.
    pub timestamp: String,
    /// Name of the runtime.
    pub runtime: String,
    /// See [`code_hash`].
    pub code_hash: String,
    /// The container it ran in, or empty.
    pub container_id: String,
    /// Exit code of the program.
    pub exit_code: i32,
    /// Wall time of the program.
    pub duration_ms: u64,
    /// What it used. Left out unless the settings ask for it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub resource_usage: Option<ResourceUsage>,
    /// What it was kept from.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub security_events: Vec<SecurityEvent>,
    /// How many more there were than are listed.
    #[serde(skip_serializing_if = "is_zero")]
    pub dropped_security_events: u64,
    /// What it asked of the network.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub network_logs: Vec<NetworkLogEntry>,
    /// How many more there were than are listed.
    #[serde(skip_serializing_if = "is_zero")]
    pub dropped_network_logs: u64,
    /// The caller's own notes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub metadata: Option<BTreeMap<String, String>>,
    /// Source text. Left out unless the settings ask for it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    /// Masked standard output. Left out unless the settings ask for it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stdout: Option<String>,
    /// Masked standard error. Left out unless the settings ask for it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stderr: Option<String>,
    /// The server's tenant.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tenant_id: Option<String>,
    /// Why the execution failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

fn is_zero(count: &u64) -> bool {
    *count == 0
}

/// SHA-256 of a source text or command line, in hexadecimal.
pub fn code_hash(text: &str) -> String {
    Sha256::digest(text).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Who the caller says it is for: `metadata.userId`, or nobody.
pub fn user_id(metadata: Option<&BTreeMap<String, String>>) -> String {
    metadata.and_then(|metadata| metadata.get("userId")).cloned().unwrap_or_default()
}

impl Record {
    /// Without what the settings do not ask for.
    pub(super) fn reduced_to(mut self, settings: &AuditSettings) -> Self {
        if !settings.tracks_resources() {
            self.resource_usage = None;
        }
        if !settings.includes_code() {
            self.code = None;
        }
        if !settings.includes_output() {
            self.stdout = None;
            self.stderr = None;
        }
        self
    }

    /// Without all that user code decides the length of.
    pub(super) fn shortened(self) -> Self {
        Self {
            code: None,
            stdout: None,
            stderr: None,
            dropped_security_events: self.dropped_security_events + self.security_events.len() as u64,
            security_events: Vec::new(),
            dropped_network_logs: self.dropped_network_logs + self.network_logs.len() as u64,
            network_logs: Vec::new(),
            ..self
        }
    }

    /// About how many bytes it keeps in memory.
    pub(super) fn weight(&self) -> usize {
        let texts = [&self.execution_id, &self.user_id, &self.timestamp, &self.code_hash, &self.container_id];
        let optional = [&self.code, &self.stdout, &self.stderr, &self.tenant_id, &self.error];
        size_of::<Self>()
            + texts.into_iter().chain(optional.into_iter().flatten()).map(String::len).sum::<usize>()
            + self.metadata.as_ref().map_or(0, weight_of_map)
            + self.security_events.iter().map(weight_of_event).sum::<usize>()
            + self.network_logs.iter().map(weight_of_entry).sum::<usize>()
    }
}

fn weight_of_map(map: &BTreeMap<String, String>) -> usize {
    map.iter().map(|(key, value)| 2 * size_of::<String>() + key.len() + value.len()).sum()
}

fn weight_of_event(event: &SecurityEvent) -> usize {
    let texts = [&event.kind, &event.message, &event.timestamp];
    size_of_val(event) + texts.map(String::len).iter().sum::<usize>() + weight_of_map(&event.details)
}

fn weight_of_entry(entry: &NetworkLogEntry) -> usize {
    let texts = [&entry.timestamp, &entry.method, &entry.host];
    size_of_val(entry) + texts.map(String::len).iter().sum::<usize>() + entry.path.as_ref().map_or(0, String::len)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hash_is_that_of_the_text() {
        assert_eq!(code_hash(""), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
        assert_eq!(code_hash("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    }

    #[test]
    fn the_user_is_the_one_in_the_metadata_or_empty() {
        let metadata = BTreeMap::from([("userId".to_owned(), "ada".to_owned())]);
        assert_eq!(user_id(Some(&metadata)), "ada");
        assert_eq!(user_id(Some(&BTreeMap::new())), "");
        assert_eq!(user_id(None), "");
    }

    #[test]
    fn what_is_left_out_of_a_record_is_still_counted() {
        let event = SecurityEvent {
            kind: String::new(),
            message: String::new(),
            details: BTreeMap::new(),
            timestamp: String::new(),
        };
        let record = Record { security_events: vec![event], dropped_security_events: 2, ..Record::default() };
        assert_eq!(record.shortened().dropped_security_events, 3);
        let whole = serde_json::to_value(Record::default()).expect("plain data");
        assert!(whole.get("droppedSecurityEvents").is_none() && whole.get("droppedNetworkLogs").is_none(), "{whole}");
    }

    #[test]
    fn every_text_counts() {
        let empty = Record::default().weight();
        let text = || "x".repeat(1000);
        for record in [
            Record { code: Some(text()), ..Record::default() },
            Record { stdout: Some(text()), ..Record::default() },
            Record { stderr: Some(text()), ..Record::default() },
            Record { error: Some(text()), ..Record::default() },
            Record { metadata: Some(BTreeMap::from([("k".to_owned(), text())])), ..Record::default() },
            Record { user_id: text(), ..Record::default() },
        ] {
            assert!(record.weight() >= empty + 1000, "{record:?}");
        }
    }
}
