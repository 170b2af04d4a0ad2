//! TCP sockets that outlive their processes, as in TIME_WAIT: a new sandbox would not see them, nor find their ports
//! taken.

use std::fs;
use std::io;

use super::findings::Findings;

const LISTS: [&str; 2] = ["/proc/net/tcp", "/proc/net/tcp6"];

/// Reports every socket of the sandbox's own network. In the host's, which has more than the loopback device, they
/// belong to others.
pub(super) fn check(findings: &mut Findings) {
    match read("/proc/net/dev") {
        Ok(devices) if has_only_loopback(&devices) => {}
        Ok(_) => return,
        Err(error) => return findings.add(format!("cannot read /proc/net/dev: {error}")),
    }
    for list in LISTS {
        match read(list) {
            Ok(text) => text.lines().skip(1).for_each(|line| findings.add(describe(line))),
            Err(error) => findings.add(format!("cannot read {list}: {error}")),
        }
    }
}

/// What a kernel without networking (or without version 6) has no list of, there is none of.
fn read(path: &str) -> io::Result<String> {
    match fs::read_to_string(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(String::new()),
        text => text,
    }
}

/// Whether no device but `lo` is below the two lines of headings.
fn has_only_loopback(devices: &str) -> bool {
    devices.lines().skip(2).all(|line| line.trim_start().starts_with("lo:"))
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
    fn a_socket_is_described_by_its_ends_and_state() {
        let line = "   0: 0100007F:1F96 0100007F:CAFE 06 00000000:00000000 03:000016D2 00000000     0        0 0 3";
        assert_eq!(describe(line), "socket left: 0100007F:1F96 to 0100007F:CAFE in state 06");
    }
}
