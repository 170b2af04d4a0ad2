//! What one execution asked of the network, kept within bounds.
//!
//! Hosts, methods and paths are the program's own text: it may be long, and may be meant for the terminal or the log
//! file of whoever reads it. Of a program that asks too often the later entries are only counted, for the audit record;
//! blocked requests have room of their own, so that a flood of others hides none.

use super::printable::printable;
use crate::api::{NetworkAction, NetworkLogEntry, SecurityEvent};

/// Most entries, and most security events.
pub const MAX_ENTRIES: usize = 1000;

/// Most bytes of text in all entries, and as many in all security events.
pub const MAX_BYTES: usize = 256 << 10;

/// Of each of these the beginning is kept: longer ones than any that means something.
const MAX_METHOD: usize = 32;
const MAX_HOST: usize = 255;
const MAX_PATH: usize = 2048;

/// Collects what one execution asks of the network.
#[derive(Debug, Default)]
pub struct NetworkLog {
    entries: Bounded<NetworkLogEntry>,
    events: Bounded<SecurityEvent>,
}

/// What was collected.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Collected {
    /// The first requests, in the order of their end.
    pub entries: Vec<NetworkLogEntry>,
    /// How many more there were.
    pub dropped_entries: u64,
    /// The first blocked requests.
    pub events: Vec<SecurityEvent>,
    /// How many more there were.
    pub dropped_events: u64,
}

impl Collected {
    /// Leaves the security events: nobody has asked for the rest.
    pub fn forget_entries(&mut self) {
        (self.entries, self.dropped_entries) = (Vec::new(), 0);
    }
}

impl NetworkLog {
    /// Notes a request. One that was blocked is a security event, too.
    pub fn record(&mut self, entry: NetworkLogEntry) {
        let entry = harmless(entry);
        if entry.action == NetworkAction::Block {
            self.push_event(&entry);
        }
        self.entries.push(bytes(&entry) + entry.path.as_ref().map_or(0, String::len), || entry);
    }

    /// Notes a request as a security event and nothing else.
    pub fn record_event(&mut self, entry: NetworkLogEntry) {
        self.push_event(&harmless(entry));
    }

    fn push_event(&mut self, entry: &NetworkLogEntry) {
        self.events.push(bytes(entry), || blocked(entry));
    }

    /// All of it, at the end.
    pub fn finish(self) -> Collected {
        Collected {
            entries: self.entries.items,
            dropped_entries: self.entries.dropped,
            events: self.events.items,
            dropped_events: self.events.dropped,
        }
    }
}

/// The entry with nothing but printable text in it, and not too much of it.
pub(super) fn harmless(entry: NetworkLogEntry) -> NetworkLogEntry {
    NetworkLogEntry {
        method: printable(&entry.method, MAX_METHOD),
        host: printable(&entry.host, MAX_HOST),
        path: entry.path.map(|path| printable(&path, MAX_PATH)),
        ..entry
    }
}

/// What an event has of an entry's text.
fn bytes(entry: &NetworkLogEntry) -> usize {
    entry.method.len() + entry.host.len() + entry.block.as_ref().map_or(0, String::len)
}

/// The event of a blocked request.
fn blocked(entry: &NetworkLogEntry) -> SecurityEvent {
    const KIND: &str = "network_blocked";
    let details = [("method", entry.method.as_str()), ("host", &entry.host), ("reason", "filter_mismatch")];
    let block = entry.block.as_deref().map(|block| ("block", block));
    SecurityEvent {
        kind: KIND.to_owned(),
        message: format!("Security event: {KIND}"),
        details: details.into_iter().chain(block).map(|(name, value)| (name.to_owned(), value.to_owned())).collect(),
        timestamp: entry.timestamp.clone(),
    }
}

/// A list that stays within [`MAX_ENTRIES`] and [`MAX_BYTES`].
#[derive(Debug)]
struct Bounded<T> {
    items: Vec<T>,
    bytes: usize,
    dropped: u64,
}

impl<T> Default for Bounded<T> {
    fn default() -> Self {
        Self { items: Vec::new(), bytes: 0, dropped: 0 }
    }
}

impl<T> Bounded<T> {
    fn push(&mut self, bytes: usize, item: impl FnOnce() -> T) {
        // Once one was dropped, all later ones are: what is kept has no gaps.
        if self.dropped == 0 && self.items.len() < MAX_ENTRIES && self.bytes + bytes <= MAX_BYTES {
            self.bytes += bytes;
            self.items.push(item());
        } else {
            self.dropped += 1;
        }
    }
}

