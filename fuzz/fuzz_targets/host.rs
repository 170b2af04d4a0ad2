//! What a program in a sandbox names as the host of a request.
//!
//! What was understood, written in its one form, must be understood the same again: a rule and a resolver that are
//! given that form cannot see two hosts.

#![no_main]

use isol8_fuzz::network::{Authority, Host};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    if let Ok(host) = Host::parse(text) {
        let authority = Authority { host, port: 443 };
        assert_eq!(Authority::parse(&authority.to_string(), 1), Ok(authority));
    }
    if let Ok(authority) = Authority::parse(text, 443) {
        assert_eq!(Authority::parse(&authority.to_string(), 1), Ok(authority));
    }
});
