//! Who a request is from, and which part of the server is theirs.

use std::sync::Arc;

use axum::http::header::AUTHORIZATION;
use axum::http::{HeaderMap, StatusCode};
use sha2::{Digest, Sha256};

use super::refusal::Refusal;
use crate::api::Secret;

/// Whose something is: of everybody who has the master key, or of a tenant.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) enum Tenant {
    /// Of the holders of the master key.
    Master,
    /// Of a tenant that keys belong to.
    Named(Arc<str>),
}

impl Tenant {
    /// The tenant's name, if it is one.
    pub(super) fn name(&self) -> Option<&str> {
        match self {
            Self::Master => None,
            Self::Named(name) => Some(name),
        }
    }
}

/// Who a request is from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Caller {
    /// A holder of the master key.
    Master,
    #[allow(dead_code, reason = "made where the keys of a database are looked up")]
    /// A holder of another key.
    Key {
        /// Which key.
        id: Arc<str>,
        /// Whose it is.
        tenant: Arc<str>,
    },
}

impl Caller {
    pub(super) fn is_master(&self) -> bool {
        matches!(self, Self::Master)
    }

    /// Refuses everybody else.
    pub(super) fn require_master(&self) -> Result<(), Refusal> {
        match self {
            Self::Master => Ok(()),
            Self::Key { .. } => Err(Refusal::forbidden("Master key required for this operation")),
        }
    }

    pub(super) fn tenant(&self) -> Tenant {
        match self {
            Self::Master => Tenant::Master,
            Self::Key { tenant, .. } => Tenant::Named(tenant.clone()),
        }
    }

    pub(super) fn key(&self) -> Option<Arc<str>> {
        match self {
            Self::Master => None,
            Self::Key { id, .. } => Some(id.clone()),
        }
    }
}

/// Decides who requests are from.
#[derive(Debug)]
pub(super) struct Access {
    /// A hash takes as long to compare whatever is the same about the keys.
    master: [u8; 32],
}

impl Access {
    pub(super) fn new(master: &Secret) -> Self {
        Self { master: Sha256::digest(master.expose()).into() }
    }

    /// Who has sent these headers.
    pub(super) async fn authenticate(&self, headers: &HeaderMap) -> Result<Caller, Refusal> {
        let header = headers
            .get(AUTHORIZATION)
            .ok_or_else(|| Refusal::unauthorized(StatusCode::UNAUTHORIZED, "Missing Authorization header"))?;
        let token = token(header.as_bytes());
        let digest: [u8; 32] = Sha256::digest(token).into();
        if digest == self.master { Ok(Caller::Master) } else { Err(invalid_key()) }
    }
}

fn invalid_key() -> Refusal {
    Refusal::unauthorized(StatusCode::FORBIDDEN, "Invalid API key")
}

/// What is left of a header without its scheme.
fn token(header: &[u8]) -> &[u8] {
    let header = header.trim_ascii();
    match header.split_at_checked(7) {
        Some((scheme, token)) if scheme.eq_ignore_ascii_case(b"bearer ") => token.trim_ascii(),
        _ => header,
    }
}
