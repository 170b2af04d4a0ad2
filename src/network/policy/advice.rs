//! Why a request was refused, and what to change so that it passes.
//!
//! The program, the log and whoever runs it are told the same, so nothing of the policy is quoted that the request did
//! not name itself.

use crate::network::authority::Authority;
use crate::network::decision::{Decision, Reason, Rule};

/// The reason of a decision on a request for `authority`, as far as that could be read, and what can be done about it.
/// In ASCII, on one line.
pub fn explain(decision: &Decision, authority: Option<&Authority>) -> String {
    let reason = decision.reason().name();
    match authority.and_then(|authority| advice(decision, authority)) {
        Some(advice) => format!("{reason}; {advice}"),
        None => reason.to_owned(),
    }
}

/// What the one who runs the program can do about a decision on a request for `authority`: in words, with the flag or
/// option and what to give it. Nothing if it was allowed, or cannot be.
pub(super) fn advice(decision: &Decision, authority: &Authority) -> Option<String> {
    let Authority { host, port } = authority;
    match (decision.reason(), decision.rule()) {
        // A canonical host has no quotes, so the shell takes the pattern as it is.
        (Reason::NotWhitelisted, _) => Some(format!("to allow it: --allow '^{}$'", regex::escape(&host.to_string()))),
        (Reason::Blacklist, _) => {
            Some("to allow it: take the pattern that matches it out of --deny or network.blacklist".to_owned())
        }
        (Reason::Port, _) => Some(format!("to allow it: add {port} to network.ports")),
        (Reason::PrivateAddress, Some(Rule::Special(range))) => {
            let network = match host.ip() {
                Some(address) => address.to_string(),
                None => "the network of its address".to_owned(),
            };
            Some(format!("{host} is in {}; to allow it: add {network} to network.allowPrivate", range.network))
        }
        (Reason::HostMismatch, _) => Some(format!("send \"Host: {authority}\", or leave the header out")),
        (Reason::SniMismatch | Reason::NoSni, _) => Some(format!("send {host} as the TLS server name")),
        (Reason::EncryptedClientHello, _) => Some("switch Encrypted Client Hello off in the client".to_owned()),
        (Reason::NotTls, _) => Some("send the request to the proxy in absolute form instead of a tunnel".to_owned()),
        _ => None,
    }
}
