//! Who a request to a server is from.
//!
//! The [`Authenticator`] looks at the one header that says so. The master key is what the server was started with, and
//! it may do everything. Other keys come from the [`Store`], a database that several servers can share: each belongs to
//! a tenant, ends at its time, and can be revoked before, which every server heeds with the next request. The database
//! has the hashes of keys only; a key itself is seen once, by whoever had it made.
//!
//! Nothing here knows of HTTP but the texts and status codes of an [`AuthRejection`].
//!
//! | part | what it is |
//! |---|---|
//! | `master` | the master key, and what is decided about a request |
//! | `key` | what a key looks like, and what is kept of it |
//! | `tenant`, `info` | to whom a key belongs, and what is known of it |
//! | `location` | which database a connection string means, and how it may be shown |
//! | `store` | the database |
//! | `sweep` | removing what is no longer valid |

mod error;
mod info;
mod key;
mod location;
mod master;
mod store;
mod sweep;
mod tenant;

pub use error::AuthError;
pub use info::{ApiKeyInfo, CreatedKey, InvalidKey, KeyId, NewKey};
pub use key::ApiKey;
pub use location::{Location, Surroundings, redacted};
pub use master::{AuthRejection, Authenticator, InvalidMasterKey, MasterKey, Presented};
pub use store::Store;
pub use sweep::sweep;
pub use tenant::Tenant;
