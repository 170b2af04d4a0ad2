//! Runs untrusted code in locked-down containers.
//!
//! A call goes [`addon`] → [`engine`] → a sandbox from the [`sandbox`] pool → the guest inside the container, and
//! its output comes back the same way through [`output`]. Imports point one way: the addon may use everything,
//! the engine everything below it, and [`api`] nothing of ours.
//!
//! | module | what it is |
//! |---|---|
//! | [`api`] | the vocabulary: requests, results, events, options |
//! | [`config`] | the configuration file: finding, checking, merging with the defaults |
//! | [`engine`] | `DockerIsol8`: validation (`plan`), the one pipeline (`run`), the public face |
//! | [`sandbox`] | one running container, how it is made, the channel to its guest, the pool |
//! | [`runtime`] | how each language's programs are started |
//! | [`image`] | building, finding and preparing images |
//! | [`source`] | code that is given by its URL |
//! | [`network`] | what programs may reach in the mode `filtered` |
//! | [`output`] | masking, limiting and decoding what programs print |
//! | [`audit`] | the record of every execution, and what becomes of it |
//! | [`server`] | all of it over HTTP, for those who have a key |
//! | [`client`] | `RemoteIsol8`: a server of isol8, used from elsewhere |
//! | [`tls`] | whom isol8 trusts when it connects to others |
//! | [`telemetry`] | where log events go |
//! | [`addon`] | the JavaScript face: converts, delegates, never decides |

pub mod addon;
pub mod api;
pub mod audit;
pub mod client;
pub mod config;
pub mod engine;
pub mod image;
pub mod network;
pub mod output;
pub mod runtime;
pub mod sandbox;
pub mod server;
pub mod source;
pub mod telemetry;
pub mod tls;