/// A host as it may be shown, whatever a program has written for one.
pub(super) fn shown_host(host: &str) -> String {
    printable(host, MAX_HOST)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn entry(host: &str, path: Option<&str>, action: NetworkAction) -> NetworkLogEntry {
        NetworkLogEntry {
            timestamp: "2026-01-02T03:04:05.678Z".to_owned(),
            method: "GET".to_owned(),
            host: host.to_owned(),
            path: path.map(str::to_owned),
            action,
            duration_ms: 7,
            block: (action == NetworkAction::Block).then(|| "blacklist".to_owned()),
        }
    }

    fn collected(entries: impl IntoIterator<Item = NetworkLogEntry>) -> Collected {
        let mut log = NetworkLog::default();
        entries.into_iter().for_each(|entry| log.record(entry));
        log.finish()
    }

    #[test]
    fn a_blocked_request_is_an_entry_and_an_event() {
        let allowed = entry("example.com", Some("/a?b=\"c\""), NetworkAction::Allow);
        let blocked = entry("evil.test", None, NetworkAction::Block);
        let collected = collected([allowed.clone(), blocked.clone()]);
        assert_eq!(collected.entries, [allowed, blocked]);
        assert_eq!(
            serde_json::to_value(&collected.events).expect("plain data"),
            serde_json::json!([{
                "type": "network_blocked",
                "message": "Security event: network_blocked",
                "details": {
                    "method": "GET", "host": "evil.test", "reason": "filter_mismatch", "block": "blacklist",
                },
                "timestamp": "2026-01-02T03:04:05.678Z",
            }])
        );
    }

    // W61: quotes in a path broke the log, or forged entries.
    #[test]
    fn w61_text_of_a_program_stays_on_its_line_and_in_its_place() {
        for (path, safe) in [
            ("/\r\n{\"forged\":1}", "/\\r\\n{\"forged\":1}"),
            ("/\u{1b}[2J\u{7}\0", "/\\u{1b}[2J\\u{7}\\0"),
            ("/\u{202e}txt.exe", "/\\u{202e}txt.exe"),
            ("/\u{2028}\u{85}", "/\\u{2028}\\u{85}"),
            ("/\\u{1b}", "/\\\\u{1b}"),
            ("/it's \"bücher\"", "/it's \"bücher\""),
        ] {
            let collected = collected([entry("example.com", Some(path), NetworkAction::Allow)]);
            assert_eq!(collected.entries[0].path.as_deref(), Some(safe));
        }
    }

    #[test]
    fn entries_are_bounded_in_number_and_what_is_dropped_is_counted() {
        let requests = (0..2500).map(|number| entry(&format!("{number}.test"), Some("/"), NetworkAction::Allow));
        let collected = collected(requests);
        assert_eq!(collected.entries.len(), MAX_ENTRIES);
        assert_eq!(collected.entries[MAX_ENTRIES - 1].host, "999.test");
        assert_eq!(collected.dropped_entries, 1500);
        assert_eq!((collected.events.len(), collected.dropped_events), (0, 0));
    }

    #[test]
    fn entries_are_bounded_in_bytes() {
        let path = "x".repeat(1 << 20);
        let collected = collected((0..500).map(|_| entry("example.com", Some(&path), NetworkAction::Allow)));
        let bytes: usize = collected.entries.iter().filter_map(|entry| entry.path.as_ref()).map(String::len).sum();
        assert!(bytes > MAX_BYTES / 2 && bytes <= MAX_BYTES, "{bytes}");
        assert_eq!(collected.entries.len() as u64 + collected.dropped_entries, 500);
    }

    #[test]
    fn a_flood_of_allowed_requests_hides_no_blocked_one() {
        let flood = (0..2 * MAX_ENTRIES).map(|_| entry("example.com", Some("/"), NetworkAction::Allow));
        let collected = collected(flood.chain([entry("evil.test", None, NetworkAction::Block)]));
        assert_eq!(collected.events.len(), 1);
        assert_eq!(collected.events[0].details["host"], "evil.test");
    }

    proptest! {
        #[test]
        fn whatever_a_program_asks_for_is_bounded_and_printable(method: String, host: String, path: String) {
            let request = NetworkLogEntry { method, ..entry(&host, Some(&path), NetworkAction::Block) };
            let collected = collected([request]);
            let entry = &collected.entries[0];
            let path = entry.path.as_deref().expect("it had one");
            for (text, most) in [(entry.method.as_str(), MAX_METHOD), (&entry.host, MAX_HOST), (path, MAX_PATH)] {
                prop_assert!(text.len() <= most + "…".len());
                prop_assert!(!text.chars().any(char::is_control), "{:?}", text);
            }
        }
    }
}
