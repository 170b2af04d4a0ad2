//! Finding and removing what isol8 left on a Docker engine, and nothing that another process is using.
//!
//! What is listed is what is removed: [`cleanup`] and [`cleanup_images`] go by [`list_containers`] and
//! [`list_images`]. A caller who has shown a list and got it confirmed passes the ids on; what came into being
//! since then is left alone, and so is an id that is not, or no longer, in the list.

mod containers;
mod images;

use std::collections::HashSet;
use std::sync::Arc;

use jiff::Timestamp;

use super::Error;
use crate::sandbox::backend::BackendError;
use crate::telemetry::chain;

pub use containers::{OwnedContainer, cleanup, list_containers, list_service_containers};
pub use images::{OwnedImage, cleanup_images, list_images};

/// Image references that are ours.
const IMAGE_PREFIX: &str = "isol8:";

/// Which of the things that could be removed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Selection {
    /// All of them.
    All,
    /// Those with these full ids.
    Ids(HashSet<String>),
}

impl Selection {
    fn has(&self, id: &str) -> bool {
        match self {
            Self::All => true,
            Self::Ids(ids) => ids.contains(id),
        }
    }
}

/// What was removed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Removal {
    /// How many are gone.
    pub removed: u32,
    /// How many are not.
    pub failed: u32,
    /// Why, one line for each failure.
    pub errors: Vec<String>,
}

impl Removal {
    fn record(&mut self, name: &str, outcome: Result<(), BackendError>) {
        match outcome {
            Ok(()) => self.removed += 1,
            Err(error) => {
                self.failed += 1;
                self.errors.push(format!("{name}: {}", chain(&error)));
            }
        }
    }
}

/// Why nothing could be listed.
fn listing_failed(error: BackendError) -> Error {
    match error {
        BackendError::Failed { .. } | BackendError::Late { .. } => Error::Docker(Arc::new(error)),
        other => other.into(),
    }
}

/// A time as the daemon gives it. One that no calendar has is shown as the beginning of time.
fn time(seconds: i64) -> Timestamp {
    Timestamp::from_second(seconds).unwrap_or(Timestamp::UNIX_EPOCH)
}
