//! What a program in a sandbox names as the host of a request.
//!
//! What was understood, written in its one form, must be understood the same again: a rule and a resolver that are
//! given that form cannot see two hosts.

#![no_main]

// The modules alone: with sanitizers, building the engine around them takes many minutes.
#[allow(dead_code, reason = "the engine uses more of it")]
#[path = "../../src/network/authority.rs"]
mod authority;
#[allow(dead_code, reason = "the engine uses more of it")]
#[path = "../../src/network/name.rs"]
mod name;

use authority::Authority;
use libfuzzer_sys::fuzz_target;
use name::Host;

fuzz_target!(|text: &str| {
    if let Ok(host) = Host::parse(text) {
        let authority = Authority { host, port: 443 };
        assert_eq!(Authority::parse(&authority.to_string(), 1), Ok(authority));
    }
    if let Ok(authority) = Authority::parse(text, 443) {
        assert_eq!(Authority::parse(&authority.to_string(), 1), Ok(authority));
    }
});
