//! Fetches from real servers on this machine, in which only the names are made up.

mod answers;
mod memory;
mod policies;
mod redirects;
mod support;
mod tls;
