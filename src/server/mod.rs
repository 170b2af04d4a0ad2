//! A server that runs code for others, over HTTP.
//!
//! Every request is somebody's: the holder of the master key, or of a key that belongs to a tenant. [`auth`] decides
//! which, and knows nothing of HTTP.
//!
//! | part | what it is |
//! |---|---|
//! | [`auth`] | who a request is from: the master key, and keys that a database holds |

pub mod auth;
