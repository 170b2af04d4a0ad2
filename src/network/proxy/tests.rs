//! Attacks on the proxy, over a stream such as the guest's, with real servers on loopback and names that lie.
//!
//! 127.0.0.2 stands for the addresses that may be dialled, 127.0.0.1 for those that may not. A token that must not come
//! back is shown to come back when the one guard in question is taken away.

mod attacks;
mod guards;
mod limits;
mod names;
mod registries;
mod support;
