//! Code that is given by its URL: whether it may be fetched, fetching it, remembering it.
//!
//! The policy, and perhaps the caller, were written by people that the engine trusts; the URL need not have been, and
//! whoever answers at it is nobody's friend. So [`Policy`] decides on every URL before a name in it is resolved, and on
//! every address before it is dialled, that very one; a redirect is a new URL, and goes through the same. What comes is
//! bounded in size and in time while it comes. Proxies that the environment names are not used: one would resolve
//! names itself, so that nothing here could decide on addresses.
//!
//! | part | what it is |
//! |---|---|
//! | `policy` | what may be fetched; pure |
//! | `exact` | addresses that a policy allows by name |
//! | `fetch` | one fetch, from the URL to the text |
//! | `hop` | one request: from a URL to an answer |
//! | `body` | what an answer holds, decoded and bounded |
//! | `cache` | what was fetched before, on disk |
//! | `error` | what can go wrong |

mod body;
mod cache;
mod error;
mod exact;
mod fetch;
mod hop;
mod policy;
#[cfg(test)]
mod tests;

pub use cache::Cache;
pub use error::{FetchFailure, SourceError};
pub use fetch::{Fetcher, Wanted};
pub use policy::Policy;
