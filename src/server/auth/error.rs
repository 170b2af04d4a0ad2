//! What can go wrong with the database of keys.

use std::error::Error;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use crate::api::ErrorCode;

/// Why keys cannot be made, checked or revoked. No message has the password of a connection string.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum AuthError {
    /// The connection string means no database that we know.
    #[error("invalid auth database \"{shown}\": {reason}")]
    Location {
        /// The string, fit to be shown.
        shown: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The file of the database, or its directory, cannot be made or closed to others.
    #[error("could not prepare the auth database {}", path.display())]
    File {
        /// The file or directory.
        path: PathBuf,
        /// Why not.
        #[source]
        source: Arc<io::Error>,
    },
    /// The database cannot be reached, or its tables cannot be made.
    #[error("could not open the auth database {shown}")]
    Open {
        /// The connection string, fit to be shown.
        shown: String,
        /// Why not.
        #[source]
        source: Arc<dyn Error + Send + Sync>,
    },
    /// The database was open, but does not do this.
    #[error("could not {doing} in the auth database")]
    Query {
        /// What was to be done.
        doing: &'static str,
        /// Why not.
        #[source]
        source: Arc<dyn Error + Send + Sync>,
    },
    /// The operating system has no random numbers.
    #[error("could not make a key: no random numbers")]
    Random(#[source] getrandom::Error),
}

impl AuthError {
    /// What JavaScript sees as `error.code`.
    pub fn code(&self) -> ErrorCode {
        match self {
            Self::Location { .. } => ErrorCode::InvalidOptions,
            Self::File { .. } | Self::Open { .. } | Self::Query { .. } => ErrorCode::AuthDatabase,
            Self::Random(_) => ErrorCode::Internal,
        }
    }
}
