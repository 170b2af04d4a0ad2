//! What the filter's options say, and which hosts pass then.
//!
//! The input is lines. The first character of each says what the rest is: a pattern of the whitelist or the blacklist, a
//! network, a port, or a host that is asked for. All of it is also taken for the JSON of the options.

#![no_main]

use std::net::IpAddr;

use isol8_fuzz::api::NetworkFilterConfig;
use isol8_fuzz::network::address::{self, AddressKind};
use isol8_fuzz::network::{Authority, Policy, Reason};
use libfuzzer_sys::fuzz_target;

/// Regular expressions take their time to be compiled: more of them find nothing new.
const MAX_LINES: usize = 16;

fuzz_target!(|text: &str| {
    if let Ok(config) = serde_json::from_str::<NetworkFilterConfig>(text) {
        let again = serde_json::to_string(&config).expect("plain data");
        assert_eq!(serde_json::from_str::<NetworkFilterConfig>(&again).expect("our own"), config);
        let _ = compile(&config);
    }

    let (mut config, mut hosts) = (NetworkFilterConfig::default(), Vec::new());
    for line in text.lines().take(MAX_LINES) {
        let Some(kind) = line.chars().next() else { continue };
        let rest = line[kind.len_utf8()..].to_owned();
        match kind {
            'w' => config.whitelist.push(rest),
            'b' => config.blacklist.push(rest),
            'n' => config.allow_private.get_or_insert_default().push(rest),
            'p' => config.ports.get_or_insert_default().push(rest.parse().unwrap_or_default()),
            _ => hosts.push(rest),
        }
    }
    let Some(policy) = compile(&config) else { return };
    let denying = NetworkFilterConfig { blacklist: config.blacklist.clone(), ..NetworkFilterConfig::default() };
    let denying = compile(&denying).expect("a part of what was fine");
    let strict = NetworkFilterConfig { allow_private: None, ..config.clone() };
    let strict = compile(&strict).expect("a part of what was fine");
    for host in hosts {
        let Ok(to) = Authority::parse(&host, 443) else { continue };
        let decision = policy.decide(&to);
        // Whatever else is said, what is denied is denied.
        if denying.decide(&to).reason() == Reason::Blacklist {
            assert_eq!(decision.reason(), Reason::Blacklist);
        }
        if decision.is_allowed() {
            assert!(config.ports.as_ref().map_or(to.port == 80 || to.port == 443, |ports| ports.contains(&to.port)));
        }
        if let Some(address) = to.host.ip() {
            check_address(&policy, &strict, address, to.port);
            assert!(!decision.is_allowed() || policy.decide_address(address, to.port).is_allowed());
        }
    }
});

fn compile(config: &NetworkFilterConfig) -> Option<Policy> {
    Policy::compile("networkFilter", config, Vec::new()).ok()
}

/// Without an exception only public addresses pass, and metadata services never do.
fn check_address(policy: &Policy, strict: &Policy, address: IpAddr, port: u16) {
    let kind = address::kind(address);
    assert_eq!(strict.decide_address(address, port).is_allowed(), kind == AddressKind::Public);
    assert!(!(matches!(kind, AddressKind::Metadata(_)) && policy.decide_address(address, port).is_allowed()));
}
