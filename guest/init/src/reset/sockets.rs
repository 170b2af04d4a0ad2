//! TCP sockets that outlive their processes, as in TIME_WAIT: a new sandbox would not see them, nor find their ports
//! taken.

use std::io;
use std::time::{Duration, Instant};

use isol8_protocol::PROXY_PORT;
use tokio::time::sleep;

use super::findings::Findings;
use crate::procfs;
use crate::tunnel::Tunnels;

const COUNTS: [&str; 2] = ["/proc/net/sockstat", "/proc/net/sockstat6"];
const LISTS: [&str; 2] = ["/proc/net/tcp", "/proc/net/tcp6"];

/// How long a socket may take to be forgotten whose ends are both closed: the last acknowledgement may be delayed.
const PARTING: Duration = Duration::from_millis(200);

/// How often it is looked meanwhile.
const LOOK: Duration = Duration::from_millis(5);

/// Reports every socket of the sandbox's own network, but the guest's own that listens for the proxy. In the host's
/// network, which has more than the loopback device, they belong to others.
///
/// Connections to the proxy that nobody had accepted yet are taken, and end, while this waits.
pub(super) async fn check(tunnels: Option<&Tunnels>, findings: &mut Findings) {
    let patience = Instant::now() + PARTING;
    loop {
        let left = match look(tunnels.is_some()) {
            Ok(left) => left,
            Err(why) => return findings.add(why),
        };
        if left.is_empty() {
            return;
        }
        if Instant::now() >= patience {
            return left.into_iter().for_each(|socket| findings.add(socket));
        }
        sleep(LOOK).await;
        if let Some(tunnels) = tunnels {
            tunnels.end_all().await;
        }
    }
}

/// The sockets that there are now, in words.
fn look(proxies: bool) -> Result<Vec<String>, String> {
    let read = |path: &str| read(path).map_err(|error| format!("cannot read {path}: {error}"));
    if !has_only_loopback(&read("/proc/net/dev")?) {
        return Ok(Vec::new());
    }
    // The lists cost a millisecond each, since the kernel looks through a table that all sandboxes share.
    if COUNTS.iter().all(|counts| read(counts).is_ok_and(|text| counts_none(&text))) {
        return Ok(Vec::new());
    }
    let mut left = Vec::new();
    for list in LISTS {
        let text = read(list)?;
        let lines = text.lines().skip(1).filter(|line| !(proxies && is_proxy_listener(line)));
        left.extend(lines.map(describe));
    }
    Ok(left)
}

/// Whether the kernel counts no TCP socket, neither in use nor waiting for its time to be over. An empty text is no
/// such count.
fn counts_none(text: &str) -> bool {
    let mut counts = text.lines().filter_map(|line| line.strip_prefix("TCP: ").or(line.strip_prefix("TCP6: ")));
    let is_none = |line: &str| {
        let fields: Vec<&str> = line.split_ascii_whitespace().collect();
        let count = |name| fields.iter().position(|field| *field == name).map(|at| fields.get(at + 1).copied());
        count("inuse") == Some(Some("0")) && count("tw").is_none_or(|count| count == Some("0"))
    };
    counts.next().is_some_and(is_none) && counts.all(is_none)
}

/// What a kernel without networking (or without version 6) has no list of, there is none of.
fn read(path: &str) -> io::Result<String> {
    match procfs::read_text(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(String::new()),
        text => text,
    }
}

/// Whether no device but `lo` is below the two lines of headings.
fn has_only_loopback(devices: &str) -> bool {
    devices.lines().skip(2).all(|line| line.trim_start().starts_with("lo:"))
}

/// Whether it is the guest that listens there: nobody else could, as long as it does.
fn is_proxy_listener(line: &str) -> bool {
    let fields: Vec<&str> = line.split_ascii_whitespace().collect();
    let (listening, anybody) = ("0A", "00000000:0000");
    fields.get(1..4) == Some(&[&format!("0100007F:{PROXY_PORT:04X}"), anybody, listening])
}

fn describe(line: &str) -> String {
    let mut fields = line.split_ascii_whitespace().skip(1);
    let mut field = || fields.next().unwrap_or("?");
    format!("socket left: {} to {} in state {}", field(), field(), field())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_network_with_another_device_is_not_the_sandboxes_own() {
        let headings = "Inter-|   Receive\n face |bytes\n";
        assert!(has_only_loopback(&format!("{headings}    lo:       0       0\n")));
        assert!(!has_only_loopback(&format!("{headings}    lo: 0 0\n  eth0: 0 0\n")));
    }

    #[test]
    fn sockets_in_use_or_waiting_are_counted() {
        let text = |inuse, tw| {
            format!("sockets: used 7\nTCP: inuse {inuse} orphan 0 tw {tw} alloc 5 mem 0\nUDP: inuse 3 mem 1\n")
        };
        assert!(counts_none(&text(0, 0)));
        assert!(!counts_none(&text(1, 0)));
        assert!(!counts_none(&text(0, 1)));
        assert!(counts_none("TCP6: inuse 0\nUDP6: inuse 2\n"));
        assert!(!counts_none("TCP6: inuse 2\n"));
        assert!(!counts_none("") && !counts_none("sockets: used 7\n") && !counts_none("TCP: in use\n"));
    }

    #[test]
    fn only_the_guests_own_listener_is_left_out() {
        assert!(is_proxy_listener("   0: 0100007F:1FB6 00000000:0000 0A 00000000:00000000 00:00000000 00000000"));
        assert!(!is_proxy_listener("   0: 0100007F:1FB6 0100007F:C082 01 00000000:00000000 00:00000000 00000000"));
        assert!(!is_proxy_listener("   0: 0100007F:1FB7 00000000:0000 0A 00000000:00000000 00:00000000 00000000"));
        assert!(!is_proxy_listener(""));
    }

    #[test]
    fn a_socket_is_described_by_its_ends_and_state() {
        let line = "   0: 0100007F:1F96 0100007F:CAFE 06 00000000:00000000 03:000016D2 00000000     0        0 0 3";
        assert_eq!(describe(line), "socket left: 0100007F:1F96 to 0100007F:CAFE in state 06");
    }
}
