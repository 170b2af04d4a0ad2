//! What programs may reach in the network mode `filtered`, decided without looking at any network.
//!
//! A request passes these in turn, and whatever is not allowed by all of them gets nowhere:
//!
//! 1. [`Authority::parse`]: which host and port it is for, whatever the spelling;
//! 2. [`Policy::decide`]: whether that host may be asked for, before its name is resolved;
//! 3. [`Policy::decide_address`]: whether an address that the name has may be dialled. That very address is dialled
//!    then: a second look at the name could give another;
//! 4. [`policy::check_http`] or [`policy::check_tls`]: whether what is said to that address is meant for that host.
//!
//! What cannot be seen here: which host is asked for inside TLS, or in a second ClientHello, if the server wants one. Of
//! two names on one server, of which one is allowed, that server alone keeps the other apart.
//!
//! Every function is pure, takes bytes of anybody's choosing, and says no to what it does not understand.

pub mod address;
pub mod authority;
pub mod client_hello;
pub mod decision;
pub mod dial;
mod guard;
pub mod log;
pub mod name;
pub mod patterns;
pub mod policy;
pub(crate) mod printable;
pub mod proxy;
pub mod traffic;

pub use authority::Authority;
pub use client_hello::{ClientHello, ClientHelloReader};
pub use decision::{Decision, Reason, Rule};
pub use log::NetworkLog;
pub use name::{Host, InvalidHost};
pub use patterns::HostPatterns;
pub use policy::{Policy, PolicyError};

#[cfg(test)]
mod tests;
